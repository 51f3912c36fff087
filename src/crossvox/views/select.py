"""Which frames look at a sub-volume: greedy maximum cover over the visible voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.core.threads import threads
from crossvox.core.volume import SceneViews, VoxelPixels

BLOCK = 16
"""Sub-volumes that one thread takes at a time."""


@dataclass(frozen=True)
class Selection:
    """Frames chosen for one sub-volume.

    Attributes:
        frame_ids: best first; shorter than asked for where no other frame adds a voxel.
        gains: voxels that each frame adds to those before it.
        covered: voxels that the chosen frames see together.
        visible: voxels that all frames see together.
    """

    frame_ids: tuple[int, ...]
    gains: tuple[int, ...]
    covered: int
    visible: int


def select_views(views: SceneViews, start: Index3, shape: Index3, max_views: int) -> Selection:
    """Choose frames for one sub-volume.

    Each step takes the frame that sees most voxels not yet covered; the frame listed first wins
    ties; it stops when no frame adds a voxel.

    Args:
        views: what each frame sees.
        start: first voxel of the sub-volume in the scene; it may hang out of the scene.
        shape: voxels of the sub-volume.
        max_views: frames to take at most.
    """
    return select_many(views, [start], shape, max_views)[0]


def select_many(
    views: SceneViews,
    starts: Sequence[Index3],
    shape: Index3,
    max_views: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Selection]:
    """:func:`select_views` for many sub-volumes of one shape, shared out over threads."""
    from crossvox.views import kernels

    expect(
        max_views > 0,
        given=f"{max_views} views",
        needed="at least one",
        do="correct --views.max-views",
        error=ParamsError,
    )
    count = len(starts)
    corners = np.array(starts, dtype=np.int64).reshape(count, 3)
    chosen = np.full((count, max_views), -1, dtype=np.int64)
    gains = np.zeros((count, max_views), dtype=np.int64)
    covered = np.zeros(count, dtype=np.int64)
    visible = np.zeros(count, dtype=np.int64)

    def work(first: int) -> int:
        part = slice(first, first + BLOCK)
        kernels.greedy_cover(
            views.voxel,
            views.start,
            views.grid.shape,
            corners[part],
            shape,
            max_views,
            chosen[part],
            gains[part],
            covered[part],
            visible[part],
        )
        return min(first + BLOCK, count)

    firsts = range(0, count, BLOCK)
    if len(firsts) <= 1:
        for first in firsts:
            work(first)
    else:
        with ThreadPoolExecutor(max(1, min(len(firsts), threads()))) as pool:
            for done in pool.map(work, firsts):
                if progress is not None:
                    progress(done, count)
    taken = (chosen >= 0).sum(axis=1).tolist()
    return [
        Selection(
            tuple(views.frame_ids[chosen[n, : taken[n]]].tolist()),
            tuple(gains[n, : taken[n]].tolist()),
            int(covered[n]),
            int(visible[n]),
        )
        for n in range(count)
    ]


def chunk_pixels(
    views: SceneViews, start: Index3, shape: Index3, frame_ids: Sequence[int]
) -> VoxelPixels:
    """The voxel-pixel pairs of one sub-volume; frame ``frame_ids[n]`` becomes view n.

    Args:
        views: what each frame sees.
        start: first voxel of the sub-volume in the scene; it may hang out of the scene.
        shape: voxels of the sub-volume; ``voxel`` of the result counts in its C order.
        frame_ids: frames to take; may be empty.

    Raises:
        ParamsError: a frame is not among the views (it does not exist or has no pose).
    """
    from crossvox.views import kernels

    wanted = np.array(frame_ids, dtype=np.int64).reshape(-1)
    matches = views.frame_ids[None, :] == wanted[:, None]
    known = matches.any(axis=1)
    expect(
        bool(known.all()),
        given=f"frame {wanted[~known].tolist()} of a sub-volume",
        needed="frames with a pose, which the scene's views list",
        do="make the sample index anew: it belongs to another preparation of the scene",
        error=ParamsError,
    )
    positions = matches.argmax(axis=1) if len(wanted) else np.zeros(0, np.int64)
    voxel, pixel, view = kernels.cut_pairs(
        views.voxel,
        views.pixel,
        views.start,
        views.grid.shape,
        np.array(start, dtype=np.int64),
        shape,
        positions.astype(np.int64),
    )
    return VoxelPixels(voxel, pixel, view)
