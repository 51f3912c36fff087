"""What all score files have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crossvox.report.values import as_dict, as_list, texts

Rows = dict[str, dict[str, Any]]
"""Score records by name."""


def score_rows(rows: Any) -> Rows:
    """Score records by name."""
    return {
        str(row["name"]): row for row in as_list(rows) if isinstance(row, dict) and "name" in row
    }


def methods_of(value: Any) -> dict[str, Rows]:
    """Score records by method and name."""
    return {method: score_rows(rows) for method, rows in as_dict(value).items()}


def seen_scenes(record: Mapping[str, Any], scenes: Iterable[str]) -> tuple[str, ...]:
    """Scored scenes that the network learnt from; none in files that do not tell."""
    seen = set(texts(record.get("seen")))
    return tuple(scene for scene in scenes if scene in seen)


def counted_scenes(record: Mapping[str, Any], scenes: Iterable[str]) -> tuple[str, ...]:
    """Scored scenes that count for the whole: those listed, else all but those learnt from."""
    scenes = tuple(scenes)
    if "counted" in record:
        counted = set(texts(record["counted"]))
        return tuple(scene for scene in scenes if scene in counted)
    return tuple(scene for scene in scenes if scene not in seen_scenes(record, scenes))
