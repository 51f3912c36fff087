"""Does reconstruction help 3D segmentation: arms that differ in what they start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.shipped import find_run
from crossvox.recipes.train import Segment3dRunParams
from crossvox.samples.params import AugmentParams
from crossvox.scene.params import TsdfParams
from crossvox.study.arms import (
    SEGMENT3D,
    arms_help,
    arms_of,
    choose_arms,
)
from crossvox.train.params import CheckpointName, TrainParams

if TYPE_CHECKING:
    from crossvox.recipes.study.runner import StudyReport

NUMBERS = 2
"""Raised when the same study gives other results than before."""


def study_run() -> Segment3dRunParams:
    """How arms are trained by default."""
    return Segment3dRunParams(
        train=TrainParams(steps=500, rate=3e-3),
        augment=AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0),
    )


@dataclass(frozen=True)
class Study3dParams:
    """What all arms of a 3D segmentation study share.

    Attributes:
        run: how each arm is trained. Its seed is replaced by the study's seeds. Colours are not
            varied by default, so that features are computed once a frame.
        start_steps: steps of the reconstruction runs that arms start from; 0 takes as many as
            ``run.train`` has. Everything else they share with ``run``.
        features_rate: learning rate of 2D networks that are trainable.
        predict: how held-out scenes are predicted and meshed.
        network_steps: steps of 2D networks that are trained for arms; 0: as many as the 2D run.
        training_scenes: "train", "val", "all", or names separated by commas.
        held_out_scenes: likewise; scored, and never looked at before: runs are trained without
            validation for the whole number of steps, and their last weights are taken.
    """

    run: Segment3dRunParams = field(default_factory=study_run)
    start_steps: int = 0
    features_rate: float = 1e-4
    predict: PredictParams = field(default_factory=PredictParams)
    network_steps: int = 0
    training_scenes: str = "train"
    held_out_scenes: str = "val"

    def __post_init__(self) -> None:
        expect(
            self.start_steps >= 0 and self.features_rate > 0 and self.run.task.features is None,
            given=f"start_steps={self.start_steps}, features_rate={self.features_rate}, and "
            f"features {'unset' if self.run.task.features is None else 'set'} in the run's task",
            needed="0 steps or more, a rate above 0; features are set by the arms",
            do="correct --start-steps or --features-rate, and leave --run.task.features out",
            error=ParamsError,
        )

    @property
    def tsdf(self) -> TsdfParams:
        """No baseline of this study is fused."""
        return TsdfParams()

    @property
    def steps_before(self) -> int:
        """Steps of the runs that arms start from."""
        return self.start_steps or self.run.train.steps

    @property
    def long_steps(self) -> int:
        """Steps of such a run and of an arm that starts from it together."""
        return self.run.train.steps + self.steps_before


def study_segment3d(
    data: Path,
    out: Path,
    params: Study3dParams | None = None,
    *,
    run2d: Path,
    checkpoint: CheckpointName = "auto",
    arms: str = "all",
    seeds: int = 3,
    workers: int = 1,
    runner: Runner | None = None,
) -> StudyReport:
    """Train 3D segmentations that differ in what they start from, and compare them; it continues.

    Folders as :func:`crossvox.recipes.study.reconstruct.study_reconstruct` writes them, and
    ``OUT/starts`` with the reconstruction runs that arms start from (one a seed and input, on the
    same sub-volumes).

    Args:
        data: folder that 'crossvox prepare' wrote, with labels.
        out: folder of the study; several processes may work on different arms of it.
        params: what all arms share.
        run2d: run of 'crossvox train segment2d', not trained on the held-out scenes: its features
            are lifted, its labels vote.
        checkpoint: which weights of the 2D run: auto, average, best or last.
        arms: {arms}
        seeds: how many: 0, 1, ...
        workers: arms and seeds at once, each by a process with its share of the threads; 0 means
            one a core, or as many as a cluster has room for.
        runner: who makes it.

    Raises:
        ParamsError: an unknown arm, no seed, or held-out scenes that something learns from.
        ArtifactError: ``out`` holds another study.
    """
    from crossvox.recipes.study.runner import run_study
    from crossvox.recipes.study.scenes import Declared
    from crossvox.recipes.study.segment3d_arms import Segment3dStudy

    params, runner = params or Study3dParams(), runner or Runner()
    chosen = choose_arms(arms_of(SEGMENT3D), arms)
    run2d = find_run(run2d)
    study = Segment3dStudy(data, out, params, run2d, runner, checkpoint)
    study.expect_held_out()
    declared = Declared(Segment3dStudy, data, out, params, run2d, checkpoint)
    return run_study(declared, out, chosen, range(seeds), workers=workers, runner=runner)


study_segment3d.__doc__ = (study_segment3d.__doc__ or "").replace("{arms}", arms_help(SEGMENT3D))
