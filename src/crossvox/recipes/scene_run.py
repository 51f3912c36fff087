"""Runs on sub-volumes, read back from their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.colors import check_recorded
from crossvox.core.params import from_plain
from crossvox.recipes.complete import CompleteRunParams
from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
from crossvox.tasks.complete import Complete
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.folder import read_record, shares_of


@dataclass(frozen=True)
class SceneRun:
    """What the folder of a run on sub-volumes tells.

    Attributes:
        params: how it was trained.
        task: its task, with the class shares of its training labels where it has any.
    """

    params: ReconstructRunParams | Segment3dRunParams
    task: Reconstruct | Segment3d


@dataclass(frozen=True)
class CompleteRun:
    """What the folder of a run of surface completion tells.

    Attributes:
        params: how it was trained.
        task: its task.
    """

    params: CompleteRunParams
    task: Complete


def read_any_run(run: Path) -> SceneRun | CompleteRun:
    """Params and task of a run that predicts whole scenes.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
        CheckpointError: its images were normalised in another way.
    """
    task = read_record(run).task
    expect(
        task in (Complete.name, Reconstruct.name, Segment3d.name),
        given=f"{run}, a run of task {task!r}",
        needed="a run of 'crossvox train reconstruct' or 'crossvox train segment3d'",
        do="choose another run folder",
        error=ArtifactError,
    )
    if task != Complete.name:
        return read_scene_run(run)
    told = read_record(run, Complete.name).recipe["params"]
    # Runs that do not tell which scan they foretell have learnt that of the whole room.
    params = from_plain(CompleteRunParams, {"scan": "room", **told})
    return CompleteRun(params, Complete(params.task))


def read_scene_run(run: Path) -> SceneRun:
    """Params and task of a reconstruction or 3D segmentation run, read back from its folder.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
        CheckpointError: its images were normalised in another way.
    """
    check_recorded(read_record(run).recipe, str(run))
    if read_record(run).task == Segment3d.name:
        record = read_record(run, Segment3d.name)
        segment = from_plain(Segment3dRunParams, record.recipe["params"])
        shares = shares_of(record, run)
        return SceneRun(segment, Segment3d(segment.task, shares=shares))
    record = read_record(run, Reconstruct.name)
    params = from_plain(ReconstructRunParams, record.recipe["params"])
    return SceneRun(params, Reconstruct(params.task))
