"""Whether a difference is too small to matter: two one-sided tests.

"Not found" is not "not there". That a difference is smaller than a *margin* has to be shown: both
"it is at least as high as the margin" and "it is at least as low as minus the margin" are tested,
each by Student's t, and both must fall (Schuirmann, "A comparison of the two one-sided tests
procedure and the power approach for assessing the equivalence of average bioavailability",
J. of Pharmacokinetics and Biopharmaceutics 15, 1987). At an error of 5 % that is the same as a 90 %
interval that lies within the margins. The t is that of :mod:`crossvox.metrics.statistics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from crossvox.core.checks import ParamsError, expect
from crossvox.metrics.statistics import LEVEL, Paired, expect_level, half_width


@dataclass(frozen=True)
class Equivalence:
    """What is known of how small a difference is.

    Attributes:
        margin: differences up to this are of no consequence.
        low, high: interval at twice the level's error: equivalent is what has it within margins.
        p: of "the difference is at least as large as the margin"; NaN where it cannot be told.
    """

    margin: float
    low: float
    high: float
    p: float


def equivalence(paired: Paired, margin: float, level: float = LEVEL) -> Equivalence:
    """Test whether a difference is smaller than a margin.

    Args:
        paired: arm and control, see :func:`crossvox.metrics.statistics.pair`.
        margin: in the score's unit; 0: nothing is too small to matter, and nothing is tested.
        level: one less the error of the test; above 0.5.

    Raises:
        ParamsError: a level outside (0.5, 1), or a margin below 0.
    """
    from scipy.stats import t

    expect_level(level)
    expect(
        margin >= 0 and level > 0.5,
        given=f"a margin of {margin} at level {level}",
        needed="a margin of 0 or more, and a level above 0.5",
        do="correct the design's margins and level",
        error=ParamsError,
    )
    mean, parts = paired.mean, paired.parts
    half = half_width(parts, 2 * level - 1)
    beyond = margin - abs(mean)
    if margin == 0:
        p = math.nan
    elif parts.variance == 0:
        p = float(beyond <= 0)
    else:
        p = float(t.sf(beyond / parts.error, parts.degrees))
    return Equivalence(margin, mean - half, mean + half, p)
