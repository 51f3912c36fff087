"""How arms of the reconstruction study are trained, predicted and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossvox.core.frame import Parts
from crossvox.core.grid import Index3
from crossvox.core.methods import MASK_ONLY, TSDF
from crossvox.core.volume import Score
from crossvox.evaluate.score import evaluate_reconstruction
from crossvox.flow.runner import Work
from crossvox.flow.stage import Input, Stage
from crossvox.predict.baselines import write_surface_baselines
from crossvox.predict.params import PredictParams
from crossvox.predict.seen import seen_by_windows
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.study.features import NetworkInterrupted, features_of
from crossvox.recipes.study.reconstruct import NUMBERS, StudyParams
from crossvox.recipes.study.scenes import BASELINES, STUDY_BASELINES, SceneStudy, kept_baselines
from crossvox.recipes.study.untrained import built, untrained
from crossvox.recipes.train import TrainScenes
from crossvox.samples.source import load_source
from crossvox.scene.params import TsdfParams
from crossvox.study.arms import RECONSTRUCT, Arm
from crossvox.study.results import Scored
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train.report import TrainReport
from crossvox.views.params import ViewParams


@dataclass(frozen=True)
class SurfaceBaselines(Stage):
    """Mask-only and TSDF surface of one scene: what a prediction's baselines would be.

    Attributes:
        scene: a prepared scene.
        predict: windows and meshing.
        tsdf: how frames are fused.
        views: which voxels a frame sees, and how many frames look at a window.
        shape: voxels of a window.
    """

    NAME = STUDY_BASELINES
    NUMBERS = 1

    scene: Input
    predict: PredictParams
    tsdf: TsdfParams
    views: ViewParams
    shape: Index3

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``mask_only.ply`` and ``tsdf.ply``."""
        source = load_source(self.scene.path, self.views)
        with work.watch("windows"):
            report = work.progress.step(f"{source.name}: mask only")
            seen = seen_by_windows(source, self.predict, self.shape, self.views, report)
        report = work.progress.step(f"{source.name}: fuse")
        frames = posed_frames(source.capture, Parts(labels=False), report)
        surface = self.predict.surface
        write_surface_baselines(work.out, seen, frames, surface, self.tsdf, work.watch)
        return {"coverage": seen.coverage, "voxels_seen_by_windows": int(seen.seen.sum())}


def _named(score: Score, protocol: str) -> Score:
    """A score of another protocol than the first, by a name of its own; never the main one."""
    if protocol == "surface":
        return score
    return replace(score, name=f"{score.name} ({protocol})", place="detail")


class ReconstructStudy(SceneStudy[StudyParams]):
    """The arms of the reconstruction study."""

    TASK, ARMS, NUMBERS = Reconstruct.name, RECONSTRUCT, NUMBERS

    def expect_weights(self, arms: Sequence[Arm]) -> None:
        """Refuse what would otherwise fail after hours of other arms."""
        if self.run2d is not None and any(arm.features == "imagenet" for arm in arms):
            from crossvox.recipes.image_run import read_segment2d_run

            record = read_segment2d_run(self.run2d)
            built(replace(record.task, params=untrained(record.params.task, "imagenet")), 0)

    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        """Train one arm."""
        try:
            features = features_of(self, arm, seed)
        except NetworkInterrupted as stopped:
            return stopped.report
        given = self.arm_run(arm, self.params.run, seed, features)
        own = features is not None and features == self.run2d
        start = None
        if arm.start:
            start, before = self.start_of(arm, seed)
            if before.interrupted:
                return before
        checkpoint = self.checkpoint if own else "auto"
        stage = TrainScenes(self.data, given.run, given.sources, start, checkpoint)
        return self.go_on(stage, run)

    def score(self, prediction: Path) -> Scored:
        """Every protocol that is asked for."""
        return self._scores(prediction, ("learnt",), "scores")["learnt"]

    def _scores(self, folder: Path, methods: tuple[str, ...], step: str) -> dict[str, Scored]:
        """Scores of each method by scene, of all protocols one after the other."""
        found: dict[str, dict[str, list[Score]]] = {method: {} for method in methods}
        for protocol in self.params.protocols:
            report = self.progress.step(f"{step}, protocol {protocol}")
            evaluation = evaluate_reconstruction(folder, self.data, protocol, methods, report)
            for scene, by_method in evaluation.scenes.items():
                for method, scores in by_method.items():
                    told = found[method].setdefault(scene, [])
                    told += [_named(score, protocol) for score in scores]
        return {method: Scored(scenes) for method, scenes in found.items() if scenes}

    def baseline_scores(self) -> Mapping[str, Scored]:
        """Make the baselines of the held-out scenes and score them, where that is not done."""
        folder, run = self.out / BASELINES, self.params.run
        for scene in self.held_out():
            stage = SurfaceBaselines(
                Input.folder(scene),
                self.params.predict,
                self.params.tsdf,
                run.views,
                run.chunks.shape,
            )
            self.runner.make(stage, folder / scene.name)

        def evaluate() -> dict[str, Scored]:
            return self._scores(folder, (MASK_ONLY, TSDF), "baselines")

        return kept_baselines(self, evaluate)
