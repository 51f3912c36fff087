"""Cameras as files tell them: for images of another size, and several in one capture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.lens import SAME_PX, largest_shift_px
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect

SAME_SHAPE = 0.02
"""By how much the ratio of sides may differ: sizes are rounded when images are made smaller."""


def camera_told_for(
    values: tuple[float, float, float, float],
    told: tuple[float | None, float | None],
    size: Size,
    source: str,
) -> Intrinsics:
    """The camera of images of ``size``, of which a file tells the camera for images of ``told``.

    Args:
        values: ``fx, fy, cx, cy`` in pixels of images of ``told``, centres at whole numbers.
        told: width and height in the file; None: ``size``.
        size: of the images that are there.
        source: what to name in an error.

    Raises:
        CaptureError: values that cannot be true, or images of another shape.
    """
    width, height = told[0] or size[0], told[1] or size[1]
    sound = math.isfinite(width) and math.isfinite(height) and min(width, height) >= 1
    expect(
        sound and abs(width * size[1] / (height * size[0]) - 1) < SAME_SHAPE,
        given=f"{source} with a camera for images of {width:g}x{height:g}, beside images of "
        f"{size[0]}x{size[1]}",
        needed="one shape",
        do="check that the images belong to this file, and were not cropped or turned",
        error=CaptureError,
    )
    return camera_or_error(values, (round(width), round(height)), source).resized(size)


def depth_camera_of(color: Intrinsics, size: Size, source: str) -> Intrinsics:
    """The camera of depth images of ``size`` that lie on the pixels of colour, or on fewer.

    Raises:
        CaptureError: they are of another shape, so that they do not.
    """
    off = size[0] * color.height / max(size[1] * color.width, 1) - 1
    expect(
        min(size) > 0 and abs(off) < max(SAME_SHAPE, 1.5 / min(size)),
        given=f"{source} with depth images of {size[0]}x{size[1]} beside colour of "
        f"{color.width}x{color.height}",
        needed="depth on the pixels of colour, in as many or fewer of them",
        do="register depth to colour before, or export both uncropped",
        error=CaptureError,
    )
    return color.resized(size)


def of_usual_size(sizes: Mapping[int, Size | None]) -> tuple[set[int], str]:
    """Frames of the most frequent image size: all images of a capture are of one.

    Args:
        sizes: by frame number, as the camera of each tells it; None: it does not.

    Returns:
        The frames that stay, and what to tell about those that do not (empty: all stay).
    """
    usual = Counter(sizes.values()).most_common(1)[0][0]
    kept = {number for number, size in sizes.items() if size == usual}
    odd, (width, height) = len(sizes) - len(kept), usual or (0, 0)
    note = f"{odd} images are left out: they are not of {width}x{height} pixels" if odd else ""
    return kept, note


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
