"""Samples of labels in 3D: some frames of a room, what they say of classes, and the truth.

A sample depends on the seed, the epoch and its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.samples.label_scenes import STEPS, LabelScene
from crossvox.samples.params import SpoilParams
from crossvox.samples.sparse import draw_frames, spoilt_depths, spoilt_poses
from crossvox.scene.class_evidence import ClassEvidence
from crossvox.scene.label_context import LabelContext, floor_height
from crossvox.scene.params import VoteParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = NDArray[Any]

_PATCH = 8
"""Edge of the patches of surface that are left out together, voxels."""


@dataclass(frozen=True, eq=False)
class LabelSample:
    """One sample: some annotated voxels of a room.

    Attributes:
        context: ``(N, F)`` float32, see :class:`crossvox.scene.label_context.LabelContext`.
        told: ``(N,)`` bool, whether any frame says something of the voxel.
        labels: ``(N,)`` int64 NYU40 ids, 1 to 40.
    """

    context: NDArray[np.float32]
    told: NDArray[np.bool_]
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """Samples one after the other."""

    context: Tensor
    told: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> LabelBatch:
        """The batch on a device."""
        return LabelBatch(self.context.to(device), self.told.to(device), self.labels.to(device))


def collate_labels(samples: Sequence[LabelSample]) -> LabelBatch:
    """Make a batch of samples."""
    import torch

    return LabelBatch(
        torch.from_numpy(np.concatenate([sample.context for sample in samples])),
        torch.from_numpy(np.concatenate([sample.told for sample in samples])),
        torch.from_numpy(np.concatenate([sample.labels for sample in samples])),
    )


class LabelDataset:
    """Samples of rooms, made when they are asked for by ``(epoch, i)``.

    Args:
        groups: the rooms, by group; each group gives as many samples as any other.
        samples: samples an epoch.
        params: how frames are drawn, and all is spoilt.
        votes: how what frames say of classes is added up.
        seed: where chance starts.
        vary: False for validation: nothing is spoilt or drawn anew in another epoch.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[LabelScene]],
        samples: int,
        params: SpoilParams,
        votes: VoteParams,
        seed: int = 0,
        vary: bool = True,
    ) -> None:
        expect(
            len(groups) > 0 and all(len(group) > 0 for group in groups) and samples > 0,
            given=f"groups of {[len(group) for group in groups]} scenes and {samples} samples",
            needed="at least one of each",
            do="check the scene lists",
            error=ParamsError,
        )
        self.groups = tuple(tuple(group) for group in groups)
        self.samples, self.params = samples, params
        self.votes, self.seed, self.vary = votes, seed, vary

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
        group = self.groups[number % len(self.groups)]
        scene, frames = group[number // len(self.groups) % len(group)], self.params.frames
        chosen = draw_frames(len(scene.poses), frames, rng)
        poses = [scene.poses[frame] for frame in chosen]
        depths = (scene.depth_mm[frame] * np.float32(1e-3) for frame in chosen)
        floor = floor_height(scene.grid, scene.voxels)
        if self.vary:
            poses = spoilt_poses(poses, frames, rng)
            depths = spoilt_depths(depths, frames, rng)
            floor += rng.normal(0, 2.0)
        said = self._said(scene, chosen, rng)
        classes = scene.said.shape[-1]
        votes = ClassEvidence(scene.grid, scene.voxels, scene.normals, classes, self.votes)
        for pose, depth, probability in zip(poses, depths, said, strict=True):
            if probability is not None:
                frame = Frame(0, scene.camera, pose, depth_m=depth)
                votes.add(frame, FrameLabels(probability, scene.stride))
        weight = votes.weight
        there = self._there(scene, weight, rng)
        context = LabelContext(
            scene.grid,
            scene.voxels[there],
            scene.normals[there],
            votes.probability[there],
            weight[there],
            floor,
        )
        rows = np.flatnonzero(scene.labels[there] > 0)
        if 0 < self.params.voxels < len(rows):
            rows = np.sort(rng.choice(rows, self.params.voxels, replace=False))
        return LabelSample(
            context.rows(rows),
            weight[there][rows] > 0,
            scene.labels[there][rows].astype(np.int64),
        )

    def _there(
        self, scene: LabelScene, weight: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Voxels of the surface as far as it is known: all that a frame labels, and in patches some
        of the others, as of a completed surface."""
        told = weight > 0
        share = rng.uniform(0, self.params.hidden) if self.vary else self.params.hidden / 2
        patch = np.stack(np.unravel_index(scene.voxels, scene.grid.shape), -1) // _PATCH
        drawn = rng.random(tuple(patch.max(axis=0) + 1)) < share
        return np.flatnonzero(told | ~drawn[tuple(patch.T)])

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
