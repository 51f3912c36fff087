"""Tables of trainings and studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal

if TYPE_CHECKING:
    from crossvox.recipes.study import StudyReport
    from crossvox.study.results import Comparison
    from crossvox.train.loop import TrainReport

HEADLINES = {
    "F-score": ("Prec", "Recall", "AbsRel", "RMSE", "Comp2D"),
    "mIoU strict": ("mIoU lenient", "vertex accuracy", "voxel mIoU", "voxel IoU occupied"),
}
"""The score that arms of a study are compared by, and what is shown beside it."""


@shows("crossvox.train.loop:TrainReport")
def show_training(report: TrainReport, terminal: Terminal) -> None:
    """How a training ended."""
    if report.interrupted:
        terminal.say("stopped and saved; run the same command again to continue")


@shows("crossvox.recipes.study:StudyReport")
def show_study(report: StudyReport, terminal: Terminal) -> None:
    """The arms of a study: a score with its spread, what it gains, and other scores."""
    found = report.comparison
    for headline, others in HEADLINES.items():
        if headline in found.kinds:
            _show_arms(found, headline, terminal)
            _show_gains(found, headline, terminal)
            _show_others(found, others, terminal)
    for caution in found.cautions:
        terminal.say(caution)
    terminal.say(f"{len(report.made)} runs made, {len(report.kept)} kept: {report.out}")


def _number(value: float, form: str) -> str:
    return "?" if math.isnan(value) else f"{value:{form}}"


def _show_arms(found: Comparison, headline: str, terminal: Terminal) -> None:
    rows = []
    for arm in found.arms:
        score, learnt = arm.scores[headline], bool(arm.seeds)
        spread = "" if math.isnan(score.sd) else f" ± {score.sd:.4f}"
        rows.append(
            [
                arm.name,
                _number(score.mean, ".4f") + spread,
                len(arm.seeds) if learnt else "",
                f"{arm.parameters:,}" if learnt else "",
                f"{arm.seconds['train'] / 60:.1f}" if learnt else "",
            ]
        )
    scenes = f"{len(found.scenes)} held-out scene{'s' if len(found.scenes) > 1 else ''}"
    terminal.table(
        f"{headline}, {scenes}: mean ± standard deviation over seeds",
        ["arm", headline, "seeds", "trained", "minutes"],
        rows,
    )


def _show_gains(found: Comparison, headline: str, terminal: Terminal) -> None:
    rows = []
    for arm in found.arms:
        for control, scores in arm.against.items():
            gain = scores[headline]
            interval = f"{_number(gain.low, '+.4f')} to {_number(gain.high, '+.4f')}"
            ahead = f"{gain.seeds_above}/{gain.seeds}"
            rows.append([arm.name, control, _number(gain.mean, "+.4f"), interval, ahead])
    terminal.table(
        f"{headline} gained, paired by seed and scene",
        ["arm", "over", "mean", f"{found.level:.0%} interval", "ahead"],
        rows,
    )


def _show_others(found: Comparison, others: Sequence[str], terminal: Terminal) -> None:
    kinds = {name: found.kinds[name] for name in others if name in found.kinds}
    columns = [name if kind.higher_is_better else f"{name} (low)" for name, kind in kinds.items()]
    rows = [
        [arm.name, *(_number(arm.scores[name].mean, ".3f") for name in kinds)] for arm in found.arms
    ]
    terminal.table("Other scores, means; (low): lower is better", ["arm", *columns], rows)
