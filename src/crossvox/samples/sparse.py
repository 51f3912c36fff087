"""Samples of surface completion: some frames of a room, spoilt as sensors and trackers spoil them,
and the complete surface.

A sample depends on the seed, the epoch and its number alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Pose, unproject
from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.samples.depths import DepthScene
from crossvox.samples.params import SparseParams
from crossvox.scene.evidence import Evidence, measured_at
from crossvox.scene.params import EvidenceParams, Scan

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = NDArray[Any]

_WALK = 40
"""Frames that tell what a scan measures on its way."""


@dataclass(frozen=True, eq=False)
class SparseSample:
    """One sample.

    Attributes:
        evidence: ``(C, X, Y, Z)`` float32, see :meth:`crossvox.scene.evidence.Evidence.channels`.
        truth: ``(X, Y, Z)`` float32, signed distance to the complete surface, units of the band.
        scanned: ``(X, Y, Z)`` bool, near the surface that a scan finds (:data:`Scan`).
    """

    evidence: NDArray[np.float32]
    truth: NDArray[np.float32]
    scanned: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SparseBatch:
    """Samples side by side.

    Attributes:
        evidence: ``(B, C, X, Y, Z)`` float32.
        truth: ``(B, X, Y, Z)`` float32.
        scanned: ``(B, X, Y, Z)`` bool.
    """

    evidence: Tensor
    truth: Tensor
    scanned: Tensor

    def to(self, device: torch.device | str) -> SparseBatch:
        """The batch on a device."""
        return SparseBatch(self.evidence.to(device), self.truth.to(device), self.scanned.to(device))


def collate_sparse(samples: Sequence[SparseSample]) -> SparseBatch:
    """Make a batch of samples of one shape."""
    import torch

    return SparseBatch(
        torch.from_numpy(np.stack([sample.evidence for sample in samples])),
        torch.from_numpy(np.stack([sample.truth for sample in samples])),
        torch.from_numpy(np.stack([sample.scanned for sample in samples])),
    )


class SparseDataset:
    """Samples of rooms, made when they are asked for by ``(epoch, i)``.

    Args:
        scenes: the rooms.
        samples: samples an epoch.
        params: how frames are drawn and spoilt.
        evidence: how they are added up.
        seed: where chance starts.
        vary: False for validation: nothing is spoilt, turned, or drawn anew in another epoch.
        scan: which scan finds a surface.
    """

    def __init__(
        self,
        scenes: Sequence[DepthScene],
        samples: int,
        params: SparseParams,
        evidence: EvidenceParams,
        seed: int = 0,
        vary: bool = True,
        scan: Scan = "walk",
    ) -> None:
        expect(
            len(scenes) > 0 and samples > 0,
            given=f"{len(scenes)} scenes and {samples} samples",
            needed="at least one of each",
            do="check the scene lists",
            error=ParamsError,
        )
        self.scenes, self.samples, self.params = tuple(scenes), samples, params
        self.evidence, self.seed, self.vary, self.scan = evidence, seed, vary, scan

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, key: int | tuple[int, int]) -> SparseSample:
        """Make one sample.

        Raises:
            IndexError: there is no such sample.
        """
        epoch, number = key if isinstance(key, tuple) else (0, key)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        rng = np.random.default_rng([self.seed, epoch, number])
        scene = self.scenes[number % len(self.scenes)]
        chosen = draw_frames(len(scene.poses), self.params, rng)
        start = self._place(scene, chosen, rng)
        shape = self.params.shape
        evidence = Evidence(scene.grid.sub(start, shape), self.evidence)
        poses = [scene.poses[frame] for frame in chosen]
        depths = (scene.depth_mm[frame] * np.float32(1e-3) for frame in chosen)
        if self.vary:
            poses = spoilt_poses(poses, self.params, rng)
            depths = spoilt_depths(depths, self.params, rng)
        for frame, pose, depth in zip(chosen, poses, depths, strict=True):
            rgb = None if scene.rgb is None else scene.rgb[frame]
            evidence.add_depth(depth, scene.camera, pose, rgb)
        scanned = scene.near_scan(start, shape)
        if self.scan == "walk":
            scanned[scanned] = self._measured(scene, chosen, start, np.argwhere(scanned))
        made = SparseSample(evidence.channels(), scene.distance(start, shape), scanned)
        return _turned(made, rng) if self.vary and self.params.turn else made

    def _measured(
        self, scene: DepthScene, chosen: Array, start: Index3, places: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Places near which readings end of any frame from the first of these to the last.

        Of a long walk :data:`_WALK` frames, evenly chosen, stand for all, beside these.
        """
        first, last = int(chosen[0]), int(chosen[-1])
        evenly = np.linspace(first, last, min(_WALK, last - first + 1))
        frames = np.union1d(np.rint(evenly).astype(np.int64), chosen)
        views = ((scene.depth_mm[n] * np.float32(1e-3), scene.poses[n]) for n in frames)
        grid = scene.grid.sub(start, self.params.shape)
        return measured_at(grid, places, views, scene.camera, self.evidence)

    def _place(self, scene: DepthScene, chosen: Array, rng: np.random.Generator) -> Index3:
        """Where the sample is cut: around what one of the frames sees, or around it."""
        shape = np.array(self.params.shape)
        frame = int(rng.choice(chosen))
        depth = scene.depth_mm[frame] * np.float32(1e-3)
        read = np.flatnonzero((depth > 0) & (depth <= self.evidence.far_m))
        pose = scene.poses[frame]
        seen_m = pose.position_m
        if len(read):
            points = unproject(depth, scene.camera).reshape(-1, 3)
            seen_m = pose.apply(points[int(rng.choice(read))][None])[0]
        centre = scene.grid.to_grid(seen_m) + rng.uniform(-0.35, 0.35, 3) * shape
        x, y, z = np.rint(centre - shape / 2).astype(int).tolist()
        return x, y, z


