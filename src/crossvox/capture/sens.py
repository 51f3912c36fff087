"""ScanNet's ``.sens`` container, version 4: streaming reader with random access, and writer.

Little endian, packed. Header: ``u32 version; u64 n; n bytes sensor name; f32[4][4]`` colour
intrinsic, colour extrinsic, depth intrinsic, depth extrinsic; ``i32`` colour compression,
``i32`` depth compression; ``u32`` colour width, height, depth width, height; ``f32`` depth shift
(units per metre); ``u64`` frame count. Frame: ``f32[4][4]`` camera-to-world; ``u64`` colour time,
depth time, colour bytes, depth bytes; the two blobs. Then ``u64`` IMU count and the IMU records
(128 bytes each), which may be absent. After the format's public description (ScanNet, SensReader).
"""

from __future__ import annotations

import struct
import zlib
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import MAX_PIXELS, check_color_header
from crossvox.core.artifact import replacing
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, ParamsError, PoseError, expect
from crossvox.doors.images import decode_color

ColorCompression = Literal["raw", "png", "jpeg"]
DepthCompression = Literal["raw", "zlib"]

VERSION = 4
_COLOR_CODES: dict[int, ColorCompression] = {0: "raw", 1: "png", 2: "jpeg"}
_DEPTH_CODES: dict[int, DepthCompression] = {0: "raw", 1: "zlib"}
_OCCI = 2
_MAX_NAME_BYTES = 1 << 16
_CAMERAS = struct.Struct("<64f")
_SIZES = struct.Struct("<iiIIIIfQ")
_BLOB_BYTES = struct.Struct("<QQ")
_IMU_BYTES = 128
_RECORD = np.dtype(
    [
        ("pose", "<f4", (4, 4)),
        ("color_timestamp", "<u8"),
        ("depth_timestamp", "<u8"),
        ("color_bytes", "<u8"),
        ("depth_bytes", "<u8"),
    ]
)
"""The fixed part of a frame, 96 bytes."""


@dataclass(frozen=True, eq=False)
class SensHeader:
    """What a ``.sens`` file says about its cameras.

    Attributes:
        sensor_name: free text.
        color_camera, depth_camera: intrinsics with image sizes.
        color_extrinsic, depth_extrinsic: ``(4, 4)`` from the camera to the base frame that poses
            are about; normally the identity.
        color_compression: ``raw`` (RGB bytes), ``png`` or ``jpeg``.
        depth_compression: ``raw`` or ``zlib``, of row-major ``u16``.
        depth_shift: stored depth units per metre.
    """

    sensor_name: str
    color_camera: Intrinsics
    depth_camera: Intrinsics
    color_extrinsic: NDArray[Any]
    depth_extrinsic: NDArray[Any]
    color_compression: ColorCompression = "jpeg"
    depth_compression: DepthCompression = "zlib"
    depth_shift: float = 1000.0


@dataclass(frozen=True, eq=False)
class SensFrame:
    """One frame, bytes as stored.

    Attributes:
        world_from_camera: ``(4, 4)`` float32 as stored; -inf where tracking was lost.
        color_timestamp, depth_timestamp: unsigned, microseconds by convention.
        color: image file (PNG, JPEG) or raw RGB bytes.
        depth: zlib stream or raw bytes of ``u16``.
    """

    world_from_camera: NDArray[np.float32]
    color_timestamp: int
    depth_timestamp: int
    color: bytes
    depth: bytes


