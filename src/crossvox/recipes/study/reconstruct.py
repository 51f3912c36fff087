"""Does segmentation help reconstruction: arms that differ in what is lifted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.shipped import found_or_none
from crossvox.recipes.train import ReconstructRunParams
from crossvox.samples.params import AugmentParams
from crossvox.scene.params import TsdfParams
from crossvox.study.arms import (
    RECONSTRUCT,
    arms_help,
    arms_of,
    choose_arms,
)
from crossvox.train.chosen import expect_run_of
from crossvox.train.params import CheckpointName, TrainParams

if TYPE_CHECKING:
    from crossvox.recipes.study.runner import StudyReport

NUMBERS = 2
"""Raised when the same study gives other results than before."""


def study_run() -> ReconstructRunParams:
    """How arms are trained by default."""
    return ReconstructRunParams(
        train=TrainParams(steps=500, rate=3e-3),
        # Colours as they are, for all arms alike: what a frozen network makes of a frame is then
        # the same every time, and need be computed only once.
        augment=AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0),
    )


@dataclass(frozen=True)
class StudyParams:
    """What all arms of a reconstruction study share.

    Attributes:
        run: how each arm is trained. Its seed is replaced by the study's seeds. Colours are not
            varied by default, so that the maps of frozen networks are computed once a frame.
        predict: how held-out scenes are predicted and meshed.
        tsdf: how frames are fused in the TSDF baseline.
        protocols: rules that reconstructions are measured by. Scores of the published ones have
            ``(thesis)`` behind their name.
        features_rate: learning rate of 2D networks that are trainable.
        network_steps: steps of 2D networks that are trained for arms; 0: as many as the 2D run.
        training_scenes: "train", "val", "all", or names separated by commas.
        held_out_scenes: likewise; scored, and never looked at before: runs are trained without
            validation for the whole number of steps, and their last weights are taken.
    """

    run: ReconstructRunParams = field(default_factory=study_run)
    predict: PredictParams = field(default_factory=PredictParams)
    tsdf: TsdfParams = field(default_factory=TsdfParams)
    protocols: tuple[Literal["surface", "thesis"], ...] = ("surface",)
    features_rate: float = 1e-4
    network_steps: int = 0
    training_scenes: str = "train"
    held_out_scenes: str = "val"

    def __post_init__(self) -> None:
        expect(
            self.features_rate > 0 and self.run.task.features is None,
            given=f"features_rate={self.features_rate}, and features "
            f"{'unset' if self.run.task.features is None else 'set'} in the run's task",
            needed="a rate above 0; features are set by the arms",
            do="correct --features-rate, and leave --run.task.features out",
            error=ParamsError,
        )
        expect(
            self.protocols[:1] == ("surface",) and len(set(self.protocols)) == len(self.protocols),
            given=f"protocols {', '.join(self.protocols) or '(none)'}",
            needed="surface, or surface and thesis",
            do="correct --protocols",
            error=ParamsError,
        )

    @property
    def long_steps(self) -> int:
        """Steps of an arm and of a run of as many steps that it starts from together."""
        return 2 * self.run.train.steps


def study_reconstruct(
    data: Path,
    out: Path,
    params: StudyParams | None = None,
    *,
    run2d: Path | None = None,
    checkpoint: CheckpointName = "auto",
    arms: str = "all",
    seeds: int = 3,
    workers: int = 1,
    runner: Runner | None = None,
) -> StudyReport:
    """Train reconstructions that differ in one thing each, and compare them; it continues.

    Writes ``OUT/runs/ARM/seed-N``, ``OUT/predictions/ARM/seed-N``, ``OUT/results/ARM/seed-N.json``,
    ``OUT/indices`` (sub-volumes by seed, for all arms), ``OUT/networks`` (2D networks of 0 steps),
    ``OUT/baselines``, and ``OUT/study.json`` over all that is finished. Run again, it continues;
    a second process may work on other arms at the same time.

    Args:
        data: folder that 'crossvox prepare' wrote.
        out: folder of the study; several processes may work on different arms of it.
        params: what all arms share.
        run2d: run of 'crossvox train segment2d', not trained on the held-out scenes, whose network
            the arms are made from; only rgb does without.
        checkpoint: which weights of the 2D run: auto, average, best or last.
        arms: {arms}
        seeds: how many: 0, 1, ...
        workers: arms and seeds at once, each by a process with its share of the threads; 0 means
            one a core, or as many as a cluster has room for.
        runner: who makes it.

    Raises:
        ParamsError: an unknown arm, no seed, an arm that needs a 2D run without one, or held-out
            scenes that something learns from.
        ArtifactError: ``out`` holds another study.
    """
    from crossvox.recipes.study.reconstruct_arms import ReconstructStudy
    from crossvox.recipes.study.runner import run_study
    from crossvox.recipes.study.scenes import Declared

    expect_run_of(checkpoint, {"--run2d": run2d})
    params, runner = params or StudyParams(), runner or Runner()
    run2d = found_or_none(run2d)
    chosen = choose_arms(arms_of(RECONSTRUCT), arms)
    needing = [arm.name for arm in chosen if arm.needs_run]
    expect(
        run2d is not None or not needing,
        given=f"arms {', '.join(needing)} without a 2D run",
        needed="its weights or its architecture",
        do="pass --run2d RUN2D, or --arms rgb",
        error=ParamsError,
    )
    study = ReconstructStudy(data, out, params, run2d, runner, checkpoint)
    study.expect_held_out()
    study.expect_weights(chosen)
    declared = Declared(ReconstructStudy, data, out, params, run2d, checkpoint)
    return run_study(declared, out, chosen, range(seeds), workers=workers, runner=runner)


study_reconstruct.__doc__ = (study_reconstruct.__doc__ or "").replace(
    "{arms}", arms_help(RECONSTRUCT)
)
