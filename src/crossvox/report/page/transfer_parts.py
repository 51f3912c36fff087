"""What a transfer report shows beside its findings: labels, causes, cells, costs, descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossvox.core.formats import (
    NONE,
    counted,
    duration_text,
    share_text,
    spread_text,
)
from crossvox.core.formats import value_text as text_of
from crossvox.core.methods import arm_name
from crossvox.report.page.differences import between_text, difference_text
from crossvox.report.page.tables_out import TableOut
from crossvox.report.page.transfer_findings import BASELINE, SOURCES, TARGETS
from crossvox.report.values import as_dict, as_list, number

MODES = {
    "probe": "linear probe",
    "decoder": "decoder only",
    "full": "everything learns",
    "trainable-2d": "2D network learns too",
    "rendered": "rendered into frames",
}


def savings(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Label savings with their curves and a sentence each."""
    found = []
    for one in map(as_dict, as_list(record.get("savings"))):
        curves = [_points(one.get(side)) for side in ("arm", "control")]
        if not all(curves):
            continue
        share, low, high = (number(one.get(key)) for key in ("share", "low", "high"))
        name, target = str(one.get("name") or "labels"), str(one.get("target") or "")
        found.append(
            {
                "name": name,
                "target": TARGETS.get(target, target),
                "score": str(one.get("score") or "score"),
                "curves": curves,
                "reached": number(one.get("reached")),
                "share": (share, low, high),
                "sentence": _saving(curves[0], share, low, high),
            }
        )
    return found


def _points(value: Any) -> list[dict[str, Any]]:
    points = []
    for one in map(as_dict, as_list(value)):
        share, mean = number(one.get("share")), number(one.get("mean"))
        if share is not None and share > 0 and mean is not None:
            points.append(
                {
                    "arm": str(one.get("arm") or ""),
                    "share": share,
                    "points": int(number(one.get("points")) or 0),
                    "rooms": int(number(one.get("rooms")) or 0),
                    "mean": mean,
                    "low": number(one.get("low")),
                    "high": number(one.get("high")),
                }
            )
    return points


def _saving(
    curve: Sequence[Mapping[str, Any]], share: float | None, low: float | None, high: float | None
) -> str:
    """How many labels reach what all labels reached without."""
    if share is None:
        return "With no share of labels that was tried does it reach what the control reaches."
    least = min(point["share"] for point in curve)
    at = f"{percent(share)} of the labels"
    if share <= least * (1 + 1e-9):
        at = f"{percent(share)} of the labels or fewer, the least that was tried,"
    ends = f"{percent(low if low is not None else least)} to "
    ends += percent(high) if high is not None else "more than all"
    text = f"{at} reach what the control reaches with all of them ({ends})."
    if high is None:
        text += " That it does so at all is not shown: the interval has no upper end."
    return text[0].upper() + text[1:]


def percent(share: float) -> str:
    """A share in percent, one digit after the point below 10.

    Example:
        >>> percent(0.4531), percent(0.05), percent(0.0123), percent(0.0004)
        ('45%', '5%', '1.2%', 'under 0.1%')
    """
    if share >= 0.095 or not share:
        return f"{share:.0%}"
    return share_text(share) if share < 0.001 else f"{float(f'{100 * share:.1f}'):g}%"


def curves_table(found: Sequence[Mapping[str, Any]]) -> TableOut:
    """Points of all label-efficiency curves."""
    columns = ("saving", "target", "score", "curve", "arm", "share", "points", "rooms", "mean",
               "low", "high")  # fmt: skip
    rows = tuple(
        (s["name"], s["target"], s["score"], side, p["arm"], p["share"], p["points"], p["rooms"],
         p["mean"], p["low"], p["high"])
        for s in found
        for side, curve in zip(("arm", "control"), s["curves"], strict=True)
        for p in curve
    )  # fmt: skip
    heads = ("Cell", "Labels", "Rooms", "Score", "Interval")
    shown = tuple(
        (p["arm"], percent(p["share"]), str(p["rooms"]), text_of(p["mean"]), _between(p))
        for s in found
        for curve in s["curves"]
        for p in curve
    )
    return TableOut("labels", "Scores by share of labels.", columns, rows, heads, shown)


