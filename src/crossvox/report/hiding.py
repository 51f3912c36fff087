"""Texts without absolute paths: a page travels, machines do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_ABSOLUTE = re.compile(r"(?<![\w.:/\\-])(?:/|~/|[A-Za-z]:[\\/])[^\s,;:'\"()<>|]*[^\s,;:'\"()<>|.]")


def hidden(text: str) -> str:
    """The text with absolute paths cut down to their last name: a page travels, machines do not."""

    def last(found: re.Match[str]) -> str:
        path = found[0]
        kind = PureWindowsPath if "\\" in path or path[1:2] == ":" else PurePosixPath
        name = kind(path).name
        return f"…/{name}" if name and len(kind(path).parts) > 1 else path

    return _ABSOLUTE.sub(last, text)


def hidden_all(value: Any) -> Any:
    """Likewise for every text in a JSON-like value."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return {str(key): hidden_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden_all(item) for item in value]
    return value
