"""How a run of surface completion is put together: rooms, samples, task, loop."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.flow.runner import Work
from crossvox.recipes.complete import CompleteRunParams, TrainComplete
from crossvox.recipes.data import read_scenes
from crossvox.recipes.scene_run import CompleteRun, read_any_run
from crossvox.recipes.start import START, start_of
from crossvox.recipes.training import kept_without, only_look
from crossvox.samples.depths import DepthScene, load_depths
from crossvox.samples.sparse import SparseDataset, collate_sparse
from crossvox.tasks.complete import Complete
from crossvox.train.folder import answer, asked_for, note_asked
from crossvox.train.loop import train
from crossvox.train.report import TrainReport

_VALIDATION_SEED = 1
_SAMPLES_A_SCENE = 8
"""Samples of each scene in an epoch; an epoch is no more than a unit of the random stream."""


def train_complete(stage: TrainComplete, work: Work) -> TrainReport:
    """Train surface completion, in the run folder ``work.out``.

    Raises:
        CaptureError: a scene's complete surface is not known.
        ArtifactError: no scene, or the folder holds another run.
        CheckpointError: a checkpoint is damaged.
    """
    params, given = stage.params, stage.sources
    fits = partial(_expect_same_network, stage)
    start = start_of(Path(given.start) if given.start else None, stage.checkpoint, work, fits)
    recipe = {"params": params, "scenes": given.scenes, "validation": given.validation_scenes}
    kept = kept_without(
        {"data": stage.data},
        Complete(params.task),
        work,
        train=params.train,
        recipe=recipe,
        parents=start.parents,
        untold=("data",),
    )
    if kept is not None:
        return kept
    split = {"train": given.scenes, "validation": given.validation_scenes}
    folders = {
        role: [] if which == "none" else read_scenes(stage.data, which)
        for role, which in split.items()
    }
    data = read_manifest(stage.data).digest
    asked = asked_for(
        {"params": params, "scenes": {r: [f.name for f in fs] for r, fs in folders.items()}},
        {"data": data, "numbers": Complete.numbers},
        start.parents,
    )
    done = answer(work.out, asked, params.train, dry=work.dry)
    if done is not None:
        return done
    expect(
        len(folders["train"]) > 0,
        given=f"{stage.data} without a training scene",
        needed="at least one",
        do="pass --scenes, or prepare more scenes",
        error=ArtifactError,
    )
    parents = {"data": data, **start.parents}
    if work.dry:
        return only_look(
            work.out,
            Complete(params.task),
            train=params.train,
            recipe=recipe,
            parents={START: None, **parents},
        )
    start.tell_seen((folder.name for folder in folders["validation"]), work.progress)
    task = Complete(params.task, start.initialise)
    learnt = _scenes(folders["train"], params, work, "training scenes")
    held_out = _scenes(folders["validation"], params, work, "validation scenes")
    dataset = SparseDataset(
        learnt,
        _SAMPLES_A_SCENE * len(learnt),
        params.sparse,
        params.task.evidence,
        params.train.seed,
        scan=params.scan,
    )
    validation = None
    if held_out:
        validation = SparseDataset(
            held_out,
            params.validation_samples,
            params.sparse,
            params.task.evidence,
            _VALIDATION_SEED,
            vary=False,
            scan=params.scan,
        )
    report = train(
        task,
        dataset,
        collate_sparse,
        work.out,
        params.train,
        validation=validation,
        recipe=recipe,
        scenes=[scene.name for scene in learnt],
        validation_scenes=[scene.name for scene in held_out],
        ancestors=start.ancestors,
        links={"data": stage.data, **start.links},
        parents=parents,
        progress=work.progress.training(),
    )
    note_asked(work.out, asked)
    return report


def _expect_same_network(stage: TrainComplete, start: Path) -> None:
    """Refuse a start whose weights mean something else.

    Raises:
        ArtifactError: it is no such run.
        ParamsError: its network is another one, or reads other evidence.
    """
    record = read_any_run(start)
    theirs = record.task.params if isinstance(record, CompleteRun) else None
    mine = stage.params.task
    expect(
        theirs is not None
        and (theirs.network, theirs.evidence, theirs.voxel_m)
        == (mine.network, mine.evidence, mine.voxel_m),
        given=f"--start {start}, a run of another task, network or evidence",
        needed="a run of surface completion with the same --task.*",
        do="correct --start, or leave it out",
        error=ParamsError,
    )


def _scenes(
    folders: list[Path], params: CompleteRunParams, work: Work, label: str
) -> list[DepthScene]:
    report = work.progress.step(label)
    scenes = []
    for number, folder in enumerate(folders, start=1):
        scenes.append(
            load_depths(
                folder,
                params.task.voxel_m,
                params.task.evidence.band_voxels,
                params.sparse.width,
                params.task.evidence.colors,
            )
        )
        report(number, len(folders))
    return scenes
