"""Results of a study: one record an arm and seed, and the comparison over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain, read_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Score
from crossvox.study.arms import Arm
from crossvox.study.statistics import (
    DRAWS,
    LEVEL,
    Difference,
    Spread,
    Table,
    cautions,
    paired_difference,
    score_table,
    spread,
)

SceneScores = Mapping[str, Sequence[Score]]
"""Scores by scene."""

Values = dict[str, dict[str, float | None]]
"""Bare numbers by scene and score; None where undefined."""


@dataclass(frozen=True)
class Result:
    """One arm trained with one seed, predicted and scored.

    Attributes:
        arm: its name.
        seed: of initial weights, sub-volumes, order and augmentation.
        index: digest of the training sub-volumes.
        run: digest of the run's manifest.
        prediction: digest of the prediction's manifest.
        parameters: parameters that were trained.
        steps: optimizer steps.
        seconds: wall time of ``train``, ``predict`` and ``score``.
        scores: value by scene and score; None where undefined.
    """

    arm: str
    seed: int
    index: str
    run: str
    prediction: str
    parameters: int
    steps: int
    seconds: dict[str, float]
    scores: Values


def read_result(path: Path) -> Result:
    """Read a record that was written as JSON.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    record = read_json(path)
    try:
        return Result(**record)
    except TypeError as error:
        raise ArtifactError(
            f"given: {path} ({error}); needed: the record of one arm and seed; do: delete it and "
            f"run the study again"
        ) from None


def read_scores(record: Mapping[str, Any]) -> dict[str, SceneScores]:
    """Scores by baseline and scene, from JSON types."""
    return {
        name: {
            scene: [
                Score(**{**one, "value": math.nan if one["value"] is None else one["value"]})
                for one in scores
            ]
            for scene, scores in scenes.items()
        }
        for name, scenes in record.items()
    }


@dataclass(frozen=True)
class ScoreKind:
    """What a score is.

    Attributes:
        unit: as in :class:`crossvox.core.volume.Score`.
        higher_is_better: likewise.
        protocol: likewise.
    """

    unit: str
    higher_is_better: bool
    protocol: str


@dataclass(frozen=True)
class ArmSummary:
    """One arm over all its seeds.

    Attributes:
        name: of the arm.
        differs: what it differs in.
        seeds: seeds that are finished; empty for baselines.
        parameters: parameters that were trained.
        seconds: mean wall time of a seed by step; empty for baselines.
        scores: by score.
        against: differences to controls, by control and score; over the seeds that both have.
    """

    name: str
    differs: str
    seeds: tuple[int, ...]
    parameters: int
    seconds: dict[str, float]
    scores: dict[str, Spread]
    against: dict[str, dict[str, Difference]]


@dataclass(frozen=True)
class Comparison:
    """What a study found.

    Attributes:
        scenes: held-out scenes.
        kinds: what each score is, in the order of the evaluation.
        arms: learnt arms in the order of the matrix, then baselines.
        indices: digest of the training sub-volumes by seed; the same for all arms.
        level: how often intervals shall hold the truth.
        cautions: what a reader of the numbers must know.
    """

    scenes: tuple[str, ...]
    kinds: dict[str, ScoreKind]
    arms: tuple[ArmSummary, ...]
    indices: dict[int, str]
    level: float
    cautions: tuple[str, ...]


def values(scores: SceneScores) -> Values:
    """The bare numbers of scores, by scene and name."""
    return {scene: {s.name: plain(s.value) for s in found} for scene, found in scores.items()}


def kinds(scores: SceneScores) -> dict[str, ScoreKind]:
    """What each score is."""
    found: dict[str, ScoreKind] = {}
    for row in scores.values():
        for score in row:
            found.setdefault(
                score.name, ScoreKind(score.unit, score.higher_is_better, score.protocol)
            )
    return found


def compare(
    arms: Sequence[Arm],
    results: Sequence[Result],
    baselines: Mapping[str, SceneScores],
    controls: Sequence[str],
    *,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Comparison:
    """Put the results of a study side by side.

    Args:
        arms: the matrix, baselines included.
        results: finished ones, in any order; arms without any are left out.
        baselines: scores by baseline and scene. The first baseline names scores and scenes.
        controls: names of arms and baselines that all others are compared with.
        level: how often intervals shall hold the truth.
        draws: of the bootstrap.

    Raises:
        ArtifactError: two arms learnt from different sub-volumes, or were scored on other scenes.
    """
    first = next(iter(baselines.values()))
    scenes, names = tuple(first), kinds(first)
    indices = _indices(results)
    tables: dict[str, dict[int, Values]] = {}
    for result in results:
        expect(
            set(result.scores) == set(scenes),
            given=f"arm {result.arm}, seed {result.seed}, scored on {', '.join(result.scores)}",
            needed=f"the scenes of the study: {', '.join(scenes)}",
            do="delete this arm's folder under results and run the study again",
            error=ArtifactError,
        )
        tables.setdefault(result.arm, {})[result.seed] = result.scores
    fixed = {name: values(found) for name, found in baselines.items()}
    summaries = []
    for arm in arms:
        if arm.name not in tables and arm.name not in fixed:
            continue
        own = sorted((r for r in results if r.arm == arm.name), key=lambda r: r.seed)
        rows = tables.get(arm.name) or {0: fixed[arm.name]}
        against = {}
        for control in controls:
            if control == arm.name or not arm.learns:
                continue
            other = tables.get(control) or ({0: fixed[control]} if control in fixed else {})
            shared = [seed for seed in rows if control in fixed or seed in other]
            if shared:
                against[control] = {
                    name: paired_difference(
                        _table(rows, sorted(shared), scenes, name),
                        _table(other, [0] if control in fixed else sorted(shared), scenes, name),
                        level,
                        draws,
                    )
                    for name in names
                }
        summaries.append(
            ArmSummary(
                name=arm.name,
                differs=arm.differs,
                seeds=tuple(result.seed for result in own),
                parameters=own[0].parameters if own else 0,
                seconds={
                    step: sum(result.seconds.get(step, 0.0) for result in own) / len(own)
                    for step in (own[0].seconds if own else ())
                },
                scores={name: spread(_table(rows, sorted(rows), scenes, name)) for name in names},
                against=against,
            )
        )
    fewest = min((len(s.seeds) for s in summaries if s.seeds), default=0)
    warned = cautions(fewest, len(scenes)) if fewest else ()
    return Comparison(scenes, names, tuple(summaries), indices, level, warned)


def _indices(results: Sequence[Result]) -> dict[int, str]:
    found: dict[int, str] = {}
    for result in results:
        there = found.setdefault(result.seed, result.index)
        expect(
            there == result.index,
            given=f"arm {result.arm}, seed {result.seed}, trained on sub-volumes {result.index}, "
            f"another arm on {there}",
            needed="the same sub-volumes for all arms of a seed",
            do="delete this arm's run and run the study again",
            error=ArtifactError,
        )
    return dict(sorted(found.items()))


def _table(
    rows: Mapping[int, Values],
    seeds: Sequence[int],
    scenes: Sequence[str],
    name: str,
) -> Table:
    one = {seed: {scene: found.get(name) for scene, found in rows[seed].items()} for seed in seeds}
    return score_table(one, seeds, scenes)
