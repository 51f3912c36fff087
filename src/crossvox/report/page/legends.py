"""What the colours of classes and of errors mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.report.class_colors import ERROR_KEY, class_colors, class_name
from crossvox.report.completed import completed_key
from crossvox.report.embed import css_color


def legend(
    shares: Mapping[int, Sequence[float | None]] | Iterable[int],
    names: Sequence[str] = NYU40.names,
) -> list[dict[str, Any]]:
    """Swatch, name and shares of classes, in the order given; what has no label comes last."""
    given = shares if isinstance(shares, Mapping) else dict.fromkeys(shares, ())
    order = sorted(given, key=lambda label: label == NYU40.ignore_id)
    colors = class_colors(np.array(order, dtype=np.uint8))
    return [
        {
            "name": class_name(label, names),
            "color": css_color(color),
            "shares": list(given[label]),
            "unlabelled": label == NYU40.ignore_id,
        }
        for label, color in zip(order, colors, strict=True)
    ]


def completed_legend() -> list[dict[str, str]]:
    """What the colours of measured and completed parts mean."""
    return [{"name": name, "color": css_color(color)} for name, color in completed_key()]


def error_legend() -> list[dict[str, str]]:
    """What the colours of errors mean."""
    return [{"name": name, "color": css_color(color)} for name, color in ERROR_KEY]
