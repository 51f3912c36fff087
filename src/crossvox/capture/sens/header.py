"""The header of a ``.sens`` file, read and written."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.sens.layout import (
    CAMERAS,
    COLOR_CODES,
    DEPTH_CODES,
    MAX_NAME_BYTES,
    RECORD,
    SIZES,
    VERSION,
    SensHeader,
    damaged,
)
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.doors.pillow_images import MAX_PIXELS

_OCCI = 2


def read_header(path: Path, file: BinaryIO, length: int) -> tuple[SensHeader, int]:
    """Read the header of a file of ``length`` bytes: cameras and compressions, count of frames.

    Raises:
        CaptureError: another version or codec, or damaged; names the byte.
    """

    def take(layout: struct.Struct, part: str) -> tuple[Any, ...]:
        offset = file.tell()
        data = file.read(layout.size)
        if len(data) < layout.size:
            raise damaged(
                path,
                f"header, {part} at byte {offset}: the file ends at byte {length}",
                f"{layout.size} bytes",
            )
        return layout.unpack(data)

    (version,) = take(struct.Struct("<I"), "version")
    expect(
        version == VERSION,
        given=f"{path}, which starts (byte 0) with version {version}",
        needed=f"a .sens file of version {VERSION}",
        do="check that this is a .sens file; convert older ones with the data set's tools",
        error=CaptureError,
    )
    (name_bytes,) = take(struct.Struct("<Q"), "length of the sensor name")
    if name_bytes > min(MAX_NAME_BYTES, length - file.tell()):
        raise damaged(
            path,
            f"header, byte 4: a sensor name of {name_bytes} bytes in a file of {length}",
            f"at most {MAX_NAME_BYTES} bytes",
        )
    name = file.read(name_bytes).decode("utf-8", errors="replace")
    cameras_at = file.tell()
    with np.errstate(invalid="ignore"):
        matrices = np.array(take(CAMERAS, "cameras"), dtype=np.float32).reshape(4, 4, 4)
    sizes_at = file.tell()
    (
        color_code, depth_code, color_width, color_height, depth_width, depth_height,
        depth_shift, count,
    ) = take(SIZES, "compressions and sizes")  # fmt: skip
    expect(
        color_code in COLOR_CODES,
        given=f"{path}, byte {sizes_at}: colour compression {color_code}",
        needed="0 (raw), 1 (PNG) or 2 (JPEG)",
        do="convert the file with the data set's tools, or copy it again if it is damaged",
        error=CaptureError,
    )
    expect(
        depth_code in DEPTH_CODES,
        given=f"{path}, byte {sizes_at + 4}: depth compression {depth_code}"
        + (" (occi, a proprietary codec)" if depth_code == _OCCI else ""),
        needed="0 (raw) or 1 (zlib)",
        do="convert the file with the data set's tools, or copy it again if it is damaged",
        error=CaptureError,
    )
    expect(
        bool(np.isfinite(depth_shift)) and depth_shift > 0,
        given=f"{path}, byte {sizes_at + 24}: a depth shift of {depth_shift}",
        needed="a positive number of depth units per metre, usually 1000",
        do="the file is damaged: copy or download it again",
        error=CaptureError,
    )
    if count > (length - file.tell()) // RECORD.itemsize:
        raise damaged(
            path,
            f"header, byte {sizes_at + 28}: {count} frames in a file of {length} bytes",
            f"at least {RECORD.itemsize} bytes a frame",
        )

    def camera(matrix: NDArray[Any], size: Size, part: str) -> Intrinsics:
        values = (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
        return camera_or_error(values, size, f"{path}, byte {cameras_at}: {part} camera")

    header = SensHeader(
        sensor_name=name,
        color_camera=camera(matrices[0], (color_width, color_height), "colour"),
        depth_camera=camera(matrices[2], (depth_width, depth_height), "depth"),
        color_extrinsic=matrices[1],
        depth_extrinsic=matrices[3],
        color_compression=COLOR_CODES[color_code],
        depth_compression=DEPTH_CODES[depth_code],
        depth_shift=depth_shift,
    )
    return header, count


def header_bytes(header: SensHeader, frame_count: int) -> bytes:
    """The header of a file with that many frames."""
    name = header.sensor_name.encode()
    color, depth = header.color_camera, header.depth_camera
    expect(
        header.color_compression in COLOR_CODES.values()
        and header.depth_compression in DEPTH_CODES.values()
        and len(name) <= MAX_NAME_BYTES
        and max(color.width * color.height, depth.width * depth.height) <= MAX_PIXELS,
        given=f"colour {header.color_compression} {color.size}, depth {header.depth_compression} "
        f"{depth.size}, a sensor name of {len(name)} bytes",
        needed=f"raw, png or jpeg colour, raw or zlib depth, at most {MAX_PIXELS} pixels an image",
        do="choose what the format knows",
        error=ParamsError,
    )
    matrices = np.stack(
        [color.matrix_4x4, header.color_extrinsic, depth.matrix_4x4, header.depth_extrinsic]
    ).astype("<f4")
    color_code = next(k for k, name in COLOR_CODES.items() if name == header.color_compression)
    depth_code = next(k for k, name in DEPTH_CODES.items() if name == header.depth_compression)
    return b"".join(
        [
            struct.pack("<IQ", VERSION, len(name)),
            name,
            matrices.tobytes(),
            SIZES.pack(
                color_code, depth_code, *color.size, *depth.size, header.depth_shift, frame_count
            ),
        ]
    )
