"""What a folder of a study says that it is, and the refusal of one that is another study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import ArtifactError, expect, given_in
from crossvox.core.files import PARAMS
from crossvox.core.params import from_plain
from crossvox.flow import locks
from crossvox.flow.collection import changes
from crossvox.flow.folder import is_begun
from crossvox.recipes.study.cells import Matrix
from crossvox.train.params import NEUTRAL


def claim(out: Path, matrix: Matrix) -> None:
    """Write what the study is, or refuse a folder that holds another one.

    What is None in the one record and not in the other was of no interest so far: arms without a 2D
    network may come before the others, and after.

    Raises:
        ArtifactError: ``out`` holds another study, or something else.
    """
    record = plain({"task": matrix.task, **matrix.identity})
    if "params" in record:  # as it is read back: a second call writes the same
        record["params"] = plain(from_plain(matrix.params_type, record["params"]))
    if is_begun(out, PARAMS):
        _expect_same(out, record, matrix.params_type)
    with locks.shared(out):
        if is_begun(out, PARAMS):
            record = {**record, **_expect_same(out, record, matrix.params_type)}
        write_json(out / PARAMS, record)


def _expect_same(out: Path, record: Mapping[str, Any], params_type: type) -> dict[str, Any]:
    """What a study folder knows of itself, if it is the same study.

    Raises:
        ArtifactError: it is another one; the text tells what differs.
    """
    try:
        there = read_json(out / PARAMS)
    except ArtifactError as error:
        raise ArtifactError(
            f"given: {given_in(error)}; needed: the record of the study; do: put a copy of the "
            f"file back, or name another folder: nothing else tells what the study is of"
        ) from None
    expect(
        isinstance(there, dict) and isinstance(there.get("task"), str),
        given=f"{out}, whose {PARAMS} is not of a study",
        needed="a new or empty folder, or a study",
        do="name another folder",
        error=ArtifactError,
    )
    if "params" in there:
        # Parameters that a later version added take their defaults.
        there["params"] = plain(from_plain(params_type, there["params"]))
    known = {key: value for key, value in there.items() if value is not None}
    asked = {key: value for key, value in record.items() if value is not None}
    shared = known.keys() & asked.keys()
    changed = changes(
        _steering({key: known[key] for key in shared}),
        _steering({key: asked[key] for key in shared}),
    )
    expect(
        not changed,
        given=f"{out}, which holds a study with other parameters or data "
        f"({'; '.join(changed[:5])})",
        needed="the same for all arms (only arms and the number of seeds may change)",
        do="name another folder, or pass the same parameters",
        error=ArtifactError,
    )
    return known


def _steering(record: Any) -> Any:
    """A record without what steers how, not what, is learnt."""
    if not isinstance(record, Mapping):
        return record
    return {key: _steering(item) for key, item in record.items() if key not in NEUTRAL}
