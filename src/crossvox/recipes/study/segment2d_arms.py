"""How labels of 3D segmentations are rendered back into frames, and scored there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.artifact import replacing
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import Parts
from crossvox.core.grid import VoxelGrid
from crossvox.core.methods import CLASS_MESHES, LEARNT, NETWORK_2D, RENDERED_VOTES, VOTES
from crossvox.core.npz import reading_npz
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.references import read_labelled
from crossvox.evaluate.rendered import (
    PixelCounts,
    additive,
    count_pixels,
    painted,
    pixel_scores,
    rendered_labels,
    scores_of,
)
from crossvox.flow.runner import Work
from crossvox.flow.stage import Input, Stage
from crossvox.predict.complete import uncompleted
from crossvox.predict.label import label_scene
from crossvox.predict.params import LabelParams
from crossvox.recipes.predict_label import image_labeller
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.study.cells import Costs
from crossvox.recipes.study.scenes import BASELINES, STUDY_BASELINES, SceneStudy, kept_baselines
from crossvox.recipes.study.segment2d import NUMBERS, Study2dParams
from crossvox.recipes.study.store import point
from crossvox.recipes.trained import load_voter, run2d_input
from crossvox.samples.source import SceneSource, load_source
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse
from crossvox.study.arms import SEGMENT2D, Arm
from crossvox.study.counts import Pool
from crossvox.study.results import Scored
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.report import TrainReport
from crossvox.views.params import ViewParams
from crossvox.views.visibility import view_fit

FRAMES = "frames.npz"

Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Some frames of a room, at the views' size.

    Attributes:
        ids: ``(F,)`` frame numbers, rising.
        truth: ``(F, H, W)`` uint8 NYU40 ids, 0 where nobody annotated.
        own: ``(F, H, W)`` uint8, what the 2D network says.
    """

    ids: NDArray[np.int64]
    truth: Labels
    own: Labels


@dataclass(frozen=True)
class FrameBaselines(Stage):
    """What the 2D network says of a room's frames, and the surface that all of them vote on.

    Attributes:
        scene: a prepared scene.
        run2d: the 2D run that labels frames.
        views: size of the frames.
        tsdf: how frames are fused to the surface.
        label: how it takes its classes from all frames: none is left out (no ``looks``).
        frame_step: every so many frames is kept.
    """

    NAME = STUDY_BASELINES
    NUMBERS = 2

    scene: Input
    run2d: RunInput
    views: ViewParams
    tsdf: TsdfParams
    label: LabelParams
    frame_step: int

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``frames.npz``, and the fused surface with the votes as ``votes.ply``."""
        source = load_source(self.scene.path, self.views)
        with work.watch("label frames"):
            found = self._frames(source)
        with replacing(work.out / FRAMES) as part, part.open("wb") as file:
            np.savez_compressed(file, ids=found.ids, truth=found.truth, own=found.own)
        report = work.progress.step(f"{source.name}: fuse")
        with work.watch("fuse"):
            depths = posed_frames(source.capture, Parts(rgb=False, labels=False), report)
            surface = fuse(depths, self.tsdf).mesh()
        grid = VoxelGrid.around(surface.vertices_m, source.grid.voxel_m, 1)
        made = uncompleted(surface, grid)
        frames = posed_frames(source.capture, Parts(labels=False))
        labeller = image_labeller(self.run2d, "cpu", self.label.shown_height)
        voted = label_scene(frames, labeller, made, self.label, work.watch)
        write_ply(work.out / CLASS_MESHES[VOTES], voted.mesh)
        return {"frames": len(found.ids), "frames voted": voted.frames, "labelled": voted.seen}

    def _frames(self, source: SceneSource) -> LabelledFrames:
        ids = source.views.frame_ids[:: self.frame_step]
        classify = load_voter(self.run2d, "cpu")
        frames = [int(frame) for frame in ids]
        truth = np.stack([source.image_labels(frame, self.views) for frame in frames])
        expect(
            bool(truth.any()),
            given=f"{self.scene.path}, none of whose frames has labels",
            needed="label images of the held-out rooms",
            do="prepare the rooms with their labels, or leave the target segment2d out",
            error=CaptureError,
        )
        own = np.stack([classify(source.image(frame, self.views)) for frame in frames])
        return LabelledFrames(np.asarray(ids, np.int64), truth, own)


def read_frames(path: Path) -> LabelledFrames:
    """Read what :class:`FrameBaselines` wrote.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    with reading_npz(path, needed="labelled frames", do="run the study again") as arrays:
        found = LabelledFrames(arrays["ids"], arrays["truth"], arrays["own"])
        if not found.truth.shape == found.own.shape == (len(found.ids), *found.truth.shape[1:]):
            raise ValueError("frames of several sizes")
        return found


