"""Numbers as a reader sees them, on pages and on the terminal. Undefined numbers are a dash."""

from __future__ import annotations

import math

NONE = "–"
"""What stands for a number that is not there."""

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def defined(value: float | None) -> bool:
    """Whether a number is there and is one."""
    return value is not None and math.isfinite(value)


def value_text(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """A score: so many digits after the point, none from 100 on.

    Example:
        >>> value_text(0.81234), value_text(123.4), value_text(0.05, signed=True)
        ('0.812', '123', '+0.050')
    """
    if value is None or not math.isfinite(value):
        return NONE
    sign = "+" if signed else ""
    return f"{value:{sign}.{digits}f}" if abs(value) < 100 else f"{value:{sign}.0f}"


def spread_text(mean: float | None, sd: float | None, digits: int = 3) -> str:
    """A mean and its standard deviation, where there is one.

    Example:
        >>> spread_text(0.8, 0.012), spread_text(0.8, None)
        ('0.800 ± 0.012', '0.800')
    """
    if mean is None or not math.isfinite(mean):
        return NONE
    beside = f" ± {sd:.{digits}f}" if sd is not None and math.isfinite(sd) else ""
    return f"{mean:.{digits}f}{beside}"


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """Both ends of an interval of a difference.

    Example:
        >>> interval_text(-0.01, 0.05), interval_text(None, None)
        ('-0.010 to +0.050', 'no interval')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{low:+.{digits}f} to {high:+.{digits}f}"


def unit_text(unit: str | None) -> str:
    """The unit of a score as it is shown; ratios have none."""
    return "" if unit in (None, "ratio") else str(unit)


def way_text(higher_is_better: bool) -> str:
    """Which way is good."""
    return "higher is better" if higher_is_better else "lower is better"


def duration_text(seconds: float) -> str:
    """Wall time.

    Example:
        >>> duration_text(4.25), duration_text(42), duration_text(600), duration_text(9000)
        ('4.2 s', '42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def bytes_text(count: int) -> str:
    """Size of a file.

    Example:
        >>> bytes_text(2_500_000), bytes_text(4200)
        ('2.5 MB', '4 kB')
    """
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def support_text(count: int, of: str = "") -> str:
    """How much was counted, in short.

    Example:
        >>> support_text(1_234_567, "points"), support_text(1, "scenes"), support_text(45_600)
        ('1.2 M points', '1 scene', '46 k')
    """
    shown = str(count)
    if count >= 1e6:
        shown = f"{count / 1e6:.1f} M"
    elif count >= 1e4:
        shown = f"{count / 1e3:.0f} k"
    if count == 1:
        of = of.removesuffix("s")
    return f"{shown} {of}".strip()


def counted(number: int, noun: str) -> str:
    """So many things, small numbers as words.

    Example:
        >>> counted(1, "room"), counted(3, "room"), counted(12, "room")
        ('one room', 'three rooms', '12 rooms')
    """
    figures = in_figures(number, noun)
    if not 0 <= number < len(_WORDS):
        return figures
    return f"{_WORDS[number]} {figures.partition(' ')[2]}"


def in_figures(number: int, noun: str) -> str:
    """So many things, as a number: for tables and lists.

    Example:
        >>> in_figures(1, "room"), in_figures(3, "room")
        ('1 room', '3 rooms')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def share_text(share: float) -> str:
    """A share in percent, cut so that only the whole is 100 % and only nothing is 0 %.

    Example:
        >>> share_text(0.9999), share_text(1.0), share_text(0.0004)
        ('99.9%', '100%', 'under 0.1%')
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{math.floor(share * 1000) / 10:g}%"


def area_text(area_m2: float) -> str:
    """An area; what is there is never shown as nothing.

    Example:
        >>> area_text(12.345), area_text(0.02), area_text(0.001)
        ('12.3 m²', '0.02 m²', 'under 0.01 m²')
    """
    if 0 < area_m2 < 0.01:
        return "under 0.01 m²"
    return f"{area_m2:.1f} m²" if area_m2 >= 10 else f"{area_m2:.2f} m²"
