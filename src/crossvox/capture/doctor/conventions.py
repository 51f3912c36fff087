"""Which other meaning of poses, cameras and depth makes the frames agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import Sample, Trail, values
from crossvox.capture.doctor.scale import scale_variant
from crossvox.capture.doctor.variants import (
    Variant,
    camera_variants,
    depth_variants,
    image_variants,
    numbering_variants,
    pose_variants,
    transposed_variants,
)
from crossvox.capture.doctor.weigh import surety
from crossvox.core.camera import Intrinsics

Array = NDArray[Any]

RATIO, MARGIN = 0.8, 0.03
"""Another meaning must bring the loss below this share of what it is, and by so much."""

GOOD = 0.5
"""It must be good in itself."""

SURE = 0.95
"""So many of the draws of pairs must say so."""

AS_GOOD = 1.08
"""What comes within this of the best is as good, and the least far-fetched is named."""

PLAIN = 0.3
"""A loss below which axes and directions are not wrong *and* the scale too."""

_THIN = 6
_SCALES = tuple(10.0 ** (0.25 * n) for n in range(-14, 15))
"""Between depth and positions."""


@dataclass(frozen=True, eq=False)
class Fit:
    """How well one meaning makes the frames agree.

    Attributes:
        variant: the meaning.
        losses: ``(P,)`` by pair.
        surety: how sure it is that it is better than the capture's own, 0 to 1.
    """

    variant: Variant
    losses: NDArray[np.float64]
    surety: float

    @property
    def loss(self) -> float:
        """Mean over pairs."""
        return float(self.losses.mean())


def losses_of(sample: Sample, variant: Variant) -> NDArray[np.float64]:
    """``(P,)`` losses of a meaning."""
    moves = sample.moves(variant.poses)
    return sample.losses(moves, variant.camera, along_ray=variant.along_ray)


def _rough(
    sample: Sample, variant: Variant, moves: Array, most: float, scale: float = 1.0
) -> float:
    """Mean loss of a meaning by a few points, the ways between cameras multiplied by a scale;
    infinite above ``most``.
    """
    scaled = moves.copy()
    scaled[:, :, 3] *= scale
    return sample.mean_loss(
        scaled, variant.camera, along_ray=variant.along_ray, every=_THIN, most=most
    )


def _least(tried: Iterable[float], loss: Callable[[float, float], float]) -> tuple[float, float]:
    """What has the least loss, the first of several, and that loss.

    Args:
        tried: numbers.
        loss: of a number; infinite where it is above the second argument.
    """
    best, least = float("nan"), np.inf
    for one in tried:
        found = loss(one, least)
        if found < least:
            best, least = float(one), found
    return best, least


def best_fit(
    trail: Trail,
    sample: Sample,
    usual: Array,
    units_per_m: float,
    others: dict[str, Array] | None = None,
) -> Fit | None:
    """The meaning that makes frames agree clearly better than the capture's own, or None.

    Args:
        trail: all poses.
        sample: frames and pairs.
        usual: ``(P,)`` losses as the capture takes itself, of all points.
        units_per_m: stored depth units a metre.
        others: more cameras that might be meant, by what is true then.
    """
    variants = chain(every_variant(trail, sample.camera, others), [focal_variant(trail, sample)])
    fits = fitting(variants, sample, usual)
    found = _winner(fits)
    if found is not None and found.loss < PLAIN and found.variant.cost <= 1:
        scaled = list(_scaled([found.variant], sample, units_per_m))
        return _winner(fitting(scaled, sample, found.losses)) or found
    others_too = bool(usual.mean() > PLAIN)
    scaled = list(scaled_variants(trail, sample, units_per_m, others_too=others_too))
    return _winner(sorted(fits + fitting(scaled, sample, usual), key=lambda fit: fit.loss))


def every_variant(
    trail: Trail, camera: Intrinsics, others: dict[str, Array] | None = None
) -> Iterator[Variant]:
    """All meanings but the capture's own, at the scale it has."""
    others = resized_cameras(camera) | (others or {})
    return chain(
        pose_variants(trail),
        transposed_variants(trail),
        numbering_variants(trail),
        image_variants(trail, camera),
        camera_variants(trail, camera, others),
        depth_variants(trail),
    )


