"""Parameters of prediction are refused when they are made, before any network runs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crossvox.core.checks import ParamsError
from crossvox.predict.params import PredictParams, SurfaceParams


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 0.0},
        {"level": 1.0},
        {"level": 2.0},
        {"level": math.nan},
        {"ridge_sigma_voxels": -0.1},
        {"ridge_sigma_voxels": math.inf},
        {"gap_voxels": -1.0},
        {"method": "marching"},
    ],
)
def test_surfaces_that_cannot_be_drawn_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: "):
        SurfaceParams(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stride": (16, 0, 32)},
        {"stride": (16, 16)},
        {"batch_size": 0},
        {"blend": "box"},
        {"prior_frames": "none"},
    ],
)
def test_windows_that_cannot_be_made_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: "):
        PredictParams(**wrong)
