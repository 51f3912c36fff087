"""A score over the number of frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from crossvox.report.drawings.svg import SERIES, finish, svg

_MARKERS = "osD^v"

_ASIDE = 1.025
"""Methods stand so many times farther right than the one before, so that bars do not lie on
each other."""


def frames_curve(
    name: str,
    score: str,
    frames: Sequence[int],
    methods: Mapping[str, Sequence[tuple[float, float, float]]],
    better: str,
) -> Markup:
    """One score of several methods over the number of frames, which is spaced by its logarithm.

    Args:
        name: of the drawing, unique on the page.
        score: what is shown.
        frames: how many frames were given, rising.
        methods: mean and both ends of its interval for each number of frames; NaN where there is
            none.
        better: which way is good.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number, (color, (method, points)) in enumerate(
            zip(SERIES, methods.items(), strict=False)
        ):
            aside = _ASIDE ** (number - (len(methods) - 1) / 2)
            places = [count * aside for count in frames]
            for place, (_, low, high) in zip(places, points, strict=True):
                if math.isfinite(low) and math.isfinite(high):
                    axes.plot([place, place], [low, high], color=color, linewidth=4, alpha=0.4)
            axes.plot(
                places, [mean for mean, _, _ in points], color=color, linewidth=2.0,
                marker=_MARKERS[number % len(_MARKERS)], markersize=6.5, label=method,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(list(frames), [str(count) for count in frames])
        axes.xaxis.set_minor_locator(NullLocator())
        finish(axes, f"{score} ({better})" if better else score, "frames")

    told = "; ".join(
        f"{method} "
        + ", ".join(f"{m:.3f} from {n}" for n, (m, _, _) in zip(frames, points, strict=True))
        for method, points in methods.items()
    )
    return svg(name, draw, f"{score} by the number of frames. {told}.")
