"""Rooms and what 2D networks say of their frames, to a network that labels rooms in 3D."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.runner import Runner, Work
from crossvox.recipes.training import Training, expect_data_for
from crossvox.samples.params import SaidParams, SpoilParams
from crossvox.tasks.label_params import Label3dParams, LabelNetworkParams
from crossvox.train.params import CheckpointName, TrainParams
from crossvox.train.report import TrainReport


def _labels3d() -> TrainParams:
    return TrainParams(
        steps=1000,
        batch_size=3,
        rate=1.5e-3,
        weight_decay=0.1,
        average=0.99,
        warmup_steps=20,
        validate_every=250,
        save_every=100,
    )


def _task() -> Label3dParams:
    return Label3dParams(network=LabelNetworkParams(dropout=0.4, followed=0.5))


@dataclass(frozen=True)
class Label3dRunParams:
    """Everything that makes a run of labels in 3D.

    Attributes:
        train: the training loop.
        task: context, network and loss.
        said: what is kept of the frames.
        spoil: how frames are drawn, and all is spoilt.
        validation_samples: samples of the validation scenes, the same each time.
    """

    train: TrainParams = field(default_factory=_labels3d)
    task: Label3dParams = field(default_factory=_task)
    said: SaidParams = field(default_factory=SaidParams)
    spoil: SpoilParams = field(default_factory=SpoilParams)
    validation_samples: int = 45

    def __post_init__(self) -> None:
        expect(
            self.validation_samples > 0,
            given=f"{self.validation_samples} validation samples",
            needed="at least one",
            do="correct --validation-samples",
            error=ParamsError,
        )


@dataclass(frozen=True)
class Label3dSources:
    """What a run of labels in 3D learns from.

    A scene is labelled by a 2D network that never saw its labels: what a network says of images
    that it was trained on is surer and righter than what it will say of others. So several networks
    may be named, each trained without a part of the scenes.

    Attributes:
        images: runs of ``crossvox train segment2d``. Each scene is labelled by the first of them
            that has not learnt from it, as far as their folders tell.
        images_table: text file, a scene and the number of its run in ``images`` (from 1) a line,
            where run folders do not tell.
        beside: a second data folder, for example of single views; half of the samples of training
            are its. Validation is of DATA alone, so that what it holds out can tell scores.
        scenes: training scenes: "train", "val", "all", or names separated by commas (of DATA).
        validation_scenes: likewise; "none" trains without validation.
        seen_scenes: take scenes too that every network has learnt from.

    Raises:
        ParamsError: no network is named.
    """

    images: tuple[Path, ...] = ()
    images_table: Path | None = None
    beside: Path | None = None
    scenes: str = "train"
    validation_scenes: str = "val"
    seen_scenes: bool = False


@dataclass(frozen=True)
class TrainLabel3d(Training):
    """A run of labels in 3D.

    Attributes:
        data: a data folder of labelled scenes.
        params: everything that makes the run.
        sources: what it learns from.
        checkpoint: which weights of the 2D runs.
    """

    data: Path
    params: Label3dRunParams
    sources: Label3dSources
    checkpoint: CheckpointName = "auto"

    def go_on(self, work: Work) -> TrainReport:
        """See :func:`crossvox.recipes.train_label3d.train_label3d`."""
        from crossvox.recipes.train_label3d import train_label3d

        return train_label3d(self, work)


def labels3d(
    data: Path,
    run: Path,
    params: Label3dRunParams | None = None,
    sources: Label3dSources | None = None,
    *,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that corrects in 3D what frames say of classes; run again, it continues.

    2D networks label all frames once, which is kept beside the scenes. It learns from subsets of
    frames, with the errors of sensors, trackers and 2D networks. Class weights follow from the
    labels of the training scenes and are recorded with the run.

    Args:
        data: folder that 'crossvox prepare' or 'crossvox single-views' wrote.
        run: run folder.
        params: everything that makes the run.
        sources: what it learns from.
        checkpoint: which weights of the 2D runs: auto, average, best or last.
        runner: who trains.
    """
    sources = sources or Label3dSources()
    expect(
        len(sources.images) > 0,
        given="no 2D network",
        needed="one that labels the frames",
        do="pass --images RUN2D",
        error=ParamsError,
    )
    stage = TrainLabel3d(data, params or Label3dRunParams(), sources, checkpoint)
    expect_data_for(run, data)
    report: TrainReport = (runner or Runner()).go_on(stage, run)
    return report
