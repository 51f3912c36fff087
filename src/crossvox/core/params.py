"""Reading params back: JSON types to nested frozen dataclasses, with errors that name the field."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from crossvox.core.checks import ParamsError

T = TypeVar("T")


def from_plain(cls: type[T], value: Any, where: str = "") -> T:
    """Rebuild a params dataclass from what :func:`crossvox.core.artifact.plain` made of it.

    Fields that are absent take their defaults, so that older files stay readable.

    Raises:
        ParamsError: a field is unknown or holds a value of another type; names the field.
    """
    name = where or cls.__name__
    if not isinstance(value, dict):
        raise ParamsError(
            f"given: {name} = {value!r}; needed: the fields of {cls.__name__}; "
            f"do: make the folder anew"
        )
    hints = get_type_hints(cls)
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(value) - known)
    if unknown:
        raise ParamsError(
            f"given: {name} with unknown fields {', '.join(unknown)}; needed: only "
            f"{', '.join(sorted(known))}; do: use the version of crossvox that wrote it, or make "
            f"it anew"
        )
    return cls(**{key: _read(hints[key], item, f"{name}.{key}") for key, item in value.items()})


def check_choices(params: Any) -> None:
    """Refuse a field that holds none of the values that its ``Literal`` type lists.

    Files and the command line are checked as they are read; this is for calls.

    Raises:
        ParamsError: names the field.
    """
    for name, kind in get_type_hints(type(params)).items():
        if get_origin(kind) is Literal and getattr(params, name) not in get_args(kind):
            raise ParamsError(
                f"given: {type(params).__name__}.{name} = {getattr(params, name)!r}; needed: one "
                f"of {', '.join(map(str, get_args(kind)))}; do: correct the value"
            )


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, value, where)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        for choice in arguments:
            try:
                return _read(choice, value, where)
            except ParamsError:
                continue
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple and isinstance(value, list | tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_read(arguments[0], item, where) for item in value)
        if len(arguments) == len(value):
            return tuple(_read(k, v, where) for k, v in zip(arguments, value, strict=True))
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is kind:
        return value
    raise ParamsError(
        f"given: {where} = {value!r}; needed: {getattr(kind, '__name__', kind)}; "
        f"do: correct the value or make the file anew"
    )
