"""Rooms to a network that completes what frames measured: the default of reconstruction."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices
from crossvox.flow.runner import Runner, Work
from crossvox.recipes.commands import recipe
from crossvox.recipes.training import Training, expect_data_for
from crossvox.samples.params import SparseParams
from crossvox.scene.params import Scan
from crossvox.tasks.params import CompleteParams
from crossvox.train.chosen import expect_run_of
from crossvox.train.params import CheckpointName, TrainParams
from crossvox.train.report import TrainReport


def _default3d() -> TrainParams:
    return TrainParams(
        steps=4000, batch_size=2, rate=3e-3, warmup_steps=50, validate_every=500, save_every=250
    )


@dataclass(frozen=True)
class CompleteRunParams:
    """Everything that makes a run of surface completion.

    Attributes:
        train: the training loop.
        task: evidence, network and loss.
        sparse: how frames are drawn and spoilt.
        validation_samples: samples of the validation scenes, the same each time.
        scan: which scan the confidence of 'safe' foretells: 'walk', along the way of a sample's
            frames; 'room', of the whole room.
    """

    train: TrainParams = field(default_factory=_default3d)
    task: CompleteParams = field(default_factory=CompleteParams)
    sparse: SparseParams = field(default_factory=SparseParams)
    validation_samples: int = 32
    scan: Scan = "walk"

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.validation_samples > 0,
            given=f"{self.validation_samples} validation samples",
            needed="at least one",
            do="correct --validation-samples",
            error=ParamsError,
        )


QUICK3D = CompleteRunParams(
    train=TrainParams(steps=100, batch_size=2, rate=5e-4, warmup_steps=10, validate_every=50),
    validation_samples=16,
)
"""A short run, for one that starts from another."""

QUICK_START = "default3d"


@dataclass(frozen=True)
class CompleteSources:
    """What a run of surface completion learns from.

    Attributes:
        scenes: training scenes: "train", "val", "all", or names separated by commas.
        validation_scenes: likewise; "none" trains without validation.
        start: run of surface completion whose weights it starts from, or the name of one that
            comes with the package; empty: none.
    """

    scenes: str = "train"
    validation_scenes: str = "val"
    start: str = ""


@dataclass(frozen=True)
class TrainComplete(Training):
    """A run of surface completion.

    Attributes:
        data: a data folder of scenes whose complete surface is known.
        params: everything that makes the run.
        sources: what it learns from.
        checkpoint: which weights of the run that it starts from.
    """

    data: Path
    params: CompleteRunParams
    sources: CompleteSources
    checkpoint: CheckpointName = "auto"

    def go_on(self, work: Work) -> TrainReport:
        """See :func:`crossvox.recipes.train_complete.train_complete`."""
        from crossvox.recipes.train_complete import train_complete

        return train_complete(self, work)


def complete3d(
    data: Path,
    run: Path,
    params: CompleteRunParams | None = None,
    sources: CompleteSources | None = None,
    *,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that completes the surface that frames measured; run again, it continues.

    It learns from rooms whose complete surface is known ('crossvox rooms' makes them): some of a
    room's frames go in, two or more, with the errors of sensors and trackers, and the whole room is
    the truth, also where no frame looked. What is predicted with it keeps the surface that was
    measured, and adds what is missing. '--preset thesis' is the published recipe instead:
    occupancy from the colours of a few views; '--preset quick3d' a short run from default3d.

    Args:
        data: folder that 'crossvox prepare' wrote.
        run: run folder.
        params: everything that makes the run.
        sources: what it learns from.
        checkpoint: which weights of the run that it starts from: auto, average, best or last.
        runner: who trains.
    """
    sources = sources or CompleteSources()
    expect_run_of(checkpoint, {"--start": sources.start})
    stage = TrainComplete(data, params or CompleteRunParams(), sources, checkpoint)
    expect_data_for(run, data)
    report: TrainReport = (runner or Runner()).go_on(stage, run)
    return report


quick3d = recipe(
    complete3d,
    "quick3d",
    f"The same for {QUICK3D.train.steps} steps, from {QUICK_START}: to rooms of one's own.",
    params=QUICK3D,
    sources=CompleteSources(start=QUICK_START),
)
