"""A reader of ``NAME.frames.npz``: rgb (N, H, W, 3), depth_m (N, H, W), pose, camera (3, 3)."""

from pathlib import Path
from typing import Any

import numpy as np

from crossvox.capture.reader import Opening, Reader
from crossvox.capture.registration import Registration
from crossvox.capture.stored import StoredCapture
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_png

ENDING = ".frames.npz"


class Arrays(StoredCapture):
    format = "arrays"
    units_per_m = 1.0

    def __init__(self, path: Path, how: Opening) -> None:
        try:
            self._file = dict(np.load(path))
            size = self._file["depth_m"].shape[:0:-1]
            camera = Intrinsics.from_matrix(self._file["camera"], size)
        except Exception as error:
            raise CaptureError(
                f"given: {path} ({error}); needed: arrays; do: record anew"
            ) from error
        super().__init__(path.name[: -len(ENDING)], tuple(range(len(self._file["pose"]))),
                         Registration(camera, camera, mode=how.params.registration))  # fmt: skip

    def pose_matrix(self, index: int) -> Any:
        return self._file["pose"][index]

    def color_data(self, index: int) -> bytes:
        return encode_png(self._file["rgb"][index])

    def depth_raw(self, index: int) -> Any:
        return self._file["depth_m"][index]


READER = Reader("a .frames.npz file", lambda p: p.name if p.name.endswith(ENDING) else None, Arrays)
