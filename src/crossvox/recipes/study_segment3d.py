"""Does reconstruction help 3D segmentation: arms that differ in what they start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from crossvox.core.artifact import (
    Manifest,
    Stopwatch,
    building,
    file_digest,
    is_current,
    plain,
    read_manifest,
    write_manifest,
)
from crossvox.core.checks import ParamsError, expect
from crossvox.evaluate.classes import MAJORITY_METHOD, evaluate_classes
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.data import read_scenes
from crossvox.recipes.predict_scene import vote_scene
from crossvox.recipes.study import (
    BASELINES,
    STUDY_BASELINES,
    Matrix,
    StudyReport,
    Watch,
    alone,
    kept_scores,
    predict_held_out,
    run_study,
    training_places,
    weights_file,
)
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    Segment3dRunParams,
    train_reconstruct,
    train_segment3d,
)
from crossvox.recipes.train_scenes import load_sources
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import VOLUME_FILE, SceneSource
from crossvox.scene.store import read_volume
from crossvox.study.arms import (
    SEGMENT3D_ARMS,
    SEGMENT3D_BASELINES,
    SEGMENT3D_CONTROLS,
    SegmentArm,
    choose_arms,
)
from crossvox.study.results import SceneScores
from crossvox.tasks.params import ReconstructParams, SceneTaskParams
from crossvox.tasks.segment3d import CLASSES, Segment3d, voxel_shares
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainReport

STARTS = "starts"
SPLIT = "split"
"""The one "scene" of the scores: classes are counted over the whole split, never averaged."""


def _study_run() -> Segment3dRunParams:
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
        predict: how held-out scenes are predicted and meshed.
        training_scenes: "train", "val", "all", or names separated by commas.
        held_out_scenes: likewise; scored, and never looked at before: runs are trained without
            validation for the whole number of steps, and their last weights are taken.
    """

    run: Segment3dRunParams = field(default_factory=_study_run)
    start_steps: int = 0
    predict: PredictParams = field(default_factory=PredictParams)
    training_scenes: str = "train"
    held_out_scenes: str = "val"

    def __post_init__(self) -> None:
        expect(
            self.start_steps >= 0 and self.run.task.features is None,
            given=f"start_steps={self.start_steps}, and features "
            f"{'unset' if self.run.task.features is None else 'set'} in the run's task",
            needed="0 or more; features are set by the arms",
            do="correct --start-steps, and leave --run.task.features out",
            error=ParamsError,
        )

    @property
    def steps_before(self) -> int:
        """Steps of the runs that arms start from."""
        return self.start_steps or self.run.train.steps


def study_segment3d(
    data: Path,
    out: Path,
    params: Study3dParams | None = None,
    *,
    run2d: Path,
    arms: str = "all",
    seeds: int = 3,
    progress: Progress | None = None,
    watch: Callable[[str], Watch] | None = None,
) -> StudyReport:
    """Compare what a 3D segmentation starts from: every arm with every seed.

    Folders as :func:`crossvox.recipes.study.study_reconstruct` writes them, and ``OUT/starts`` with
    the reconstruction runs that arms start from (one a seed and input, on the same sub-volumes).

    Args:
        data: a folder that ``crossvox prepare`` wrote, with labels.
        out: the study's folder.
        params: what all arms share.
        run2d: a run of ``crossvox train segment2d``, not trained on the held-out scenes: its
            features are lifted, and its labels vote in the baseline.
        arms: names separated by commas, or "all" (see ``crossvox.study.arms``).
        seeds: how many: 0, 1, ...
        progress: who watches.
        watch: gives who watches the training of a run, by its name.

    Raises:
        ParamsError: an unknown arm, or no seed.
        ArtifactError: ``out`` holds another study.
    """
    params, progress = params or Study3dParams(), progress or Silent()
    chosen = choose_arms(SEGMENT3D_ARMS, arms)
    study = _Study(data, out, params, run2d, progress)
    matrix = Matrix(
        task=Segment3d.name,
        arms=SEGMENT3D_ARMS,
        baselines=SEGMENT3D_BASELINES,
        controls=SEGMENT3D_CONTROLS,
        params_type=Study3dParams,
        identity=study.identity(),
        train=study.train,
        predict=study.predict,
        score=study.score,
        baseline_scores=study.baseline_scores,
    )
    return run_study(matrix, out, chosen, range(seeds), progress=progress, watch=watch)


