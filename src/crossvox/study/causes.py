"""Where a difference comes from: a contrast told apart by parts of rooms.

Counts come in by cell, seed and room; scores are taken of what all rooms have together, and
intervals allow for seeds and for rooms, as those of pooled scores do
(:mod:`crossvox.metrics.statistics`). The gains of parts do not add up to that of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.volume import Score
from crossvox.evaluate.part_counts import (
    ACCURACY,
    ECE,
    F_SCORE,
    SURE,
    WHOLE,
    class_scores_of,
    score_name,
    surface_scores_of,
)
from crossvox.evaluate.parts import CLASS, SPLITS
from crossvox.metrics.classes import STRICT, one_class
from crossvox.metrics.pooled import Counts, added_up
from crossvox.metrics.statistics import LEVEL, Pooled, paired_difference
from crossvox.study.arms import RECONSTRUCT, SEGMENT3D
from crossvox.study.counts import Pool, pooled_scores, score_values
from crossvox.study.transfer import Cause, CauseGroup, Contrast

ROOM, CALIBRATION = "room", "calibration"

ROOM_READING = (
    "The gain room by room; an interval allows for seeds alone. Rooms that disagree say that the "
    "gain depends on the room."
)
CALIBRATION_READING = (
    "How far probabilities lie from the share that is right (lower is better): whether what is "
    "gained is also better known."
)


@dataclass(frozen=True)
class Kind:
    """How parts of one task are scored.

    Attributes:
        pool: counts by part to scores.
        scores: those that are told of each part, the main one first.
    """

    pool: Pool
    scores: tuple[str, ...]


KINDS = {
    RECONSTRUCT: Kind(surface_scores_of, (F_SCORE,)),
    SEGMENT3D: Kind(class_scores_of, (STRICT, ACCURACY)),
}


@dataclass(frozen=True)
class CountedCell:
    """What one cell of a study gets right.

    Attributes:
        name: of the arm or baseline.
        seeds: counts by part, by seed and room.
        baseline: whether it knows no seed; there is one then.
    """

    name: str
    seeds: Mapping[int, Mapping[str, Counts]]
    baseline: bool = False


def causes_of(
    contrast: Contrast, task: str, arm: CountedCell, control: CountedCell, level: float = LEVEL
) -> list[Cause]:
    """A contrast by part, class, room, and of classes by calibration.

    Args:
        contrast: which one.
        task: of its target.
        arm, control: counts of its cells; the seeds and rooms that both have are compared.
        level: how often intervals shall hold the truth.

    Raises:
        ParamsError: nothing is told apart for this task.
        ArtifactError: the two have no seed or no room in common.
    """
    expect(
        task in KINDS,
        given=f"causes of a contrast of {task}",
        needed=f"one of {', '.join(KINDS)}",
        do="leave this target out",
        error=ParamsError,
    )
    pair = _Pair(contrast, KINDS[task], *_paired(contrast, arm, control), level)
    return [*pair.by_part(), *pair.by_room()]


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of a contrast: by seed, counts by room."""

    seeds: tuple[Mapping[str, Counts], ...]

    def pooled(self, scenes: Sequence[str], pool: Pool) -> dict[str, Pooled]:
        return pooled_scores(self.seeds, scenes, pool)

    def rooms(self, scenes: Sequence[str], pool: Pool, name: str) -> NDArray[np.float64]:
        """``(seeds, rooms)`` of one score."""
        rows = [
            [score_values(pool(one[scene])).get(name, math.nan) for scene in scenes]
            for one in self.seeds
        ]
        return np.array(rows, np.float64).reshape(len(self.seeds), len(scenes))


