"""Lifting: carry image features to the voxels that see them. The differentiable bridge 2D -> 3D.

A pair says "voxel v of sample b shows at pixel p of view k". Pairs come as four lists of one
length (:class:`crossvox.core.volume.Batch`); a voxel shows at most once in one view, but any number
of voxels may share a pixel: their gradients add there. Nothing of size views x channels x voxels is
ever made except the output of ``concat`` itself.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.grid import Index3

Fusion = Literal["concat", "mean", "max", "sum"]
"""How the views of one voxel are joined."""


def lift(
    features: Tensor,
    voxel: Tensor,
    pixel: Tensor,
    view: Tensor,
    sample: Tensor,
    shape: Index3,
    view_ok: Tensor,
    fusion: Fusion = "concat",
) -> Tensor:
    """Carry image features to voxels.

    Differentiable with respect to ``features``: where several voxels share a pixel, their gradients
    add; where ``max`` meets equal values in several views, they share the gradient evenly.

    Args:
        features: ``(B, K, C, H, W)`` float, K views a sample.
        voxel: ``(N,)`` integer, linear voxel number in the sub-volume, C order.
        pixel: ``(N,)`` integer, ``row * W + column``.
        view: ``(N,)`` integer, view slot, below K.
        sample: ``(N,)`` integer, number in the batch, below B.
        shape: voxels ``(X, Y, Z)`` of a sub-volume.
        view_ok: ``(B, K)`` bool; pairs of views that are missing are left out.
        fusion: ``concat`` puts the views behind each other in slot order; ``mean``, ``max`` and
            ``sum`` run over the views that see the voxel, so they do not depend on the order of the
            views.

    Returns:
        ``(B, K * C, X, Y, Z)`` for ``concat``, else ``(B, C, X, Y, Z)``. What no view sees holds 0.
        No pair at all is legal.

    Raises:
        ShapeError: the arguments disagree on a size, or a pair points outside.
        ParamsError: no such fusion.
    """
    _check(features, voxel, pixel, view, sample, shape, view_ok)
    batch, views, channels, height, width = features.shape
    voxel, pixel, view, sample = (
        index.long() for index in _existing(voxel, pixel, view, sample, view_ok)
    )
    voxels = math.prod(shape)

    seen = _read(features, (sample * views + view) * (height * width) + pixel)
    if fusion == "concat":
        slot = sample * views + view
        target = _channel_targets(slot, voxel, channels, voxels)
        # A (slot, voxel) occurs once, so that plain writing loses nothing.
        volume = features.new_zeros(batch * views * channels * voxels)
        volume = volume.index_copy(0, target, seen.reshape(-1))
        return volume.reshape(batch, views * channels, *shape)
    target = _channel_targets(sample, voxel, channels, voxels)
    volume = features.new_zeros(batch * channels * voxels)
    if fusion == "mean":
        count = seen.new_zeros(batch * voxels)
        place = sample * voxels + voxel
        count = count.index_add(0, place, seen.new_ones(len(place)))
        volume = volume.index_add(0, target, (seen / count[place]).reshape(-1))
    elif fusion == "sum":
        volume = volume.index_add(0, target, seen.reshape(-1))
    elif fusion == "max":
        # From -inf and not with include_self=False: there a seen value that equals the untouched 0
        # (common after ReLU) would share its gradient with the start value.
        volume = torch.full_like(volume, -math.inf)
        volume = volume.scatter_reduce(0, target, seen.reshape(-1), "amax")
        volume = volume.masked_fill(volume.isneginf(), 0.0)
    else:
        raise ParamsError(
            f"given: fusion {fusion!r}; needed: concat, mean, max or sum; do: choose one of them"
        )
    return volume.reshape(batch, channels, *shape)


def lift_attended(
    features: Tensor,
    score: Tensor,
    voxel: Tensor,
    pixel: Tensor,
    view: Tensor,
    sample: Tensor,
    shape: Index3,
    view_ok: Tensor,
) -> Tensor:
    """Carry image features to voxels, each view weighted by the softmax of its score there.

    The softmax runs over the views that see a voxel, so that neither their order nor their number
    matters; equal scores give the mean. Time and memory are linear in the number of pairs.

    Args:
        features: ``(B, K, C, H, W)`` float.
        score: ``(B, K, H, W)`` float, how much each pixel of a view has to say.
        voxel, pixel, view, sample, shape, view_ok: as for :func:`lift`.

    Returns:
        ``(B, C, X, Y, Z)``; what no view sees holds 0. Differentiable in features and scores.

    Raises:
        ShapeError: the arguments disagree on a size, or a pair points outside.
    """
    _check(features, voxel, pixel, view, sample, shape, view_ok)
    batch, views, channels, height, width = features.shape
    expect(
        score.shape == (batch, views, height, width),
        given=f"scores {tuple(score.shape)} for features {tuple(features.shape)}",
        needed="(B, K, H, W) for (B, K, C, H, W)",
        do="score every pixel of every view",
        error=ShapeError,
    )
    voxel, pixel, view, sample = (
        index.long() for index in _existing(voxel, pixel, view, sample, view_ok)
    )
    voxels = math.prod(shape)
    source = (sample * views + view) * (height * width) + pixel
    place = sample * voxels + voxel
    said = score.reshape(-1)[source]
    # The greatest score of a voxel cancels out of the softmax; it only keeps exp from overflowing.
    greatest = said.new_full((batch * voxels,), -math.inf)
    greatest = greatest.scatter_reduce(0, place, said.detach(), "amax")
    weight = (said - greatest[place]).exp()
    total = said.new_zeros(batch * voxels).index_add(0, place, weight)
    weight = weight / total[place]
    target = _channel_targets(sample, voxel, channels, voxels)
    volume = features.new_zeros(batch * channels * voxels)
    volume = volume.index_add(0, target, (_read(features, source) * weight).reshape(-1))
    return volume.reshape(batch, channels, *shape)


def feature_pixels(pixel: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Pixels of a feature map that pixels of its image belong to.

    Image pixel ``u`` lies at ``(u + 0.5) / stride - 0.5`` of the feature map (integers are pixel
    centres). Rounded to the nearest integer that is ``u // stride``: an integer ``u`` never falls
    half-way between two feature pixels, so that no tie arises, and the last feature pixel of a
    row or column covers what is left of the image.

    Args:
        pixel: ``(N,)`` integer, ``row * width + column`` in the image.
        size: ``(width, height)`` of the image, pixels.
        stride: image pixels of one feature pixel, along each axis.

    Returns:
        ``(N,)`` integer, ``row * ceil(width / stride) + column`` in the feature map of
        ``ceil(height / stride)`` rows.
    """
    width, _ = size
    row = pixel.div(width, rounding_mode="floor").div(stride, rounding_mode="floor")
    column = (pixel % width).div(stride, rounding_mode="floor")
    return row * -(-width // stride) + column


def seen_voxels(voxel: Tensor, sample: Tensor, batch: int, shape: Index3) -> Tensor:
    """Which voxels any view sees.

    Args:
        voxel: ``(N,)`` integer, linear voxel number, C order.
        sample: ``(N,)`` integer, number in the batch.
        batch: B, the number of samples.
        shape: voxels ``(X, Y, Z)`` of a sub-volume.

    Returns:
        ``(B, X, Y, Z)`` bool.
    """
    voxels = math.prod(shape)
    seen = torch.zeros(batch * voxels, dtype=torch.bool, device=voxel.device)
    seen[sample.long() * voxels + voxel.long()] = True
    return seen.reshape(batch, *shape)


def view_counts(voxel: Tensor, sample: Tensor, batch: int, shape: Index3) -> Tensor:
    """How many views see each voxel.

    Args:
        voxel: ``(N,)`` integer, linear voxel number, C order; a voxel shows once in a view.
        sample: ``(N,)`` integer, number in the batch.
        batch: B, the number of samples.
        shape: voxels ``(X, Y, Z)`` of a sub-volume.

    Returns:
        ``(B, X, Y, Z)`` float32 counts.
    """
    voxels = math.prod(shape)
    place = sample.long() * voxels + voxel.long()
    return torch.bincount(place, minlength=batch * voxels).float().reshape(batch, *shape)


def _read(features: Tensor, place: Tensor) -> Tensor:
    """Values ``(C, N)`` of ``(B, K, C, H, W)`` at places numbered over ``(B, K, H, W)``."""
    channels, pixels = features.shape[2], features.shape[3] * features.shape[4]
    image, pixel = place.div(pixels, rounding_mode="floor"), place % pixels
    index = _channel_targets(image, pixel, channels, pixels)
    return features.reshape(-1).index_select(0, index).reshape(channels, -1)


def _channel_targets(block: Tensor, place: Tensor, channels: int, length: int) -> Tensor:
    """Numbers ``(C * N,)``, channel by channel, of ``place`` in ``(blocks, C, length)``."""
    channel = torch.arange(channels, device=place.device)[:, None] * length
    return (channel + (block * (channels * length) + place)).reshape(-1)


def _existing(
    voxel: Tensor, pixel: Tensor, view: Tensor, sample: Tensor, view_ok: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pairs of views that exist; usually these are all."""
    keep = view_ok[sample.long(), view.long()]
    if bool(keep.all()):
        return voxel, pixel, view, sample
    return voxel[keep], pixel[keep], view[keep], sample[keep]


def _check(
    features: Tensor,
    voxel: Tensor,
    pixel: Tensor,
    view: Tensor,
    sample: Tensor,
    shape: Index3,
    view_ok: Tensor,
) -> None:
    lists = {"voxel": voxel, "pixel": pixel, "view": view, "sample": sample}
    expect(
        features.ndim == 5 and view_ok.shape == features.shape[:2],
        given=f"features {tuple(features.shape)} and view_ok {tuple(view_ok.shape)}",
        needed="(B, K, C, H, W) and (B, K)",
        do="take both from one batch",
        error=ShapeError,
    )
    expect(
        all(index.shape == (voxel.numel(),) for index in lists.values()),
        given=", ".join(f"{name} {tuple(index.shape)}" for name, index in lists.items()),
        needed="four lists of one length",
        do="take them from one batch",
        error=ShapeError,
    )
    batch, views, _, height, width = features.shape
    limits = {"voxel": math.prod(shape), "pixel": height * width, "view": views, "sample": batch}
    for name, index in lists.items():
        if index.numel() == 0:
            return
        low, high = (int(value) for value in torch.aminmax(index))
        expect(
            low >= 0 and high < limits[name],
            given=f"{name} numbers from {low} to {high}",
            needed=f"0 to {limits[name] - 1} for features {tuple(features.shape)} "
            f"and a sub-volume of {shape}",
            do="make the pairs for this image size and sub-volume",
            error=ShapeError,
        )
