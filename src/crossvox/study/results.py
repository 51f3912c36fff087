"""Results of a study: one record an arm and seed, and what is kept of baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import ArtifactError
from crossvox.core.volume import Score
from crossvox.study.counts import Counts, pack, unpack

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
        version: of the package that wrote it.
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
    version: str = crossvox.__version__

    @property
    def name(self) -> str:
        """Arm and seed, as folders are called."""
        return f"{self.arm}/seed-{self.seed}"


def read_result(path: Path) -> Result:
    """Read a record that was written as JSON; one without numbers is of none.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    record = read_json(path)
    try:
        return Result(**{"version": "", "numbers": 0, **record})
    except TypeError as error:
        raise ArtifactError(
            f"given: {path} ({error}); needed: the record of one arm and seed; do: delete it and "
            f"run the study again"
        ) from None


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
    record = read_json(path)
    if record.get("made_from") != plain(made_from) or "counts" not in record:
        return None
    scores = read_scores(record["scores"])
    return {name: Scored(scores[name], unpack(record["counts"][name])) for name in scores}


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


def without_counts(result: Result) -> dict[str, Any]:
    """A record for a file of many: its counts stay in its own."""
    record = asdict(result)
    del record["counts"]
    return record
