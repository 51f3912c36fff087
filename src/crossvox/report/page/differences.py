"""Differences of scores in words: the number, its interval over rooms, and what can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossvox.core.formats import NONE, counted, value_text
from crossvox.metrics.statistics import LEVEL, paired_difference

LEAST = 1e-9
"""Differences below this come of rounding."""

UNTOLD = "It cannot be told"
"""The answer where no interval is clear of 0."""


def difference_text(value: float | None) -> str:
    """A difference: four digits, more where they would show what is not 0 as 0.

    Example:
        >>> difference_text(0.0123), difference_text(-0.00003), difference_text(-1e-17)
        ('+0.0123', '-0.00003', '0.0000')
    """
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size < LEAST:
        return "0.0000"
    return value_text(value, 4 if size >= 0.00005 else -math.floor(math.log10(size)), signed=True)


def between_text(low: float | None, high: float | None) -> str:
    """The interval of a difference.

    Example:
        >>> between_text(0.00002, 0.05), between_text(None, 0.05)
        ('+0.00002 to +0.0500', 'no interval')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{difference_text(low)} to {difference_text(high)}"


@dataclass(frozen=True)
class Gap:
    """How much one method scores above another in the same rooms.

    Attributes:
        mean: over rooms; NaN without any.
        low, high: its 95 % interval by Student's t over rooms; NaN for fewer than two.
        p: two-sided p value of a mean of 0, likewise.
        rooms: that both have a number of.
    """

    mean: float
    low: float
    high: float
    p: float
    rooms: int

    @property
    def sign(self) -> int:
        """Whether it is surely above 0 (1), surely below (-1), or neither is told (0).

        Its interval must be clear of 0, and so must its p value, which may be adjusted for others.
        """
        if not self.p <= 1 - LEVEL:
            return 0
        return int(self.low > 0) - int(self.high < 0)

    @property
    def text(self) -> str:
        """Mean and interval, for example ``+0.0062 (-0.0120 to +0.0244)``."""
        return f"{difference_text(self.mean)} ({between_text(self.low, self.high)})"


def gap_of(arm: Sequence[float], control: Sequence[float]) -> Gap:
    """One method less another, room by room: one training, so the interval speaks of rooms alone.

    Args:
        arm: a score of each room; NaN where there is none.
        control: the other's, of the same rooms in the same order.
    """
    found = paired_difference(np.array([arm], dtype=float), np.array([control], dtype=float))
    return Gap(found.mean, found.low, found.high, found.p, found.scenes)


def answer_text(gap: Gap, better: str = "Yes", worse: str = "No, it is behind") -> str:
    """What a gap says, in words.

    Example:
        >>> answer_text(gap_of([0.81], [0.62]))
        'It cannot be told from one room'
    """
    if gap.rooms < 2:
        return f"{UNTOLD} from {'one room' if gap.rooms else 'one number each'}"
    return {1: better, -1: worse, 0: UNTOLD}[gap.sign]


def against_text(arm: float, control: float, gap: Gap) -> str:
    """Both numbers, and how far they are apart, of what is counted over all rooms or is their mean.

    Example:
        >>> against_text(0.81, 0.62, gap_of([0.81], [0.62]))
        '0.810 against 0.620, +0.1900'
        >>> against_text(0.96, 0.95, gap_of([0.98, 0.94], [0.96, 0.94]))
        '0.960 against 0.950, +0.0100 (95% interval over two rooms: -0.1171 to +0.1371)'
    """
    gain = arm - control
    text = f"{value_text(arm)} against {value_text(control)}, {difference_text(gain)}"
    if gap.rooms < 2:
        return text
    apart = abs(gain - gap.mean) > LEAST
    own = f"room by room {difference_text(gap.mean)}, " if apart else ""
    interval = between_text(gap.low, gap.high)
    return f"{text} ({own}{LEVEL:.0%} interval over {counted(gap.rooms, 'room')}: {interval})"