def _between(point: Mapping[str, Any]) -> str:
    low, high = point["low"], point["high"]
    return NONE if low is None or high is None else f"{text_of(low)} to {text_of(high)}"


def savings_table(found: Sequence[Mapping[str, Any]]) -> TableOut:
    """Label savings."""
    columns = ("saving", "target", "score", "reached", "share", "share_low", "share_high")
    rows = tuple((s["name"], s["target"], s["score"], s["reached"], *s["share"]) for s in found)
    return TableOut("savings", "Shares of labels that reach the control.", columns, rows)


def causes(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Splits of differences by contrast."""
    found = []
    for one in map(as_dict, as_list(record.get("causes"))):
        groups = [_group(group) for group in map(as_dict, as_list(one.get("groups")))]
        groups = [group for group in groups if group["mean"] is not None]
        if groups:
            found.append(
                {
                    "contrast": str(one.get("contrast") or ""),
                    "split": str(one.get("split") or "part"),
                    "score": str(one.get("score") or "score"),
                    "reading": str(one.get("reading") or ""),
                    "groups": groups,
                }
            )
    return found


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    difference = as_dict(group.get("difference"))
    return {
        "name": str(group.get("name") or "part"),
        "support": number(group.get("support")),
        "arm": number(group.get("arm_mean")),
        "control": number(group.get("control_mean")),
        **{key: number(difference.get(key)) for key in ("mean", "low", "high", "p")},
    }


def causes_table(found: Sequence[Mapping[str, Any]]) -> TableOut:
    """All parts of all splits."""
    columns = ("contrast", "split", "score", "part", "support", "arm_mean", "control_mean",
               "difference", "low", "high", "p")  # fmt: skip
    flat = [(cause, group) for cause in found for group in cause["groups"]]
    rows = tuple(
        (c["contrast"], c["split"], c["score"], g["name"], g["support"], g["arm"], g["control"],
         g["mean"], g["low"], g["high"], g["p"])
        for c, g in flat
    )  # fmt: skip
    heads = ("Contrast", "Split", "Part", "Share", "Difference", "Interval")
    shown = tuple(
        (c["contrast"], c["split"], g["name"],
         NONE if g["support"] is None else percent(g["support"]), difference_text(g["mean"]),
         between_text(g["low"], g["high"]))
        for c, g in flat
    )  # fmt: skip
    caption = "Where differences come from; exploratory, p values are not adjusted."
    return TableOut("causes", caption, columns, rows, heads, shown)


def descriptions_table(record: Mapping[str, Any]) -> TableOut | None:
    """Numbers that describe and decide nothing; None where there are none."""
    found = [as_dict(one) for one in as_list(record.get("descriptions"))]
    found = [one for one in found if one.get("name")]
    if not found:
        return None
    keys = ("name", "of", "group", "mean", "low", "high", "unit", "reading")
    rows = tuple(tuple(one.get(key) for key in keys) for one in found)
    heads = ("What", "Of", "Part", "Value", "Interval", "How to read it")
    shown = tuple(
        (str(one["name"]), str(one.get("of") or ""), str(one.get("group") or "all"),
         text_of(number(one.get("mean"))),
         _between({"low": number(one.get("low")), "high": number(one.get("high"))}),
         str(one.get("reading") or ""))
        for one in found
    )  # fmt: skip
    caption = "What else is known of features and trainings."
    return TableOut("descriptions", caption, keys, rows, heads, shown)


def cells_tables(record: Mapping[str, Any]) -> list[tuple[str, TableOut]]:
    """All cells of every target with their main score, controls named as such."""
    found = []
    for target, value in as_dict(record.get("comparisons")).items():
        comparison = as_dict(value)
        kinds = {name: as_dict(kind) for name, kind in as_dict(comparison.get("kinds")).items()}
        main = next((n for n, kind in kinds.items() if kind.get("place") == "main"), None)
        main = main or next(iter(kinds), "")
        arms = [as_dict(arm) for arm in as_list(comparison.get("arms"))]
        arms = [arm for arm in arms if arm.get("name")]
        if arms:
            found.append((TARGETS.get(target, target), _cells(target, arms, main, list(kinds))))
    return found


def _cells(
    target: str, arms: Sequence[Mapping[str, Any]], main: str, scores: Sequence[str]
) -> TableOut:
    columns = (
        "cell", "differs", "source", "mode", "share", "points", "control_of", "seeds", "parameters",
        *(f"{score} {what}" for score in scores for what in ("mean", "sd")),
    )  # fmt: skip
    rows, shown = [], []
    for arm in arms:
        spreads = {name: as_dict(one) for name, one in as_dict(arm.get("scores")).items()}
        seeds = len(as_list(arm.get("seeds")))
        numbers = [
            number(spreads.get(score, {}).get(key)) for score in scores for key in ("mean", "sd")
        ]
        rows.append(
            (arm["name"], arm.get("differs"), arm.get("source"), arm.get("mode"), arm.get("share"),
             arm.get("points"), arm.get("control_of"), seeds, arm.get("parameters"), *numbers)
        )  # fmt: skip
        own = spreads.get(main, {})
        shown.append(
            (arm_name(str(arm["name"])), _what(arm, seeds), str(seeds) if seeds else "",
             spread_text(number(own.get("mean")), number(own.get("sd"))),
             str(arm.get("differs") or ""))
        )  # fmt: skip
    heads = ("Cell", "Learnt before, mode, labels", "Seeds", main, "What it differs in")
    caption = f"All cells of {TARGETS.get(target, target)}: {main}, mean and sd over seeds."
    return TableOut(f"cells-{target}", caption, columns, tuple(rows), heads, tuple(shown))


def _what(arm: Mapping[str, Any], seeds: int) -> str:
    """A cell's place in the matrix."""
    if not seeds:
        return BASELINE
    source = str(arm.get("source") or "nothing")
    parts = [SOURCES.get(source, source)]
    mode = str(arm.get("mode") or "full")
    if mode != "full":
        parts.append(MODES.get(mode, mode))
    share, points = number(arm.get("share")) or 1.0, int(number(arm.get("points")) or 0)
    if share < 1:
        parts.append(f"{percent(share)} of the labels")
    if points:
        parts.append(f"{counted(points, 'labelled point')} a room")
    if arm.get("control_of"):
        parts.append(f"control of {arm['control_of']}")
    return ", ".join(parts)


def costs_table(record: Mapping[str, Any]) -> TableOut | None:
    """What cells took; None where nothing tells it."""
    found = [as_dict(one) for one in as_list(record.get("costs"))]
    found = [one for one in found if one.get("arm")]
    if not found:
        return None
    steps = list(dict.fromkeys(step for one in found for step in as_dict(one.get("seconds"))))
    columns = ("target", "cell", *(f"{step}_s" for step in steps), "parameters", "shared")
    rows, shown = [], []
    for one in found:
        seconds = {step: number(as_dict(one.get("seconds")).get(step)) for step in steps}
        target, name = str(one.get("target") or ""), str(one["arm"])
        weights, shared = (
            int(number(one.get("parameters")) or 0),
            int(number(one.get("shared")) or 0),
        )
        rows.append((target, name, *seconds.values(), weights, shared))
        times = (NONE if v is None else duration_text(v) for v in seconds.values())
        shown.append((f"{target}/{name}", *times, f"{weights:,}", str(shared)))
    heads = ("Cell", *steps, "weights trained", "runs shared")
    caption = "Mean wall time of a seed by step; runs that were there before, or serve other cells."
    return TableOut("costs", caption, columns, tuple(rows), heads, tuple(shown))
