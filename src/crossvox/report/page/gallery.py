"""Pictures of predictions of a 2D run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CrossvoxError
from crossvox.core.files import EVALUATION, PICTURES
from crossvox.core.labels import NYU40
from crossvox.doors.images import read_color
from crossvox.report.embed import FINE, css_color, webp_uri, within
from crossvox.report.hiding import hidden
from crossvox.report.page.legends import legend
from crossvox.report.sources import Sources

PANELS = ("image", "truth", "prediction", "error")
"""What a strip of pictures shows, from left to right, two white pixels between."""

PANEL_GAP_PX = 2

PANEL_WIDTH_PX = 360


def gallery(run: Path, sources: Sources) -> dict[str, Any] | None:
    """Pictures of a 2D run: the evaluation's if there was one, else those of its training."""
    origin = "images of its evaluation"
    paths = sorted((run / EVALUATION / PICTURES).glob("[!.]*.png"))
    if not paths:
        origin = "validation images, at the end of training"
        paths = sorted((run / PICTURES).glob("[!.]*.png"))
    strips: list[dict[str, Any]] = []
    labels = set[int]()
    for path in paths:
        try:
            strip = read_color(path)
        except CrossvoxError as error:
            sources.missing.append(hidden(f"{path.name} cannot be read ({error})"))
            continue
        panels = _panels(strip)
        if panels is None:
            strips.append(
                {"name": path.stem, "panels": [("strip", webp_uri(within(strip, 1400), FINE))]}
            )
            continue
        for panel in panels[1:3]:
            labels |= _labels_of(panel)
        strips.append(
            {
                "name": path.stem,
                "panels": [
                    (name, webp_uri(within(panel, PANEL_WIDTH_PX), FINE))
                    for name, panel in zip(PANELS, panels, strict=True)
                ],
            }
        )  # fmt: skip
    if not strips:
        return None
    return {
        "run": run.resolve().name,
        "origin": origin,
        "strips": strips,
        "first": _first(strips[0]["name"], strips[0]["panels"]),
        "legend": legend(sorted(labels)),
        "errors": [
            {"name": "right", "color": css_color((120, 120, 120))},
            {"name": "wrong", "color": css_color((220, 40, 30))},
            {"name": "unannotated", "color": css_color((0, 0, 0))},
        ],
    }


def _first(name: str, panels: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Panels of a strip as pictures to be laid over each other; none of one without panels."""
    if len(panels) < len(PANELS):
        return []
    sides = {"image": {"side": "left"}, "prediction": {"side": "right"}}
    return [
        {
            "method": panel.capitalize(),
            "text": name,
            "data": data,
            "alt": f"{name}, {panel}",
            **sides.get(panel, {}),
        }
        for panel, data in panels
    ]


def _panels(strip: NDArray[np.uint8]) -> list[NDArray[np.uint8]] | None:
    """Cut a strip into its panels; None if it is not laid out as one."""
    width, rest = divmod(strip.shape[1] - PANEL_GAP_PX * (len(PANELS) - 1), len(PANELS))
    if rest or width < 1:
        return None
    step = width + PANEL_GAP_PX
    return [strip[:, i * step : i * step + width] for i in range(len(PANELS))]


def _labels_of(panel: NDArray[np.uint8]) -> set[int]:
    """NYU40 ids whose exact colours a panel shows on more than a thousandth of it."""
    weights = np.array([65536, 256, 1])
    codes, counts = np.unique(panel.reshape(-1, 3).astype(np.int64) @ weights, return_counts=True)
    by_code = {int(c): label for label, c in enumerate(NYU40.colors.astype(np.int64) @ weights)}
    least = 0.001 * counts.sum()
    return {
        by_code[int(code)]
        for code, count in zip(codes, counts, strict=True)
        if int(code) in by_code and count >= least
    }