class _Study:
    """How arms of the segmentation study are trained, predicted and scored."""

    def __init__(
        self, data: Path, out: Path, params: Study3dParams, run2d: Path, progress: Progress
    ) -> None:
        self.data, self.out, self.params, self.run2d = data, out, params, run2d
        self.progress = progress

    def identity(self) -> dict[str, object]:
        """What must be the same for all arms, whichever process trains them."""
        return {
            "params": plain(self.params),
            "data": read_manifest(self.data).digest,
            "run2d": file_digest(weights_file(self.run2d)),
        }

    def train(self, arm: SegmentArm, seed: int, run: Path, watch: Watch | None) -> TrainReport:
        """Train one arm, and what it starts from if that is not there."""
        with alone(self.out):
            index = training_places(self.out, self.params.run, seed, self._training)
        start = None
        if arm.start:
            start = self.out / STARTS / ("features" if arm.lifts_features else "rgb")
            start = start / f"seed-{seed}"
            with alone(self.out, f"start-{start.parent.name}-{seed}"):
                before = self._start(arm, seed, start, index, watch)
            if before.interrupted:
                return before
        params = self.params.run
        steps = params.train.steps + (self.params.steps_before if arm.long else 0)
        return train_segment3d(
            self.data,
            run,
            replace(
                params,
                train=replace(params.train, seed=seed, steps=steps),
                transfer=replace(params.transfer, mode=arm.mode),
            ),
            self._sources(arm, index),
            start=start,
            runner=Runner(self.progress),
        )

    def _start(
        self, arm: SegmentArm, seed: int, run: Path, index: Path, watch: Watch | None
    ) -> TrainReport:
        """The reconstruction run that an arm starts from: the same network, input and samples."""
        params = self.params.run
        shared = {f.name: getattr(params.task, f.name) for f in fields(SceneTaskParams)}
        return train_reconstruct(
            self.data,
            run,
            ReconstructRunParams(
                train=replace(params.train, seed=seed, steps=self.params.steps_before),
                task=ReconstructParams(**shared),
                views=params.views,
                chunks=params.chunks,
                augment=params.augment,
                validation_windows=params.validation_windows,
            ),
            self._sources(arm, index),
            runner=Runner(self.progress),
        )

    def _sources(self, arm: SegmentArm, index: Path) -> RunSources:
        return RunSources(
            scenes=self.params.training_scenes,
            validation_scenes="none",
            index=index,
            features=self.run2d if arm.lifts_features else None,
        )

    def predict(self, run: Path, out: Path) -> None:
        """Predict the held-out scenes."""
        predict_held_out(self.data, self.params, run, out, self.progress)

    def score(self, prediction: Path) -> SceneScores:
        """Nearest-vertex transfer and voxels, one count over the split."""
        evaluation = evaluate_classes(prediction, self.data, self.progress.step("scores"))
        return {SPLIT: evaluation.whole["learnt"]}

    def baseline_scores(self) -> dict[str, SceneScores]:
        """2D votes and majority class of the held-out scenes, where that is not done."""
        folder = self.out / BASELINES
        scenes = read_scenes(self.data, self.params.held_out_scenes)
        majority = self._majority()
        for scene in scenes:
            self._baseline(scene, folder / scene.name, majority)
        made_from = {scene.name: read_manifest(folder / scene.name).digest for scene in scenes}

        def evaluate() -> dict[str, SceneScores]:
            evaluation = evaluate_classes(folder, self.data, self.progress.step("baselines"))
            methods = ("votes_2d", MAJORITY_METHOD)
            return {
                arm.name: {SPLIT: evaluation.whole[method]}
                for arm, method in zip(SEGMENT3D_BASELINES, methods, strict=True)
            }

        return kept_scores(self.out, made_from, evaluate)

    def _baseline(self, scene: Path, target: Path, majority: int) -> None:
        run = self.params.run
        manifest = Manifest(
            STUDY_BASELINES,
            plain(
                {
                    "surface": self.params.predict.surface,
                    "views": run.views,
                    "majority_class": majority,
                }
            ),
            parents={
                "scene": read_manifest(scene).digest,
                "run2d": file_digest(weights_file(self.run2d)),
            },
        )
        if is_current(target, manifest):
            return
        watch = Stopwatch()
        with building(target) as temporary:
            with watch("2D votes"):
                voted = vote_scene(
                    temporary, scene, self.run2d, run.views, self.params.predict, self.progress
                )
            notes = {"task": Segment3d.name, "majority_class": majority, "voxels_voted": voted}
            write_manifest(temporary, replace(manifest, seconds=watch.seconds, notes=notes))

    def _training(self) -> list[SceneSource]:
        return load_sources(
            self.data,
            self.params.training_scenes,
            self.params.run.views,
            self.progress,
            "training scenes",
        )

    def _majority(self) -> int:
        """The class with most annotated voxels in the training scenes."""
        voxels = np.zeros(CLASSES, np.int64)
        for folder in read_scenes(self.data, self.params.training_scenes):
            volume = read_volume(folder / VOLUME_FILE)
            voxels += np.bincount(volume.labels[volume.occupied], minlength=CLASSES)
        return Segment3d(shares=voxel_shares(voxels)).majority
