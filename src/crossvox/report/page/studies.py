"""A study as the page shows it: arms with their spread, differences with their intervals."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.files import STUDY
from crossvox.core.formats import (
    counted,
    interval_text,
    spread_text,
    unit_text,
    value_text,
    way_text,
)
from crossvox.core.methods import METHODS, arm_name
from crossvox.metrics.measures import main_scores
from crossvox.report.drawings.studies import arm_dots, interval_dots
from crossvox.report.folders import json_of
from crossvox.report.page.differences import UNTOLD, between_text, difference_text
from crossvox.report.page.exports import study_out
from crossvox.report.page.files_out import drawn
from crossvox.report.sources import Sources
from crossvox.report.values import as_dict, as_list, number, once


def study_record(folder: Path, sources: Sources, number_: int = 0) -> dict[str, Any] | None:
    """What the page shows of one study; None, told on the page, if it holds nothing."""
    record = json_of(folder / STUDY, sources) or {}
    comparison = as_dict(record.get("comparison"))
    arms = [as_dict(arm) for arm in as_list(comparison.get("arms"))]
    arms = [arm for arm in arms if isinstance(arm.get("name"), str)]
    name = folder.resolve().name
    if not arms:
        sources.missing.append(f"{name}: {STUDY} holds no finished arm")
        return None
    kinds = {str(k): as_dict(v) for k, v in as_dict(comparison.get("kinds")).items()}
    main = _main(kinds)
    learnt = [arm for arm in arms if as_list(arm.get("seeds"))]
    baselines = [arm for arm in arms if not as_list(arm.get("seeds"))]
    ordered = [*learnt, *baselines]
    controls = once(control for arm in learnt for control in as_dict(arm.get("against")))
    level = number(comparison.get("level")) or 0.95
    rows = [_row(arm, main, controls, level) for arm in ordered]
    names = [arm_name(control) for control in controls]
    return {
        "name": name,
        "task": str(record.get("task") or "task"),
        "main": main,
        "level": f"{level:.0%}",
        "scenes": [str(scene) for scene in as_list(comparison.get("scenes"))],
        "cautions": [str(text) for text in as_list(comparison.get("cautions"))],
        "controls": names,
        "rows": rows,
        "out": study_out(f"study-{number_}", ordered, rows, main, names),
        "others": {
            "scores": [_score_name(score, kind) for score, kind in kinds.items()],
            "rows": [
                (arm_name(arm["name"]), [_spread(_score(arm, score)) for score in kinds])
                for arm in ordered
            ],
        },
        **_drawings(name, record, learnt, baselines, controls, main, _better(kinds.get(main, {}))),
        "sentence": _sentence(name, learnt, main, controls, level),
        "learnt": len(learnt),
    }


def _main(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    """The score that stands for the whole: the one the study says, else one known to, else any."""
    said = (name for name, kind in kinds.items() if kind.get("place") == "main")
    known = (name for name in main_scores() if name in kinds)
    return next(itertools.chain(said, known, kinds), "")


def _drawings(
    name: str,
    record: Mapping[str, Any],
    learnt: Sequence[Mapping[str, Any]],
    baselines: Sequence[Mapping[str, Any]],
    controls: Sequence[str],
    main: str,
    better: str,
) -> dict[str, Any]:
    """Arms with their spread; each arm's difference to every control."""
    safe = re.sub(r"\W+", "-", name)
    seeds = _seeds(learnt, as_list(record.get("results")), main)
    spreads = {}
    for arm in learnt:
        score = _score(arm, main)
        mean, sd = number(score.get("mean")), number(score.get("sd"))
        spreads[arm_name(arm["name"])] = (mean, sd, seeds.get(arm["name"], []))
    values = {arm_name(arm["name"]): number(_score(arm, main).get("mean")) for arm in baselines}
    lines = {arm: value for arm, value in values.items() if value is not None}
    intervals = [
        {
            "control": arm_name(control),
            "drawing": drawn(
                f"against-{safe}-{position}",
                interval_dots(
                    f"against-{safe}-{position}",
                    main,
                    arm_name(control),
                    _differences(learnt, control, main),
                    better,
                ),
            ),
        }
        for position, control in enumerate(controls)
    ]
    return {
        "dots": drawn(f"arms-{safe}", arm_dots(f"arms-{safe}", main, spreads, lines, better)),
        "intervals": [item for item in intervals if item["drawing"] is not None],
    }


def _better(kind: Mapping[str, Any]) -> str:
    return way_text(bool(kind.get("higher_is_better")))


def _score_name(score: str, kind: Mapping[str, Any]) -> dict[str, str]:
    return {"name": score, "unit": unit_text(kind.get("unit")), "better": _better(kind)}


def _score(arm: Mapping[str, Any], score: str) -> dict[str, Any]:
    return as_dict(as_dict(arm.get("scores")).get(score))