def focal_variant(trail: Trail, sample: Sample) -> Variant:
    """The focal length that makes frames agree best, all else as it is."""
    usual = values(sample.camera)
    factor, poses = 1.0, trail.delivered
    moves = sample.moves(poses)

    def variant(factor: float) -> Variant:
        camera = usual * (factor, factor, 1, 1)
        return Variant(
            "focal", f"the focal length times {factor:.3f}", "", "", poses, camera, cost=1.3
        )

    for tried in (np.exp(np.linspace(-1.2, 1.2, 25)), *([np.linspace(0.94, 1.06, 9)] * 2)):
        factor, _ = _least(factor * tried, lambda f, most: _rough(sample, variant(f), moves, most))
    return variant(factor)


def fitting(variants: Iterable[Variant], sample: Sample, usual: Array) -> list[Fit]:
    """Those that could be clearly better than the usual one, best first, with all their points."""
    promising = []
    most = min(GOOD, 0.9 * usual.mean())
    for variant in variants:
        rough = _rough(sample, variant, sample.moves(variant.poses), most)
        if rough < most:
            promising.append((rough, variant))
    promising.sort(key=lambda one: one[0])
    fits = []
    for _, variant in promising[:24]:
        losses = losses_of(sample, variant)
        fits.append(Fit(variant, losses, surety(usual, losses, RATIO, MARGIN)))
    return sorted(fits, key=lambda fit: fit.loss)


def _winner(fits: list[Fit]) -> Fit | None:
    # Of many far-fetched meanings one fits poses that mean nothing a little: it must fit well.
    clear = [
        fit
        for fit in fits
        if fit.surety >= SURE and fit.loss < (PLAIN if fit.variant.cost > 1.4 else GOOD)
    ]
    if not clear:
        return None
    limit = clear[0].loss * AS_GOOD + 0.004
    return min((f for f in clear if f.loss <= limit), key=lambda f: (f.variant.cost, f.loss))


def scaled_variants(
    trail: Trail, sample: Sample, units_per_m: float, *, others_too: bool = True
) -> Iterator[Variant]:
    """Scales between depth and poses, for the capture's own meaning and the usual other ones."""
    own = Variant("scale", "", "", "", trail.delivered, cost=0.0)
    plain = [
        variant
        for variant in chain(pose_variants(trail), transposed_variants(trail))
        if variant.flag or variant.cost < 1
    ]
    yield from _scaled((own, *plain) if others_too else (own,), sample, units_per_m)


def _scaled(variants: Iterable[Variant], sample: Sample, units_per_m: float) -> Iterator[Variant]:
    for variant in variants:
        scale = _scale_of(sample, variant)
        if scale is not None:
            yield scale_variant(variant, scale, sample.median_m, units_per_m)


def _scale_of(sample: Sample, variant: Variant) -> float | None:
    """The scale where the frames agree best; None where they do at none."""
    moves = sample.moves(variant.poses)

    def loss(scale: float, most: float) -> float:
        return _rough(sample, variant, moves, most, scale)

    scale, rough = _least(_SCALES, loss)
    if rough > 0.8:
        return None
    for width in (0.25, 0.08, 0.025, 0.008):
        scale, _ = _least(scale * 10 ** np.linspace(-width, width, 9), loss)
    return scale


_SIZES = (
    *((256, 192), (320, 240), (640, 480), (640, 360), (960, 540), (960, 720), (1024, 768)),
    *((1280, 720), (1280, 960), (1296, 968), (1440, 1080), (1600, 1200), (1920, 1080)),
    *((1920, 1440), (2048, 1536), (3840, 2160), (4032, 3024)),
)


def resized_cameras(camera: Intrinsics) -> dict[str, NDArray[np.float64]]:
    """Cameras as they are if the numbers belong to images of a usual other size."""
    found = {}
    for size in _SIZES:
        ratio = camera.width / size[0]
        same_shape = abs(ratio * size[1] / camera.height - 1) < 0.02
        if same_shape and abs(ratio - 1) > 0.03:
            meant = replace(camera, width=size[0], height=size[1]).resized(camera.size)
            found[f"images of {size[0]}x{size[1]}"] = values(meant)
    return found
