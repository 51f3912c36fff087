"""Scores: of predicted scenes, of labelled rooms, of per-vertex files, and of any two meshes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from crossvox.capture.params import CaptureParams
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage
from crossvox.recipes.commands import Flag

if TYPE_CHECKING:
    from crossvox.core.volume import Score
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.score import Evaluation


@dataclass(frozen=True)
class ScoredScenes(Collection):
    """What all scored scenes of a folder have in common.

    Attributes:
        prediction: what all scenes of the prediction were made by.
        protocol: rules they are measured by.
    """

    NAME = "scores"
    NUMBERS = 1

    prediction: Input
    protocol: str


@dataclass(frozen=True)
class ScoreScene(Stage):
    """What was measured of one predicted scene.

    Attributes:
        predicted: the scene of a prediction.
        prepared: the scene that it was predicted from.
        scene: its name.
        protocol: rules it is measured by: surface, thesis, or classes.
        methods: what is measured.
    """

    NAME = "score-scene"
    NUMBERS = 2

    predicted: Input
    prepared: Input
    scene: str
    protocol: str
    methods: tuple[str, ...]

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.evaluate_scenes.score_one`."""
        from crossvox.recipes.evaluate_scenes import score_one

        return score_one(self, work)


def evaluate_reconstruct(
    pred: Path,
    data: Path,
    *,
    protocol: Literal["surface", "thesis"] = "surface",
    seen_scenes: bool = False,
    out: Path | None = None,
    workers: int = 1,
    runner: Runner | None = None,
) -> Evaluation:
    """Score predicted scenes and their baselines against the scenes' surfaces.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote.
        protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
        seen_scenes: count scenes that the run learnt from as well.
        out: folder that keeps the scores of each scene, so that several calls, and machines, may
            share the work; scores are put together of all that is there.
        workers: scenes scored at once, each by a process with its share of the threads; 0 means
            one a core, or as many as a cluster has room for.
        runner: who scores the scenes.
    """
    from crossvox.recipes.evaluate_scenes import evaluate_surfaces

    return evaluate_surfaces(pred, data, protocol, seen_scenes, out, workers, runner or Runner())


def evaluate_segment3d(
    pred: Path,
    data: Path,
    *,
    seen_scenes: bool = False,
    out: Path | None = None,
    workers: int = 1,
    runner: Runner | None = None,
) -> ClassEvaluation:
    """Score labelled rooms and their baselines against the scenes' ground truth.

    Args:
        pred: folder that ``crossvox predict`` wrote from a segment3d run.
        data: folder that ``crossvox prepare`` wrote.
        seen_scenes: count scenes that the run learnt from as well.
        out: folder that keeps the counts of each scene, so that several calls, and machines, may
            share the work; scores are taken of all that is there.
        workers: scenes scored at once, each by a process with its share of the threads; 0 means
            one a core, or as many as a cluster has room for.
        runner: who scores the scenes.
    """
    from crossvox.recipes.evaluate_scenes import evaluate_labels

    return evaluate_labels(pred, data, seen_scenes, out, workers, runner or Runner())


def evaluate_scannet(
    files: Path, data: Path, *, seen_scenes: bool = False, progress: Progress | None = None
) -> ClassEvaluation:
    """Score per-vertex files (SCENE.txt, one NYU40 id a line) by ScanNet's rule.

    Args:
        files: folder of such files, from ``crossvox export scannet`` or anywhere else.
        data: folder that ``crossvox prepare`` wrote.
        seen_scenes: count scenes that the run learnt from as well.
        progress: who watches.
    """
    from crossvox.evaluate import scannet

    report = (progress or Silent()).step("scenes")
    return scannet.evaluate_scannet(files, data, progress=report, seen_scenes=seen_scenes)


def score(
    pred: Path,
    ref: Path,
    *,
    protocol: Literal["surface", "thesis"] = "surface",
    frames: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    progress: Progress | None = None,
) -> list[Score]:
    """Score one mesh against another.

    Args:
        pred: mesh to be scored (PLY).
        ref: reference mesh (PLY).
        protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
        frames: capture that PRED was made from, with poses in the world of both meshes. Its frames
            are fused, and PRED is scored beside that: measured and unmeasured surface apart, and
            what stands in space that frames saw to be free.
        how: how that capture departs from what its files say.
        progress: who watches.
    """
    from crossvox.evaluate.score import score_pair

    if frames is None:
        return score_pair(pred, ref, protocol)
    from crossvox.capture import open_capture
    from crossvox.core.frame import Parts
    from crossvox.recipes.prepare_scene import posed_frames

    capture = open_capture(frames, params=how)
    report = (progress or Silent()).step("frames")
    posed = posed_frames(capture, Parts(rgb=False, labels=False), report)
    return score_pair(pred, ref, protocol, posed)
