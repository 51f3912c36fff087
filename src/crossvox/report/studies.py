"""A study as the page shows it: arms with their spread, differences with their intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.metrics import main_scores
from crossvox.report import curves
from crossvox.report.curves import number
from crossvox.report.sources import STUDY, Sources, as_dict, as_list, json_of


def study_record(folder: Path, sources: Sources) -> dict[str, Any] | None:
    """What the page shows of one study; None, told on the page, if it holds nothing."""
    record = json_of(folder / STUDY, sources)
    comparison = as_dict(as_dict(record).get("comparison"))
    arms = [as_dict(arm) for arm in as_list(comparison.get("arms"))]
    arms = [arm for arm in arms if isinstance(arm.get("name"), str)]
    name = folder.resolve().name
    if not arms:
        sources.missing.append(f"{name}: {STUDY} holds no finished arm")
        return None
    kinds = {str(k): as_dict(v) for k, v in as_dict(comparison.get("kinds")).items()}
    main = next((score for score in main_scores() if score in kinds), next(iter(kinds), ""))
    better = _better(kinds.get(main, {}))
    seeds = _seeds(arms, as_list(as_dict(record).get("results")), main)
    learnt = [arm for arm in arms if as_list(arm.get("seeds"))]
    baselines = [arm for arm in arms if not as_list(arm.get("seeds"))]
    controls = _controls(learnt)
    safe = re.sub(r"\W+", "-", name)
    level = number(comparison.get("level")) or 0.95
    return {
        "name": name,
        "task": str(as_dict(record).get("task") or "task"),
        "main": main,
        "level": f"{level:.0%}",
        "scenes": [str(scene) for scene in as_list(comparison.get("scenes"))],
        "cautions": [str(text) for text in as_list(comparison.get("cautions"))],
        "controls": controls,
        "rows": [_row(arm, main, controls, level) for arm in (*learnt, *baselines)],
        "others": {
            "scores": [_score_name(score, kind) for score, kind in kinds.items()],
            "rows": [
                (arm["name"], [_spread_text(_score(arm, score)) for score in kinds])
                for arm in (*learnt, *baselines)
            ],
        },
        "dots": curves.arm_dots(
            f"arms-{safe}",
            main,
            {
                arm["name"]: (
                    number(_score(arm, main).get("mean")),
                    number(_score(arm, main).get("sd")),
                    seeds.get(arm["name"], []),
                )
                for arm in learnt
            },
            {
                arm["name"]: value
                for arm in baselines
                if (value := number(_score(arm, main).get("mean"))) is not None
            },
            better,
        ),
        "intervals": [
            {"control": control, "drawing": drawing}
            for position, control in enumerate(controls)
            if (
                drawing := curves.interval_dots(
                    f"against-{safe}-{position}",
                    main,
                    control,
                    _differences(learnt, control, main),
                    better,
                )
            )
            is not None
        ],
        "sentence": _sentence(name, learnt, main, controls, level),
        "learnt": len(learnt),
    }


def _better(kind: Mapping[str, Any]) -> str:
    return "higher is better" if kind.get("higher_is_better") else "lower is better"


def _score_name(score: str, kind: Mapping[str, Any]) -> dict[str, str]:
    unit = str(kind.get("unit") or "")
    return {"name": score, "unit": "" if unit == "ratio" else unit, "better": _better(kind)}


def _score(arm: Mapping[str, Any], score: str) -> dict[str, Any]:
    return as_dict(as_dict(arm.get("scores")).get(score))


def _against(arm: Mapping[str, Any], control: str, score: str) -> dict[str, Any]:
    return as_dict(as_dict(as_dict(arm.get("against")).get(control)).get(score))


def _controls(arms: list[dict[str, Any]]) -> list[str]:
    found: dict[str, None] = {}
    for arm in arms:
        found |= dict.fromkeys(as_dict(arm.get("against")))
    return list(found)


def _seeds(arms: list[dict[str, Any]], results: list[Any], score: str) -> dict[str, list[float]]:
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
    arms: list[dict[str, Any]], control: str, score: str
) -> dict[str, tuple[float, float | None, float | None]]:
    found = {}
    for arm in arms:
        entry = _against(arm, control, score)
        mean = number(entry.get("mean"))
        if mean is not None:
            found[arm["name"]] = (mean, number(entry.get("low")), number(entry.get("high")))
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


def _row(arm: Mapping[str, Any], main: str, controls: list[str], level: float) -> dict[str, Any]:
    """One arm of the main table."""
    score = _score(arm, main)
    differences: list[dict[str, Any] | None] = []
    for control in controls:
        entry = _against(arm, control, main)
        mean, low, high = (number(entry.get(key)) for key in ("mean", "low", "high"))
        if mean is None:
            differences.append(None)
            continue
        count, above = number(entry.get("seeds")), number(entry.get("seeds_above"))
        differences.append(
            {
                "mean": f"{mean:+.3f}",
                "interval": "no interval"
                if low is None or high is None
                else f"{low:+.3f} to {high:+.3f}",
                "certain": _sign(entry, level) != 0,
                "seeds": ""
                if count is None or above is None
                else f"{above:.0f} of {count:.0f} seeds above",
            }
        )
    seconds = as_dict(arm.get("seconds"))
    return {
        "name": arm["name"],
        "differs": str(arm.get("differs") or ""),
        "seeds": len(as_list(arm.get("seeds"))),
        "parameters": int(number(arm.get("parameters")) or 0),
        "train_s": number(seconds.get("train")),
        "score": _spread_text(score),
        "undefined": int(number(score.get("undefined")) or 0),
        "differences": differences,
    }


def _spread_text(score: Mapping[str, Any]) -> str:
    mean, sd = number(score.get("mean")), number(score.get("sd"))
    if mean is None:
        return "–"
    return f"{mean:.3f}" + (f" ± {sd:.3f}" if sd is not None else "")


def _sentence(
    name: str, arms: list[dict[str, Any]], main: str, controls: list[str], level: float
) -> str:
    """How the arms compare with the first control, and whether that is more than chance."""
    if not arms:
        return f"Study {name}: no arm is finished yet."
    text = f"Study {name}: {len(arms)} arms"
    if not controls:
        return f"{text}."
    control = controls[0]
    signs = {arm["name"]: _sign(_against(arm, control, main), level) for arm in arms}
    above = [arm for arm, sign in signs.items() if sign > 0]
    below = [arm for arm, sign in signs.items() if sign < 0]
    parts = []
    if above:
        parts.append(f"{', '.join(above)} score higher than {control}")
    if below:
        parts.append(f"{', '.join(below)} score lower than {control}")
    if not parts:
        parts.append(f"none surely differs from {control}")
    return f"{text}; {main}: {'; '.join(parts)}."
