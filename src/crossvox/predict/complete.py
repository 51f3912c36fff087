"""Frames to a completed surface: fused where it was measured, learnt where it was not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from crossvox.core.artifact import Stopwatch
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.predict.params import CompletionParams
from crossvox.predict.threshold import (
    NEVER,
    best_confidence,
    safe_confidence,
    shown_again,
    stands_still,
)
from crossvox.predict.tiles import in_tiles
from crossvox.scene.evidence import Evidence
from crossvox.scene.params import EvidenceParams, Scan, TsdfParams
from crossvox.scene.tsdf.complete import LearntField, completed_mesh
from crossvox.scene.tsdf.volume import TsdfVolume, fuse
from crossvox.views.looked_through import SEEN_FREE_FRAMES, looked_through

KEPT_BYTES = 512 * 2**20
"""Depth images that are kept in memory between the three times that they are looked at; what is
beyond is read again."""

HARDLY_MOVES = "nothing is added where the camera hardly moves"

_DISTANCE = 0
_HALF_DIAGONAL = 0.87
"""From a voxel's centre to its corner, voxels."""


@dataclass(frozen=True, eq=False)
class Completion:
    """What was made of the frames of a scene.

    Attributes:
        mesh: the fused surface, completed.
        fused: the fused surface alone.
        grid: of the volumes.
        confidence: ``(X, Y, Z)`` float32, probability that there is a surface within 5 cm: one
            that a scan along the same way measures, or with ``full`` completion any.
        seen: ``(X, Y, Z)`` bool, voxels in which readings end.
        frames: how many frames were used.
        culled: completed vertices that were taken away since frames look through them.
        least_confidence: floor from which on the learnt surface was drawn; 1 where none was.
        evidence: ``(C, X, Y, Z)`` float32, what the network took
            (:meth:`crossvox.scene.evidence.Evidence.channels`).
        again: share of what a frame measures that another one measures, too.
        uncompleted: why nothing may be added, in words; empty: it may.
    """

    mesh: Mesh
    fused: Mesh
    grid: VoxelGrid
    confidence: NDArray[np.float32]
    seen: NDArray[np.bool_]
    frames: int
    culled: int
    least_confidence: float
    evidence: NDArray[np.float32]
    again: float = 1.0
    uncompleted: str = ""


def complete_scene(
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    frames: Callable[[], Iterable[Frame]],
    voxel_m: float,
    evidence: EvidenceParams,
    params: CompletionParams,
    tsdf: TsdfParams,
    watch: Stopwatch,
    *,
    scan: Scan = "walk",
    fused_before: TsdfVolume | None = None,
) -> Completion:
    """Fuse frames, and complete the surface by a network.

    The memory does not grow with the number of frames, beyond :data:`KEPT_BYTES`.

    Args:
        answer: the network: evidence ``(C, X, Y, Z)`` to ``(3, X, Y, Z)``, distance in units of
            the band, and the logits of both confidences.
        frames: gives the frames, with depth and pose, as often as it is called;
            :class:`KeptFrames` where they are looked at once more afterwards.
        voxel_m: edge of the network's voxels.
        evidence: what the network takes.
        params: how much is completed.
        tsdf: how frames are fused.
        watch: takes the times.
        scan: which scan the network foretells.
        fused_before: the frames, where somebody has fused them by ``tsdf`` already.

    Raises:
        CaptureError: the frames give no surface.
    """
    kept = frames if isinstance(frames, KeptFrames) else KeptFrames(frames)
    with watch("fuse"):
        volume = fuse(kept, tsdf) if fused_before is None else fused_before
        fused = volume.mesh()
    expect(
        len(fused.faces) > 0,
        given=f"{volume.counts.fused} frames whose depth images give no surface",
        needed="frames with valid poses and depth",
        do="look at it with: crossvox info",
        error=CaptureError,
    )
    margin = round(params.margin_m / voxel_m)
    grid = VoxelGrid.around(fused.vertices_m, voxel_m, margin)
    found = Evidence(grid, evidence)
    with watch("evidence"):
        for frame in kept:
            found.add(frame)
        channels = found.channels()
    with watch("network"):
        said = in_tiles(answer, channels)
        whole, scanned = expit(said[1:])
    confidence = whole if params.completion == "full" else scanned
    measured = found.near > 0
    seen = measured & (np.abs(channels[_DISTANCE]) * evidence.band_voxels <= _HALF_DIAGONAL)
    mesh, culled, least = fused, 0, NEVER
    again = shown_again(found.near, found.reading)
    uncompleted = HARDLY_MOVES if params.completion == "safe" and stands_still(again) else ""
    if uncompleted:
        mesh = _all_measured(fused)
    elif params.completion != "none":
        with watch("mesh"):
            band_m = evidence.band_voxels * voxel_m
            distance_m = np.ascontiguousarray(said[0] * band_m, np.float32)
            needed = None
            if params.completion == "safe":
                needed = safe_confidence(found.looks, voxel_m, scan, again)
            forbidden = found.free >= SEEN_FREE_FRAMES
            field = LearntField(grid, distance_m, confidence, forbidden, needed)
            surface = (np.abs(distance_m) < voxel_m / 2) & ~measured & ~forbidden
            least = max(best_confidence(confidence, surface, seen), params.least_confidence)
            mesh = completed_mesh(volume, field, least)
        with watch("free space"):
            mesh, culled = _without_floating(mesh, kept, params.free_margin_m, tsdf.far_m)
    return Completion(
        mesh,
        fused,
        grid,
        confidence,
        seen,
        found.frames,
        culled,
        least,
        channels,
        again,
        uncompleted,
    )


