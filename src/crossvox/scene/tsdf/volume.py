"""A growing field of truncated signed distances, and the mesh of its surface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import length_hint
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.threads import begin, spread
from crossvox.core.volume import Mesh
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.blocks import BLOCK, CELL, FREE, KEY_HALF, insert, rehash
from crossvox.scene.tsdf.distance import interpolate
from crossvox.scene.tsdf.integrate import integrate_blocks
from crossvox.scene.tsdf.surface import draw
from crossvox.scene.tsdf.touch import PARTS, touch
from crossvox.scene.tsdf.votes import CANDIDATES

Array = NDArray[Any]

FIRST_BLOCKS = 1 << 15
"""Blocks that there is room for at first: those of most rooms at 2 cm. Room that is not used takes
no memory, as the system hands it out when it is first written."""

FARTHEST_M = 1e30
"""Stands for "no limit": every finite reading is nearer, and infinity is not a reading."""


@dataclass(frozen=True)
class FusionCounts:
    """What became of the frames.

    Attributes:
        fused: frames that were used.
        without_pose: frames ignored because tracking was lost.
        without_depth: frames ignored because they have no depth image or no reading in range.
        blocks: blocks of voxels that exist.
    """

    fused: int
    without_pose: int
    without_depth: int
    blocks: int


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a field.

    Attributes:
        corner: ``(B, 3)`` int32, places in units of blocks.
        tsdf: ``(B, CELL)`` float32, distances in units of the truncation distance.
        weight: ``(B, CELL)`` uint16, observations.
        color: ``(B, 4, CELL)`` uint16, means and their observations, or None.
    """

    corner: NDArray[np.int32]
    tsdf: NDArray[np.float32]
    weight: NDArray[np.uint16]
    color: NDArray[np.uint16] | None


