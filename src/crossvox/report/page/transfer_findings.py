"""Findings of a transfer report as a reader sees them: verdicts, tables, the matrix."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossvox.core.formats import NONE, in_figures
from crossvox.core.methods import arm_name
from crossvox.report.page.differences import between_text, difference_text
from crossvox.report.page.tables_out import TableOut
from crossvox.report.values import as_dict, as_list, number, once

VERDICTS = {
    "helps": ("\N{BLACK UP-POINTING TRIANGLE}", "It helps"),
    "hurts": ("\N{BLACK DOWN-POINTING TRIANGLE}", "It hurts"),
    "equivalent": ("=", "No difference that matters"),
    "undecided": ("?", "It cannot be told"),
}
"""Sign and words of each verdict, in the order in which they are counted."""

SOURCES = {
    "nothing": "nothing",
    "random": "random weights",
    "imagenet": "ImageNet",
    "segment2d": "2D segmentation",
    "reconstruct-rgb": "reconstruction from colours",
    "reconstruct-features": "reconstruction from features",
    "segment3d": "3D segmentation",
    "both": "2D segmentation, with colours",
}
TARGETS = {
    "reconstruct": "reconstruction",
    "segment3d": "3D segmentation",
    "segment2d": "2D segmentation",
}


BASELINE = "a baseline, nothing is trained"


@dataclass(frozen=True)
class Shown:
    """A finding.

    Attributes:
        name, target, arm, control, question, score: see the contrast.
        named: whether it is one of the questions that were asked beforehand.
        source: what the arm has learnt before, in words.
        higher: whether higher is better.
        arm_mean, control_mean, mean, low, high: numbers; None where there is none.
        inner: interval at twice the level's error.
        p, p_adjusted, p_same, p_same_adjusted: of "no difference", of "as large as the margin".
        margin: what is of no consequence.
        verdict: one of :data:`VERDICTS`.
        smallest: smallest difference that could be found.
        seeds_needed, rooms_needed: to find the margin.
        chance: of that.
        seeds, rooms, above: how many, and seeds whose difference is above 0; no seeds of baselines.
        by_seed, by_room: differences.
    """

    name: str
    target: str
    arm: str
    control: str
    question: str
    score: str
    named: bool
    source: str
    higher: bool
    arm_mean: float | None
    control_mean: float | None
    mean: float | None
    low: float | None
    high: float | None
    inner: tuple[float | None, float | None]
    p: float | None
    p_adjusted: float | None
    p_same: float | None
    p_same_adjusted: float | None
    margin: float
    verdict: str
    smallest: float | None
    seeds_needed: int | None
    rooms_needed: int | None
    chance: float
    seeds: int
    rooms: int
    above: int
    by_seed: tuple[float, ...]
    by_room: dict[str, float]

    @property
    def sign(self) -> str:
        """Sign of the verdict."""
        return VERDICTS[self.verdict][0]

    @property
    def effect(self) -> str:
        """Difference and interval, as text."""
        return f"{difference_text(self.mean)} ({between_text(self.low, self.high)})"

    @property
    def off_zero(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    @property
    def over(self) -> str:
        """Seeds and rooms that it is over."""
        rooms = in_figures(self.rooms, "room")
        if self.seeds < 2:
            return f"{'one' if self.seeds else 'no'} seed: over {rooms} alone"
        return f"{self.seeds} seeds, {self.above} of them above 0; {rooms}"

    @property
    def title(self) -> str:
        """Arm and control."""
        return f"{arm_name(self.arm)} less {arm_name(self.control)}"


def shown_findings(record: Mapping[str, Any]) -> list[Shown]:
    """Findings of a record, in order; what is none is left out."""
    sources = {
        (target, str(arm.get("name"))): _source(arm)
        for target, comparison in as_dict(record.get("comparisons")).items()
        for arm in map(as_dict, as_list(as_dict(comparison).get("arms")))
    }
    found = []
    for one in map(as_dict, as_list(record.get("findings"))):
        contrast = as_dict(one.get("contrast"))
        if one.get("verdict") in VERDICTS and contrast.get("arm") and contrast.get("control"):
            found.append(_shown(one, contrast, sources))
    return found


def _source(arm: Mapping[str, Any]) -> str:
    """What an arm has learnt before; a baseline, which knows no seed, is none of the sources."""
    return str(arm.get("source") or "") if as_list(arm.get("seeds")) else BASELINE


def _shown(
    one: Mapping[str, Any], contrast: Mapping[str, Any], sources: Mapping[tuple[str, str], str]
) -> Shown:
    difference, power = as_dict(one.get("difference")), as_dict(one.get("power"))
    target, arm = str(contrast.get("target") or ""), str(contrast["arm"])
    source = sources.get((target, arm), "") or "other"
    seeds = 0 if source == BASELINE else _whole(difference.get("seeds")) or 0
    by_seed = [value for v in as_list(one.get("by_seed")) if (value := number(v)) is not None]
    by_room = {
        r: v for r, x in as_dict(one.get("by_scene")).items() if (v := number(x)) is not None
    }
    return Shown(
        name=str(contrast.get("name") or arm),
        target=target,
        arm=arm,
        control=str(contrast["control"]),
        question=str(contrast.get("question") or f"What is {arm} worth?"),
        score=str(one.get("score") or ""),
        named=contrast.get("named") is not False,
        source=SOURCES.get(source, source),
        higher=one.get("higher_is_better") is not False,
        arm_mean=number(one.get("arm_mean")),
        control_mean=number(one.get("control_mean")),
        mean=number(difference.get("mean")),
        low=number(difference.get("low")),
        high=number(difference.get("high")),
        inner=(number(one.get("low")), number(one.get("high"))),
        p=number(difference.get("p")),
        p_adjusted=number(difference.get("p_adjusted")),
        p_same=number(one.get("equivalence_p")),
        p_same_adjusted=number(one.get("equivalence_p_adjusted")),
        margin=number(one.get("margin")) or 0.0,
        verdict=str(one["verdict"]),
        smallest=number(power.get("smallest")),
        seeds_needed=_whole(power.get("seeds_needed")),
        rooms_needed=_whole(power.get("scenes_needed")),
        chance=number(power.get("power")) or 0.8,
        seeds=seeds,
        rooms=_whole(difference.get("scenes")) or 0,
        above=(_whole(difference.get("seeds_above")) or 0) if seeds else 0,
        by_seed=tuple(by_seed) if seeds else (),
        by_room=by_room,
    )


def _whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


# --- the matrix ----------------------------------------------------------------------------------


def matrix(findings: Sequence[Shown]) -> dict[str, Any]:
    """Findings by what the arm has learnt before (rows) and target (columns)."""
    targets = once(one.target for one in findings)
    there = once(one.source for one in findings)
    sources = once([*(name for name in SOURCES.values() if name in there), *there])
    rows = [
        {
            "source": source,
            "cells": [
                [one for one in findings if (one.source, one.target) == (source, target)]
                for target in targets
            ],
        }
        for source in sources
    ]
    return {"targets": [TARGETS.get(target, target) for target in targets], "rows": rows}


def by_score(findings: Sequence[Shown]) -> list[tuple[str, list[Shown]]]:
    """Findings of one target and score, which can be drawn on one axis."""
    key = lambda one: (one.target, one.score)  # noqa: E731
    order = once("\t".join(key(one)) for one in findings)
    grouped = sorted(findings, key=lambda one: order.index("\t".join(key(one))))
    return [
        (f"{TARGETS.get(target, target)}, {score}", list(group))
        for (target, score), group in itertools.groupby(grouped, key)
    ]


# --- tables --------------------------------------------------------------------------------------


def findings_table(findings: Sequence[Shown], level: str) -> TableOut:
    """All findings, a row each."""
    columns = (
        "contrast", "question", "named", "target", "source", "arm", "control", "score", "arm_mean",
        "control_mean", "difference", "low", "high", "p", "p_holm", "margin", "low_equivalence",
        "high_equivalence", "p_equivalence", "p_equivalence_holm", "verdict", "smallest_found",
        "seeds_needed", "rooms_needed", "seeds", "rooms", "seeds_above",
    )  # fmt: skip
    rows = tuple(
        (
            f.name, f.question, f.named, f.target, f.source, f.arm, f.control, f.score, f.arm_mean,
            f.control_mean, f.mean, f.low, f.high, f.p, f.p_adjusted, f.margin, *f.inner, f.p_same,
            f.p_same_adjusted, f.verdict, f.smallest, f.seeds_needed, f.rooms_needed, f.seeds,
            f.rooms, f.above,
        )
        for f in findings
    )  # fmt: skip
    heads = ("Arm less control", "Score", "Difference", f"{level} interval", "p (Holm)",
             "p equivalent", "Verdict")  # fmt: skip
    shown = tuple(
        (
            f.title + ("" if f.named else " (exploratory)"), f.score, difference_text(f.mean),
            between_text(f.low, f.high), p_text(f.p_adjusted), p_text(f.p_same_adjusted),
            f.verdict,
        )
        for f in findings
    )  # fmt: skip
    caption = "Differences, paired on seeds and rooms, and what can be said of them."
    return TableOut("findings", caption, columns, rows, heads, shown)


def p_text(p: float | None) -> str:
    """A p value.

    Example:
        >>> p_text(0.0004), p_text(0.034), p_text(None)
        ('<0.001', '0.034', '–')
    """
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def rooms_table(findings: Sequence[Shown]) -> TableOut:
    """Differences of every room, over all seeds."""
    rows = tuple((one.name, room, v) for one in findings for room, v in one.by_room.items())
    return TableOut("rooms", "Differences by room.", ("contrast", "room", "difference"), rows)


def seeds_table(findings: Sequence[Shown]) -> TableOut:
    """Differences of every seed, over all rooms."""
    rows = tuple((one.name, n, v) for one in findings for n, v in enumerate(one.by_seed))
    return TableOut("seeds", "Differences by seed.", ("contrast", "seed", "difference"), rows)
