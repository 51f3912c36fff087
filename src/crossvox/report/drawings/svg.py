"""From a figure to SVG in the page's own colours."""

from __future__ import annotations

import io
import re
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand-ins that matplotlib draws with; the page's own colours take their place in the SVG.
INK, SOFT, GRID = "#010203", "#010204", "#010205"

SERIES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05")

_VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--line)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES, start=1)},
}

_LEGEND_LETTERS = 66
"""Letters that fit beside each other above a drawing."""


def finish(axes: Any, label: str, below: str = "step") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(below)
    axes.set_ylabel(label)
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        # As many columns as fit the width: a legend that is too wide would squeeze the drawing.
        columns = max(1, min(4, _LEGEND_LETTERS // (max(map(len, labels)) + 5)))
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns,
            fontsize=10, handlelength=1.6, columnspacing=1.4, borderaxespad=0.2,
        )  # fmt: skip


def svg(
    name: str, draw: Any, description: str, size_in: tuple[float, float] = (6.4, 3.7)
) -> Markup:
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"crossvox-{name}",
        "font.size": 11,
        "font.family": "sans-serif",
        "text.color": INK,
        "axes.labelcolor": SOFT,
        "axes.edgecolor": SOFT,
        "axes.facecolor": "none",
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "figure.facecolor": "none",
    }
    with rc_context(style):
        figure = Figure(figsize=size_in, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        file = io.StringIO()
        figure.savefig(
            file, format="svg", transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )  # fmt: skip
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    # Several drawings share the page: names inside one must not meet those of another.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px [^;\"]*", r"font: \1px var(--sans)", text)
    text = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    label = escape(description)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


def standalone(drawing: Markup) -> str:
    """A drawing of a page as a file of its own, in the page's colours of daylight."""
    text = str(drawing)
    for variable, value in _daylight().items():
        text = text.replace(f"var(--{variable})", value)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


@cache
def _daylight() -> dict[str, str]:
    """Values of the style sheet's variables, those for a light page."""
    style = files("crossvox.report").joinpath("templates/style.css").read_text("utf-8")
    root = style[style.index("{") : style.index("}")]
    found = re.findall(r"--([\w-]+): ([^;]+);", root)
    return {variable: value.replace('"', "'") for variable, value in found}
