"""Results of a study: one record an arm and seed, and what is kept of baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.artifact import plain, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.params import from_plain, read_as, scores_from
from crossvox.core.volume import Score
from crossvox.metrics.pooled import Counts
from crossvox.study.counts import pack, unpack

SceneScores = Mapping[str, Sequence[Score]]
"""Scores by scene."""

Values = dict[str, dict[str, float | None]]
"""Bare numbers by scene and score; None where undefined."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What one prediction, or one baseline, scores.

    Attributes:
        scenes: scores by scene.
        counts: counts by scene, of a task whose scores are counted over all scenes at once; none of
            a task whose scores are means over scenes.
    """

    scenes: SceneScores
    counts: Mapping[str, Counts] = field(default_factory=dict)


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
        counts: by scene, packed (see :mod:`crossvox.study.counts`); none where scores are means
            over scenes.
        numbers: which numbers the study makes; raised when the same gives other results.
        version: of the package that wrote it; empty: an older one, that did not tell.
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
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: int = 0
    version: str = ""

    @property
    def name(self) -> str:
        """Arm and seed, as folders are called."""
        return f"{self.arm}/seed-{self.seed}"


def read_result(path: Path) -> Result:
    """Read a record that was written as JSON; one without numbers is of none.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    return read_as(
        path,
        Result,
        needed="the record of one arm and seed",
        do="delete it and run the study again",
        absent={"version": "", "numbers": 0},
    )


def values(scores: SceneScores) -> Values:
    """The bare numbers of scores, by scene and name."""
    return {scene: {s.name: plain(s.value) for s in found} for scene, found in scores.items()}


def write_baselines(path: Path, made_from: Any, found: Mapping[str, Scored]) -> None:
    """Keep what baselines score, and what they were made from."""
    write_json(
        path,
        {
            "version": crossvox.__version__,
            "made_from": made_from,
            "scores": {name: scored.scenes for name, scored in found.items()},
            "counts": {name: pack(scored.counts) for name, scored in found.items()},
        },
    )


def read_baselines(path: Path, made_from: Any) -> dict[str, Scored] | None:
    """What baselines score; None where nothing is kept, or something made from something else."""
    if not path.is_file():
        return None
    needed, do = "scores of baselines", "delete it and run the study again"
    record = read_as(path, _Baselines, needed=needed, do=do, rest=True)
    if record.made_from != plain(made_from) or record.counts is None:
        return None
    try:
        scores = read_scores(record.scores)
    except ParamsError as error:
        raise ArtifactError(f"given: {path} ({error}); needed: {needed}; do: {do}") from None
    return {
        name: Scored(found, unpack(record.counts.get(name, {}))) for name, found in scores.items()
    }


@dataclass(frozen=True)
class _Baselines:
    """What a file of :func:`write_baselines` holds."""

    scores: dict[str, Any]
    made_from: Any = None
    counts: dict[str, Any] | None = None


def read_scores(record: Any) -> dict[str, SceneScores]:
    """Scores by baseline and scene, from JSON types.

    Raises:
        ParamsError: it holds something else; names the field.
    """
    record = from_plain(dict[str, dict[str, list[Any]]], record, "scores")
    return {
        name: {
            scene: list(scores_from(scores, f"scores.{name}.{scene}"))
            for scene, scores in scenes.items()
        }
        for name, scenes in record.items()
    }


def without_counts(result: Result) -> dict[str, Any]:
    """A record for a file of many: its counts stay in its own."""
    record = asdict(result)
    del record["counts"]
    return record
