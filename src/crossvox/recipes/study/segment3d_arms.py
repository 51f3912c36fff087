"""How arms of the 3D segmentation study are trained, predicted and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from crossvox.core.files import VOLUME
from crossvox.core.methods import MAJORITY, VOTES
from crossvox.evaluate.classes import count_classes, write_classes
from crossvox.evaluate.counts import SceneCounts, additive, class_scores, scores_of
from crossvox.evaluate.gather import Gathered
from crossvox.flow import locks
from crossvox.flow.runner import Work
from crossvox.flow.stage import Input, Stage
from crossvox.predict.baselines import write_vote_baseline
from crossvox.predict.params import SurfaceParams
from crossvox.recipes.data import read_scenes
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.study.features import NetworkInterrupted, features_of
from crossvox.recipes.study.scenes import (
    BASELINES,
    STARTS,
    STUDY_BASELINES,
    SceneStudy,
    kept_baselines,
)
from crossvox.recipes.study.segment3d import NUMBERS, Study3dParams
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    TrainScenes,
)
from crossvox.recipes.trained import load_voter, run2d_input
from crossvox.samples.params import LabelParams
from crossvox.samples.source import load_source
from crossvox.scene.store import read_volume
from crossvox.study.arms import SEGMENT3D, Arm
from crossvox.study.counts import Pool
from crossvox.study.results import Scored
from crossvox.tasks.params import ReconstructParams, SceneTaskParams
from crossvox.tasks.segment3d import Segment3d, label_counts, voxel_shares
from crossvox.train.params import CheckpointName
from crossvox.train.report import TrainReport
from crossvox.views.params import ViewParams


@dataclass(frozen=True)
class VoteBaseline(Stage):
    """2D votes of one scene, and the class that is predicted everywhere.

    Attributes:
        scene: a prepared scene.
        run2d: the 2D run whose labels vote.
        surface: how voxels are meshed.
        views: which voxels a frame sees.
        majority_class: the training labels' most frequent class.
    """

    NAME = STUDY_BASELINES
    NUMBERS = 1

    scene: Input
    run2d: RunInput
    surface: SurfaceParams
    views: ViewParams
    majority_class: int

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``votes.npz`` and ``votes.ply``."""
        source = load_source(self.scene.path, self.views)
        voted = write_vote_baseline(
            work.out,
            source,
            load_voter(self.run2d, "cpu"),
            self.views,
            self.surface,
            work.watch,
            work.progress.step(f"{source.name}: 2D votes"),
        )
        return {
            "task": Segment3d.name,
            "majority_class": self.majority_class,
            "voxels_voted": voted,
        }


class Segment3dStudy(SceneStudy[Study3dParams]):
    """The arms of the 3D segmentation study."""

    TASK, ARMS, NUMBERS = Segment3d.name, SEGMENT3D, NUMBERS

    @classmethod
    def pool(cls) -> Pool:
        """See :class:`SceneStudy`."""
        return scores_of

    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        """Train one arm, and what it starts from if that is not there."""
        try:
            features = features_of(self, arm, seed)
        except NetworkInterrupted as stopped:
            return stopped.report
        given = self.arm_run(arm, self.params.run, seed, features)
        start = None
        if "/" in arm.start:
            start, before = self.start_of(arm, seed)
            if before.interrupted:
                return before
        elif arm.start:
            kind = {"": "rgb", "run2d": "features"}.get(arm.features, arm.features)
            start = self.out / STARTS / kind / f"seed-{seed}"
            with locks.shared(self.out, f"start-{kind}-{seed}"):
                before = self._start(seed, start, given.sources)
            if before.interrupted:
                return before
        checkpoint = self._checkpoint(features)
        return self.go_on(TrainScenes(self.data, given.run, given.sources, start, checkpoint), run)

    def _checkpoint(self, features: Path | None) -> CheckpointName:
        """Which weights of the 2D run, for arms that lift its features."""
        return self.checkpoint if features is not None and features == self.run2d else "auto"

    def _start(self, seed: int, run: Path, sources: RunSources) -> TrainReport:
        """The reconstruction run that an arm starts from: the same network, input and samples."""
        params = self.params.run
        shared = {f.name: getattr(params.task, f.name) for f in fields(SceneTaskParams)}
        own = ReconstructRunParams(
            train=replace(params.train, seed=seed, steps=self.params.steps_before),
            task=ReconstructParams(**shared),
            views=params.views,
            chunks=params.chunks,
            augment=params.augment,
            input=params.input,
            validation_windows=params.validation_windows,
        )
        checkpoint = self._checkpoint(sources.features)
        # Who reconstructs needs no labels: all rooms are its own, however few are labelled.
        sources = replace(sources, labels=LabelParams())
        return self.go_on(TrainScenes(self.data, own, sources, None, checkpoint), run)

    def score(self, prediction: Path) -> Scored:
        """Nearest-vertex transfer and voxels, counted scene by scene."""
        found = count_classes(prediction, self.data, self.progress.step("scores"))
        write_classes(prediction, found)
        return _scored(found, "learnt")

    def baseline_scores(self) -> Mapping[str, Scored]:
        """2D votes and majority class of the held-out scenes, where that is not done."""
        assert self.run2d is not None
        folder, majority = self.out / BASELINES, self._majority()
        votes = run2d_input(self.run2d, self.checkpoint)
        for scene in self.held_out():
            stage = VoteBaseline(
                Input.folder(scene),
                votes,
                self.params.predict.surface,
                self.params.run.views,
                majority,
            )
            self.runner.make(stage, folder / scene.name)

        def evaluate() -> dict[str, Scored]:
            found = count_classes(folder, self.data, self.progress.step("baselines"))
            write_classes(folder, found)
            return {method: _scored(found, method) for method in (VOTES, MAJORITY)}

        return kept_baselines(self, evaluate)

    def _majority(self) -> int:
        """The class with most annotated voxels in the training scenes."""
        folders = read_scenes(self.data, self.params.training_scenes)
        counts = label_counts(read_volume(folder / VOLUME) for folder in folders)
        return Segment3d(shares=voxel_shares(counts)).majority


def _scored(found: Gathered[SceneCounts], method: str) -> Scored:
    # How sure labels are is compared part by part, by ``causes``.
    counts = {scene: replace(methods[method], sure=None) for scene, methods in found.found.items()}
    return Scored(
        {scene: class_scores(one, "scene") for scene, one in counts.items()},
        {scene: additive(one) for scene, one in counts.items()},
    )
