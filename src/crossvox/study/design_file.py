"""A design as YAML, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crossvox.core.artifact import plain, replacing
from crossvox.core.checks import ArtifactError, ParamsError, expect, reason
from crossvox.core.params import from_plain
from crossvox.core.text import decoded
from crossvox.study.design import (
    CellDesign,
    Design,
    Factors,
    Saving,
    TargetDesign,
    expect_keys,
    fields_of,
)
from crossvox.study.transfer import Contrast

_BUT = "except"
"""What ``but`` is called in a file; in Python it is a keyword."""

_RECORD = "# The cells of this folder, as 'crossvox study' keeps them: change them in a copy."


def read_design(path: Path) -> Design:
    """A design of a YAML file.

    Raises:
        ArtifactError: no such file, or it is no YAML.
        ParamsError: it is no design; names file and place.
    """
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise ArtifactError(
            f"given: {path}, which cannot be read ({reason(error)}); needed: a design in YAML; "
            f"do: check the path"
        ) from None
    return parse_design(text, str(path))


def parse_design(text: str, where: str = "design") -> Design:
    """A design of YAML text.

    Raises:
        ArtifactError: it is no YAML.
        ParamsError: it is no design; names the place.
    """
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise ArtifactError(
            f"given: {where}, which is no YAML ({told}); needed: a design; do: correct the file"
        ) from None
    try:
        return _design(found).checked()
    except ParamsError as error:
        raise ParamsError(f"{where}: {error}") from None


def design_text(design: Design) -> str:
    """A design as YAML, every value of it; :func:`parse_design` reads the same back."""
    record = _shown(plain(design))
    for target in record["targets"].values():
        for factors in target.get("factors", ()):
            if "but" in factors:
                factors[_BUT] = factors.pop("but")
    text: str = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=100)
    return text


def write_design(path: Path, design: Design) -> None:
    """Write a design as YAML, as the record of a study's folder."""
    with replacing(path) as part:
        part.write_text(f"{_RECORD}\n{design_text(design)}", encoding="utf-8")


def is_record(path: Path) -> bool:
    """Whether a file is what :func:`write_design` wrote, not a design that somebody keeps there."""
    with path.open("rb") as file:
        return file.readline().rstrip() == _RECORD.encode()


def _shown(value: Any) -> Any:
    """Without what is empty or unset: what the defaults are anyhow."""
    if isinstance(value, dict):
        shown = {key: _shown(item) for key, item in value.items()}
        return {k: v for k, v in shown.items() if v is not None and v not in ({}, [], "")}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _design(found: Any) -> Design:
    record = _mapping(found, "a design", Design)
    for needed in ("name", "title", "targets"):
        expect(
            needed in record,
            given=f"a design without {needed}",
            needed="name, title and targets",
            do=f"add {needed}",
            error=ParamsError,
        )
    targets = _mapping(record["targets"], "targets")
    record["targets"] = {str(name): _target(one, str(name)) for name, one in targets.items()}
    for key, kind in (("contrasts", Contrast), ("savings", Saving)):
        listed = _list(record.get(key), key)
        record[key] = [_mapping(one, f"{key}, number {n}", kind) for n, one in listed]
    return from_plain(Design, record, "design")


def _target(found: Any, name: str) -> dict[str, Any]:
    record = _mapping(found, f"target {name}", TargetDesign)
    cells = _list(record.get("cells"), f"cells of {name}")
    record["cells"] = [
        {"name": one}
        if isinstance(one, str)
        else _mapping(one, f"{name}, cell number {n}", CellDesign)
        for n, one in cells
    ]
    record["factors"] = [
        _factors(one, f"{name}, factors number {n}")
        for n, one in _list(record.get("factors"), f"factors of {name}")
    ]
    return record


def _factors(found: Any, where: str) -> dict[str, Any]:
    record = _mapping(found, where)
    if _BUT in record:
        record["but"] = record.pop(_BUT)
    known = [name for name in fields_of(Factors) if name != "but"]
    expect_keys({k: v for k, v in record.items() if k != "but"}, (*known, _BUT), where)
    for axis in ("source", "mode", "share", "points", "only", "but"):
        if axis in record and not isinstance(record[axis], list):
            record[axis] = [record[axis]]
    return record


def _mapping(found: Any, where: str, kind: type | None = None) -> dict[str, Any]:
    """Names with values, all of them known.

    Raises:
        ParamsError: it is something else; names the place.
    """
    expect(
        isinstance(found, Mapping),
        given=f"{where}: {found!r:.60}",
        needed="names with values" + ("" if kind is None else f": {', '.join(fields_of(kind))}"),
        do="write NAME: VALUE",
        error=ParamsError,
    )
    record = {str(key): value for key, value in found.items()}
    if kind is not None:
        assert dataclasses.is_dataclass(kind)
        expect_keys(record, fields_of(kind), where)
    return record


def _list(found: Any, where: str) -> list[tuple[int, Any]]:
    expect(
        found is None or isinstance(found, list),
        given=f"{where}: {found!r:.60}",
        needed="a list",
        do="write one a line, each behind a dash",
        error=ParamsError,
    )
    return list(enumerate(found or [], start=1))
