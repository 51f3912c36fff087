"""The tables of docs/results.md and docs/study-original.md, from records of transfer studies.

``python -m trials.results STUDY`` keeps what pages show of ``STUDY/transfer.json`` as
``docs/results/NAME.json``, NAME being the design's, and writes the tables between the marks
``<!-- NAME: TABLE -->`` and ``<!-- end -->`` of the pages. Without STUDY it writes them from what
is kept, so that a test can tell whether somebody changed a number by hand.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossvox.metrics.power import times_both

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(ROOT / "docs" / name for name in ("results.md", "study-original.md"))
KEPT = ROOT / "docs" / "results"

_MARKED = re.compile(
    r"<!-- (?P<name>[\w-]+): (?P<table>\w+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL
)

SPLITS = ("seen", "boundary")
"""What gains are told apart by on the page."""

Record = Mapping[str, Any]

PUBLISHED_SURFACE = ("F-score", "Prec", "Recall", "AbsRel", "Comp2D")
"""Scores that the thesis of 2022 and a record have both, by other protocols."""

PUBLISHED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "reconstruct": {
        "rgb": (0.657, 0.561, 0.810, 0.099, 0.982),
        "features of ENet": (0.658, 0.567, 0.796, 0.095, 0.983),
        "segmentation": (0.727, 0.655, 0.824, 0.091, 0.980),
    },
    "segment3d": {"scratch": (0.634,), "from-reconstruction": (0.647,)},
    "segment2d": {"ENet": (0.514,), "network": (0.604,)},
}
"""What the thesis of 2022 published for ScanNet, by target and by the cell that is nearest to it
here; rows of another name have none. Its mIoU is the lenient one."""


def kept(transfer: Record) -> dict[str, Any]:
    """What the tables are made of: without the scores of every seed and room."""
    shown = ("name", "title", "findings", "savings", "costs", "margins", "level", "seeds")
    rooms = ("training_scenes", "held_out_scenes", "protocol")
    return {
        **{key: transfer[key] for key in (*shown, *rooms) if key in transfer},
        "causes": _causes(transfer.get("causes", ())),
        "scores": {name: _scores(one) for name, one in transfer["comparisons"].items()},
    }


def _causes(every: Sequence[Record]) -> list[Record]:
    """Of each contrast the first score of the splits that the page shows."""
    found: dict[tuple[str, str], Record] = {}
    for one in every:
        if one["split"] in SPLITS:
            found.setdefault((one["contrast"], one["split"]), one)
    return [*found.values()]


def _scores(comparison: Record) -> dict[str, Any]:
    kinds = comparison["kinds"]
    shown = [name for name, kind in kinds.items() if kind["place"] in ("main", "beside")]
    arms = [
        {
            **{key: arm[key] for key in ("name", "differs", "parameters")},
            "seeds": len(arm["seeds"]),
            "scores": {name: arm["scores"][name] for name in shown if name in arm["scores"]},
        }
        for arm in comparison["arms"]
    ]
    return {"shown": shown, "arms": arms}


def findings_table(record: Record) -> str:
    """Questions with their answers, those that were named beforehand first."""
    found = sorted(record["findings"], key=lambda one: not one["contrast"]["named"])
    return table(
        ("question", "difference", "95 %", "adjusted p", "answer"),
        [
            (
                f"{one['contrast']['question']} (`{one['contrast']['arm']}` over "
                f"`{one['contrast']['control']}`, {one['score']})",
                f"{one['difference']['mean']:+.4f}",
                f"{one['difference']['low']:+.4f} to {one['difference']['high']:+.4f}",
                f"{one['difference']['p_adjusted']:.2g}"
                if one["contrast"]["named"]
                else "exploratory",
                f"**{one['verdict']}**",
            )
            for one in found
        ],
    )


def power_table(record: Record) -> str:
    """What so many seeds and rooms can show, and how many would decide."""
    return table(
        (
            "question",
            "answer",
            "smallest difference found with 80 %",
            "margin",
            "seeds",
            "rooms",
            "times both",
        ),
        [
            (
                f"`{one['contrast']['arm']}` over `{one['contrast']['control']}`",
                one["verdict"],
                f"{one['power']['smallest']:.4f}",
                f"{one['margin']:g}",
                _needed(one["power"]["seeds_needed"]),
                _needed(one["power"]["scenes_needed"]),
                str(times_both(one["power"]["smallest"], one["margin"])),
            )
            for one in record["findings"]
        ],
    )


def _needed(number: int | None) -> str:
    return "no number" if number is None else str(number)


def scores_table(record: Record, target: str) -> str:
    """Every cell of a target, then its baselines."""
    found = record["scores"][target]
    return table(
        ("cell", "seeds", *found["shown"]),
        [
            (
                f"`{arm['name']}`",
                str(arm["seeds"] or "baseline"),
                *(_spread(arm["scores"].get(name)) for name in found["shown"]),
            )
            for arm in found["arms"]
        ],
    )


def _spread(score: Record | None) -> str:
    if score is None or score["mean"] is None:
        return ""
    deviation = score["sd"]
    return f"{score['mean']:.4f}" + (f" ± {deviation:.4f}" if deviation is not None else "")


def published_surface_table(record: Record) -> str:
    """Published reconstruction scores, each beside that of the cell which is nearest."""
    return _published(record, "reconstruct", PUBLISHED_SURFACE)


def published_classes_table(record: Record) -> str:
    """Published mIoU of 3D and 2D segmentation, likewise."""
    rows = [_published(record, name, ("mIoU lenient",)) for name in ("segment3d", "segment2d")]
    return rows[0] + "".join(rows[1].splitlines(keepends=True)[2:])


def _published(record: Record, target: str, scores: Sequence[str]) -> str:
    here = {arm["name"]: arm["scores"] for arm in record["scores"][target]["arms"]}
    rows = []
    for name, published in PUBLISHED[target].items():
        own = [here.get(name, {}).get(score) for score in scores]
        pairs = zip(published, own, strict=True)
        told = (f"{p:.3f} / {_mean(score)}" for p, score in pairs)
        rows.append((f"{target}: {f'`{name}`' if name in here else name}", *told))
    return table(("published / here", *scores), rows)


def _mean(score: Record | None) -> str:
    return "-" if score is None else f"{score['mean']:.3f}"


def savings_table(record: Record) -> str:
    """Curves over shares of labels, and the share that is saved."""
    rows = []
    for one in record.get("savings", ()):
        for side in ("control", "arm"):
            for point in one[side]:
                interval = f"{point['low']:.4f} to {point['high']:.4f}"
                rows.append(
                    (f"`{point['arm']}`", str(point["rooms"]), f"{point['mean']:.4f}", interval)
                )
    return table(("cell", "labelled rooms", "score", "95 %"), rows)


def causes_table(record: Record) -> str:
    """Gains by what frames saw, and by whether it lies at a boundary of classes."""
    asked = {one["contrast"]["name"]: one["contrast"] for one in record["findings"]}
    rows = []
    for one in record["causes"]:
        contrast = asked[one["contrast"]]
        for group in one["groups"]:
            gain = group["difference"]
            rows.append(
                (
                    f"`{contrast['arm']}` over `{contrast['control']}`, {one['score']}",
                    group["name"],
                    f"{group['support']:.0%}",
                    f"{group['control_mean']:.4f}",
                    f"{gain['mean']:+.4f}",
                    f"{gain['low']:+.4f} to {gain['high']:+.4f}",
                )
            )
    return table(("difference", "part", "of all", "control there", "gain", "95 %"), rows)


def costs_table(record: Record) -> str:
    """Seconds of a seed, by cell and step."""
    steps = ("train", "predict", "score")
    return table(
        ("cell", *(f"{step} (s)" for step in steps), "trained parameters"),
        [
            (
                f"`{one['target']}/{one['arm']}`",
                *(f"{one['seconds'].get(step, 0):.1f}" for step in steps),
                f"{one['parameters']:,}",
            )
            for one in record["costs"]
        ],
    )


TABLES: Mapping[str, Callable[[Record], str]] = {
    "findings": findings_table,
    "power": power_table,
    "reconstruct": lambda record: scores_table(record, "reconstruct"),
    "segment3d": lambda record: scores_table(record, "segment3d"),
    "segment2d": lambda record: scores_table(record, "segment2d"),
    "published_surface": published_surface_table,
    "published_classes": published_classes_table,
    "causes": causes_table,
    "savings": savings_table,
    "costs": costs_table,
}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(page: str) -> str:
    """A page with its tables made anew from what is kept."""

    def made(found: re.Match[str]) -> str:
        record = json.loads((KEPT / f"{found['name']}.json").read_text(encoding="utf-8"))
        text = TABLES[found["table"]](record)
        return f"<!-- {found['name']}: {found['table']} -->\n{text}<!-- end -->"

    return _MARKED.sub(made, page)


def main() -> None:
    """Keep a record where one is given, and fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, nargs="?", help="folder of a transfer study")
    given = parser.parse_args()
    if given.study is not None:
        record = kept(json.loads((given.study / "transfer.json").read_text(encoding="utf-8")))
        KEPT.mkdir(exist_ok=True)
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (KEPT / f"{record['name']}.json").write_text(f"{text}\n", encoding="utf-8")
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
