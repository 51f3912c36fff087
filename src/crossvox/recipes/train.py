"""Prepared scenes to a trained network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from crossvox.chunks import ChunkParams
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.runner import Runner, Work
from crossvox.recipes.commands import Flag
from crossvox.recipes.shipped import found_or_none, is_gone
from crossvox.recipes.training import Training, expect_data_for
from crossvox.samples.params import AugmentParams, InputParams, LabelParams
from crossvox.tasks.params import ReconstructParams, SceneTaskParams, Segment3dParams
from crossvox.train.chosen import expect_run_of
from crossvox.train.params import CheckpointName, TrainParams, TransferParams
from crossvox.train.report import TrainReport
from crossvox.views.params import ViewParams


@dataclass(frozen=True)
class SceneRunParams:
    """What makes a run of a task on sub-volumes, besides the task.

    Attributes:
        train: the training loop.
        views: which voxels a frame sees, and how many frames look at a sub-volume.
        chunks: how training sub-volumes are drawn.
        augment: how samples vary.
        input: what is shown of the images, where that is not what they hold.
        transfer: what is taken over from the run that it starts from.
        validation_windows: validation sub-volumes in all (evenly chosen); 0 = all of them.
    """

    train: TrainParams = field(default_factory=TrainParams)
    task: SceneTaskParams = field(default_factory=SceneTaskParams)
    views: ViewParams = field(default_factory=ViewParams)
    chunks: ChunkParams = field(default_factory=ChunkParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
    input: InputParams = field(default_factory=InputParams)
    transfer: TransferParams = field(default_factory=TransferParams)
    validation_windows: int = 64

    def __post_init__(self) -> None:
        # Flags of a command line start from defaults that were told already.
        if self.task.views in (None, ViewParams.max_views):
            told = replace(self.task, views=self.views.max_views)
            object.__setattr__(self, "task", told)
        expect(
            self.task.views == self.views.max_views,
            given=f"a task of {self.task.views} views, sub-volumes with up to "
            f"{self.views.max_views}",
            needed="the same number",
            do="leave --task.views out: it follows from --views.max-views",
            error=ParamsError,
        )


@dataclass(frozen=True)
class ReconstructRunParams(SceneRunParams):
    """Everything that makes a reconstruction run.

    Attributes:
        task: network, view fusion and loss.
    """

    task: ReconstructParams = field(default_factory=ReconstructParams)


@dataclass(frozen=True)
class Segment3dRunParams(SceneRunParams):
    """Everything that makes a run of 3D segmentation.

    Attributes:
        task: network, view fusion and loss.
    """

    task: Segment3dParams = field(default_factory=Segment3dParams)


@dataclass(frozen=True)
class RunSources:
    """What a run on sub-volumes learns from.

    Attributes:
        scenes: training scenes: "train", "val", "all", or names separated by commas.
        validation_scenes: likewise; "none" trains without validation.
        index: file that names the training sub-volumes, as ``crossvox import hdf5`` writes it;
            without it they are drawn.
        validation_index: likewise for validation; without it they are tiles.
        features: a run of ``crossvox train segment2d`` whose features are lifted in place of
            colours. The run folder keeps a copy of its weights, so that it is not needed later.
        features_rate: learning rate of the 2D network; 0 keeps its weights as they are.
        features_proxy: train the 2D network on the frames' labels at the same time, both losses
            weighted by learned uncertainties.
        labels: how many of the training rooms, and of their labels, are used.

    Raises:
        ParamsError: something is asked of a 2D network, and there is none.
    """

    scenes: str = "train"
    validation_scenes: str = "val"
    index: Path | None = None
    validation_index: Path | None = None
    features: Path | None = None
    features_rate: float = 0.0
    features_proxy: bool = False
    labels: LabelParams = field(default_factory=LabelParams)

    def __post_init__(self) -> None:
        expect(
            self.features is not None or (self.features_rate == 0 and not self.features_proxy),
            given=f"a rate of {self.features_rate} or a loss for the 2D network, and no 2D network",
            needed="a 2D run",
            do="pass --features RUN2D",
            error=ParamsError,
        )


@dataclass(frozen=True)
class TrainScenes(Training):
    """A run of a task on sub-volumes.

    Attributes:
        data: a data folder.
        params: everything that makes the run; its type tells the task.
        sources: what it learns from.
        start: a run on sub-volumes whose weights it starts from, as ``params.transfer`` says.
        checkpoint: which weights of the 2D run that features come from.
        start_checkpoint: which of ``start``.
    """

    data: Path
    params: ReconstructRunParams | Segment3dRunParams
    sources: RunSources
    start: Path | None = None
    checkpoint: CheckpointName = "auto"
    start_checkpoint: CheckpointName = "auto"

    def __post_init__(self) -> None:
        expect(
            self.sources.features is not None or self.params.task.features is None,
            given="parameters of a run on features, and no 2D run that they come from",
            needed="that run, or a task without features",
            do="pass --features RUN2D",
            error=ParamsError,
        )

    def go_on(self, work: Work) -> TrainReport:
        """See :func:`crossvox.recipes.train_scenes.train_scenes`."""
        from crossvox.recipes.train_scenes import train_scenes

        return train_scenes(self, work)


def _stage(
    data: Path,
    run: Path,
    params: ReconstructRunParams | Segment3dRunParams,
    sources: RunSources | None,
    start: Path | None,
    checkpoint: CheckpointName,
) -> TrainScenes:
    """A run as it was asked for; runs of the package may be given by name."""
    sources = sources or RunSources()
    expect_run_of(checkpoint, {"--from": start, "--features": sources.features})
    if not is_gone(sources.features):
        sources = replace(sources, features=found_or_none(sources.features))
    stage = TrainScenes(data, params, sources, start, checkpoint, checkpoint)
    expect_data_for(run, data)  # what was asked for is refused before
    return stage


def train_reconstruct(
    data: Path,
    run: Path,
    params: ReconstructRunParams | None = None,
    sources: RunSources | None = None,
    *,
    start: Annotated[Path | None, Flag("from")] = None,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that reconstructs occupancy; run again, it continues.

    The published recipe: colours, or features of a 2D network, of a few views are lifted into
    voxels. 'crossvox train reconstruct' without '--preset thesis' completes surfaces instead.

    Args:
        data: folder that 'crossvox prepare' wrote.
        run: run folder.
        params: everything that makes the run.
        sources: what it learns from.
        start: run of 'train reconstruct --preset thesis' or 'train segment3d' that it starts
            from, as --transfer.* says.
        checkpoint: which weights of --from and --features: auto, average, best or last.
        runner: who trains.
    """
    stage = _stage(data, run, params or ReconstructRunParams(), sources, start, checkpoint)
    return (runner or Runner()).go_on(stage, run)


def train_segment3d(
    data: Path,
    run: Path,
    params: Segment3dRunParams | None = None,
    sources: RunSources | None = None,
    *,
    start: Annotated[Path | None, Flag("from")] = None,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that tells free space and 40 classes; run again, it continues.

    Class weights follow from the labels of the training scenes and are recorded with the run.

    Args:
        data: folder that 'crossvox prepare' wrote.
        run: run folder.
        params: everything that makes the run.
        sources: what it learns from.
        start: run of 'train reconstruct --preset thesis' or 'train segment3d' that it starts
            from, as --transfer.* says.
        checkpoint: which weights of --from and --features: auto, average, best or last.
        runner: who trains.

    Raises:
        ArtifactError: the training scenes have no labels, beside what every run raises.
    """
    stage = _stage(data, run, params or Segment3dRunParams(), sources, start, checkpoint)
    return (runner or Runner()).go_on(stage, run)
