"""How depth frames are fused to a surface."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crossvox.core.checks import ParamsError, expect

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
