"""Which classes are told: NYU40's, some of them, some together, or those of another labeller.

A table of two columns says what each class of a labeller is to be called. Classes that get one name
become one. What is written stays ids from 1 to 40, so that everything that reads a labelled surface
goes on working: a name of NYU40's has its own id there, a new name takes the lowest id among the
NYU40 classes that it is made of, or else the lowest free one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import MANIFEST, Manifest, read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.labels import BENCHMARK_IDS, NYU40_NAMES
from crossvox.core.params import from_plain
from crossvox.core.text import decoded

CLASSES_FILE = "classes.json"
"""Names of the classes of a labelled scene by id, beside its surface."""

_MOST_ID = 65535
_NUMBERS = {name: number for number, name in enumerate(NYU40_NAMES)}


@dataclass(frozen=True)
class ClassMap:
    """From a labeller's ids to those that are written.

    Attributes:
        names: of what is written by id, ``names[0]`` is "unannotated"; empty: no class has this id.
        rows: pairs of a labeller's id and the id that is written; 0: this class is never told.
        strict: whether ids that no row names are never told either; else they stay what they are.

    Raises:
        ParamsError: an id that there is not, or another number of names.
    """

    names: tuple[str, ...] = NYU40_NAMES
    rows: tuple[tuple[int, int], ...] = ()
    strict: bool = False

    def __post_init__(self) -> None:
        count = len(self.names)
        beyond = [row for row in self.rows if not (0 <= row[0] <= _MOST_ID and 0 <= row[1] < count)]
        expect(
            0 < count <= len(NYU40_NAMES) and not beyond,
            given=f"a table of {count - 1} classes, with ids {beyond[:3]}",
            needed=f"at most {len(NYU40_NAMES) - 1} classes, and ids from 0 to {_MOST_ID} as these",
            do="correct the table",
            error=ParamsError,
        )

    @property
    def table(self) -> NDArray[np.uint8]:
        """``(65536,)`` uint8, ids that are written by a labeller's id."""
        table = np.zeros(_MOST_ID + 1, np.uint8)
        if not self.strict:
            table[: len(NYU40_NAMES)] = np.arange(len(NYU40_NAMES))
        for old, new in self.rows:
            table[old] = new
        return table

    @property
    def known(self) -> NDArray[np.bool_]:
        """``(65536,)`` bool, a labeller's ids that the table says something of; 0 among them."""
        known = np.zeros(_MOST_ID + 1, bool)
        known[: 1 if self.strict else len(NYU40_NAMES)] = True
        known[[old for old, _ in self.rows]] = True
        return known

    def merge(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of NYU40's classes to those of the classes that are written.

        Args:
            probability: ``(..., 40)``.

        Returns:
            ``(..., 40)``; where classes are left out, of the others given that it is one of them.
        """
        if self == ClassMap():
            return probability
        target = self.table[1 : len(NYU40_NAMES)]
        out = np.zeros_like(probability)
        for old, new in enumerate(target.tolist()):
            if new:
                out[..., new - 1] += probability[..., old]
        total = out.sum(axis=-1, keepdims=True)
        return np.asarray(out / np.where(total > 0, total, 1), np.float32)

    def expect_nyu40(self, given: str) -> None:
        """Refuse a table of ids that no network here has.

        Raises:
            ParamsError: it names ids beyond NYU40's.
        """
        beyond = sorted(old for old, _ in self.rows if old >= len(NYU40_NAMES))
        expect(
            not beyond,
            given=f"{given} with class ids {', '.join(map(str, beyond[:5]))}",
            needed=f"ids of NYU40 (1 to {len(NYU40_NAMES) - 1}) or names of its classes",
            do="leave them out, or label by a folder of images: --frame-labels DIR",
            error=ParamsError,
        )

    def write(self, folder: Path) -> None:
        """Write the names of the classes into :data:`CLASSES_FILE`."""
        named = {str(number): name for number, name in enumerate(self.names) if number and name}
        write_json(folder / CLASSES_FILE, {"names": named})


BUILT_IN = {
    "nyu40": ClassMap(),
    "benchmark20": ClassMap(
        tuple(
            name if number in (0, *BENCHMARK_IDS) else "" for number, name in enumerate(NYU40_NAMES)
        ),
        tuple((number, number) for number in BENCHMARK_IDS),
        strict=True,
    ),
}
"""Class maps by name."""


def find_class_map(given: Path | None) -> ClassMap:
    """A class map by name or by file; None is NYU40.

    Raises:
        ParamsError: neither such a name nor such a file; or a file that is no such table.
    """
    if given is None:
        return BUILT_IN["nyu40"]
    if given.name == str(given) and given.name in BUILT_IN and not given.is_file():
        return BUILT_IN[given.name]
    expect(
        given.is_file(),
        given=f"--classes {given}, which is no file",
        needed=f"a table of two columns, or {' or '.join(BUILT_IN)}",
        do="correct the path",
        error=ParamsError,
    )
    return read_class_map(given)


def read_class_map(path: Path) -> ClassMap:
    """Read a table: a class by id or name, and what it is to be called.

    Columns are separated by tabs, commas or semicolons. A first row whose first field is neither an
    id nor a class is its head. An empty name leaves a class out. Instead of a name the second
    column may hold the id of a NYU40 class. A table of ids tells all that there are, one of names
    only what changes.

    Raises:
        ParamsError: a row that cannot be understood, a class that is named twice, no name
            at all, or more than 40.
    """
    rows = list(_rows(path))
    named: dict[int, str] = {}
    by_id = False
    for number, (old, new) in enumerate(rows, start=1):
        source = _source(old)
        if source is None and number == 1 and len(rows) > 1:
            continue
        expect(
            source is not None,
            given=f"{path}, row {number}: {old!r}",
            needed=f"an id from 1 to {_MOST_ID}, or the name of a NYU40 class",
            do="correct the row",
            error=ParamsError,
        )
        assert source is not None
        name = NYU40_NAMES[int(new)] if new.isdecimal() and 1 <= int(new) <= 40 else new
        expect(
            named.get(source, name) == name,
            given=f"{path}, row {number}: {old!r} as {name!r}, after {named.get(source)!r} before",
            needed="one name for a class",
            do="leave one of the rows out",
            error=ParamsError,
        )
        named[source] = name
        by_id = by_id or old.isdecimal()
    expect(
        bool(named),
        given=f"{path} without any row",
        needed="a table of two columns: a class, and what it is to be called",
        do="write a row a class",
        error=ParamsError,
    )
    found = _numbered(path, named, by_id)
    expect(
        any(found.names[1:]),
        given=f"{path}, which leaves out all classes",
        needed="the name of one class at least",
        do="correct the table",
        error=ParamsError,
    )
    return found


def _numbered(path: Path, named: dict[int, str], strict: bool) -> ClassMap:
    """Give every name an id."""
    kept = {} if strict else {n: NYU40_NAMES[n] for n in range(1, 41) if n not in named}
    all_named = {**kept, **named}
    ids = {name: _NUMBERS[name] for name in all_named.values() if _NUMBERS.get(name, 0)}
    for name in dict.fromkeys(named.values()):
        if name and name not in ids:
            taken = set(ids.values())
            own = [n for n, other in named.items() if other == name and n <= 40 and n not in taken]
            free = sorted(own) or [n for n in range(1, 41) if n not in taken and n not in kept]
            expect(
                len(free) > 0,
                given=f"{path} with more than 40 names",
                needed="at most 40",
                do="give several classes one name, or leave some out",
                error=ParamsError,
            )
            ids[name] = free[0]
    names = [NYU40_NAMES[0], *[""] * 40]
    for name, number in ids.items():
        names[number] = name
    rows = tuple((old, ids.get(name, 0)) for old, name in sorted(named.items()))
    return ClassMap(tuple(names), rows, strict)


def _rows(path: Path) -> Iterable[tuple[str, str]]:
    try:
        text = decoded(path.read_bytes(), fallback="latin-1")
        first = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max("\t,;", key=first.count)
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            fields = [field.strip() for field in row]
            if any(fields) and not fields[0].startswith("#"):
                yield fields[0], fields[1] if len(fields) > 1 else ""
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise ParamsError(
            f"given: {path} ({type(error).__name__}); needed: a table of two columns; do: write "
            f"one class a row, as: armchair,chair"
        ) from None


def _source(text: str) -> int | None:
    """Id of a class by id or name; None if it is neither."""
    if text.isdecimal():
        return int(text) if 1 <= int(text) <= _MOST_ID else None
    return _NUMBERS.get(text.lower()) or None


def read_class_names(folder: Path) -> tuple[str, ...]:
    """Names of a labelled scene's classes by id; NYU40's where the folder tells none.

    Raises:
        ArtifactError: its file of names is damaged.
    """
    path = folder / CLASSES_FILE
    if not path.is_file():
        return NYU40_NAMES
    told: Any = read_json(path)
    found = told.get("names") if isinstance(told, dict) else None
    names = [NYU40_NAMES[0], *[""] * 40]
    named: dict[str, Any] = found if isinstance(found, dict) else {}
    expect(
        bool(named)
        and all(
            isinstance(name, str) and number.isdecimal() and 1 <= int(number) <= 40
            for number, name in named.items()
        ),
        given=f"{path}, which holds no names by id",
        needed="the names of the scene's classes",
        do="predict the scene again",
        error=ArtifactError,
    )
    for number, name in named.items():
        names[int(number)] = name
    return tuple(names)


def table_of(folder: Path, manifest: Manifest) -> ClassMap | None:
    """The classes that the labels of a predicted scene were chosen from (``--classes``).

    The reference is told by the same table before the two are compared: classes that became one are
    one there too, and places of classes that are never told do not count. Label images of
    ``predict2d`` are such labels, too.

    Args:
        folder: of the predicted scene.
        manifest: its manifest.

    Returns:
        None where all 40 are told, if by other names, and where the table is one of another
        labeller's ids.

    Raises:
        ArtifactError: the manifest names something that is no table of classes.
    """
    param = "frame_classes" if "frame_labels" in manifest.parents else "classes"
    found = noted_table(folder, manifest, param)
    own = np.arange(len(NYU40_NAMES))
    return None if found is None or np.array_equal(found.table[own], own) else found


def noted_table(folder: Path, manifest: Manifest, param: str = "classes") -> ClassMap | None:
    """A table of classes among the parameters of a folder; None: there is none.

    Raises:
        ArtifactError: it is no table of classes.
    """
    told = manifest.params.get(param) if isinstance(manifest.params, Mapping) else None
    if told is None:
        return None
    try:
        return from_plain(ClassMap, told)
    except (TypeError, ParamsError) as error:
        raise ArtifactError(
            f"given: {folder / MANIFEST} with {param} {str(told)[:40]} ({error}); needed: a table "
            f"of classes; do: make the folder anew"
        ) from None
