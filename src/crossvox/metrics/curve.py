"""Scores over the number of frames: the same rooms and methods, seen by few frames and by many.

Rooms are a sample of all rooms, so a mean over them has an interval: Student's t over rooms, that
of :mod:`crossvox.metrics.statistics` for one seed. Two methods are compared room by room, for what
is hard for one is hard for the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import write_json
from crossvox.core.checks import ArtifactError, ParamsError, ShapeError, expect
from crossvox.core.params import read_as
from crossvox.core.volume import Score
from crossvox.metrics.statistics import LEVEL, holm, paired_difference

CURVE = "curve.json"
"""Name of the file, in a prediction folder or beside it."""


@dataclass(frozen=True, eq=False)
class FramesCurve:
    """Scores of several methods, from several numbers of frames, in the same rooms.

    Attributes:
        frames: how many frames the methods were given, rising.
        methods: keys of :data:`crossvox.core.methods.METHODS`.
        rooms: their names.
        scores: ``(frames, rooms)`` float64 by name of the score (as its measure has it, for example
            ``F-score``) and by method; NaN where a room has no number.
        protocol: rules that the scores were measured by.
        notes: what a reader must know, one sentence each.
    """

    frames: tuple[int, ...]
    methods: tuple[str, ...]
    rooms: tuple[str, ...]
    scores: Mapping[str, Mapping[str, NDArray[np.float64]]]
    protocol: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.frames, self.frames[1:], strict=False))
        expect(
            len(self.frames) > 0 and rising and self.frames[0] > 0,
            given=f"numbers of frames {list(self.frames)}",
            needed="positive numbers, rising",
            do="give each number of frames once, the fewest first",
            error=ParamsError,
        )
        for what, names in (("methods", self.methods), ("rooms", self.rooms)):
            expect(
                len(names) > 0 and len(set(names)) == len(names),
                given=f"{what} {list(names)}",
                needed="one at least, each once",
                do=f"name the {what}",
                error=ParamsError,
            )
        shape = (len(self.frames), len(self.rooms))
        for name, tables in self.scores.items():
            expect(
                set(tables) == set(self.methods),
                given=f"{name} of {', '.join(tables) or 'nothing'}",
                needed=f"of {', '.join(self.methods)}",
                do="score every method",
                error=ParamsError,
            )
            for method, table in tables.items():
                expect(
                    table.shape == shape and not np.isinf(table).any(),
                    given=f"{name} of {method}, of shape {table.shape}",
                    needed=f"numbers of shape {shape}, frames by rooms; NaN where there is none",
                    do="score every room from every number of frames",
                    error=ShapeError,
                )

    @classmethod
    def of(
        cls,
        scores: Mapping[int, Mapping[str, Mapping[str, Sequence[Score]]]],
        methods: Sequence[str],
        names: Sequence[str],
        protocol: str,
        notes: Sequence[str] = (),
    ) -> FramesCurve:
        """The curve of scores as they were measured.

        Args:
            scores: by number of frames, room and method.
            methods: whose scores are taken, in the order of display.
            names: of the scores that are taken; what was not measured is NaN.
            protocol: rules that the scores were measured by.
            notes: what a reader must know.
        """
        frames = sorted(scores)
        rooms = list(dict.fromkeys(room for count in frames for room in scores[count]))

        def value(name: str, count: int, room: str, method: str) -> float:
            found = scores[count].get(room, {}).get(method, ())
            return next((score.value for score in found if score.name == name), math.nan)

        tables = {
            name: {
                method: np.array(
                    [[value(name, count, room, method) for room in rooms] for count in frames],
                    dtype=np.float64,
                ).reshape(len(frames), len(rooms))
                for method in methods
            }
            for name in names
        }
        return cls(tuple(frames), tuple(methods), tuple(rooms), tables, protocol, tuple(notes))

    def means(self, score: str, method: str, level: float = LEVEL) -> tuple[OverRooms, ...]:
        """Mean over rooms of a method's score, from each number of frames."""
        table = self._table(score, method)
        return _over_rooms(table, np.zeros_like(table), level)

    def differences(
        self, score: str, method: str, control: str, level: float = LEVEL
    ) -> tuple[OverRooms, ...]:
        """How much higher one method scores than another in the same rooms, likewise."""
        return _over_rooms(self._table(score, method), self._table(score, control), level)

    def _table(self, score: str, method: str) -> NDArray[np.float64]:
        table = self.scores.get(score, {}).get(method)
        expect(
            table is not None,
            given=f"{score} of {method}",
            needed=f"one of {', '.join(self.scores)} of one of {', '.join(self.methods)}",
            do="correct the name",
            error=ParamsError,
        )
        assert table is not None
        return table


@dataclass(frozen=True)
class OverRooms:
    """A mean over rooms.

    Attributes:
        mean: NaN if no room has a number.
        low, high: its interval by Student's t; NaN for fewer than two rooms.
        p_adjusted: of a difference: two-sided p value of a mean of 0, adjusted after Holm for all
            numbers of frames; NaN without an interval.
        rooms: so many have a number.
        undefined: so many have none.
    """

    mean: float
    low: float
    high: float
    p_adjusted: float
    rooms: int
    undefined: int


def _over_rooms(
    table: NDArray[np.float64], control: NDArray[np.float64], level: float
) -> tuple[OverRooms, ...]:
    """Means of a table less another, ``(frames, rooms)`` both: a row each."""
    with np.errstate(invalid="ignore"):
        pairs = zip(table, control, strict=True)
        found = [paired_difference(one[None], other[None], level) for one, other in pairs]
    adjusted = holm([row.p for row in found])
    return tuple(
        OverRooms(row.mean, row.low, row.high, p, row.scenes, row.undefined)
        for row, p in zip(found, adjusted, strict=True)
    )


@dataclass(frozen=True)
class _File:
    """What the file holds; a number that is none is None."""

    protocol: str
    frames: tuple[int, ...]
    methods: tuple[str, ...]
    rooms: tuple[str, ...]
    scores: dict[str, dict[str, tuple[tuple[float | None, ...], ...]]]
    notes: tuple[str, ...] = ()


def write_curve(path: Path, curve: FramesCurve) -> None:
    """Write a curve as JSON, replaced as a whole; scores are lists by frames, then by rooms."""
    fields = ("protocol", "frames", "methods", "rooms", "scores", "notes")
    write_json(path, {name: getattr(curve, name) for name in fields})


def read_curve(path: Path) -> FramesCurve:
    """Read what :func:`write_curve` wrote.

    Raises:
        ArtifactError: missing, damaged, or no such curve; names the file.
    """
    needed, do = "scores by number of frames", "make the curve anew"
    found = read_as(path, _File, needed=needed, do=do)
    try:
        tables = {
            name: {method: _numbers(rows) for method, rows in methods.items()}
            for name, methods in found.scores.items()
        }
        return FramesCurve(
            found.frames, found.methods, found.rooms, tables, found.protocol, found.notes
        )
    except (ParamsError, ShapeError, ValueError) as error:
        raise ArtifactError(f"given: {path} ({error}); needed: {needed}; do: {do}") from None


def _numbers(rows: tuple[tuple[float | None, ...], ...]) -> NDArray[np.float64]:
    """A table, NaN where there is no number.

    Raises:
        ValueError: rows of several lengths.
    """
    known = [[math.nan if value is None else value for value in row] for row in rows]
    return np.array(known, dtype=np.float64)
