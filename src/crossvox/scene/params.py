"""How depth frames are fused to a surface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices

FULL_WEIGHT = 65535
"""Observations that a voxel counts at most."""


@dataclass(frozen=True)
class TsdfParams:
    """How depth frames are fused.

    Attributes:
        voxel_m: edge of a voxel, metres.
        truncation_voxels: half width of the band around the surface that is stored, voxels.
        far_m: depth readings beyond this are ignored, metres; the noise of a structured-light
            sensor grows with the square of the depth and passes a voxel at about 4 m. ``inf``
            takes everything.
        min_weight: observations that every corner of a cell needs before a surface is drawn in it.
    """

    voxel_m: float = 0.02
    truncation_voxels: float = 5.0
    far_m: float = 4.0
    min_weight: int = 1

    def __post_init__(self) -> None:
        expect(
            0 < self.voxel_m < math.inf
            and 0 < self.truncation_voxels < math.inf
            and self.far_m > 0
            and 1 <= self.min_weight <= FULL_WEIGHT,
            given=f"voxel_m={self.voxel_m}, truncation_voxels={self.truncation_voxels}, "
            f"far_m={self.far_m}, min_weight={self.min_weight}",
            needed="positive numbers, and a minimum weight from 1 to 65535",
            do="check the fusion parameters",
            error=ParamsError,
        )

    @property
    def truncation_m(self) -> float:
        """Half width of the stored band, metres."""
        return self.voxel_m * self.truncation_voxels


Scan = Literal["walk", "room"]
"""Which scan a network of surface completion foretells, beside the whole surface.

- ``walk``: one along the way of the frames that it is given: what they, and those between the first
  and the last of them, measure.
- ``room``: one of the whole room: what all of its frames see.
"""


@dataclass(frozen=True)
class EvidenceParams:
    """What is collected of all frames for every voxel.

    Attributes:
        band_voxels: a reading says how far the surface is from a voxel up to this many voxels; from
            further on it only says that the voxel is free, or hidden.
        far_m: depth readings beyond this are ignored, metres.
        colors: collect the mean colour that frames see near the voxel.
    """

    band_voxels: float = 3.0
    far_m: float = 4.0
    colors: bool = False

    def __post_init__(self) -> None:
        expect(
            0.5 <= self.band_voxels < math.inf and self.far_m > 0,
            given=f"band_voxels={self.band_voxels}, far_m={self.far_m}",
            needed="a band of half a voxel or more, and a positive range",
            do="check the parameters of the evidence",
            error=ParamsError,
        )


@dataclass(frozen=True)
class VoteParams:
    """What a frame's classes count for a voxel that the frame sees.

    A weight is the product of three: of the angle at which the surface is seen, of its distance,
    and of how near the pixel is to the image's border, where a network knows least of what is
    around it.

    Attributes:
        near_voxels: a reading counts for a voxel up to this far before or behind it along the
            camera's axis, voxels.
        far_m: readings beyond this do not count, metres.
        angle_power: the weight falls with the cosine between ray and normal, to this power; 0
            leaves angles out.
        least_angle: it falls no lower than this.
        half_m: distance at which the weight has fallen to a half, metres: it is
            ``1 / (1 + (z / half_m)^2)``; ``inf`` leaves distances out.
        border: share of the image's width over which the weight rises from its border inwards, to
            1; 0 leaves borders out.
        least_border: what it is at the border.
        mean: ``probability`` takes the weighted mean of probabilities, ``log`` that of their
            logarithms, made to sum to 1 again.
        interpolate: take probabilities between fields of pixels (bilinear); otherwise those of the
            field that the voxel shows in.

    Raises:
        ParamsError: a value makes no sense.
    """

    near_voxels: float = 1.6
    far_m: float = 5.0
    angle_power: float = 1.0
    least_angle: float = 0.1
    half_m: float = 3.0
    border: float = 0.1
    least_border: float = 0.3
    mean: Literal["probability", "log"] = "probability"
    interpolate: bool = True

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            0 < self.near_voxels < math.inf
            and self.far_m > 0
            and 0 <= self.angle_power < 100
            and 0 < self.least_angle <= 1
            and self.half_m > 0
            and 0 <= self.border <= 0.5
            and 0 < self.least_border <= 1,
            given=f"near_voxels={self.near_voxels}, far_m={self.far_m}, "
            f"angle_power={self.angle_power}, least_angle={self.least_angle}, "
            f"half_m={self.half_m}, border={self.border}, least_border={self.least_border}",
            needed="positive distances, a power of 0 or more, a border of at most half the image, "
            "and least weights above 0 and up to 1",
            do="correct --label.votes.*",
            error=ParamsError,
        )
