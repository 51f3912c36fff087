"""What a run took over from another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossvox.core.files import TRANSFER
from crossvox.report.folders import json_of
from crossvox.report.hiding import hidden
from crossvox.report.sources import Sources
from crossvox.report.values import as_dict, as_list


def transfer_table(run: Path, sources: Sources) -> dict[str, Any] | None:
    """What a run took over from another one, as rows of a small table."""
    record = json_of(run / TRANSFER, sources)
    if record is None:
        return None
    rows: list[tuple[str, str]] = []
    parts = [
        f"{part}: {value[0]} of {value[1]}"
        if isinstance(value, list) and len(value) == 2
        else f"{part}: {value}"
        for part, value in as_dict(record.get("parts")).items()
    ]
    if parts:
        rows.append(("weights by part", ", ".join(parts)))
    for key, text in (
        ("loaded", "loaded"),
        ("spread", "spread over the classes"),
        ("gathered", "gathered from the classes"),
        ("missing", "missing in the source"),
        ("skipped", "skipped: another shape"),
        ("left", "left with the rest of the input"),
        ("not_asked", "not asked for"),
        ("frozen", "frozen"),
    ):
        if key in record:
            rows.append((text, _names(as_list(record[key]))))
    rates = as_dict(record.get("rates"))
    if rates:
        rows.append(("rates", ", ".join(f"{name}: {value}" for name, value in rates.items())))
    summary = record.get("summary")
    return {
        "source": str(record.get("source") or "another run"),
        "summary": str(summary) if isinstance(summary, str) else "",
        "mode": str(record.get("mode") or ""),
        "rows": [(name, hidden(text)) for name, text in rows],
    }


def _names(values: Sequence[Any], most: int = 4) -> str:
    """How many, and the first of them by name."""
    shown = []
    for value in values[:most]:
        if isinstance(value, list) and len(value) == 3:
            here, there = ("x".join(map(str, as_list(size))) for size in value[1:])
            shown.append(f"{value[0]} ({here} here, {there} there)")
        else:
            shown.append(str(value))
    rest = ", …" if len(values) > most else ""
    return f"{len(values)}" + (f": {', '.join(shown)}{rest}" if shown else "")
