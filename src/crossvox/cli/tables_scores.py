"""Tables of scores."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from crossvox.cli.tables import EACH, named, shows
from crossvox.cli.terminal import Terminal
from crossvox.core.formats import interval_text, support_text, value_text
from crossvox.core.methods import LEARNT, TSDF, method_name

if TYPE_CHECKING:
    from crossvox.core.volume import Score
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.objects import ObjectsEvaluation
    from crossvox.evaluate.score import Evaluation
    from crossvox.recipes.frames import FramesReport
    from crossvox.recipes.predict2d import Predict2dReport
    from crossvox.recipes.segment2d import Segment2dEvaluation


@shows(f"crossvox.core.volume:Score{EACH}", answers=True)
def show_scores(scores: Sequence[Score], terminal: Terminal) -> None:
    """Scores of one thing by one protocol, or by several side by side; labels below."""
    by_protocol: dict[str, list[Score]] = {}
    for score in scores:
        by_protocol.setdefault(score.protocol, []).append(score)
    labels = {name: one for name, one in by_protocol.items() if _over(name)}
    alone = [name for name, one in by_protocol.items() if one[0].name.startswith(_ALIGN)]
    rules = {name: one for name, one in by_protocol.items() if name not in (*labels, *alone)}
    if len(rules) == 1:
        alone += rules
    for name in alone:
        rows = [[s.name, f"{s.value:.4f}", s.unit, s.support, s.of] for s in by_protocol[name]]
        columns = ["score", "value", "unit", "counted", "of"]
        terminal.table(f"Scores, protocol '{name}'", columns, rows)
    if len(rules) > 1:
        _show_rules(rules, terminal)
    _show_labels(labels, terminal)
    for remark in getattr(scores, "remarks", ()):
        terminal.say(remark)


_ALIGN = "Align"
_WIDE = 5
"""Scores beside each other, so that a table fits a terminal of 80 columns."""


def _show_rules(rules: Mapping[str, Sequence[Score]], terminal: Terminal) -> None:
    """Protocols one below the other, a few of the scores at a time."""
    found = [
        (f"{name} (m)" if first.unit == "m" else name, values)
        for name, first, values in _side_by_side(rules)
    ]
    for begin in range(0, len(found), _WIDE):
        some = found[begin : begin + _WIDE]
        rows = [[name, *(values[place] for _, values in some)] for place, name in enumerate(rules)]
        rows = [row for row in rows if set(row[1:]) != {"-"}]
        terminal.table("Scores by protocol", ["protocol", *(name for name, _ in some)], rows)


def _over(protocol: str) -> str:
    """Over which vertices labels were counted, as their protocol tells; empty: it is no such."""
    found = re.search(r"nearest vertex, over the (\w+) vertices$", protocol)
    return found[1] if found else ""


def _show_labels(found: Mapping[str, Sequence[Score]], terminal: Terminal) -> None:
    """Scores of labels, over the vertices of either surface."""
    ways: dict[str, list[Score]] = {}
    for protocol, scores in found.items():
        ways.setdefault(f"over {_over(protocol)}", []).extend(scores)
    rows = [
        [name, *values, _better(first)]
        for name, first, values in _side_by_side(ways)
        if set(values) != {"-"}
    ]
    if rows:
        terminal.table("Labels, by the nearest vertex", ["score", *ways, ""], rows)


@shows("crossvox.evaluate.score:Evaluation")
def show_evaluation(evaluation: Evaluation, terminal: Terminal) -> None:
    """The mean scores of all methods side by side; those in detail below."""
    rows: list[list[str]] = []
    detailed: list[list[str]] = []
    for name, first, values in _side_by_side(evaluation.mean):
        unit = f" ({first.unit})" if first.unit not in ("", "ratio") else ""
        row = [name + unit, *values, _better(first)]
        (detailed if first.place == "detail" else rows).append(row)
    title = f"Mean over {_scenes(evaluation)}, protocol '{evaluation.protocol}'"
    if rows:
        terminal.table(title, ["score", *_names(evaluation.mean), ""], rows)
    if detailed:
        title = "In detail" if rows else title
        terminal.table(title, ["score", *_names(evaluation.mean), ""], detailed)
    for method, scenes in _empty(evaluation).items():
        terminal.say(
            f"doubt: {method_name(method)}: empty surface in {', '.join(scenes)}; what has no "
            f"point is not defined (-) and not in the means"
        )
    for note in evaluation.notes:
        terminal.say(note)


def _scenes(evaluation: Evaluation | ClassEvaluation | ObjectsEvaluation) -> str:
    """How many scenes were counted."""
    return support_text(len(evaluation.counted), "scenes")


def _empty(evaluation: Evaluation) -> dict[str, list[str]]:
    """Scenes where a method has made no surface, by method."""
    found: dict[str, list[str]] = {}
    for scene, methods in evaluation.scenes.items():
        for method, scores in methods.items():
            if any(score.name == "Acc" and math.isnan(score.value) for score in scores):
                found.setdefault(method, []).append(scene)
    return found


@shows("crossvox.evaluate.classes:ClassEvaluation")
def show_classes(evaluation: ClassEvaluation, terminal: Terminal) -> None:
    """Scores counted over the split, all methods side by side; then those of single classes."""
    methods = list(evaluation.whole)
    overall, single = [], []
    ends = any(_interval(score) for score in evaluation.whole[methods[0]])
    for name, first, values in _side_by_side(evaluation.whole):
        if first.class_name:
            single.append([name, *values, first.support])
            of = first.of
        else:
            told = [_interval(first)] * ends
            told += [_better(first), f"{first.support} {first.of}"]
            overall.append([name, *values, *told])
    terminal.table(
        f"One count over {_scenes(evaluation)}, protocol '{evaluation.protocol}'",
        [
            *("score", *_names(methods)),
            *[f"95 % of {method_name(methods[0])}"] * ends,
            *("", "counted"),
        ],
        overall,
    )
    if single:
        terminal.table("Benchmark classes, strict", ["score", *_names(methods), of], single)
    for other, ahead in evaluation.ahead.items():
        scenes = next(iter(ahead.values())).scenes
        terminal.table(
            f"{method_name(LEARNT)} less {method_name(other)}, jackknife over {scenes} scenes",
            ["score", "difference", "95 %"],
            [
                [name, f"{one.value:+.4f}", f"{one.low:+.4f} to {one.high:+.4f}"]
                for name, one in ahead.items()
            ],
        )
    for note in evaluation.notes:
        terminal.say(note)


@shows("crossvox.evaluate.objects:ObjectsEvaluation")
def show_object_scores(evaluation: ObjectsEvaluation, terminal: Terminal) -> None:
    """Scores over all rooms, all methods side by side; then those of single classes."""
    methods = list(evaluation.whole)
    overall, single = [], []
    for name, first, values in _side_by_side(evaluation.whole):
        if first.class_name:
            single.append([name, *values, first.support])
        else:
            overall.append([name, *values, _better(first), f"{first.support} {first.of}"])
    title = f"Objects of {_scenes(evaluation)}"
    terminal.table(title, ["score", *_names(methods), "", "counted"], overall)
    terminal.table("Classes", ["score", *_names(methods), "true objects"], single)
    for note in (f"protocol: {evaluation.protocol}", *evaluation.notes):
        terminal.say(note)


@shows("crossvox.recipes.segment2d:Segment2dEvaluation")
def show_images(evaluation: Segment2dEvaluation, terminal: Terminal) -> None:
    """Scores of a 2D network, and where its pictures are."""
    rows = [
        [score.name, f"{score.value:.4f}", _interval(score), score.support, score.of]
        for score in evaluation.scores
    ]
    title = f"{evaluation.images} images, predicted whole, scored at the size of their labels"
    terminal.table(title, ["score", "value", "95 %", "counted", "of"], rows)
    if evaluation.protocol:
        terminal.say(f"how: {evaluation.protocol}")
    if evaluation.groups:
        terminal.say(f"95 % intervals: bootstrap of {evaluation.groups}")
    if evaluation.seen:
        terminal.say(f"not held out, for the run has learnt from them{named(evaluation.seen)}")
    terminal.say(f"checkpoint: {evaluation.checkpoint}")
    terminal.say(f"scores and pictures: {evaluation.out}")


@shows("crossvox.recipes.predict2d:Predict2dReport")
def show_labelled(report: Predict2dReport, terminal: Terminal) -> None:
    """How many images were labelled, and which could not be."""
    rows: list[list[object]] = [
        ["labelled", report.made],
        ["kept", report.kept],
        ["failed", len(report.failed)],
        ["checkpoint", report.checkpoint],
    ]
    if report.without_depth:
        rows.append(["without depth", report.without_depth])
    if report.made:
        took = sum(report.seconds.values()) / report.made
        rows.append(["time an image", f"{1000 * took:.0f} ms"])
    terminal.table(f"Images in {report.out}", ["what", "value"], rows)
    for name, reason in report.failed.items():
        terminal.say(f"failed: {name}: {reason}")


@shows("crossvox.recipes.frames:FramesReport")
def show_frames(report: FramesReport, terminal: Terminal) -> None:
    """Mean scores by number of frames, and how far learnt is ahead of fusion."""
    curve = report.curve
    for score in ("F-score", "F-score 2 cm"):
        if score not in curve.scores:
            continue
        means = {method: curve.means(score, method) for method in curve.methods}
        ahead = curve.differences(score, LEARNT, TSDF)
        rows = [
            [
                count,
                *(value_text(means[method][row].mean, 4) for method in curve.methods),
                value_text(ahead[row].mean, 4, signed=True),
                interval_text(ahead[row].low, ahead[row].high, 4),
                ahead[row].rooms,
            ]
            for row, count in enumerate(curve.frames)
        ]
        ahead_of = f"{method_name(LEARNT)} less {method_name(TSDF)}"
        columns = ["frames", *_names(curve.methods), ahead_of, "95 %", "rooms"]
        terminal.table(f"{score}, mean over rooms, protocol '{curve.protocol}'", columns, rows)
    for note in curve.notes:
        terminal.say(note)
    terminal.say(f"all scores: {report.path}")


def _names(methods: Iterable[str]) -> list[str]:
    """What a reader sees of methods: the same as on the page."""
    return [method_name(method) for method in methods]


def _side_by_side(
    methods: Mapping[str, Sequence[Score]],
) -> Iterator[tuple[str, Score, list[str]]]:
    """Name of each score, the first method's, and the value of every method."""
    found = [{score.name: score for score in scores} for scores in methods.values()]
    for name in dict.fromkeys(name for scores in found for name in scores):
        scores = [method.get(name) for method in found]
        first = next(score for score in scores if score is not None)
        yield name, first, [_value(score) for score in scores]


def _value(score: Score | None) -> str:
    return "-" if score is None or math.isnan(score.value) else f"{score.value:.4f}"


def _interval(score: Score) -> str:
    ends = [score.details.get(name) for name in ("low", "high")]
    return "" if None in ends else f"{ends[0]:.4f} to {ends[1]:.4f}"


def _better(score: Score) -> str:
    return "higher is better" if score.higher_is_better else "lower is better"
