"""Samples of labels in 3D: some frames of a room, what they say of classes, and the truth.

A sample depends on the seed, the epoch and its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.samples.label_scenes import STEPS, LabelScene
from crossvox.samples.params import SparseParams
from crossvox.samples.sparse import draw_frames, spoilt_depths, spoilt_poses
from crossvox.scene.class_evidence import ClassEvidence
from crossvox.scene.evidence import Evidence
from crossvox.scene.params import EvidenceParams, VoteParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = NDArray[Any]

_FLOOR_PERCENTILE = 1.0
_HIGHEST_M = 3.0
"""Heights over the floor are told in units of this."""


@dataclass(frozen=True)
class SpoilParams:
    """How what an image network says is spoilt, and how samples are cut.

    Attributes:
        frames: how frames are drawn, poses and depth spoilt, and the size of samples.
        temperature: probabilities are raised to a power whose logarithm has this standard
            deviation, another one a sample.
        silent: share of the frames that say nothing.
        confused: share of the samples in which some classes are taken for others.
        confusion: largest share of a class that goes to another.
        hidden: largest share of the surface that no frame labels which is left out of a sample, in
            patches: a completed surface holds a part of it.

    Raises:
        ParamsError: a value makes no sense.
    """

    frames: SparseParams = field(
        default_factory=lambda: SparseParams(fewest=1, most=60, shape=(72, 72, 56))
    )
    temperature: float = 0.2
    silent: float = 0.1
    confused: float = 0.3
    confusion: float = 0.4
    hidden: float = 1.0

    def __post_init__(self) -> None:
        shares = (self.silent, self.confused, self.confusion, self.hidden)
        expect(
            all(0 <= share <= 1 for share in shares) and 0 <= self.temperature <= 2,
            given=f"shares {shares}, temperature {self.temperature}",
            needed="shares from 0 to 1, and a temperature of at most 2",
            do="correct --spoil.*",
            error=ParamsError,
        )


@dataclass(frozen=True, eq=False)
class LabelSample:
    """One sample.

    Attributes:
        evidence: ``(C, X, Y, Z)`` float32, see :func:`depth_channels`.
        probability: ``(N, 40)`` float32, what frames say of each voxel of the surface.
        weight: ``(N,)`` float32, how much.
        place: ``(N,)`` int64, linear numbers of the voxels.
        labels: ``(N,)`` int64, the truth; 0 where nobody annotated.
    """

    evidence: NDArray[np.float32]
    probability: NDArray[np.float32]
    weight: NDArray[np.float32]
    place: NDArray[np.int64]
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """Samples of one size, side by side; ``place`` counts in ``(B, X, Y, Z)``."""

    evidence: Tensor
    probability: Tensor
    weight: Tensor
    place: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> LabelBatch:
        """The batch on a device."""
        return LabelBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def collate_labels(samples: Sequence[LabelSample]) -> LabelBatch:
    """Make a batch of samples of one shape."""
    import torch

    size = int(np.prod(samples[0].evidence.shape[1:]))
    places = [sample.place + number * size for number, sample in enumerate(samples)]
    return LabelBatch(
        torch.from_numpy(np.stack([sample.evidence for sample in samples])),
        torch.from_numpy(np.concatenate([sample.probability for sample in samples])),
        torch.from_numpy(np.concatenate([sample.weight for sample in samples])),
        torch.from_numpy(np.concatenate(places)),
        torch.from_numpy(np.concatenate([sample.labels for sample in samples])),
    )


def floor_height(grid: VoxelGrid, voxels: NDArray[np.int64]) -> float:
    """Height of the floor by the lowest voxels of a surface, voxels of the grid; 0 without any."""
    if not len(voxels):
        return 0.0
    return float(np.percentile(voxels % grid.shape[2], _FLOOR_PERCENTILE))


def depth_channels(evidence: Evidence, floor: float) -> NDArray[np.float32]:
    """The evidence of depth as the network takes it, ``(7, X, Y, Z)`` float32.

    Args:
        evidence: of all frames.
        floor: height of the floor, voxels of its grid.
    """
    channels = evidence.channels()
    height = (np.arange(channels.shape[3]) - floor) * (evidence.grid.voxel_m / _HIGHEST_M)
    height = np.broadcast_to(height.astype(np.float32), channels.shape[1:])
    return np.concatenate([channels, height[None]])


class LabelDataset:
    """Samples of rooms, made when they are asked for by ``(epoch, i)``.

    Args:
        scenes: the rooms.
        samples: samples an epoch; each scene comes as often as any other.
        params: how frames are drawn, and all is spoilt.
        evidence: how depth is added up.
        votes: how classes are.
        seed: where chance starts.
        vary: False for validation: nothing is spoilt, turned, or drawn anew in another epoch.
    """

    def __init__(
        self,
        scenes: Sequence[LabelScene],
        samples: int,
        params: SpoilParams,
        evidence: EvidenceParams,
        votes: VoteParams,
        seed: int = 0,
        vary: bool = True,
    ) -> None:
        expect(
            len(scenes) > 0 and samples > 0,
            given=f"{len(scenes)} scenes and {samples} samples",
            needed="at least one of each",
            do="check the scene lists",
            error=ParamsError,
        )
        self.scenes, self.samples, self.params = tuple(scenes), samples, params
        self.evidence, self.votes = evidence, votes
        self.seed, self.vary = seed, vary
        self._floors = [floor_height(scene.grid, scene.voxels) for scene in self.scenes]

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, key: int | tuple[int, int]) -> LabelSample:
        """Make one sample.

        Raises:
            IndexError: there is no such sample.
        """
        epoch, number = key if isinstance(key, tuple) else (0, key)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        rng = np.random.default_rng([self.seed, epoch, number])
        position = number % len(self.scenes)
        scene, frames = self.scenes[position], self.params.frames
        chosen = draw_frames(len(scene.poses), frames, rng)
        poses = [scene.poses[frame] for frame in chosen]
        depths = (scene.depth_mm[frame] * np.float32(1e-3) for frame in chosen)
        floor = self._floors[position]
        if self.vary:
            poses = spoilt_poses(poses, frames, rng)
            depths = spoilt_depths(depths, frames, rng)
            floor += rng.normal(0, 2.0)
        start = self._place(scene, rng)
        grid = scene.grid.sub(start, frames.shape)
        at = np.stack(np.unravel_index(scene.voxels, scene.grid.shape), -1) - np.array(start)
        inside = np.flatnonzero(((at >= 0) & (at < frames.shape)).all(axis=1))
        place = grid.linear(at[inside])
        said = self._said(scene, chosen, rng)
        evidence = Evidence(grid, self.evidence)
        classes = scene.said.shape[-1]
        votes = ClassEvidence(grid, place, scene.normals[inside], classes, self.votes)
        for pose, depth, probability in zip(poses, depths, said, strict=True):
            evidence.add_depth(depth, scene.camera, pose)
            if probability is not None:
                frame = Frame(0, scene.camera, pose, depth_m=depth)
                votes.add(frame, FrameLabels(probability, scene.stride))
        sample = LabelSample(
            depth_channels(evidence, floor - start[2]),
            votes.probability,
            votes.weight,
            place,
            scene.labels[inside].astype(np.int64),
        )
        if not self.vary:
            return sample
        sample = self._without_hidden(sample, at[inside], rng)
        return turned(sample, rng) if frames.turn else sample

    def _place(self, scene: LabelScene, rng: np.random.Generator) -> Index3:
        """Where the sample is cut: around some labelled voxel, or the whole where it fits."""
        start = []
        labelled = scene.voxels[scene.labels > 0]
        centre = np.unravel_index(int(rng.choice(labelled)), scene.grid.shape)
        for middle, size, extent in zip(
            centre, self.params.frames.shape, scene.grid.shape, strict=True
        ):
            free = extent - size
            wanted = int(middle) - int(rng.integers(size // 4, size - size // 4))
            start.append(min(max(wanted, min(free, 0)), max(free, 0)))
        return start[0], start[1], start[2]

    def _said(
        self, scene: LabelScene, chosen: Array, rng: np.random.Generator
    ) -> list[NDArray[np.float32] | None]:
        """Probabilities of the chosen frames, spoilt; None of a frame that says nothing."""
        params = self.params
        said: list[NDArray[np.float32] | None] = [
            scene.said[frame] * np.float32(1 / STEPS) for frame in chosen
        ]
        if not self.vary:
            return said
        silent = rng.random(len(said)) < params.silent
        silent[int(rng.integers(len(said)))] = False
        power = np.float32(np.exp(rng.normal(0, params.temperature)))
        mixing = self._mixing(scene.said.shape[-1], rng)
        for number, probability in enumerate(said):
            if silent[number] or probability is None:
                said[number] = None
                continue
            changed = probability**power
            if mixing is not None:
                changed = changed @ mixing
            total = changed.sum(axis=-1, keepdims=True)
            said[number] = changed / np.maximum(total, np.float32(1e-6))
        return said

    def _mixing(self, classes: int, rng: np.random.Generator) -> NDArray[np.float32] | None:
        """What classes are taken for, ``(C, C)``; None: for what they are."""
        if rng.random() >= self.params.confused:
            return None
        mixing = np.eye(classes, dtype=np.float32)
        for own in rng.permutation(classes)[: classes // 4]:
            share = np.float32(rng.uniform(0, self.params.confusion))
            mixing[own, own] -= share
            mixing[own, int(rng.integers(classes))] += share
        return mixing

    def _without_hidden(
        self, sample: LabelSample, at: Array, rng: np.random.Generator
    ) -> LabelSample:
        """Without some patches of the surface that no frame labels."""
        share = rng.uniform(0, self.params.hidden)
        patch = at // 8
        drawn = rng.random(tuple(patch.max(axis=0) + 1) if len(at) else (1, 1, 1)) < share
        kept = (sample.weight > 0) | ~drawn[tuple(patch.T)]
        return LabelSample(
            sample.evidence,
            sample.probability[kept],
            sample.weight[kept],
            sample.place[kept],
            sample.labels[kept],
        )


def turned(sample: LabelSample, rng: np.random.Generator) -> LabelSample:
    """Turned about z by a multiple of 90 degrees, and mirrored, at random."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    shape = sample.evidence.shape[1:]
    if shape[0] != shape[1]:
        turns = turns // 2 * 2

    def change(volume: Array) -> Array:
        volume = np.rot90(volume, turns, axes=(-3, -2))
        return np.ascontiguousarray(volume[..., ::-1, :, :] if mirrored else volume)

    size = int(np.prod(shape))
    there = np.empty(size, np.int64)  # of each old place the new one
    there[change(np.arange(size).reshape(shape)).reshape(-1)] = np.arange(size)
    return LabelSample(
        change(sample.evidence),
        sample.probability,
        sample.weight,
        there[sample.place],
        sample.labels,
    )