class TsdfVolume:
    """A growing field of truncated signed distances; feed it frames, then ask for the mesh.

    Attributes:
        params: how it fuses.
        takes_votes: whether labelled frames vote for the classes of voxels.

    Args:
        params: how it fuses.
        votes: take the votes of labelled frames; see :mod:`crossvox.scene.tsdf.votes`.
    """

    def __init__(self, params: TsdfParams | None = None, votes: bool = False) -> None:
        self.params = params or TsdfParams()
        self.takes_votes = votes
        self._fused = self._without_pose = self._without_depth = 0
        self._count = 0
        self._slot_keys = np.full(1 << 14, FREE, dtype=np.int64)
        self._slot_blocks = np.zeros(1 << 14, dtype=np.int32)
        self._seen_keys = np.empty((PARTS, 1 << 12), dtype=np.int64)
        self._corner = np.zeros((0, 3), dtype=np.int32)
        self._last_frame = np.zeros(0, dtype=np.int64)  # counted from 1
        self._tsdf = np.zeros((0, CELL), dtype=np.float32)
        self._weight = np.zeros((0, CELL), dtype=np.uint16)
        self._color: NDArray[np.uint16] | None = None
        self._votes: NDArray[np.uint16] | None = None
        self._averaging: Callable[[], None] | None = None

    @property
    def counts(self) -> FusionCounts:
        """What became of the frames so far."""
        return FusionCounts(self._fused, self._without_pose, self._without_depth, self._count)

    @property
    def memory_bytes(self) -> int:
        """Bytes held by the blocks that there are and their hash table."""
        of_blocks = (
            self._corner, self._last_frame, self._tsdf, self._weight, self._color, self._votes
        )  # fmt: skip
        table = self._slot_keys.nbytes + self._slot_blocks.nbytes
        return table + sum(a[: self._count].nbytes for a in of_blocks if a is not None)

    def integrate(self, frame: Frame) -> bool:
        """Fuse one frame.

        Args:
            frame: needs a pose and depth; colour is taken where there is some, and labels where
                votes are wanted.

        Returns:
            Whether the frame was used; if not, :attr:`counts` says why.

        Raises:
            ParamsError: a reading lies further from the world's origin than a block can be named
                (more than 8 million voxels).
        """
        used = self._begin(frame)
        self._finish()
        return used

    def _begin(self, frame: Frame) -> bool:
        """Begin to fuse a frame, once the one before it is fused; see :meth:`integrate`.

        Its blocks are looked for while the other threads still average that one. Until
        :meth:`_finish`, the field may not be read, nor the frame changed.
        """
        if frame.pose is None:
            self._without_pose += 1
            return False
        if frame.depth_m is None:
            self._without_depth += 1
            return False
        depth = np.ascontiguousarray(frame.depth_m, dtype=np.float32)
        blocks = self._touched_blocks(depth, frame)
        self._finish()
        if len(blocks) == 0:
            self._without_depth += 1
            return False
        use_color = frame.rgb is not None
        use_votes = self.takes_votes and frame.labels is not None
        if use_color and self._color is None:
            self._color = np.zeros((len(self._tsdf), 4, CELL), dtype=np.uint16)
        if use_votes and self._votes is None:
            self._votes = np.zeros((len(self._tsdf), CELL, CANDIDATES), dtype=np.uint16)
        rgb = np.zeros((1, 1, 3), np.uint8) if frame.rgb is None else frame.rgb
        labels = np.zeros((1, 1), np.uint8) if frame.labels is None else frame.labels
        arguments = (
            depth,
            np.ascontiguousarray(rgb),
            use_color,
            np.ascontiguousarray(labels),
            use_votes,
            pixel_from_world(frame.camera, frame.pose),
            self.params.voxel_m,
            self.params.truncation_m,
            min(self.params.far_m, FARTHEST_M),
            blocks,
            self._corner,
            self._tsdf,
            self._weight,
            np.zeros((1, 4, 1), np.uint16) if self._color is None else self._color,
            np.zeros((1, 1, 1), np.uint16) if self._votes is None else self._votes,
        )
        self._averaging = begin(partial(integrate_blocks, *arguments), len(blocks))
        self._fused += 1
        return True

    def _finish(self) -> None:
        """Wait until all that was begun is in the field."""
        averaging, self._averaging = self._averaging, None
        if averaging is not None:
            averaging()

    def _touched_blocks(self, depth: NDArray[np.float32], frame: Frame) -> NDArray[np.int32]:
        """Blocks that the bands around this frame's readings pass through; made where missing."""
        assert frame.pose is not None
        block_m = self.params.voxel_m * BLOCK
        camera = frame.camera
        intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
        world_from_camera = np.ascontiguousarray(frame.pose.world_from_camera)
        counts = np.empty(PARTS, dtype=np.int64)
        while True:
            seen = self._seen_keys
            found = np.empty((PARTS, seen.shape[1] // 2), dtype=np.int64)
            arguments = (
                depth,
                intrinsics,
                world_from_camera,
                block_m,
                self.params.truncation_m,
                min(self.params.far_m, FARTHEST_M),
                seen,
                found,
                counts,
            )
            spread(partial(touch, *arguments), PARTS, PARTS)
            expect(
                int(counts.min()) != -2,
                given=f"frame {frame.id} with depth that leaves the block range",
                needed=f"readings within {KEY_HALF * block_m:g} m of the world's origin",
                do="check depth unit and poses, or use larger voxels",
                error=ParamsError,
            )
            if counts.min() >= 0:
                break
            self._seen_keys = np.empty((PARTS, self._seen_keys.shape[1] * 2), dtype=np.int64)
        if self._count + int(counts.sum()) > len(self._tsdf):
            self._finish()  # the blocks are about to be moved
            self._reserve(self._count + int(counts.sum()))
        blocks = np.empty(int(counts.sum()), dtype=np.int32)
        self._count, here = insert(
            found,
            counts,
            self._fused + 1,
            self._slot_keys,
            self._slot_blocks,
            self._corner,
            self._last_frame,
            self._count,
            blocks,
        )
        return blocks[:here]

    def _reserve(self, needed: int) -> None:
        """Make room for more blocks than there is room for."""
        size = max(needed, FIRST_BLOCKS, 2 * len(self._tsdf))
        self._corner = _longer(self._corner, size)
        self._last_frame = _longer(self._last_frame, size)
        self._tsdf = _longer(self._tsdf, size)
        self._weight = _longer(self._weight, size)
        if self._color is not None:
            self._color = _longer(self._color, size)
        if self._votes is not None:
            self._votes = _longer(self._votes, size)
        slots = len(self._slot_keys)
        if 2 * size > slots:
            while 2 * size > slots:
                slots *= 2
            self._slot_keys = np.full(slots, FREE, dtype=np.int64)
            self._slot_blocks = np.zeros(slots, dtype=np.int32)
            rehash(self._corner[: self._count], self._slot_keys, self._slot_blocks)

    def distance(self, points_m: Array) -> NDArray[np.float32]:
        """Signed distance to the surface along the views, interpolated between voxels.

        Args:
            points_m: ``(N, 3)`` world metres.

        Returns:
            ``(N,)`` float32 metres, positive in front of the surface, at most the truncation
            distance; NaN where one of the eight voxels around has too few observations.
        """
        points = np.ascontiguousarray(points_m, dtype=np.float64)
        values = np.empty(len(points), dtype=np.float32)
        interpolate(
            points / self.params.voxel_m,
            self._slot_keys,
            self._slot_blocks,
            self._tsdf,
            self._weight,
            self.params.min_weight,
            values,
        )
        return values * np.float32(self.params.truncation_m)

    def blocks(self) -> Blocks:
        """The field itself, for reading; the next frame may change it."""
        count = self._count
        return Blocks(
            self._corner[:count],
            self._tsdf[:count],
            self._weight[:count],
            None if self._color is None else self._color[:count],
        )

    def mesh(self, min_weight: int | None = None) -> Mesh:
        """The surface where the distance changes sign, by marching cubes over all blocks.

        A cell is drawn only if all its eight voxels were observed often enough. Vertices are
        shared between neighbouring cells and blocks: the mesh has no cracks. Faces run
        anticlockwise seen from free space, where the cameras are.

        Args:
            min_weight: observations that every corner needs; None takes the parameter.

        Returns:
            Mesh in world metres, coloured if any frame was, labelled if votes were taken: a vertex
            has the class with most votes of the two voxels that it lies between, the lowest id of
            equals, 0 where nobody voted. Empty if nothing was fused.
        """
        least = self.params.min_weight if min_weight is None else min_weight
        count = self._count
        return draw(
            self._corner[:count],
            (self._slot_keys, self._slot_blocks),
            self._tsdf[:count],
            self._weight[:count],
            self._color,
            self._votes,
            least,
            self.params.voxel_m,
        )


def fuse(
    frames: Iterable[Frame],
    params: TsdfParams | None = None,
    progress: Callable[[int, int], None] | None = None,
    votes: bool = False,
) -> TsdfVolume:
    """Fuse posed depth frames.

    Frames are read one by one and not kept; a frame is averaged while the next one is read, so its
    images must stay as they are until then. Frames without pose or depth are ignored and counted
    (:attr:`TsdfVolume.counts`). The order of the frames does not matter beyond rounding.

    Args:
        frames: frames with depth; colour is optional. Other sizes or cameras from frame to frame
            are fine.
        params: voxel size, truncation, depth limit.
        progress: called with ``(done, total)`` after every frame; total is 0 if ``frames`` does
            not know its length.
        votes: let labelled frames vote for the classes of the mesh's vertices.

    Returns:
        The fused volume.
    """
    volume = TsdfVolume(params, votes)
    total = length_hint(frames)
    try:
        for done, frame in enumerate(frames, start=1):
            volume._begin(frame)
            if progress is not None:
                progress(done, total)
    finally:
        volume._finish()
    return volume


def _longer(rows: Array, length: int) -> Array:
    """The same rows, and zeros after them."""
    longer = np.zeros((length, *rows.shape[1:]), rows.dtype)
    longer[: len(rows)] = rows
    return longer


def pixel_from_world(camera: Intrinsics, pose: Pose) -> NDArray[np.float64]:
    """``(3, 4)``, to homogeneous pixel coordinates half a pixel too large: cutting off rounds."""
    corner_matrix = camera.matrix
    corner_matrix[:2, 2] += 0.5
    # As `pose.camera_from_world`, without checking once more that it is rigid: that takes longer
    # than all the rest here.
    rotation = pose.world_from_camera[:3, :3].T
    camera_from_world = np.empty((3, 4))
    camera_from_world[:, :3] = rotation
    camera_from_world[:, 3] = -rotation @ pose.position_m
    return np.asarray(corner_matrix @ camera_from_world)
