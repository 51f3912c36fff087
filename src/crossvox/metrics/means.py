"""Means that leave out and count what is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Score

Array = NDArray[Any]


def present_mean(values: Array) -> tuple[float, int]:
    """Mean of the values that are defined, and how many they are; NaN and 0 if none is."""
    values = np.asarray(values, dtype=np.float64)
    defined = values[~np.isnan(values)]
    return (float(defined.mean()), len(defined)) if len(defined) else (float("nan"), 0)


def mean_scores(scenes: Sequence[Sequence[Score]]) -> list[Score]:
    """Mean of each score over scenes, every scene weighing the same.

    Returns:
        One score a name, in order of first appearance; support = scenes where it is defined,
        ``details["undefined"]`` = scenes where it is not (NaN, or missing altogether).

    Raises:
        ParamsError: scores of one name differ in unit, direction or protocol.
    """
    named: dict[str, list[Score]] = {}
    for scene in scenes:
        for score in scene:
            named.setdefault(score.name, []).append(score)
    means = []
    for name, scores in named.items():
        first = scores[0]
        kinds = {(score.unit, score.higher_is_better, score.protocol) for score in scores}
        expect(
            len(kinds) == 1,
            given=f"scores called {name} measured in different ways: {sorted(kinds)}",
            needed="one unit and one protocol",
            do="evaluate all scenes with the same protocol",
            error=ParamsError,
        )
        value, support = present_mean(np.array([score.value for score in scores]))
        details = {"undefined": float(len(scenes) - support)}
        means.append(replace(first, value=value, support=support, of="scenes", details=details))
    return means
