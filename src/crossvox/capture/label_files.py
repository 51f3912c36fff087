"""What a label image tells of its ids: the table of classes by which ``predict2d`` chose them.

It goes with the image wherever that is copied, as long as no other program writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from crossvox.core.artifact import plain
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.core.class_map import ClassMap
from crossvox.core.labels import NYU40_NAMES
from crossvox.core.params import from_plain
from crossvox.doors.images import text_of

KEYWORD = "crossvox classes"
"""Of the text in a label image that tells its table, as JSON."""

_BEGINNING = 1 << 15
"""Bytes of a file in which its table ends."""


def table_text(table: ClassMap | None) -> dict[str, str]:
    """The text that a label image gets, by its keyword; none where all classes are told."""
    if table is None:
        return {}
    return {KEYWORD: json.dumps(plain(table), sort_keys=True, separators=(",", ":"))}


def table_in(data: bytes, source: str) -> ClassMap | None:
    """The table of classes that a label image tells.

    Args:
        data: the file, or its beginning.
        source: names it in errors.

    Returns:
        None where it tells none.

    Raises:
        CaptureError: what it tells is no such table.
    """
    told = text_of(data, KEYWORD)
    if told is None:
        return None
    try:
        return from_plain(ClassMap, json.loads(told))
    except (ValueError, TypeError, RecursionError, ParamsError) as error:
        raise CaptureError(
            f"given: {source}, whose text {KEYWORD!r} cannot be read ({error}); needed: a table of "
            "classes; do: label the image anew"
        ) from None


def table_of_file(path: Path) -> ClassMap | None:
    """As :func:`table_in`, of a file of which the beginning alone is read; None: it is not there.

    Raises:
        CaptureError: what it tells is no table of classes.
    """
    try:
        with path.open("rb") as file:
            return table_in(file.read(_BEGINNING), str(path))
    except OSError:
        return None


def joined(table: ClassMap) -> str:
    """Which classes of NYU40 have another one's id by a table, as a sentence has it; or empty."""
    moved = [
        f"{NYU40_NAMES[own]} as {table.names[number]}"
        for own, number in enumerate(table.table[: len(NYU40_NAMES)].tolist())
        if number not in (0, own)
    ]
    return ", ".join(moved[:3]) + (", ..." if len(moved) > 3 else "")


def expect_own_ids(table: ClassMap | None, given: str) -> None:
    """Refuse label images whose ids are not NYU40's, each for its own class.

    Tables that only rename or leave out classes keep their ids.

    Args:
        table: that they were chosen by; None: of all classes.
        given: names them.

    Raises:
        CaptureError: an id stands for other classes than in NYU40.
    """
    others = "" if table is None else joined(table)
    expect(
        not others,
        given=f"{given}, whose labels 'crossvox predict2d' chose by a table of classes ({others})",
        needed="ids of NYU40, each for its own class",
        do="label the images anew, without --classes: what learns from them can tell its classes "
        "by that table then",
        error=CaptureError,
    )