def _all_measured(fused: Mesh) -> Mesh:
    """A fused surface that tells so, as :func:`completed_mesh` leaves it where nothing is sure."""
    count = len(fused.vertices_m)
    return replace(
        fused, labels=None, completed=np.zeros(count, bool), confidence=np.ones(count, np.float32)
    )


def uncompleted(fused: Mesh, grid: VoxelGrid) -> Completion:
    """A fused surface that no network completes.

    Args:
        fused: the surface.
        grid: of the voxels around it.
    """
    nothing, no_evidence = np.zeros(grid.shape, np.float32), np.zeros((0, *grid.shape), np.float32)
    return Completion(fused, fused, grid, nothing, nothing > 0, 0, 0, NEVER, no_evidence)


class KeptFrames:
    """Frames that are looked at several times: kept while there is room, else read again.

    Args:
        read: gives all of them, as often as it is called.
        count: how many they are; None: unknown.
    """

    def __init__(self, read: Callable[[], Iterable[Frame]], count: int | None = None) -> None:
        self._read, self._count = read, count
        self._kept: list[Frame] | None = None
        self._room = True

    def __call__(self) -> Iterator[Frame]:
        """All frames."""
        return iter(self)

    def keep(self) -> bool:
        """Read them now, unless they are kept.

        Returns:
            Whether there was room for all: several threads may look at them then.
        """
        if self._kept is None and self._room and self._may_fit():
            deque(self, maxlen=0)
        return self._kept is not None

    def _may_fit(self) -> bool:
        """Whether there is room for as many frames as there are, by the first of them."""
        first = next(iter(self._read()), None)
        return first is None or self._count is None or self._count * _bytes(first) <= KEPT_BYTES

    def __iter__(self) -> Iterator[Frame]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Frame] = []
        size = 0
        for frame in self._read():
            size += _bytes(frame)
            self._room = self._room and size <= KEPT_BYTES
            if self._room:
                kept.append(frame)
            else:
                kept.clear()
            yield frame
        if self._room:
            self._kept = kept


def _bytes(frame: Frame) -> int:
    return sum(image.nbytes for image in (frame.depth_m, frame.rgb) if image is not None)


def _without_floating(
    mesh: Mesh, frames: Iterable[Frame], margin_m: float, far_m: float
) -> tuple[Mesh, int]:
    """The mesh without completed vertices that two frames look through, and how many they were."""
    if mesh.completed is None or not mesh.completed.any():
        return mesh, 0
    added = np.flatnonzero(mesh.completed)
    looks = looked_through(mesh.vertices_m[added], frames, margin_m, far_m)
    floating = np.zeros(len(mesh.vertices_m), bool)
    floating[added[looks >= SEEN_FREE_FRAMES]] = True
    faces = mesh.faces[~floating[mesh.faces].any(axis=1)]
    return compact(replace(mesh, faces=faces)), int(floating.sum())


def compact(mesh: Mesh) -> Mesh:
    """The mesh without vertices that no face names."""
    used = np.zeros(len(mesh.vertices_m), bool)
    used[mesh.faces] = True
    number = np.cumsum(used, dtype=np.int32) - 1

    return Mesh(
        mesh.vertices_m[used],
        number[mesh.faces].astype(np.int32),
        **{name: values[used] for name, values in mesh.by_vertex.items()},
    )
