"""Differences of scores in words: the number and how it spreads, never a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from crossvox.core.formats import value_text


def difference_text(gain: float, by_room: Sequence[float] = ()) -> str:
    """A difference with its sign, and its least and greatest among rooms where there are several.

    Example:
        >>> difference_text(0.0062, (-0.002, 0.0121, 0.008))
        '+0.006, by room -0.002 to +0.012'
    """
    text = value_text(gain, signed=True)
    if len(by_room) < 2:
        return text
    low, high = (value_text(value, signed=True) for value in (min(by_room), max(by_room)))
    return f"{text}, by room {low} to {high}"
