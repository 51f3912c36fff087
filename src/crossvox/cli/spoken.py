"""Docstrings as help texts: what they say, without the language of the API."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

_SECTION = re.compile(r"^\s*(Args|Returns|Raises|Example|Yields|Source):\s*$", re.MULTILINE)
_ROLE = re.compile(r":\w+:`~?([^`]*)`")


def document(function: Callable[..., Any]) -> str:
    """The docstring as help text: what it says of arguments, without the language of the API."""
    text = inspect.getdoc(function) or ""
    parts = _SECTION.split(text)
    about, sections = parts[0], dict(zip(parts[1::2], parts[2::2], strict=True))
    text = f"{about.strip()}\n\nArgs:\n{sections.get('Args', '').rstrip()}\n"
    return _spoken(text)


def _spoken(text: str) -> str:
    """A docstring without its mark-up."""
    return _ROLE.sub(r"\1", text).replace("``", "'")


def speak(classes: Iterable[type | None]) -> None:
    """Take the mark-up out of the docstrings of parameters, for this process.

    What tyro shows of a parameter of a dataclass stands in the docstring of the class, or of one
    that it comes from.

    Args:
        classes: dataclasses of parameters; those of their fields are done as well.
    """
    waiting, seen = [*classes], set[Any]()
    while waiting:
        cls = waiting.pop()
        if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls not in seen:
            seen.add(cls)
            cls.__doc__ = _spoken(cls.__doc__ or "")
            waiting += [*cls.__bases__, *get_type_hints(cls).values()]
