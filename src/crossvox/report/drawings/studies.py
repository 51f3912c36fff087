"""Arms of a study: their spread, and their differences to a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from crossvox.report.drawings.svg import GRID, SERIES, SOFT, finish, svg


def arm_dots(
    name: str,
    score: str,
    arms: Mapping[str, tuple[float | None, float | None, Sequence[float]]],
    baselines: Mapping[str, float],
    better: str,
) -> Markup | None:
    """One score of every arm: a dot a seed, the mean, one standard deviation either way.

    Args:
        name: of the drawing, unique on the page.
        score: what is shown.
        arms: mean, standard deviation over seeds, value of each seed.
        baselines: values without spread, drawn as lines.
        better: which way is good.
    """
    shown = {arm: (mean, sd, seeds) for arm, (mean, sd, seeds) in arms.items() if mean is not None}
    if not shown:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row, (mean, sd, seeds) in enumerate(shown.values()):
            axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
            if sd is not None:
                axes.plot([mean - sd, mean + sd], [row, row], color=SERIES[0], linewidth=3)
            axes.plot(list(seeds), [row] * len(seeds), "o", color=SERIES[0], alpha=0.4, ms=6)
            axes.plot([mean], [row], "o", color=SERIES[0], ms=9)
        for color, (baseline, value) in zip(SERIES[1:], baselines.items(), strict=False):
            axes.axvline(
                value, color=color, linewidth=1.6, linestyle=(0, (5, 4)), label=baseline, zorder=0
            )
        axes.set_yticks(range(len(shown)), list(shown))
        axes.set_ylim(len(shown) - 0.5, -0.5)
        finish(axes, "", f"{score} ({better})")
        axes.grid(False, axis="y")

    text = "; ".join(f"{arm} {mean:.3f}" for arm, (mean, _, _) in shown.items())
    lines = "; ".join(f"{baseline} {value:.3f}" for baseline, value in baselines.items())
    return svg(
        name,
        draw,
        f"{score} by arm, mean over seeds: {text}. Without learning: {lines or 'none'}.",
        (6.4, 1.3 + 0.4 * len(shown)),
    )


def interval_dots(
    name: str,
    score: str,
    control: str,
    arms: Mapping[str, tuple[float, float | None, float | None]],
    better: str,
) -> Markup | None:
    """Differences to a control with their intervals; hollow where the interval holds 0.

    Args:
        name: of the drawing, unique on the page.
        score: whose difference is shown.
        control: what the arms are compared with.
        arms: mean difference, low and high end of its interval (None where it cannot be told).
        better: which way is good.
    """
    if not arms:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=SOFT, linewidth=1.4)
        for row, (mean, low, high) in enumerate(arms.values()):
            axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
            known = clear = False
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=SERIES[0], linewidth=2.4, zorder=2)
                known, clear = True, low > 0 or high < 0
            axes.plot(
                [mean], [row], "o" if known else "D", color=SERIES[0], ms=8, zorder=3,
                fillstyle="full" if clear else "none", markeredgewidth=2,
            )  # fmt: skip
        axes.set_yticks(range(len(arms)), list(arms))
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.margins(x=0.08)
        finish(axes, "", f"{score} less that of {control} ({better})")
        axes.grid(False, axis="y")

    text = "; ".join(
        f"{arm} {mean:+.3f}"
        + (f" ({low:+.3f} to {high:+.3f})" if low is not None and high is not None else "")
        for arm, (mean, low, high) in arms.items()
    )
    return svg(name, draw, f"{score} less that of {control}: {text}.", (6.4, 1.1 + 0.4 * len(arms)))
