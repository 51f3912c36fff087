"""How predicted scenes are scored, each by itself, and how their scores are put together.

A scene's scores are an item of a folder, made by any back end, by any number of calls. Without a
folder of the user's it is a temporary one: there is one way to score.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from crossvox.core.artifact import MANIFEST, plain, read_json, read_manifest, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import SCORES
from crossvox.core.params import from_plain, scores_from
from crossvox.evaluate.classes import (
    PROTOCOL,
    ClassEvaluation,
    count_scene,
    gather_counts,
    scenes_to_count,
    write_classes,
)
from crossvox.evaluate.counts import SceneCounts
from crossvox.evaluate.gather import Measured, expect_unseen
from crossvox.evaluate.predicted import Scored, way_of
from crossvox.evaluate.protocols import Protocol, check_protocol
from crossvox.evaluate.score import (
    Evaluation,
    SceneScores,
    scenes_to_score,
    score_scene,
    write_scores,
)
from crossvox.flow import locks
from crossvox.flow.collection import failures
from crossvox.flow.folder import expect_writable, is_current
from crossvox.flow.jobs import BACKENDS, is_remote
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input
from crossvox.recipes.evaluate import ScoredScenes, ScoreScene

SURFACES = ("learnt", "mask_only", "tsdf")
COUNTS = "counts.json"

T = TypeVar("T")


def score_one(stage: ScoreScene, work: Work) -> Mapping[str, Any]:
    """Write ``scores.json``, or of protocol ``classes`` ``counts.json``, into ``work.out``."""
    scene = Scored(stage.scene, stage.predicted.path, stage.prepared.path, classes=stage.classes)
    if stage.protocol == PROTOCOL:
        with work.watch("count"):
            counts = count_scene(scene)
        write_json(work.out / COUNTS, counts)
        return {"labelled": counts is not None, "methods": [*(counts or ())]}
    with work.watch("score"):
        scores = score_scene(scene, stage.methods, check_protocol(stage.protocol))
    write_json(work.out / SCORES, scores)
    return {"lost poses": scores.lost, "methods": [*scores.scores]}


def evaluate_surfaces(
    pred: Path,
    data: Path,
    protocol: Protocol,
    seen_scenes: bool,
    out: Path | None,
    workers: int,
    runner: Runner,
) -> Evaluation:
    """See :func:`crossvox.recipes.evaluate.evaluate_reconstruct`."""
    scenes = scenes_to_score(pred, data, protocol, SURFACES, seen_scenes=seen_scenes)
    with _made(pred, scenes, protocol, SURFACES, out, workers, runner) as made:
        return write_scores(
            pred, data, protocol, SURFACES, scenes, made(read_scores), seen_scenes=seen_scenes
        )


def evaluate_labels(
    pred: Path, data: Path, seen_scenes: bool, out: Path | None, workers: int, runner: Runner
) -> ClassEvaluation:
    """See :func:`crossvox.recipes.evaluate.evaluate_segment3d`."""
    scenes = scenes_to_count(pred, data)
    expect_unseen(scenes, seen_scenes)
    with _made(pred, scenes, PROTOCOL, (), out, workers, runner) as made:
        kept = made(read_counts)
        found = gather_counts(data, scenes, kept, seen_scenes=seen_scenes)
        return write_classes(pred, found, kept)


@contextmanager
def _made(
    pred: Path,
    scenes: Sequence[Scored],
    protocol: str,
    methods: tuple[str, ...],
    out: Path | None,
    workers: int,
    runner: Runner,
) -> Iterator[Callable[[Callable[[Path], T | None]], Measured[T]]]:
    """Have scenes scored; gives a function from what reads one to all that is there.

    Nobody else puts scores together in the meantime: who does so last has seen all.
    """
    _expect_shared(out, runner)
    expect_writable(pred / f"scores.{protocol}.json")
    items = {
        scene.name: ScoreScene(
            _input(scene.predicted),
            _input(scene.prepared),
            scene.name,
            protocol,
            methods,
            scene.classes if protocol == PROTOCOL else None,
        )
        for scene in scenes
    }
    way = Input(pred, way_of(read_manifest(scenes[0].predicted)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "scores" if out is None else out
        made = runner.make_all(ScoredScenes(way, protocol), items, folder, workers=workers)
        failed = {name: one.reason for name, one in failures(made.manifest).items()}

        def kept(read: Callable[[Path], T | None]) -> Measured[T]:
            there = [
                name for name, item in items.items() if is_current(folder / name, item.manifest())
            ]
            return Measured(
                {name: read(folder / name) for name in there},
                {name: failed[name] for name in items if name in failed and name not in there},
                tuple(name for name in items if name not in there and name not in failed),
            )

        with locks.shared(folder, "summary"):
            yield kept


def _expect_shared(out: Path | None, runner: Runner) -> None:
    """Refuse to share work, but not what comes of it.

    Raises:
        ParamsError: other machines, or other calls, would have no place to put it.
    """
    remote = bool(runner.backend) and is_remote(BACKENDS[runner.backend])
    part = runner.choice.shard
    expect(
        out is not None or not (remote or part),
        given=f"{f'--backend {runner.backend}' if remote else 'a part of the scenes (--shard)'}, "
        f"without a folder for the scores of each scene",
        needed="a folder that all who share the work see",
        do="pass --out FOLDER",
        error=ParamsError,
    )


def _input(folder: Path) -> Input:
    """A folder that a stage wrote, or one that was put together by hand."""
    return Input.folder(folder) if (folder / MANIFEST).is_file() else Input.files(folder)


def read_scores(folder: Path) -> SceneScores:
    """Scores of a scene as :func:`score_one` wrote them, equal to the last bit.

    Raises:
        ArtifactError: the file is damaged.
    """
    record = read_json(folder / SCORES)
    try:
        scores = {
            method: [*scores_from(listed, method)] for method, listed in record["scores"].items()
        }
        return from_plain(SceneScores, {**record, "scores": scores})
    except (AttributeError, KeyError, TypeError, ParamsError) as error:
        raise _damaged(folder / SCORES, error) from None


def read_counts(folder: Path) -> dict[str, SceneCounts] | None:
    """Counts of a scene by method as :func:`score_one` wrote them; None: it has no ground truth.

    Raises:
        ArtifactError: the file is damaged.
    """
    record = read_json(folder / COUNTS)
    try:
        return record and {
            method: SceneCounts(**{key: _array(value) for key, value in one.items()})
            for method, one in record.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(folder / COUNTS, error) from None


def _array(value: Any) -> Any:
    return np.array(value, dtype=np.int64) if isinstance(value, list) else value


def _damaged(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(
        f"given: {path} ({plain(str(error))}); needed: scores as 'crossvox evaluate' writes them; "
        f"do: delete its folder and evaluate again"
    )