@dataclass(frozen=True, eq=False)
class _Pair:
    """Both sides of a contrast on the same seeds and rooms."""

    contrast: Contrast
    kind: Kind
    scenes: tuple[str, ...]
    arm: _Side
    control: _Side
    level: float

    def by_part(self) -> Iterator[Cause]:
        pool = self.kind.pool
        one, other = (side.pooled(self.scenes, pool) for side in (self.arm, self.control))
        support = self._support()
        for split in SPLITS.values():
            named = [(group, f"{split.name}/{group}") for group in split.groups]
            for score in self.kind.scores:
                found = [
                    (group, score_name(part, score))
                    for group, part in named
                    if score_name(part, score) in one
                ]
                yield from self._cause(split.name, score, found, one, other, support, split.reading)
            if split == CLASS:
                ious = [(group, score_name(part, one_class(group).name)) for group, part in named]
                ious = [(group, name) for group, name in ious if name in one]
                yield from self._cause(split.name, "IoU", ious, one, other, support, split.reading)
        sure = [(WHOLE, score_name(SURE, ECE))] if score_name(SURE, ECE) in one else []
        yield from self._cause(CALIBRATION, ECE, sure, one, other, support, CALIBRATION_READING)

    def by_room(self) -> Iterator[Cause]:
        score = self.kind.scores[0]
        name = score_name(WHOLE, score)
        one, other = (
            side.rooms(self.scenes, self.kind.pool, name) for side in (self.arm, self.control)
        )
        sizes = [
            _supports(self.kind.pool(self.arm.seeds[0][scene])).get(name, 0)
            for scene in self.scenes
        ]
        groups = tuple(
            CauseGroup(
                name=scene,
                support=sizes[at] / max(sum(sizes), 1),
                arm_mean=float(one[:, at].mean()),
                control_mean=float(other[:, at].mean()),
                difference=paired_difference(one[:, [at]], other[:, [at]], self.level),
            )
            for at, scene in enumerate(self.scenes)
            if np.isfinite(one[:, at]).all() and np.isfinite(other[:, at]).all()
        )
        if groups:
            yield Cause(self.contrast.name, ROOM, score, groups, ROOM_READING)

    def _cause(
        self,
        split: str,
        score: str,
        named: Sequence[tuple[str, str]],
        one: Mapping[str, Pooled],
        other: Mapping[str, Pooled],
        support: Mapping[str, float],
        reading: str,
    ) -> Iterator[Cause]:
        """One cause, of the groups that have a score on both sides; none without any."""
        groups = tuple(
            CauseGroup(
                name=group,
                support=support.get(name, math.nan),
                arm_mean=float(one[name].whole.mean()),
                control_mean=float(other[name].whole.mean()),
                difference=paired_difference(one[name], other[name], self.level),
            )
            for group, name in named
            if name in other
            and np.isfinite(one[name].whole).all()
            and np.isfinite(other[name].whole).all()
        )
        if groups:
            yield Cause(self.contrast.name, split, score, groups, reading)

    def _support(self) -> dict[str, float]:
        """Share of all that is scored, by score."""
        found = _supports(self.kind.pool(added_up(self.arm.seeds[0][s] for s in self.scenes)))
        whole = max(found.get(score_name(WHOLE, self.kind.scores[0]), 0), 1)
        return {name: size / whole for name, size in found.items()}


def _paired(
    contrast: Contrast, arm: CountedCell, control: CountedCell
) -> tuple[tuple[str, ...], _Side, _Side]:
    """Rooms and sides of a contrast."""
    seeds = sorted(arm.seeds if control.baseline else {*arm.seeds} & {*control.seeds})
    of_control = sorted(control.seeds) if control.baseline else seeds
    tables = [arm.seeds[seed] for seed in seeds], [control.seeds[seed] for seed in of_control]
    everywhere = [set(one) for side in tables for one in side]
    scenes = tuple(sorted(set.intersection(*everywhere))) if seeds and of_control else ()
    expect(
        len(scenes) > 0,
        given=f"contrast {contrast.name}: {arm.name} and {control.name}, which share "
        f"{len(seeds)} seeds and no room",
        needed="predictions of the same rooms by the same seeds",
        do="run the study to its end first",
        error=ArtifactError,
    )
    return scenes, _Side(tuple(tables[0])), _Side(tuple(tables[1]))


def _supports(scores: Sequence[Score]) -> dict[str, int]:
    return {score.name: score.support for score in scores}
