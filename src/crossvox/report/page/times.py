"""Wall time by stage and step, as the manifests tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crossvox.core.artifact import total_seconds
from crossvox.core.formats import duration_text
from crossvox.report.folders import scenes_of
from crossvox.report.sources import Sources
from crossvox.report.values import number


def stage_times(sources: Sources) -> list[dict[str, Any]]:
    """Bars of every stage and its steps."""
    found = [(name, *_whole(steps)) for name, steps in _stages(sources)]
    found = [(name, steps, total) for name, steps, total in found if total or steps]
    longest = max((total for _, _, total in found), default=0.0)
    return [
        {
            "stage": name,
            "total": duration_text(total),
            "share": total / longest if longest > 0 else 0.0,
            "steps": _bars(steps, total),
        }
        for name, steps, total in found
    ]


def _stages(sources: Sources) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Every folder's stage as the page calls it, and its times by step."""
    for data in sources.data:
        yield "Prepare", _of_collection(data, sources)
    if not sources.data:
        yield "Prepare", _added(sources.scenes.values(), sources)
    for run in sources.runs:
        yield "Train", _own(run, sources)
    for prediction in sources.predictions:
        yield "Predict", _of_collection(prediction, sources)
    for scan in sources.scans:
        yield "Scan (everything)", _own(scan, sources)


def _own(folder: Path, sources: Sources) -> dict[str, float]:
    manifest = sources.manifest(folder)
    return dict(manifest.seconds) if manifest is not None else {}


def _of_collection(folder: Path, sources: Sources) -> dict[str, float]:
    """The folder's own times; where it tells none, those of its scenes."""
    own = _own(folder, sources)
    return own or _added((folder / name for name in scenes_of(folder, sources)), sources)


def _added(folders: Iterable[Path], sources: Sources) -> dict[str, float]:
    """Times of several folders, added by step."""
    return total_seconds(_numbers(_own(folder, sources)) for folder in folders)


def _numbers(steps: Mapping[str, Any]) -> dict[str, float]:
    return {step: value for step, x in steps.items() if (value := number(x)) is not None}


def _whole(steps: Mapping[str, Any]) -> tuple[dict[str, float], float]:
    """Steps, and how long all took: their sum, or more where the stage tells."""
    own = _numbers(steps)
    total = own.pop("total", 0.0)
    return own, max(total, sum(own.values()))


def _bars(steps: Mapping[str, float], total: float) -> list[dict[str, Any]]:
    order = sorted(steps.items(), key=lambda item: -item[1])
    return [
        {"name": name, "text": duration_text(value), "share": value / total}
        for name, value in order
        if value > 0
    ]
