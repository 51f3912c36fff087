"""The one camera that a capture of several is delivered by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from crossvox.capture.lens import SAME_PX, largest_shift_px
from crossvox.core.camera import Intrinsics


def usual_camera(cameras: Sequence[Intrinsics]) -> tuple[Intrinsics, str]:
    """The camera of most frames, or the one in the middle where each frame has its own.

    Args:
        cameras: of all frames, of one size.

    Returns:
        The camera, and by how much others differ from it (empty: they do not).
    """
    counts = Counter(cameras)
    usual, count = counts.most_common(1)[0]
    if 2 * count < len(cameras):
        usual = sorted(counts, key=lambda camera: camera.fx)[len(counts) // 2]
    worst = max(largest_shift_px(camera, usual) for camera in counts)
    return usual, f"images are moved by up to {worst:.1f} px" if worst > SAME_PX else ""


def middle_camera(cameras: Sequence[Intrinsics]) -> Intrinsics:
    """The camera that those of most frames are near to: each value is the one in the middle.

    Args:
        cameras: of all frames, of one size.
    """
    fx, fy, cx, cy = np.median([(c.fx, c.fy, c.cx, c.cy) for c in cameras], axis=0).tolist()
    return Intrinsics(fx, fy, cx, cy, *cameras[0].size)
