"""Tables of networks that come with the package, and of what was packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal

if TYPE_CHECKING:
    from crossvox.recipes.calibrate import Calibration
    from crossvox.recipes.models import ModelList, ShownCard
    from crossvox.recipes.pack import PackReport


@shows("crossvox.recipes.models:ModelList", answers=True)
def show_models(found: ModelList, terminal: Terminal) -> None:
    """One network a line."""
    rows = [
        [
            model.name,
            ", ".join(model.sets),
            model.task,
            f"{model.bytes / 1e6:.1f} MB",
            model.licence,
            model.title,
            *([model.check] if model.check else []),
        ]
        for model in found.models
    ]
    checked = any(model.check for model in found.models)
    columns = ["name", "set", "task", "size", "licence of the weights", ""]
    terminal.table("Networks", [*columns, *(["check"] if checked else [])], rows)
    if found.missing:
        terminal.say(f"not in this installation: {', '.join(found.missing)}")
    if found.page is not None:
        terminal.say(f"cards: {found.page}")


@shows("crossvox.recipes.models:ShownCard", answers=True)
def show_card(found: ShownCard, terminal: Terminal) -> None:
    """A card as it is written."""
    terminal.text(found.text)


@shows("crossvox.recipes.pack:PackReport")
def show_packed(report: PackReport, terminal: Terminal) -> None:
    """Where it is, what it costs, and what its card lacks."""
    terminal.say(f"{report.run}: {report.bytes / 1e6:.2f} MB of weights")
    terminal.say(report.packing)
    if report.renamed:
        terminal.say(f"texts of the record that were changed: {report.renamed}")
    if report.open:
        terminal.say(f"its card lacks: {', '.join(report.open)}")


@shows("crossvox.recipes.calibrate:Calibration")
def show_calibration(found: Calibration, terminal: Terminal) -> None:
    """The temperature, and what it mends."""
    rows = [
        ["expected calibration error", found.error_before, found.error_after],
        ["the same, bins of equal numbers", found.adaptive_before, found.adaptive_after],
        ["negative log likelihood", found.likelihood_before, found.likelihood_after],
    ]
    title = f"Temperature {found.temperature:.3f}, from {found.images} images ({found.checkpoint})"
    shown = [[name, f"{before:.4f}", f"{after:.4f}"] for name, before, after in rows]
    terminal.table(title, ["on the half that did not fit it", "before", "after"], shown)
