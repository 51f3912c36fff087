"""Values out of files that others wrote: numbers, tables, lists, or none of these."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from crossvox.core.names import is_inside


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def as_dict(value: Any) -> dict[str, Any]:
    """The value with texts as keys if it is a table, else an empty one."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def by_scene_name(value: Any) -> dict[str, Any]:
    """Likewise, less what is not the name of a folder's entry: pages look scenes up by it."""
    return {name: item for name, item in as_dict(value).items() if is_inside(name)}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item for item in as_list(value) if isinstance(item, str))


def once(texts: Iterable[str]) -> list[str]:
    """Every text once, in order."""
    return list(dict.fromkeys(texts))


def csv_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