class SensReader:
    """A ``.sens`` file with random access to its frames.

    Opening reads the header and walks once over the frames' fixed parts, seeking past the images;
    every size is checked against the file's length before it is used. Kept in memory: about 100
    bytes a frame. No file stays open, so a reader can be shared by threads and pickled.

    Attributes:
        path: the file.
        header: cameras and compressions.
        imu_count: IMU records after the frames (0 where that section is absent).

    Raises:
        CaptureError: not a ``.sens`` file, an unsupported variant, truncated or damaged; names
            file, frame and byte offset.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb", buffering=1 << 12) as file:
                length = file.seek(0, 2)
                file.seek(0)
                self.header, count = self._read_header(file, length)
                begin = file.tell()
            # Unbuffered: the walk reads 96 bytes here and there, never the images between them.
            with self.path.open("rb", buffering=0) as raw:
                self._records = self._walk(raw, begin, count, length)
                blobs = self._records["color_bytes"] + self._records["depth_bytes"]
                sizes = blobs.astype(np.int64) + _RECORD.itemsize
                ends = begin + np.cumsum(sizes)
                self._blob_start = ends - sizes + _RECORD.itemsize
                end = int(ends[-1]) if count else begin
                self.imu_count = self._read_imu_count(raw, end, length)
        except OSError as error:
            raise CaptureError(
                f"given: {self.path} ({error.strerror or error}); needed: a readable .sens file; "
                f"do: check the path"
            ) from None

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._records)

    def frame(self, index: int) -> SensFrame:
        """One frame, bytes as stored.

        Raises:
            CaptureError: the file changed or cannot be read.
            IndexError: there is no such frame.
        """
        record = self._records[self._position(index)]
        color_bytes, depth_bytes = int(record["color_bytes"]), int(record["depth_bytes"])
        data = self._read(index, 0, color_bytes + depth_bytes)
        return SensFrame(
            world_from_camera=record["pose"].copy(),
            color_timestamp=int(record["color_timestamp"]),
            depth_timestamp=int(record["depth_timestamp"]),
            color=data[:color_bytes],
            depth=data[color_bytes:],
        )

    def pose_matrix(self, index: int) -> NDArray[np.float32]:
        """Camera-to-world ``(4, 4)`` as stored; reads nothing from the file."""
        matrix: NDArray[np.float32] = self._records["pose"][self._position(index)].copy()
        return matrix

    def pose(self, index: int) -> Pose | None:
        """Camera-to-world pose; None where tracking was lost.

        Raises:
            CaptureError: the stored matrix is neither rigid nor marked as lost.
        """
        try:
            with np.errstate(invalid="ignore"):  # damage may look like a signalling NaN
                return Pose.read(self.pose_matrix(index))
        except PoseError as error:
            raise CaptureError(f"{self.place(index, 'pose')}: {error}") from None

    def color_data(self, index: int) -> bytes:
        """The colour blob as stored, without reading the depth."""
        return self._read(index, 0, int(self._records["color_bytes"][self._position(index)]))

    def color(self, index: int, at_least: Size | None = None) -> NDArray[np.uint8]:
        """Decoded colour ``(H, W, 3)`` RGB.

        Args:
            index: frame position.
            at_least: a JPEG may be decoded at a fraction of its size, not below this.

        Raises:
            CaptureError: damaged, or not of the size that the header says.
        """
        data, place = self.color_data(index), self.place(index, "colour")
        size = self.header.color_camera.size
        if self.header.color_compression == "raw":
            return np.frombuffer(data, dtype=np.uint8).reshape(size[1], size[0], 3).copy()
        check_color_header(data, place, size)
        return decode_color(data, place, at_least)

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth ``(H, W)`` uint16 in units of ``1 / depth_shift`` metres, 0 = no reading.

        Raises:
            CaptureError: damaged stream, or one that does not hold exactly one image.
        """
        record = self._records[self._position(index)]
        data = self._read(index, int(record["color_bytes"]), int(record["depth_bytes"]))
        width, height = self.header.depth_camera.size
        needed = width * height * 2
        if self.header.depth_compression == "zlib":
            stream, problem = zlib.decompressobj(), ""
            try:
                # One byte more than fits: too much data shows without inflating all of it.
                data = stream.decompress(data, needed + 1)
            except zlib.error as error:
                problem = f"a damaged zlib stream ({error})"
            if not problem and len(data) > needed:
                problem = f"a zlib stream of more than {needed} bytes"
            elif not problem and (len(data) < needed or not stream.eof):
                problem = f"a zlib stream that ends after {len(data)} bytes"
            expect(
                not problem,
                given=f"{self.place(index, 'depth')}, {problem}",
                needed=f"{needed} bytes, a {width}x{height} image of 16 bits",
                do="copy or export the file again, or leave this frame out",
                error=CaptureError,
            )
        return np.frombuffer(data, dtype="<u2").reshape(height, width)

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """Depth ``(H, W)`` float32 metres, 0 = no reading. Errors as :meth:`depth_raw`."""
        return np.divide(self.depth_raw(index), self.header.depth_shift, dtype=np.float32)

    def _position(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {self.path}, which has {len(self)}")
        return index

    def place(self, index: int, part: str) -> str:
        """Where a part (``colour``, ``depth``, ``pose``) of a frame lies, for error texts."""
        offset = int(self._blob_start[self._position(index)])
        if part == "pose":
            offset -= _RECORD.itemsize
        elif part == "depth":
            offset += int(self._records["color_bytes"][index])
        return f"{self.path}, frame {index}, {part} at byte {offset}"

    def _read(self, index: int, skip: int, count: int) -> bytes:
        """Read ``count`` bytes of a frame's blobs from ``skip`` on (checked on opening)."""
        offset = int(self._blob_start[index]) + skip
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(count)
                while len(data) < count and (more := file.read(count - len(data))):
                    data += more
        except OSError as error:
            raise CaptureError(
                f"given: {self.path}, frame {index} at byte {offset} ({error.strerror or error}); "
                f"needed: a readable file; do: check the disk"
            ) from None
        if len(data) < count:
            raise self._damaged(
                f"frame {index}, byte {offset}: {len(data)} of {count} bytes",
                "the file as it was when it was opened",
            )
        return data

    def _damaged(self, found: str, needed: str) -> CaptureError:
        return CaptureError(
            f"given: {self.path}, {found}; needed: {needed}; "
            f"do: the file is truncated or damaged: copy or download it again"
        )

    def _read_header(self, file: BinaryIO, length: int) -> tuple[SensHeader, int]:
        def take(layout: struct.Struct, part: str) -> tuple[Any, ...]:
            offset = file.tell()
            data = file.read(layout.size)
            if len(data) < layout.size:
                raise self._damaged(
                    f"header, {part} at byte {offset}: the file ends at byte {length}",
                    f"{layout.size} bytes",
                )
            return layout.unpack(data)

        (version,) = take(struct.Struct("<I"), "version")
        expect(
            version == VERSION,
            given=f"{self.path}, which starts (byte 0) with version {version}",
            needed=f"a .sens file of version {VERSION}",
            do="check that this is a .sens file; convert older ones with the data set's tools",
            error=CaptureError,
        )
        (name_bytes,) = take(struct.Struct("<Q"), "length of the sensor name")
        if name_bytes > min(_MAX_NAME_BYTES, length - file.tell()):
            raise self._damaged(
                f"header, byte 4: a sensor name of {name_bytes} bytes in a file of {length}",
                f"at most {_MAX_NAME_BYTES} bytes",
            )
        name = file.read(name_bytes).decode("utf-8", errors="replace")
        cameras_at = file.tell()
        with np.errstate(invalid="ignore"):
            matrices = np.array(take(_CAMERAS, "cameras"), dtype=np.float32).reshape(4, 4, 4)
        sizes_at = file.tell()
        (
            color_code, depth_code, color_width, color_height, depth_width, depth_height,
            depth_shift, count,
        ) = take(_SIZES, "compressions and sizes")  # fmt: skip
        expect(
            color_code in _COLOR_CODES,
            given=f"{self.path}, byte {sizes_at}: colour compression {color_code}",
            needed="0 (raw), 1 (PNG) or 2 (JPEG)",
            do="convert the file with the data set's tools, or copy it again if it is damaged",
            error=CaptureError,
        )
        expect(
            depth_code in _DEPTH_CODES,
            given=f"{self.path}, byte {sizes_at + 4}: depth compression {depth_code}"
            + (" (occi, a proprietary codec)" if depth_code == _OCCI else ""),
            needed="0 (raw) or 1 (zlib)",
            do="convert the file with the data set's tools, or copy it again if it is damaged",
            error=CaptureError,
        )
        expect(
            bool(np.isfinite(depth_shift)) and depth_shift > 0,
            given=f"{self.path}, byte {sizes_at + 24}: a depth shift of {depth_shift}",
            needed="a positive number of depth units per metre, usually 1000",
            do="the file is damaged: copy or download it again",
            error=CaptureError,
        )
        if count > (length - file.tell()) // _RECORD.itemsize:
            raise self._damaged(
                f"header, byte {sizes_at + 28}: {count} frames in a file of {length} bytes",
                f"at least {_RECORD.itemsize} bytes a frame",
            )

        def camera(matrix: NDArray[Any], size: Size, part: str) -> Intrinsics:
            values = (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
            return camera_or_error(values, size, f"{self.path}, byte {cameras_at}: {part} camera")

        header = SensHeader(
            sensor_name=name,
            color_camera=camera(matrices[0], (color_width, color_height), "colour"),
            depth_camera=camera(matrices[2], (depth_width, depth_height), "depth"),
            color_extrinsic=matrices[1],
            depth_extrinsic=matrices[3],
            color_compression=_COLOR_CODES[color_code],
            depth_compression=_DEPTH_CODES[depth_code],
            depth_shift=depth_shift,
        )
        return header, count

    def _walk(self, file: Any, begin: int, count: int, length: int) -> NDArray[Any]:
        """Read the fixed part of every frame, checking blob sizes against the file."""
        header, records, offset = self.header, bytearray(), begin
        color_raw, depth_raw = _raw_bytes(header)
        exact = (
            color_raw if header.color_compression == "raw" else None,
            depth_raw if header.depth_compression == "raw" else None,
        )
        # No codec doubles its input; what claims to is damage, and must not be allocated.
        limits = (2 * color_raw + (1 << 16), 2 * depth_raw + (1 << 16))
        for index in range(count):
            file.seek(offset)
            record = file.read(_RECORD.itemsize)
            if len(record) < _RECORD.itemsize:
                raise self._damaged(
                    f"frame {index} of {count} at byte {offset}: the file ends at byte {length}",
                    f"{_RECORD.itemsize} bytes for the frame's head",
                )
            blobs = _BLOB_BYTES.unpack_from(record, _RECORD.itemsize - _BLOB_BYTES.size)
            at = offset + _RECORD.itemsize
            for part, size, limit, only in zip(
                ("colour", "depth"), blobs, limits, exact, strict=True
            ):
                if size > limit or (only is not None and size != only):
                    raise self._damaged(
                        f"frame {index} of {count} at byte {offset}: {size} bytes of {part}",
                        f"{only} bytes of raw {part}" if only is not None else f"at most {limit}",
                    )
                at += size
                if at > length:
                    raise self._damaged(
                        f"frame {index} of {count} at byte {offset}: {part} of {size} bytes up to "
                        f"byte {at}, but the file ends at byte {length}",
                        "all of the frame",
                    )
            records += record
            offset = at
        return np.frombuffer(bytes(records), dtype=_RECORD)

    def _read_imu_count(self, file: Any, offset: int, length: int) -> int:
        if offset == length:
            return 0
        file.seek(offset)
        data = file.read(8)
        count = int.from_bytes(data, "little")
        if len(data) < 8 or count > (length - offset - 8) // _IMU_BYTES:
            raise self._damaged(
                f"IMU section at byte {offset}: {count} records, but the file ends at byte "
                f"{length}",
                f"a count and {_IMU_BYTES} bytes a record, or no such section",
            )
        return count


class SensWriter(AbstractContextManager["SensWriter"]):
    """Write a ``.sens`` file frame by frame; it appears only when complete.

    Args:
        path: file to write; replaced as a whole on success.
        header: cameras and compressions.
        frame_count: how many frames will be written.

    Raises:
        ParamsError: leaving the block with another number of frames than announced, or writing a
            frame whose raw images have the wrong length.

    Example:
        >>> with SensWriter(path, header, len(frames)) as writer:  # doctest: +SKIP
        ...     for frame in frames:
        ...         writer.write(frame)
    """

    def __init__(self, path: Path, header: SensHeader, frame_count: int) -> None:
        self.path, self.header, self.frame_count = Path(path), header, frame_count
        self.written = 0
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> SensWriter:
        """Open a temporary file beside the target and write the header."""
        data = _header_bytes(self.header, self.frame_count)
        temporary = self._stack.enter_context(replacing(self.path))
        self._file = self._stack.enter_context(temporary.open("wb", buffering=1 << 20))
        self._file.write(data)
        return self

    def write(self, frame: SensFrame) -> None:
        """Append one frame; its blobs must be encoded as the header says.

        Raises:
            ParamsError: the writer is not open or full, or a raw image has the wrong length.
        """
        expect(
            self._file is not None and self.written < self.frame_count,
            given=f"frame {self.written} for {self.path}",
            needed=f"an open writer and at most {self.frame_count} frames, as announced",
            do="write inside the with block and announce the right number",
            error=ParamsError,
        )
        assert self._file is not None
        for part, blob, compression, expected in zip(
            ("colour", "depth"),
            (frame.color, frame.depth),
            (self.header.color_compression, self.header.depth_compression),
            _raw_bytes(self.header),
            strict=True,
        ):
            expect(
                compression != "raw" or len(blob) == expected,
                given=f"{len(blob)} bytes of raw {part}",
                needed=f"{expected}, as the header's image size says",
                do="encode the image as the header says",
                error=ParamsError,
            )
        record = np.zeros((), dtype=_RECORD)
        record["pose"] = frame.world_from_camera
        record["color_timestamp"] = frame.color_timestamp
        record["depth_timestamp"] = frame.depth_timestamp
        record["color_bytes"], record["depth_bytes"] = len(frame.color), len(frame.depth)
        self._file.write(record.tobytes())
        self._file.write(frame.color)
        self._file.write(frame.depth)
        self.written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish and move the file in place; on an error leave nothing behind."""
        file, self._file = self._file, None
        with self._stack:
            if error is not None:
                raise error
            expect(
                self.written == self.frame_count,
                given=f"{self.written} frames for {self.path}",
                needed=f"{self.frame_count}, as announced",
                do="announce the right number",
                error=ParamsError,
            )
            assert file is not None
            file.write(struct.pack("<Q", 0))  # no IMU records


def _raw_bytes(header: SensHeader) -> tuple[int, int]:
    """Bytes of an uncompressed colour and depth image."""
    color, depth = header.color_camera, header.depth_camera
    return color.width * color.height * 3, depth.width * depth.height * 2


def _header_bytes(header: SensHeader, frame_count: int) -> bytes:
    name = header.sensor_name.encode()
    color, depth = header.color_camera, header.depth_camera
    expect(
        header.color_compression in _COLOR_CODES.values()
        and header.depth_compression in _DEPTH_CODES.values()
        and len(name) <= _MAX_NAME_BYTES
        and max(color.width * color.height, depth.width * depth.height) <= MAX_PIXELS,
        given=f"colour {header.color_compression} {color.size}, depth {header.depth_compression} "
        f"{depth.size}, a sensor name of {len(name)} bytes",
        needed=f"raw, png or jpeg colour, raw or zlib depth, at most {MAX_PIXELS} pixels an image",
        do="choose what the format knows",
        error=ParamsError,
    )
    matrices = np.stack(
        [_k4(color), header.color_extrinsic, _k4(depth), header.depth_extrinsic]
    ).astype("<f4")
    color_code = next(k for k, name in _COLOR_CODES.items() if name == header.color_compression)
    depth_code = next(k for k, name in _DEPTH_CODES.items() if name == header.depth_compression)
    return b"".join(
        [
            struct.pack("<IQ", VERSION, len(name)),
            name,
            matrices.tobytes(),
            _SIZES.pack(
                color_code, depth_code, *color.size, *depth.size, header.depth_shift, frame_count
            ),
        ]
    )


def _k4(camera: Intrinsics) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = camera.matrix
    return matrix
