"""Batches and a scene that are drawn, so that nothing has to be prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from crossvox.core.camera import Intrinsics
from crossvox.core.frame import ALL_PARTS, Frame, Parts
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Batch, ImageBatch, SceneViews, SceneVolume
from crossvox.samples.source import SceneSource
from crossvox.views.params import ViewParams


@dataclass(frozen=True)
class Size:
    """How large everything is.

    Attributes:
        chunk: voxels of a sub-volume.
        scene: voxels of a scene.
        frames: frames of a scene.
        image: width and height of images.
        batch: sub-volumes in a batch.
        images: images in a batch.
        width: channels of ``scene_unet``.
        repeats: how often a rate is measured; the best counts.
    """

    chunk: tuple[int, int, int]
    scene: tuple[int, int, int]
    frames: int
    image: tuple[int, int]
    batch: int
    images: int
    width: int
    repeats: int


FULL = Size((32, 32, 64), (160, 128, 64), 200, (320, 240), 16, 16, 16, 20)
SMALL = Size((8, 8, 16), (16, 16, 16), 6, (64, 48), 2, 2, 4, 1)
VIEWS = 5


def views_of(size: Size) -> ViewParams:
    """View parameters for this size."""
    return ViewParams(width=size.image[0], height=size.image[1], max_views=VIEWS)


def batch_of(size: Size, seed: int) -> Batch:
    """Sub-volumes in which each view sees a tenth of the voxels."""
    random = torch.Generator().manual_seed(seed)
    (width, height), voxels = size.image, int(np.prod(size.chunk))
    count = size.batch * VIEWS * voxels // 10
    chosen = torch.randperm(size.batch * VIEWS * voxels, generator=random)[:count]
    occupied = torch.rand(size.batch, *size.chunk, generator=random) < 0.08
    labels = torch.randint(1, 41, occupied.shape, generator=random) * occupied
    return Batch(
        images=torch.randn(size.batch, VIEWS, 3, height, width, generator=random),
        view_ok=torch.ones(size.batch, VIEWS, dtype=torch.bool),
        voxel=chosen % voxels,
        pixel=torch.randint(0, width * height, (count,), generator=random),
        view=chosen // voxels % VIEWS,
        sample=chosen // (VIEWS * voxels),
        occupied=occupied,
        observed=torch.ones_like(occupied),
        inside=torch.ones_like(occupied),
        labels=labels,
    )


def images_of(size: Size, seed: int) -> ImageBatch:
    """Images with labels."""
    random = torch.Generator().manual_seed(seed)
    width, height = size.image
    return ImageBatch(
        images=torch.randn(size.images, 3, height, width, generator=random),
        labels=torch.randint(0, 41, (size.images, height, width), generator=random),
    )


class Drawn:
    """A capture of noise."""

    def __init__(self, size: Size) -> None:
        (width, height) = size.image
        self.camera = Intrinsics(width, width, (width - 1) / 2, (height - 1) / 2, width, height)
        self.frame_ids = list(range(size.frames))

    def __len__(self) -> int:
        return len(self.frame_ids)

    def frame(
        self, index: int, size: tuple[int, int] | None = None, parts: Parts = ALL_PARTS
    ) -> Frame:
        """Frame number ``index``: colours alone."""
        del size, parts
        random = np.random.default_rng(index)
        shape = (self.camera.height, self.camera.width, 3)
        return Frame(index, self.camera, None, random.integers(0, 255, shape, dtype=np.uint8))


def scene_of(size: Size) -> SceneSource:
    """A scene whose floor and walls are seen, each frame a part of them."""
    grid = VoxelGrid(size.scene, 0.05, (0.0, 0.0, 0.0))
    shell = np.zeros(grid.shape, bool)
    shell[:, :, 0] = shell[0] = shell[:, 0] = True
    surface = np.flatnonzero(shell).astype(np.int32)
    random = np.random.default_rng(0)
    seen = [
        np.sort(random.choice(surface, len(surface) // 4, replace=False))
        for _ in range(size.frames)
    ]
    capture = Drawn(size)
    views = SceneViews(
        grid,
        capture.camera,
        np.arange(size.frames, dtype=np.int32),
        np.cumsum([0, *(len(one) for one in seen)]).astype(np.int64),
        np.concatenate(seen),
        random.integers(
            0, size.image[0] * size.image[1], sum(len(one) for one in seen), dtype=np.int32
        ),
    )
    labels = shell.astype(np.uint8)
    volume = SceneVolume(grid, shell, np.ones_like(shell), labels)
    return SceneSource("drawn", volume, views, capture)  # type: ignore[arg-type]


class Batches:
    """A data set whose samples are numbers; :meth:`collate` makes the batch of the first one."""

    def __init__(self, size: Size, count: int = 4) -> None:
        self.size, self.count = size, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> int:
        return key[1]

    def collate(self, numbers: list[int]) -> Batch:
        """A batch that depends on the first number alone."""
        return batch_of(self.size, numbers[0])


def endless(make: Callable[[int], object]) -> Iterator[object]:
    """The same few batches again and again."""
    made = [make(seed) for seed in range(3)]
    while True:
        yield from made