def _against(arm: Mapping[str, Any], control: str, score: str) -> dict[str, Any]:
    return as_dict(as_dict(as_dict(arm.get("against")).get(control)).get(score))


def _seeds(
    arms: Sequence[Mapping[str, Any]], results: list[Any], score: str
) -> dict[str, list[float]]:
    """The score of every seed, by arm; where it is not told, the mean over scenes."""
    told = {arm["name"]: as_list(_score(arm, score).get("by_seed")) for arm in arms}
    if any(told.values()):
        return {a: [v for one in row if (v := number(one)) is not None] for a, row in told.items()}
    found: dict[str, list[float]] = {}
    for result in map(as_dict, results):
        values = [
            value
            for row in as_dict(result.get("scores")).values()
            if (value := number(as_dict(row).get(score))) is not None
        ]
        if values:
            found.setdefault(str(result.get("arm")), []).append(float(np.mean(values)))
    return found


def _differences(
    arms: Sequence[Mapping[str, Any]], control: str, score: str
) -> dict[str, tuple[float, float | None, float | None]]:
    found = {}
    for arm in arms:
        entry = _against(arm, control, score)
        mean = number(entry.get("mean"))
        if mean is not None:
            found[arm_name(arm["name"])] = (
                mean,
                number(entry.get("low")),
                number(entry.get("high")),
            )
    return found


def _sign(entry: Mapping[str, Any], level: float) -> int:
    """Whether a difference is surely above (1) or below (-1) nothing, or not sure (0).

    Its interval must be clear of 0, and so must its p value, adjusted for the other differences of
    the score.
    """
    low, high, p = (number(entry.get(key)) for key in ("low", "high", "p_adjusted"))
    if low is None or high is None or (p is not None and p > 1 - level):
        return 0
    return int(low > 0) - int(high < 0)


def _row(
    arm: Mapping[str, Any], main: str, controls: Sequence[str], level: float
) -> dict[str, Any]:
    """One arm of the main table."""
    score = _score(arm, main)
    return {
        "name": arm_name(arm["name"]),
        "differs": str(arm.get("differs") or ""),
        "seeds": len(as_list(arm.get("seeds"))),
        "parameters": int(number(arm.get("parameters")) or 0),
        "train_s": number(as_dict(arm.get("seconds")).get("train")),
        "score": _spread(score),
        "undefined": int(number(score.get("undefined")) or 0),
        "differences": [_difference(_against(arm, control, main), level) for control in controls],
    }


def _difference(entry: Mapping[str, Any], level: float) -> dict[str, Any] | None:
    """How an arm differs from a control; None if it was not compared."""
    mean, low, high = (number(entry.get(key)) for key in ("mean", "low", "high"))
    if mean is None:
        return None
    count, above = number(entry.get("seeds")), number(entry.get("seeds_above"))
    known = count is not None and above is not None
    adjusted = number(entry.get("p_adjusted"))
    return {
        "mean": value_text(mean, signed=True),
        "interval": interval_text(low, high),
        "certain": _sign(entry, level) != 0,
        "seeds": f"{above:.0f} of {count:.0f} seeds above" if known else "",
        "p": "" if adjusted is None else f"adjusted p {adjusted:.2g}",
    }


def _spread(score: Mapping[str, Any]) -> str:
    return spread_text(number(score.get("mean")), number(score.get("sd")))


def _sentence(
    name: str,
    arms: Sequence[Mapping[str, Any]],
    main: str,
    controls: Sequence[str],
    level: float,
) -> str:
    """Which arms differ from the control of the question, by how much, and of which nothing tells.

    That control is the first that learns something itself; where none does, the first.
    """
    if not arms:
        return f"Study {name}: no arm is finished yet."
    text = f"Study {name}: {counted(len(arms), 'arm')}"
    if not controls:
        return f"{text}."
    control = next((one for one in controls if one not in METHODS), controls[0])
    against = {arm_name(arm["name"]): _against(arm, control, main) for arm in arms}
    signs = {arm: _sign(entry, level) for arm, entry in against.items() if entry}
    words = {1: "Ahead", -1: "Behind", 0: UNTOLD + " of"}
    told = {
        sign: "; ".join(
            f"{arm}, {_effect(against[arm])}" for arm, own in signs.items() if own == sign
        )
        for sign in words
    }
    answers = [f"{words[sign]}: {text}." for sign, text in told.items() if text]
    question = f"Is the {main} of an arm better than that of {arm_name(control)}?"
    return " ".join([f"{text}.", question, *(answers or ["None was compared."])])


def _effect(entry: Mapping[str, Any]) -> str:
    """A difference and its interval."""
    mean, low, high = (number(entry.get(key)) for key in ("mean", "low", "high"))
    return f"{difference_text(mean)} ({between_text(low, high)})"
