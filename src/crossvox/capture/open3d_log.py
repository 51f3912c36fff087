"""Trajectories of Open3D and Redwood (``*.log``): a line of three whole numbers, then four rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError
from crossvox.doors.images import read_bytes

_LINES = 5


@dataclass(frozen=True, eq=False)
class PoseLog:
    """Poses of a log.

    Attributes:
        frames: ``(N,)`` the first of the three numbers: which frame, counted from 0.
        matrices: ``(N, 4, 4)`` camera-to-world, OpenCV axes, metres.
    """

    frames: NDArray[np.int64]
    matrices: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)


def read_log(path: Path) -> PoseLog:
    """Read a trajectory.

    Raises:
        CaptureError: missing, cut, or something that is no such file; names the line.

    Source:
        http://redwood-data.org/indoor/fileformat.html
    """
    text = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    lines = [(number, line.split()) for number, line in enumerate(text, start=1) if line.strip()]
    frames, matrices = [], []
    for at in range(0, len(lines), _LINES):
        group = lines[at : at + _LINES]
        try:
            frame, _, _ = (int(word) for word in group[0][1])
            rows = [[float(word) for word in words] for _, words in group[1:]]
        except ValueError:
            rows = []
        if [len(row) for row in rows] != [4] * 4 or not 0 <= frame < 1 << 31:
            raise CaptureError(
                f"given: {path}, line {group[0][0]}: {' '.join(group[0][1])[:60]!r}; needed: three "
                "whole numbers and four rows of four numbers for each pose (Open3D's .log); do: "
                "check or export the file again"
            )
        frames.append(frame)
        matrices.append(rows)
    return PoseLog(
        np.array(frames, dtype=np.int64), np.array(matrices, np.float64).reshape(-1, 4, 4)
    )
