"""Where sub-volumes ("chunks") are cut from a scene, and how a cut is turned.

Three ways: random draws for training, tiles for validation, sliding windows for whole scenes. A
place is a start voxel in the scene's grid; what hangs out of the scene is padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.core.labels import NYU40
from crossvox.core.params import check_choices
from crossvox.core.volume import SceneVolume, VoxelPixels

Array = NDArray[Any]

DRAW_BLOCK = 256
"""Draws that are looked at together."""

WALL, FLOOR = NYU40.id_of("wall"), NYU40.id_of("floor")


@dataclass(frozen=True)
class ChunkParams:
    """How training sub-volumes are drawn.

    Attributes:
        shape: voxels of a sub-volume along x, y, z.
        per_scene: sub-volumes a scene.
        occupied_share: share of occupied voxels that a draw needs at first.
        lowest_share: share that is enough at last.
        share_step: by how much the bound drops after each ``patience`` failed draws.
        patience: failed draws before the bound drops.
        wall_floor_share: share of the draws with nothing but wall and floor that are kept. Has no
            effect in scenes without labels.
        max_draws: draws for one sub-volume before it is given up.
        require_views: views that a training sub-volume needs (the published pipeline: all 5).
        placing: ``published``: the low corner lies anywhere in the scene, so that a sub-volume
            hangs out on the far sides alone and seldom holds the floor. ``windows``: as the windows
            of a prediction lie: an axis along which the scene is no longer than the sub-volume is
            held whole, along the others both sides may hang out. docs/labelled-rooms.md has what
            either shows a network.
    """

    shape: Index3 = (32, 32, 64)
    per_scene: int = 100
    occupied_share: float = 0.20
    lowest_share: float = 0.01
    share_step: float = 0.01
    patience: int = 20
    wall_floor_share: float = 0.05
    max_draws: int = 2000
    require_views: int = 1
    placing: Literal["published", "windows"] = "published"

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            min(self.shape) > 0 and self.per_scene >= 0,
            given=f"{self.per_scene} sub-volumes of {self.shape} voxels",
            needed="a count of 0 or more and a positive shape",
            do="correct --chunks.per-scene or --chunks.shape",
            error=ParamsError,
        )
        expect(
            0 <= self.lowest_share <= self.occupied_share <= 1 and self.share_step >= 0,
            given=f"shares from {self.occupied_share} down to {self.lowest_share} in steps of "
            f"{self.share_step}",
            needed="0 <= lowest <= first <= 1 and a step of 0 or more",
            do="correct --chunks.occupied-share, --chunks.lowest-share or --chunks.share-step",
            error=ParamsError,
        )
        expect(
            self.patience > 0 and self.max_draws > 0 and self.require_views >= 0,
            given=f"patience {self.patience}, at most {self.max_draws} draws, "
            f"{self.require_views} views",
            needed="at least one draw, and 0 or more views",
            do="correct --chunks.patience, --chunks.max-draws or --chunks.require-views",
            error=ParamsError,
        )


@dataclass(frozen=True)
class DrawReport:
    """What random drawing found.

    Attributes:
        starts: first voxels of the sub-volumes that were kept.
        wanted: how many were asked for.
        drawn: draws in all, kept ones included.
        too_empty: draws refused for too few occupied voxels.
        wall_floor: draws refused for having nothing but wall and floor.
        lowest_share: smallest share of occupied voxels among those kept; NaN if none was.
    """

    starts: tuple[Index3, ...]
    wanted: int
    drawn: int
    too_empty: int
    wall_floor: int
    lowest_share: float

    @property
    def missing(self) -> int:
        """How many fewer were kept than asked for."""
        return self.wanted - len(self.starts)


class BoxCounts:
    """Counts the true voxels of any box in constant time (a three-dimensional running sum).

    Boxes may hang out of the volume; what lies outside counts as false.
    """

    def __init__(self, mask: Array) -> None:
        self._sums = np.zeros(tuple(n + 1 for n in mask.shape), dtype=np.int64)
        inner = self._sums[1:, 1:, 1:]
        np.cumsum(mask, axis=0, dtype=np.int64, out=inner)
        np.cumsum(inner, axis=1, out=inner)
        np.cumsum(inner, axis=2, out=inner)

    def count(self, starts: Array, shape: Index3) -> NDArray[np.int64]:
        """True voxels in the boxes of ``shape`` at ``starts (n, 3)``: ``(n,)`` int64."""
        limit = np.array(self._sums.shape) - 1
        starts = np.asarray(starts, dtype=np.int64)
        x0, y0, z0 = np.clip(starts, 0, limit).T
        x1, y1, z1 = np.clip(starts + np.array(shape), 0, limit).T
        sums = self._sums
        upper = sums[x1, y1, z1] - sums[x0, y1, z1] - sums[x1, y0, z1] + sums[x0, y0, z1]
        lower = sums[x1, y1, z0] - sums[x0, y1, z0] - sums[x1, y0, z0] + sums[x0, y0, z0]
        counts: NDArray[np.int64] = upper - lower
        return counts


class ChunkDraws:
    """Random draws in one scene. Keeps the running sums, so that a draw costs constant time.

    Args:
        volume: the scene; what lies beyond it is free.
        params: the rules of a draw.
        rng: where chance comes from.
    """

    def __init__(self, volume: SceneVolume, params: ChunkParams, rng: np.random.Generator) -> None:
        self._params, self._rng = params, rng
        self._low, self._high = _start_range(volume.grid.shape, params)
        self._occupied = BoxCounts(volume.occupied)
        self._labelled = bool((volume.labels > 0).any())
        # Furniture and everything else that makes a sub-volume worth more than a bare wall.
        beyond = volume.occupied & (volume.labels > 0)
        beyond &= (volume.labels != WALL) & (volume.labels != FLOOR)
        self._beyond = BoxCounts(beyond)

    def draw(self, count: int) -> DrawReport:
        """Draw ``count`` sub-volumes.

        Each one is drawn anew until a draw qualifies, with the bound starting at
        ``occupied_share``; after ``max_draws`` failures it is given up, and with it the rest, for
        they would search the same scene by the same rules.
        """
        starts: list[Index3] = []
        shares: list[float] = []
        tally = np.zeros(3, dtype=np.int64)
        for _ in range(count):
            found = self._draw_one(tally)
            if found is None:
                break
            starts.append(found[0])
            shares.append(found[1])
        drawn, too_empty, wall_floor = tally.tolist()
        lowest = min(shares) if shares else float("nan")
        return DrawReport(tuple(starts), count, drawn, too_empty, wall_floor, lowest)

    def _draw_one(self, tally: NDArray[np.int64]) -> tuple[Index3, float] | None:
        """One sub-volume and its share of occupied voxels; counts draws into ``tally``."""
        params = self._params
        voxels = params.shape[0] * params.shape[1] * params.shape[2]
        for begin in range(0, params.max_draws, DRAW_BLOCK):
            number = np.arange(begin, min(begin + DRAW_BLOCK, params.max_draws))
            bounds = params.occupied_share - params.share_step * (number // params.patience)
            draws = self._rng.integers(self._low, self._high, size=(len(number), 3))
            luck = self._rng.random(len(number)) < params.wall_floor_share
            share = self._occupied.count(draws, params.shape) / voxels
            full = (share >= np.maximum(bounds, params.lowest_share)) & (share > 0)
            kept = full & (luck | (not self._labelled))
            kept |= full & (self._beyond.count(draws, params.shape) > 0)
            first = int(kept.argmax()) if kept.any() else len(number)
            refused = full[:first]
            tally += (min(first + 1, len(number)), int((~refused).sum()), int(refused.sum()))
            if first < len(number):
                x, y, z = draws[first].tolist()
                return (x, y, z), float(share[first])
        return None


def _start_range(extent: Index3, params: ChunkParams) -> tuple[Array, Array]:
    """First start of a draw along each axis, and the one behind the last."""
    size, scene = np.array(params.shape), np.array(extent)
    if params.placing == "published":
        return np.zeros(3, dtype=np.int64), scene
    whole = scene <= size
    return np.where(whole, 0, 1 - size), np.where(whole, 1, scene)


def sliding_starts(grid: VoxelGrid, shape: Index3, stride: Index3) -> list[Index3]:
    """Windows every ``stride`` voxels that cover the whole grid.

    The last window along an axis is the first one that reaches the border; it may hang out. A
    stride equal to the shape gives tiles.

    Raises:
        ParamsError: a stride is not positive, or longer than the window (that would leave gaps).
    """
    expect(
        all(0 < step <= size for step, size in zip(stride, shape, strict=True)),
        given=f"windows of {shape} voxels every {stride}",
        needed="strides from 1 to the window's own length",
        do="choose a smaller stride",
        error=ParamsError,
    )
    axes = [
        range(0, max(extent - size, 0) + step, step)
        for extent, size, step in zip(grid.shape, shape, stride, strict=True)
    ]
    return [(i, j, k) for i in axes[0] for j in axes[1] for k in axes[2]]


def cut(array: Array, start: Index3, shape: Index3, fill: Any) -> Array:
    """Cut a box out of ``(..., X, Y, Z)``; what lies outside holds ``fill``.

    Always a copy.
    """
    out = np.full((*array.shape[:-3], *shape), fill, dtype=array.dtype)
    (x, y, z), (i, j, k) = overlap(start, shape, array.shape[-3:])
    out[..., i, j, k] = array[..., x, y, z]
    return out


def turned_shape(shape: Index3, quarter_turns: int) -> Index3:
    """Shape of a sub-volume after :func:`crossvox.core.grid.turn`."""
    x, y, z = shape
    return (y, x, z) if quarter_turns % 2 else (x, y, z)


def turn_pixels(pixels: VoxelPixels, shape: Index3, quarter_turns: int) -> VoxelPixels:
    """Turn voxel-pixel pairs together with their sub-volume.

    Args:
        pixels: pairs of the sub-volume as it was cut.
        shape: its shape before turning.
        quarter_turns: as for :func:`crossvox.core.grid.turn`.
    """
    turns = quarter_turns % 4
    if turns == 0:
        return pixels
    rest, k = np.divmod(pixels.voxel, shape[2])
    i, j = np.divmod(rest, shape[1])
    if turns == 1:
        i, j = shape[1] - 1 - j, i
    elif turns == 2:
        i, j = shape[0] - 1 - i, shape[1] - 1 - j
    else:
        i, j = j, shape[0] - 1 - i
    width = turned_shape(shape, turns)[1]
    return VoxelPixels((i * width + j) * shape[2] + k, pixels.pixel, pixels.view)


def scene_from_chunk(start: Index3, shape: Index3, quarter_turns: int = 0) -> NDArray[np.float64]:
    """``(4, 4)`` transform from voxels of a cut, turned sub-volume to voxels of its scene.

    Chained with ``VoxelGrid.world_from_grid`` it tells where in the world a voxel lies.

    Args:
        start: first voxel in the scene.
        shape: the sub-volume's shape before turning.
        quarter_turns: how it was turned after cutting.
    """
    x, y, _ = shape
    turns = quarter_turns % 4
    matrix = np.eye(4)
    # Cut coordinates (i, j) from turned ones (p, q): the inverse of each turn.
    matrix[:2, :2], matrix[:2, 3] = {
        0: ([[1, 0], [0, 1]], (0, 0)),
        1: ([[0, 1], [-1, 0]], (0, y - 1)),
        2: ([[-1, 0], [0, -1]], (x - 1, y - 1)),
        3: ([[0, -1], [1, 0]], (x - 1, 0)),
    }[turns]
    matrix[:3, 3] += start
    return matrix
