"""Parameters of an arm: those of the study, with some values set by their dotted names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from crossvox.core.checks import ParamsError
from crossvox.core.registry import nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Of:
    """A value that the study's own parameters give.

    Attributes:
        name: of the parameter, dotted.
    """

    name: str


def overridden(value: T, overrides: Mapping[str, Any], study: Any = None, where: str = "") -> T:
    """A dataclass with some values set, nested ones by dotted names; each is checked as ever.

    Args:
        value: parameters, nested dataclasses.
        overrides: values by dotted name, for example ``{"train.steps": 300}``.
        study: what :class:`Of` values are taken from.
        where: name of ``value``, for the text of an error.

    Raises:
        ParamsError: there is no such parameter, or it takes no such value.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Loop:
        ...     steps: int = 1
        >>> @dataclass(frozen=True)
        ... class Run:
        ...     loop: Loop = Loop()
        >>> overridden(Run(), {"loop.steps": 3})
        Run(loop=Loop(steps=3))
    """
    nested: dict[str, dict[str, Any]] = {}
    changed: dict[str, Any] = {}
    names = {field.name for field in dataclasses.fields(value)}  # type: ignore[arg-type]
    for dotted, wanted in overrides.items():
        name, _, rest = dotted.partition(".")
        here = getattr(value, name, None)
        if name not in names or (rest and not dataclasses.is_dataclass(here)):
            known = ", ".join(sorted(names))
            raise ParamsError(
                f"given: an arm that sets {where}{dotted}; needed: one of {known}; "
                f"do: {nearest(name, names) or 'correct the name'}"
            )
        if rest:
            nested.setdefault(name, {})[rest] = wanted
        else:
            changed[name] = _looked_up(study, wanted)
    for name, inner in nested.items():
        changed[name] = overridden(getattr(value, name), inner, study, f"{where}{name}.")
    return dataclasses.replace(value, **changed)  # type: ignore[type-var]


def _looked_up(study: Any, wanted: Any) -> Any:
    if not isinstance(wanted, Of):
        return wanted
    found = study
    for name in wanted.name.split("."):
        if not hasattr(found, name):
            raise ParamsError(
                f"given: a value of {wanted.name!r}; needed: a parameter of "
                f"{type(study).__name__}; do: correct the name behind 'of'"
            )
        found = getattr(found, name)
    return found
