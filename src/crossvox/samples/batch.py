"""Samples become batches: images normalised, arrays joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.colors import COLORS
from crossvox.core.volume import Batch, ImageBatch, ImageSample, LabelledBatch, Sample
from crossvox.samples.kernels import scale_colors, scale_known
from crossvox.views.geometry import PLANES, normalised_plane

_FACTOR = (1 / (255 * np.array(COLORS.std))).astype(np.float32)
_DEPTH_FACTOR, _DEPTH_OFFSET = (
    np.array(values, np.float32)
    for values in zip(*(normalised_plane(number) for number in range(len(PLANES))), strict=True)
)
_OFFSET = (-np.array(COLORS.mean) / np.array(COLORS.std)).astype(np.float32)


def normalised(
    image: NDArray[np.uint8], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """``(3, H, W)`` uint8 colours as float32, normalised by :data:`crossvox.core.colors.COLORS`.

    Planes of depth that follow the colours are normalised as :mod:`crossvox.views.geometry` says,
    and are 0 where nothing is known.

    Args:
        image: ``(3, H, W)`` or ``(6, H, W)``.
        out: takes the result; None makes a new array.
    """
    out = np.empty(image.shape, dtype=np.float32) if out is None else out
    scale_colors(image[:3], _FACTOR, _OFFSET, out[:3])
    if len(image) > len(_FACTOR):
        scale_known(image[3:], _DEPTH_FACTOR, _DEPTH_OFFSET, out[3:])
    return out


def collate(samples: Sequence[Sample]) -> Batch:
    """Join samples to a batch: images normalised, pairs in one list with their sample's number.

    Raises:
        ShapeError: no samples, or samples of different shapes.
    """
    shapes = {(sample.images.shape, sample.occupied.shape) for sample in samples}
    expect(
        len(shapes) == 1,
        given=f"samples of shapes {sorted(shapes)}",
        needed="at least one sample, all with one number of views, image size and shape",
        do="batch samples of one index",
        error=ShapeError,
    )
    images = np.empty((len(samples), *samples[0].images.shape), dtype=np.float32)
    for n, sample in enumerate(samples):
        for slot, there in enumerate(sample.view_ok.tolist()):
            if there:
                normalised(sample.images[slot], images[n, slot])
            else:
                images[n, slot] = 0

    def joined(arrays: Iterable[NDArray[np.int64]]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate(list(arrays)))

    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    batch = Batch(
        images=torch.from_numpy(images),
        view_ok=stacked("view_ok"),
        voxel=joined(sample.lift.voxel for sample in samples),
        pixel=joined(sample.lift.pixel for sample in samples),
        view=joined(sample.lift.view for sample in samples),
        sample=joined(np.full(len(s.lift.voxel), n, np.int64) for n, s in enumerate(samples)),
        occupied=stacked("occupied"),
        observed=stacked("observed"),
        inside=stacked("inside"),
        labels=stacked("labels").long(),
    )
    if samples[0].image_labels is None:
        return batch
    return LabelledBatch(**vars(batch), image_labels=stacked("image_labels").long())


def collate_images(samples: Iterable[ImageSample]) -> ImageBatch:
    """Join samples to a batch, images normalised.

    Raises:
        ShapeError: no samples, or samples of different sizes.
    """
    samples = list(samples)
    shapes = {sample.image.shape for sample in samples}
    expect(
        len(shapes) == 1,
        given=f"samples of shapes {sorted(shapes)}",
        needed="at least one sample, all of one size",
        do="batch samples of one data set",
        error=ShapeError,
    )
    images = np.empty((len(samples), *samples[0].image.shape), dtype=np.float32)
    for sample, image in zip(samples, images, strict=True):
        normalised(sample.image, image)
    labels = np.stack([sample.labels for sample in samples])
    return ImageBatch(torch.from_numpy(images), torch.from_numpy(labels).long())