class Segment2dStudy(SceneStudy[Study2dParams]):
    """The cells of 2D segmentation helped by 3D: rendered from cells of 3D segmentation."""

    TASK, ARMS, NUMBERS = Segment2d.name, SEGMENT2D, NUMBERS

    @classmethod
    def pool(cls) -> Pool:
        """See :class:`SceneStudy`."""
        return scores_of

    def costs(self, arm: Arm) -> Costs:
        """Scores alone: the 3D segmentation counts as its own cell."""
        del arm
        return {"score": (f"study {self.ARMS} score", len(self.held_out()))}

    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        """Train the 3D segmentation that a cell is rendered from, where that is not done."""
        start, report = self.start_of(arm, seed)
        if not report.interrupted:
            point(run, start)
        return report

    def predict(self, arm: Arm, run: Path, out: Path) -> None:
        """The prediction of that segmentation is the cell's: ``out`` becomes a link to it."""
        study, cell = self.start_cell(arm)
        study.predict(cell, run, out)

    def score(self, prediction: Path) -> Scored:
        """The labels of a prediction, rendered into the frames of each room."""
        report = self.progress.step("render")
        scenes, counts = self.held_out(), {}
        for done, scene in enumerate(scenes, start=1):
            labelled = prediction / scene.name / CLASS_MESHES[LEARNT]
            counts[scene.name] = self._count(scene, labelled)
            report(done, len(scenes))
        return _scored(counts)

    def baseline_scores(self) -> Mapping[str, Scored]:
        """What the 2D network says of the frames, and the votes of all of them rendered back."""
        assert self.run2d is not None
        network = run2d_input(self.run2d, self.checkpoint)
        folder, scenes = self.out / BASELINES, self.held_out()
        for scene in scenes:
            stage = FrameBaselines(
                Input.folder(scene),
                network,
                self.params.run.views,
                self.params.tsdf,
                replace(self.params.predict.label, looks=0),
                self.params.frame_step,
            )
            self.runner.make(stage, folder / scene.name)

        def evaluate() -> dict[str, Scored]:
            voted = {scene: folder / scene.name / CLASS_MESHES[VOTES] for scene in scenes}
            return {
                NETWORK_2D: _scored({scene.name: self._count(scene, None) for scene in scenes}),
                RENDERED_VOTES: _scored({s.name: self._count(s, voted[s]) for s in scenes}),
            }

        return kept_baselines(self, evaluate)

    def _count(self, scene: Path, labelled: Path | None) -> PixelCounts:
        """Count a room's frames: what a labelled surface says, or the 2D network alone."""
        folder = self.out / BASELINES / scene.name
        frames = read_frames(folder / FRAMES)
        if labelled is None:
            return count_pixels(frames.truth, frames.own)
        surface = painted(read_labelled(folder / CLASS_MESHES[VOTES]), read_labelled(labelled))
        capture = FolderCapture(scene)
        _, camera = view_fit(capture.camera(), self.params.run.views)
        seen = np.zeros_like(frames.own)
        for number, frame in enumerate(frames.ids.tolist()):
            pose = capture.pose(capture.frame_ids.index(frame))
            assert pose is not None  # a frame without one is none of the views'
            seen[number] = rendered_labels(surface, camera, pose)
        return count_pixels(frames.truth, frames.own, seen)


def _scored(counts: Mapping[str, PixelCounts]) -> Scored:
    return Scored(
        {scene: pixel_scores(one, "scene") for scene, one in counts.items()},
        {scene: additive(one) for scene, one in counts.items()},
    )
