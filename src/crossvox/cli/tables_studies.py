"""Tables of trainings and studies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crossvox.cli.plan import duration
from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal
from crossvox.core.formats import NONE, in_figures
from crossvox.core.methods import arm_name

if TYPE_CHECKING:
    from crossvox.metrics.statistics import Difference
    from crossvox.recipes.study.runner import StudyReport
    from crossvox.recipes.study.transfer import DesignShown, TransferReport
    from crossvox.study.compare import Comparison
    from crossvox.train.report import TrainReport

MOST_SCORES = 4
"""Scores of a training that are told at its end; its log holds all."""


@shows("crossvox.train.report:TrainReport")
def show_training(report: TrainReport, terminal: Terminal) -> None:
    """How a training ended: how long it was, its best validation scores."""
    if report.interrupted:
        terminal.say("stopped and saved; run the same command again to continue")
        return
    ended = "was finished before" if report.already_finished else "finished"
    ended = "was ended by --train.max-minutes" if report.stopped_by == "time limit" else ended
    terminal.say(
        f"{ended}: {report.step} steps in {duration(report.seconds)}, "
        f"{report.parameters:,} parameters"
    )
    scores = [f"{score.name} {_number(score.value, '.4f')}" for score in report.scores]
    if report.best_step is not None and scores:
        terminal.say(
            f"best at step {report.best_step} by {report.monitor}, on validation scenes: "
            f"{', '.join(scores[:MOST_SCORES])}"
        )


@shows("crossvox.recipes.study.runner:StudyReport")
def show_study(report: StudyReport, terminal: Terminal) -> None:
    """The arms of a study: a score with its spread, what it gains, and other scores."""
    found = report.comparison
    _show_arms(found, terminal)
    _show_gains(found, terminal)
    _show_others(found, terminal)
    for caution in found.cautions:
        terminal.say(caution)
    terminal.say(f"{len(report.made)} runs made, {len(report.kept)} kept: {report.out}")


def _number(value: float, form: str) -> str:
    return NONE if math.isnan(value) else f"{value:{form}}"


def _interval(gain: Difference) -> str:
    """The interval of a gain, of which one seed or one room gives none."""
    if math.isnan(gain.low) or math.isnan(gain.high):
        return "cannot be told"
    return f"{gain.low:+.4f} to {gain.high:+.4f}"


def _show_arms(found: Comparison, terminal: Terminal) -> None:
    rows = []
    for arm in found.arms:
        score, learnt = arm.scores[found.main], bool(arm.seeds)
        spread = "" if math.isnan(score.sd) else f" ± {score.sd:.4f}"
        rows.append(
            [
                arm_name(arm.name),
                _number(score.mean, ".4f") + spread,
                len(arm.seeds) if learnt else "",
                f"{arm.parameters:,}" if learnt else "",
                f"{arm.seconds['train'] / 60:.1f}" if learnt else "",
            ]
        )
    counted = in_figures(len(found.scenes), "held-out scene")
    counted = f"one count over {counted}" if found.pooled else counted
    terminal.table(
        f"{found.main}, {counted}: mean ± standard deviation over seeds",
        ["arm", found.main, "seeds", "trained", "minutes"],
        rows,
    )


def _show_gains(found: Comparison, terminal: Terminal) -> None:
    rows = []
    for arm in found.arms:
        for control, scores in arm.against.items():
            gain = scores[found.main]
            interval = _interval(gain)
            ahead = f"{gain.seeds_above}/{gain.seeds}"
            p = _number(gain.p_adjusted, ".2g")
            rows.append(
                [
                    arm_name(arm.name),
                    arm_name(control),
                    _number(gain.mean, "+.4f"),
                    interval,
                    p,
                    ahead,
                ]
            )
    terminal.table(
        f"{found.main} gained, paired by seed and scene",
        ["arm", "over", "mean", f"{found.level:.0%} interval", "adjusted p", "ahead"],
        rows,
    )


def _show_others(found: Comparison, terminal: Terminal) -> None:
    kinds = {name: found.kinds[name] for name in found.beside if name in found.kinds}
    columns = [name if kind.higher_is_better else f"{name} (low)" for name, kind in kinds.items()]
    rows = [
        [arm_name(arm.name), *(_number(arm.scores[name].mean, ".3f") for name in kinds)]
        for arm in found.arms
    ]
    terminal.table("Other scores, means; (low): lower is better", ["arm", *columns], rows)


@shows("crossvox.recipes.study.transfer:DesignShown", answers=True)
def show_design(design: DesignShown, terminal: Terminal) -> None:
    """A design as it is written in a file."""
    terminal.text(design.text)


@shows("crossvox.recipes.study.transfer:TransferReport")
def show_transfer(report: TransferReport, terminal: Terminal) -> None:
    """The answers of a transfer study, then the main score of every cell."""
    found = report.transfer
    for target, comparison in found.comparisons.items():
        terminal.say(f"{target}: {found.protocol.get(target, '')}")
        _show_arms(comparison, terminal)
    rows = []
    for one in found.findings:
        gain = one.difference
        interval = _interval(gain)
        named = _number(gain.p_adjusted, ".2g") if one.contrast.named else "exploratory"
        question = one.contrast.question
        rows.append([question, _number(gain.mean, "+.4f"), interval, named, one.verdict])
    terminal.table(
        found.title,
        ["question", "difference", f"{found.level:.0%} interval", "adjusted p", "verdict"],
        rows,
    )
    for saving in found.savings:
        share = "no share that was tried" if math.isnan(saving.share) else f"{saving.share:.0%}"
        terminal.say(f"{saving.name}: {share} of the labels reach {saving.reached:.4f}")
    for caution in found.cautions:
        terminal.say(caution)
    if report.page is not None:
        terminal.say(f"page: {report.page.page}")
    terminal.say(f"one cell anew: {report.cell_command}")
    terminal.say(f"{len(report.made)} cells made, {len(report.kept)} kept: {report.out}")