def draw_frames(count: int, params: SparseParams, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which of ``count`` frames a sample is made of, rising."""
    most = min(params.most, count)
    fewest = min(params.fewest, most)
    wanted = round(math.exp(rng.uniform(math.log(fewest), math.log(most + 0.49))))
    wanted = min(max(wanted, fewest), most)
    if rng.random() < params.runs and wanted > 1:
        step = int(rng.integers(1, max(2, count // wanted + 1)))
        first = int(rng.integers(0, max(1, count - step * (wanted - 1))))
        return np.minimum(first + step * np.arange(wanted), count - 1)
    return np.sort(rng.permutation(count)[:wanted])


def spoilt_poses(
    poses: Sequence[Pose], params: SparseParams, rng: np.random.Generator
) -> list[Pose]:
    """Poses with an error each and one that builds up from frame to frame."""
    if rng.random() >= params.noisy:
        return list(poses)
    shift = rng.uniform(0, params.pose_shift_m)
    turn = math.radians(rng.uniform(0, params.pose_turn_deg))
    walk = np.cumsum(rng.normal(size=(len(poses), 3)), axis=0)
    walk -= walk.mean(axis=0)
    walk *= rng.uniform(0, params.drift_m) / max(float(np.abs(walk).max()), 1e-9)
    found = []
    for pose, drift in zip(poses, walk, strict=True):
        matrix = pose.world_from_camera.copy()
        matrix[:3, :3] = matrix[:3, :3] @ _small_rotation(rng.normal(0, turn, 3))
        matrix[:3, 3] += rng.normal(0, shift, 3) + drift
        found.append(Pose(matrix))
    return found


def _small_rotation(angles: Array) -> Array:
    """Rotation about the vector ``angles`` by its length, radians (Rodrigues)."""
    angle = float(np.linalg.norm(angles))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = angles / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def spoilt_depths(depths: Any, params: SparseParams, rng: np.random.Generator) -> Any:
    """Depth images as another sensor would give them, one after the other."""
    scale = np.float32(1 + rng.normal(0, params.scale)) if rng.random() < params.noisy else None
    dropped = rng.uniform(0, params.dropped) if rng.random() < params.noisy else 0.0
    smooth = rng.random() < params.smooth_share
    for depth in depths:
        if smooth:
            depth = _like_lidar(depth)
        if scale is not None:
            depth = depth * scale
        if dropped > 0:
            depth = np.where(_patches(depth.shape, dropped, rng), np.float32(0), depth)
        yield depth


def _like_lidar(depth: Array) -> Array:
    """Every fourth reading, and straight lines between them, also over edges."""
    from scipy.ndimage import zoom

    coarse = depth[::4, ::4]
    grown = zoom(coarse, (depth.shape[0] / coarse.shape[0], depth.shape[1] / coarse.shape[1]),
                 order=1, grid_mode=True, mode="nearest")  # fmt: skip
    known = zoom((coarse > 0).astype(np.float32),
                 (depth.shape[0] / coarse.shape[0], depth.shape[1] / coarse.shape[1]),
                 order=1, grid_mode=True, mode="nearest")  # fmt: skip
    return np.where(known > 0.999, grown, np.float32(0)).astype(np.float32)


def _patches(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> Array:
    """A random share of an image, in patches of an eighth of it and smaller."""
    from scipy.ndimage import zoom

    coarse = rng.random((8, 10)).astype(np.float32)
    field = zoom(coarse, (shape[0] / 8, shape[1] / 10), order=1, grid_mode=True, mode="nearest")
    return np.asarray(field < np.quantile(coarse, share) * 0.9)


def _turned(sample: SparseSample, rng: np.random.Generator) -> SparseSample:
    """Turned about z by a multiple of 90 degrees, and mirrored, at random."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    if sample.truth.shape[0] != sample.truth.shape[1]:
        turns = turns // 2 * 2

    def change(volume: Array) -> Array:
        volume = np.rot90(volume, turns, axes=(-3, -2))
        return np.ascontiguousarray(volume[..., ::-1, :, :] if mirrored else volume)

    return SparseSample(change(sample.evidence), change(sample.truth), change(sample.scanned))
