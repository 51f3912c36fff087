"""Parameters of samples are refused when they are made."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crossvox.core.checks import ParamsError
from crossvox.samples.params import AugmentParams, ImageAugmentParams, ImageParams


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (AugmentParams, {"brightness": 1.5}),
        (AugmentParams, {"hue": math.nan}),
        (AugmentParams, {"blur_px": math.inf}),
        (AugmentParams, {"blur_share": -0.1}),
        (ImageParams, {"width": 0}),
        (ImageParams, {"resampling": "cubic"}),
        (ImageAugmentParams, {"flip_share": 2.0}),
        (ImageAugmentParams, {"smallest": 2.0, "largest": 1.0}),
        (ImageAugmentParams, {"stretch": 0.5}),
        (ImageAugmentParams, {"contrast": 2.0}),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(kind: type, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: "):
        kind(**wrong)
