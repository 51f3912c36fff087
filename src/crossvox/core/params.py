"""Reading params back: JSON types to nested frozen dataclasses, with errors that name the field."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from crossvox.core.artifact import INFINITY, read_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.volume import Score

T = TypeVar("T")


def from_plain(cls: type[T], value: Any, where: str = "") -> T:
    """Rebuild a params dataclass from what :func:`crossvox.core.artifact.plain` made of it.

    Fields that are absent take their defaults, so that older files stay readable.

    Raises:
        ParamsError: a field is unknown or holds a value of another type; names the field.
    """
    name = where or cls.__name__
    unknown = sorted(_unknown(cls, value))
    if unknown:
        known = ", ".join(sorted(field.name for field in dataclasses.fields(cls)))  # type: ignore[arg-type]
        raise ParamsError(
            f"given: {name} with unknown fields {', '.join(unknown)}; needed: only fields of "
            f"{cls.__name__} ({known}); do: use the version of crossvox that wrote it, or make it "
            f"anew"
        )
    try:
        return msgspec.convert(_infinities(value), cls, dec_hook=_path)
    except (msgspec.ValidationError, RecursionError) as error:
        text = str(error).replace("`$", f"`{name}")
        raise ParamsError(
            f"given: {name} that does not fit {cls.__name__.lstrip('_')} ({text}); "
            f"needed: values of the types that were written; do: correct the value or make the "
            f"file anew"
        ) from None


def named_texts(words: Sequence[str], where: str) -> dict[str, str]:
    """Words ``NAME=TEXT`` to texts by name.

    Args:
        words: in order; the last of a name counts.
        where: flag that they stand behind, for the text of an error.

    Raises:
        ParamsError: a word without a name or without ``=``.
    """
    texts: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        expect(
            bool(name and equals),
            given=f"{where} {word!r}",
            needed="NAME=VALUE",
            do=f"correct {where}",
            error=ParamsError,
        )
        texts[name] = text
    return texts


def named_values(words: Sequence[str], where: str) -> dict[str, Any]:
    """:func:`named_texts` as values: JSON where a text is JSON, else the text.

    Raises:
        ParamsError: a word without a name or without ``=``.

    Example:
        >>> named_values(["steps=3", "colors=grey", "shape=[16,16,32]"], "--sets")
        {'steps': 3, 'colors': 'grey', 'shape': [16, 16, 32]}
    """
    values: dict[str, Any] = {}
    for name, text in named_texts(words, where).items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def read_as(
    path: Path,
    cls: type[T],
    *,
    needed: str,
    do: str,
    rest: bool = False,
    absent: Mapping[str, Any] | None = None,
) -> T:
    """Read a JSON file whose object has the fields of a dataclass.

    Args:
        path: the file.
        cls: the dataclass; fields with defaults may be absent.
        needed: what the file should be, for the error text.
        do: what to do if it is not, for the error text.
        rest: whether it may hold more, which is left aside.
        absent: what fields that are absent are, where that is not their default.

    Raises:
        ArtifactError: missing, damaged, or with a field that is absent, unknown or of another type;
            names file and field.
    """
    record = read_json(path)
    if rest and isinstance(record, dict):
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        record = {name: value for name, value in record.items() if name in known}
    if isinstance(record, dict):
        record = {**(absent or {}), **record}
    try:
        return from_plain(cls, record, path.name)
    except ParamsError as error:
        raise ArtifactError(
            f"given: {path}, which is not that ({error}); needed: {needed}; do: {do}"
        ) from None


def scores_from(records: Any, where: str) -> tuple[Score, ...]:
    """Scores from JSON types, in which a number that is none is None.

    Raises:
        ParamsError: they are none; names the field.
    """

    listed = isinstance(records, list | tuple)
    return from_plain(tuple[Score, ...], [*map(_numbers, records)] if listed else records, where)


def _numbers(one: Any) -> Any:
    """A score's JSON types with NaN where a number is none."""
    if not isinstance(one, dict):
        return one
    told = {**one, "value": math.nan} if one.get("value", 0) is None else dict(one)
    details = told.get("details")
    if isinstance(details, dict):
        told["details"] = {k: math.nan if v is None else v for k, v in details.items()}
    return told


def check_choices(params: Any) -> None:
    """Refuse a field that holds none of the values that its ``Literal`` type lists.

    Files and the command line are checked as they are read; this is for calls.

    Raises:
        ParamsError: names the field.
    """
    for name, kind in get_type_hints(type(params)).items():
        value = getattr(params, name)
        if get_origin(kind) in (Union, UnionType) and len(get_args(kind)) == 2:
            # Literal[...] | None: None is as good as any of them.
            some = [choice for choice in get_args(kind) if choice is not type(None)]
            kind = some[0] if len(some) == 1 and value is not None else None
        if get_origin(kind) is Literal and value not in get_args(kind):
            raise ParamsError(
                f"given: {type(params).__name__}.{name} = {value!r}; needed: one "
                f"of {', '.join(map(str, get_args(kind)))}; do: correct the value"
            )


_hints = cache(get_type_hints)


def _unknown(kind: Any, value: Any, where: str = "") -> list[str]:
    """Dotted names of fields that no dataclass in ``kind`` has."""
    if not isinstance(value, dict):
        return []
    if get_origin(kind) is dict:
        inner = get_args(kind)[1]
        return [n for key, item in value.items() for n in _unknown(inner, item, f"{where}{key}.")]
    if not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
        choices = [choice for choice in get_args(kind) if dataclasses.is_dataclass(choice)]
        return _unknown(choices[0], value, where) if len(choices) == 1 else []
    hints = _hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    found = [where + key for key in value if key not in known]
    for key in known & value.keys():
        found += _unknown(hints[key], value[key], f"{where}{key}.")
    return found


def _infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _infinities(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_infinities(item) for item in value]
    if isinstance(value, str) and value.removeprefix("-") == INFINITY:
        return float(value)
    return value


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"Expected a path, got {value!r}")
        return Path(value)
    raise TypeError(f"Expected `{kind.__name__}`, got {value!r}")
