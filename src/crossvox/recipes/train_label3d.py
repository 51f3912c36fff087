"""How a run of labels in 3D is put together: rooms, who labels their frames, samples, loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError, expect
from crossvox.core.frame_labels import FrameLabeller
from crossvox.core.text import decoded
from crossvox.flow.lineage import Lineage
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Work
from crossvox.recipes.data import read_scenes
from crossvox.recipes.label3d import Label3dRunParams, TrainLabel3d
from crossvox.recipes.labels import calibrated_input
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.shipped import find_run, is_gone
from crossvox.recipes.training import kept_without, only_look
from crossvox.samples.label_samples import LabelDataset, collate_labels
from crossvox.samples.label_scenes import LabelScene, load_label_scene
from crossvox.tasks.label3d import Label3d
from crossvox.tasks.segment3d import voxel_shares
from crossvox.train.folder import answer, asked_for, lineage_of, note_asked
from crossvox.train.loop import train
from crossvox.train.params import CheckpointName
from crossvox.train.report import TrainReport

_Part = list[tuple[Path, int]]
"""Scenes of one data folder, with the number of the run that labels each, from 0."""

_VALIDATION_SEED = 1
_SAMPLES_A_SCENE = 4
"""Samples of each scene in an epoch; an epoch is no more than a unit of the random stream."""


@dataclass(frozen=True)
class _Images:
    """A 2D run that labels frames, by one of its checkpoints.

    Attributes:
        role: what it is called among what a run is made from.
        run: the run.
        lineage: what it has learnt from.
    """

    role: str
    run: RunInput
    lineage: Lineage


def train_label3d(stage: TrainLabel3d, work: Work) -> TrainReport:
    """Train labels in 3D, in the run folder ``work.out``.

    Raises:
        ArtifactError: no scene that can be learnt from, or the folder holds another run.
        CheckpointError: a checkpoint is damaged.
        ParamsError: the table of images does not fit.
    """
    params, given = stage.params, stage.sources
    if (kept := _without_sources(stage, work)) is not None:
        return kept
    images = [
        _images(_role(number), find_run(run), stage.checkpoint)
        for number, run in enumerate(given.images, start=1)
    ]
    training, held_out = _plan(stage, images, work.progress)
    pairs = _numbers(training)
    parents = _parents(stage, images)
    asked = asked_for(
        {"params": params, "labelled by": [pairs, _numbers(held_out)]},
        {"numbers": Label3d.numbers},
        parents,
    )
    done = answer(work.out, asked, params.train, dry=work.dry)
    if done is not None:
        return done
    recipe = {
        "params": params,
        "scenes": given.scenes,
        "validation": given.validation_scenes,
        "labelled by": pairs,
    }
    if work.dry:
        return only_look(
            work.out,
            Label3d(params.task),
            train=params.train,
            recipe=recipe,
            parents={"beside": None, **parents},
        )
    learnt = _scenes(training, images, params, work.progress, "training scenes")
    held = _scenes(held_out, images, params, work.progress, "validation scenes")
    voxels = _voxels_by_label(learnt)
    task = Label3d(params.task, voxel_shares(voxels))
    dataset, validation = _samples(learnt, held, params)
    report = train(
        task,
        dataset,
        collate_labels,
        work.out,
        params.train,
        validation=validation,
        recipe={
            **recipe,
            "label_voxels": voxels,
            "class_shares": task.shares,
            "class_weights": task.weights,
        },
        scenes=[scene.name for part in learnt for scene in part],
        validation_scenes=[scene.name for part in held for scene in part],
        ancestors={its.role: its.lineage for its in images},
        links={**_folders(stage), **{its.role: its.run.path for its in images}},
        parents=parents,
        progress=work.progress.training(),
    )
    note_asked(work.out, asked)
    return report


def _without_sources(stage: TrainLabel3d, work: Work) -> TrainReport | None:
    """The report of a complete run whose data or 2D networks are gone; None of any other."""
    given, folders = stage.sources, _folders(stage)
    gone = [role for role, path in folders.items() if is_gone(path)]
    if not gone:
        return None
    parents = {
        role: read_manifest(path).digest
        if role in ("data", "beside")
        else calibrated_input(find_run(path), stage.checkpoint).digest
        for role, path in folders.items()
        if role not in gone
    }
    return kept_without(
        folders,
        Label3d(stage.params.task),
        work,
        train=stage.params.train,
        recipe={
            "params": stage.params,
            "scenes": given.scenes,
            "validation": given.validation_scenes,
        },
        parents=parents,
        untold=gone,
    )


def _folders(stage: TrainLabel3d) -> dict[str, Path]:
    """What the run is made from, by role."""
    given = stage.sources
    return {
        "data": stage.data,
        **({} if given.beside is None else {"beside": given.beside}),
        **{_role(number): run for number, run in enumerate(given.images, start=1)},
    }


def _role(number: int) -> str:
    """What a 2D run, from 1, is called among what the run is made from."""
    return f"images {number}"


def _plan(
    stage: TrainLabel3d, images: Sequence[_Images], progress: Progress
) -> tuple[list[_Part], list[_Part]]:
    """Scenes that are learnt from and those it is validated on, and who labels each."""
    given = stage.sources
    table = _table(given.images_table, len(images))
    data = [stage.data] if given.beside is None else [stage.data, given.beside]
    training = _labelled_by(data, given.scenes, images, table, given.seen_scenes, progress)
    if given.validation_scenes == "none":
        return training, []
    return training, _labelled_by(data[:1], given.validation_scenes, images, table, True, None)


def _numbers(parts: Sequence[_Part]) -> dict[str, int]:
    """The run that labels each scene, from 1, as a record tells it."""
    return {folder.name: number + 1 for part in parts for folder, number in part}


def _parents(stage: TrainLabel3d, images: Sequence[_Images]) -> dict[str, str]:
    """Digests of what the run is made from."""
    beside = stage.sources.beside
    return {
        "data": read_manifest(stage.data).digest,
        **({} if beside is None else {"beside": read_manifest(beside).digest}),
        **{its.role: its.run.digest for its in images},
    }


def _voxels_by_label(scenes: Sequence[Sequence[LabelScene]]) -> NDArray[np.int64]:
    """How many voxels have each label, ``(41,)``."""
    counts = np.zeros(41, np.int64)
    for part in scenes:
        for scene in part:
            counts += np.bincount(scene.labels, minlength=41)
    return counts


def _samples(
    learnt: Sequence[Sequence[LabelScene]],
    held: Sequence[Sequence[LabelScene]],
    params: Label3dRunParams,
) -> tuple[LabelDataset, LabelDataset | None]:
    """Samples to learn from and, where there are scenes for it, to validate on."""
    count, votes = sum(len(part) for part in learnt), params.task.votes
    dataset = LabelDataset(learnt, _SAMPLES_A_SCENE * count, params.spoil, votes, params.train.seed)
    if not held:
        return dataset, None
    wanted = params.validation_samples
    return dataset, LabelDataset(held, wanted, params.spoil, votes, _VALIDATION_SEED, vary=False)


def _images(role: str, run: Path, checkpoint: CheckpointName) -> _Images:
    return _Images(role, calibrated_input(run, checkpoint), lineage_of(run))


def _table(path: Path | None, runs: int) -> dict[str, int]:
    """Which run labels which scene, as a file says: from 0.

    Raises:
        CaptureError: it cannot be read.
        ParamsError: a line is no scene with the number of a run.
    """
    if path is None:
        return {}
    try:
        lines = decoded(path.read_bytes()).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError(
            f"given: --images-table {path} ({error}); needed: a text file; do: check the path"
        ) from None
    found = {}
    for line in lines:
        words = line.split()
        if words:
            expect(
                len(words) == 2 and words[1].isdecimal() and 1 <= int(words[1]) <= runs,
                given=f"--images-table {path} with the line {line!r}",
                needed=f"a scene and the number of its run, 1 to {runs}",
                do="correct the line",
                error=ParamsError,
            )
            found[words[0]] = int(words[1]) - 1
    return found


def _labelled_by(
    data: Sequence[Path],
    which: str,
    images: Sequence[_Images],
    table: dict[str, int],
    seen_too: bool,
    progress: Progress | None,
) -> list[_Part]:
    """Scenes of each data folder, and the number of the run that labels each.

    Raises:
        ArtifactError: there is none that every run has not learnt from.
    """
    left_out, unknown = [], 0
    parts: list[_Part] = []
    for place, folder in enumerate(data):
        part = []
        for scene in read_scenes(
            folder, which if place == 0 or which in ("val", "all") else "train"
        ):
            number, seen = pick_run([its.lineage for its in images], table, scene.name)
            if seen and not seen_too:
                left_out.append(scene.name)
                continue
            unknown += seen is None
            part.append((scene, number))
        parts.append(part)
    if progress is not None and left_out:
        progress.say(f"left out: {len(left_out)} scenes that every 2D network has learnt from")
    if progress is not None and unknown:
        progress.say(
            f"{unknown} scenes are labelled by a 2D network that does not tell all that it has "
            f"learnt from: name others by --images-table where it has seen them"
        )
    expect(
        any(parts),
        given=f"{len(left_out)} scenes, all of which every 2D network has learnt from",
        needed="scenes that one of them has not seen",
        do="train 2D networks without a part of the scenes each and name them all, or pass "
        "--seen-scenes",
        error=ArtifactError,
    )
    return [part for part in parts if part]


def pick_run(
    lineages: Sequence[Lineage], table: dict[str, int], scene: str
) -> tuple[int, bool | None]:
    """The number of the run that labels a scene, and whether it has learnt from it.

    What the table says; else the first that has not learnt from it, the first of which nobody
    knows, the first.
    """
    if scene in table:
        return table[scene], False
    seen = [its.has_seen(scene) for its in lineages]
    for wanted in (False, None, True):
        if wanted in seen:
            return seen.index(wanted), wanted
    return 0, None


def _labeller(run: RunInput) -> FrameLabeller:
    from crossvox.recipes.predict_label import image_labeller

    return image_labeller(run, "auto")


def _scenes(
    parts: list[_Part],
    images: Sequence[_Images],
    params: Label3dRunParams,
    progress: Progress,
    label: str,
) -> list[list[LabelScene]]:
    report = progress.step(label)
    total, done = sum(len(part) for part in parts), 0
    found: list[list[LabelScene]] = []
    for part in parts:
        scenes: list[LabelScene] = []
        for folder, number in part:
            its = images[number]
            make = partial(_labeller, its.run)
            scenes.append(
                load_label_scene(folder, make, its.run.digest, params.task.voxel_m, params.said)
            )
            done += 1
            report(done, total)
        found.append(scenes)
    return found
