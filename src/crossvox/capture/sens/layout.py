"""What a ``.sens`` file holds, as records and classes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError

ColorCompression = Literal["raw", "png", "jpeg"]
DepthCompression = Literal["raw", "zlib"]

VERSION = 4
COLOR_CODES: dict[int, ColorCompression] = {0: "raw", 1: "png", 2: "jpeg"}
DEPTH_CODES: dict[int, DepthCompression] = {0: "raw", 1: "zlib"}
MAX_NAME_BYTES = 1 << 16
CAMERAS = struct.Struct("<64f")
SIZES = struct.Struct("<iiIIIIfQ")
BLOB_BYTES = struct.Struct("<QQ")
RECORD = np.dtype(
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


def raw_bytes(header: SensHeader) -> tuple[int, int]:
    """Bytes of an uncompressed colour and depth image."""
    color, depth = header.color_camera, header.depth_camera
    return color.width * color.height * 3, depth.width * depth.height * 2


def damaged(path: Path, found: str, needed: str) -> CaptureError:
    """The error of a file that is cut or overwritten."""
    return CaptureError(
        f"given: {path}, {found}; needed: {needed}; "
        f"do: the file is truncated or damaged: copy or download it again"
    )
