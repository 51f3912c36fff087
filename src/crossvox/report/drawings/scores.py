"""Scores by scene and by class."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from crossvox.report.drawings.svg import GRID, SERIES, finish, svg


def scene_dots(name: str, methods: Mapping[str, Mapping[str, float]], better: str) -> Markup | None:
    """One score of every scene, a dot a method: ``methods[method][scene]``."""
    scenes = sorted({scene for values in methods.values() for scene in values})
    if len(scenes) < 2:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row in range(len(scenes)):
            axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
        for color, (method, values) in zip(SERIES, methods.items(), strict=False):
            rows = [i for i, scene in enumerate(scenes) if scene in values]
            axes.plot(
                [values[scenes[i]] for i in rows],
                rows,
                "o",
                color=color,
                markersize=8,
                label=method,
            )
        axes.set_yticks(range(len(scenes)), scenes)
        axes.set_ylim(len(scenes) - 0.5, -0.5)
        every = [v for values in methods.values() for v in values.values()]
        if min(every) >= 0 and max(every) <= 1:
            # Positions are compared here, not lengths: the axis may begin where the dots do.
            axes.set_xlim(max(0, math.floor((min(every) - 0.02) * 20) / 20), 1)
        finish(axes, "", f"{name} ({better})")
        axes.grid(False)

    means = "; ".join(
        f"{method} {np.mean(list(values.values())):.3f}"
        for method, values in methods.items()
        if values
    )
    return svg(
        "by-scene", draw, f"{name} by scene, mean: {means}.", (6.4, 1.1 + 0.34 * len(scenes))
    )


def class_bars(
    name: str, classes: Mapping[str, float], methods: Mapping[str, Mapping[str, float | None]]
) -> Markup:
    """IoU of single classes, a bar a method: ``methods[method][class]``.

    Args:
        name: of the drawing, unique on the page.
        classes: share of the truth by class, in the order of display.
        methods: values; a class without a number has no bar.
    """
    labels = list(classes)
    height = 0.8 / max(len(methods), 1)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number_, (color, (method, values)) in enumerate(
            zip(SERIES, methods.items(), strict=False)
        ):
            rows = [i for i, label in enumerate(labels) if values.get(label) is not None]
            axes.barh(
                [row - 0.4 + (number_ + 0.5) * height for row in rows],
                [values[labels[row]] or 0.0 for row in rows],
                height * 0.86,
                color=color,
                label=method,
            )
        axes.set_yticks(
            range(len(labels)),
            [f"{label}  {classes[label]:.1%}" for label in labels],
        )
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        finish(axes, "", "IoU, strict (beside the name: share of the truth)")
        axes.grid(False, axis="y")

    best = "; ".join(
        f"{method}: "
        + ", ".join(f"{label} {v:.2f}" for label in labels if (v := values.get(label)) is not None)
        for method, values in methods.items()
    )
    size = (6.4, 1.2 + (0.2 + 0.14 * len(methods)) * len(labels))
    return svg(name, draw, f"IoU by class. {best}.", size)
