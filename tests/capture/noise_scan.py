"""Small scans of noise."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Intrinsics
from crossvox.doors.images import encode_jpeg


def write_scan(file: Path, count: int, lost: tuple[int, ...] = ()) -> Path:
    """A scan of 64x48 with depth of another camera than colour; some of its poses are lost."""
    rng = np.random.default_rng(0)
    color, depth = Intrinsics(52.5, 52.5, 32, 24, 64, 48), Intrinsics(60, 60, 31, 23, 64, 48)
    with SensWriter(file, SensHeader("test", color, depth, np.eye(4), np.eye(4)), count) as writer:
        for number in range(count):
            pose = np.eye(4, dtype=np.float32)
            pose[:3, 3] = -np.inf if number in lost else rng.normal(size=3)
            raw = rng.integers(0, 4000, (48, 64)).astype("<u2")
            jpeg = encode_jpeg(np.full((48, 64, 3), 40 * number, np.uint8))
            writer.write(SensFrame(pose, number, number, jpeg, zlib.compress(raw.tobytes())))
    return file
