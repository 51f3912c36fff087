"""What came of a command, as tables: one function a type of result.

A table is registered under the name of its type, so that nothing is imported to show something
else. Another package adds its own by an entry point::

    [project.entry-points."crossvox.tables"]
    "my_package.depth:DepthReport" = "my_package.depth:show_report"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

from crossvox.cli.terminal import Terminal
from crossvox.core.artifact import plain
from crossvox.core.registry import Registry

Show = Callable[[Any, Terminal], None]
S = TypeVar("S", bound=Callable[..., None])

TABLES: Registry[Show] = Registry("table", "crossvox.tables")

EACH = "*"
"""Behind the name of a type: a sequence of it."""

MOST_NAMED = 6
"""So many scenes are named in a remark; a file holds all."""

_BY_SUBJECT = ("causes", "compare", "files", "models", "scenes", "scores", "status", "studies")


_ANSWERS: set[str] = set()


def shows(*types: str, answers: bool = False) -> Callable[[S], S]:
    """Register a function as the table of types, each given as ``module:Name``.

    The function takes the result and the terminal. With :data:`EACH` behind the name, it is the
    table of a list or tuple of such things. ``answers``: the table is all that comes of a command
    that lists or tells, and writes nothing (no ``page``); so ``--quiet`` leaves it.
    """

    def register(function: S) -> S:
        for name in types:
            TABLES.register(name, function)
        _ANSWERS.update(types if answers else ())
        return function

    return register


def named(names: Sequence[str]) -> str:
    """The first names of a list, behind a colon; nothing of none."""
    if not names:
        return ""
    return f": {', '.join(names[:MOST_NAMED])}{', ...' if len(names) > MOST_NAMED else ''}"


def show(result: Any, terminal: Terminal) -> None:
    """Show a result with the table of its type; one without a table is shown field by field."""
    for subject in _BY_SUBJECT:
        import_module(f"crossvox.cli.tables_{subject}")
    for name in _names(result):
        if name in TABLES:
            if name in _ANSWERS and getattr(result, "page", None) is None:
                terminal.answer()
            TABLES[name](result, terminal)
            return
    _show_fields(result, terminal)


def _names(result: Any) -> list[str]:
    """Names that the table of a result may be registered under, nearest first."""
    if isinstance(result, Sequence) and not isinstance(result, str) and result:
        return [f"{name}{EACH}" for name in _names(result[0])]
    return [f"{cls.__module__}:{cls.__qualname__}" for cls in type(result).__mro__]


def _show_fields(result: Any, terminal: Terminal) -> None:
    fields = plain(result)
    if isinstance(fields, dict) and fields:
        terminal.table(type(result).__name__, ["", ""], [[k, v] for k, v in fields.items()])
    elif fields is not None:
        terminal.say(str(fields))
