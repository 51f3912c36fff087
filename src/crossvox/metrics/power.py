"""What so many seeds and scenes can show, and how many a difference would need.

A true difference is found with a chance that follows from the noncentral t: its size over the
standard error, at the degrees of freedom of the same variance (:mod:`crossvox.metrics.crossed`).
For other numbers of seeds and scenes the variance is taken apart into what seeds, scenes and single
cells contribute, and put together anew. All of it is told from the study at hand: a few seeds tell
a variance badly, so these are orders of size and no promises. With one factor alone it is the power
of the usual t test (Cohen, "Statistical power analysis for the behavioral sciences", 1988).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from crossvox.core.checks import ParamsError, expect
from crossvox.metrics.crossed import Parts
from crossvox.metrics.statistics import LEVEL, expect_level

CHANCE = 0.8
"""With which a difference shall be found, as is usual."""

MOST = 10_000
"""More seeds or scenes than this are as good as none."""


def power_of(true: float, parts: Parts, level: float = LEVEL) -> float:
    """Chance that a true difference is found not to be 0, on its own side.

    Args:
        true: difference, in the score's unit.
        parts: how the mean varies.
        level: one less the error of the two-sided test.

    Returns:
        NaN where nothing tells how the mean varies.

    Raises:
        ParamsError: a level outside (0, 1).
    """
    from scipy.stats import nct, t

    expect_level(level)
    if not parts.variance > 0:
        return float(true != 0) if parts.variance == 0 else math.nan
    degrees, away = parts.degrees, abs(true) / parts.error
    found = float(nct.sf(t.ppf((1 + level) / 2, degrees), degrees, away))
    # scipy gives NaN far out, where the chance is 1 for all purposes
    return 1.0 if math.isnan(found) else found


def smallest_found(parts: Parts, level: float = LEVEL, chance: float = CHANCE) -> float:
    """Smallest true difference that would be found with a chance.

    Returns:
        0 where the mean does not vary, NaN where nothing tells how it does.

    Raises:
        ParamsError: a level, or a chance, outside (0, 1); a chance below that of the error.
    """
    from scipy.optimize import brentq
    from scipy.stats import t

    expect_level(level)
    expect(
        (1 - level) / 2 < chance < 1,
        given=f"a chance of {chance}",
        needed=f"one between {(1 - level) / 2:g} and 1",
        do="pass a chance such as 0.8",
        error=ParamsError,
    )
    if not parts.variance > 0:
        return parts.variance
    high = parts.error * float(t.ppf((1 + level) / 2, parts.degrees))
    while power_of(high, parts, level) < chance:
        high *= 2
    found = brentq(lambda true: power_of(true, parts, level) - chance, 0.0, high, rtol=1e-6)
    return float(found)


def seeds_needed(
    true: float, parts: Parts, level: float = LEVEL, chance: float = CHANCE
) -> int | None:
    """Seeds that would find a difference with a chance, on as many scenes as there are.

    Returns:
        None: no number does, for scenes alone vary too much; or one seed was all there is, and
        nothing tells how seeds vary.
    """
    if parts.seeds < 2:
        return None
    return _fewest(
        lambda n: power_of(true, parts.at(n, parts.scenes), level) >= chance, parts.seeds
    )


def scenes_needed(
    true: float, parts: Parts, level: float = LEVEL, chance: float = CHANCE
) -> int | None:
    """Scenes that would find a difference with a chance, with as many seeds as there are.

    Returns:
        None: no number does, for seeds alone vary too much; or there is one scene.
    """
    if parts.scenes < 2:
        return None
    return _fewest(
        lambda n: power_of(true, parts.at(parts.seeds, n), level) >= chance, parts.scenes
    )


def times_both(smallest: float, true: float) -> int:
    """How many times as many seeds *and* scenes are enough to find a difference.

    The error of the mean falls at least with the root of so many times as many of both, and t with
    it, so that fewer may do.

    Args:
        smallest: difference that is found with those there are, see :func:`smallest_found`.
        true: difference that shall be found with the same chance.

    Example:
        >>> times_both(0.066, 0.005), times_both(0.004, 0.005)
        (175, 1)
    """
    return max(1, math.ceil((smallest / true) ** 2))


def _fewest(enough: Callable[[int], bool], there: int) -> int | None:
    """The smallest number from 2 on that is enough; None beyond :data:`MOST`."""
    low, high = 1, max(2, there)
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
