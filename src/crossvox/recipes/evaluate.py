"""Scores: of predicted scenes, of labelled rooms, of per-vertex files, and of any two meshes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CrossvoxError
from crossvox.core.class_map import ClassMap
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage
from crossvox.recipes.commands import Flag

if TYPE_CHECKING:
    from crossvox.core.frame import Frame
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.pair import PairScores
    from crossvox.evaluate.score import Evaluation

PairProtocol = Literal[
    "surface", "thesis", "atlas", "neuralrecon", "transformerfusion", "sampled", "all"
]
"""Rules of ``crossvox.evaluate.rules``, or all of them."""


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
        classes: those that labels were chosen from, for protocol classes; None: all 40.
    """

    NAME = "score-scene"
    NUMBERS = 4

    predicted: Input
    prepared: Input
    scene: str
    protocol: str
    methods: tuple[str, ...]
    classes: ClassMap | None = None

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
    protocol: PairProtocol | tuple[PairProtocol, ...] = "surface",
    thresholds: tuple[float, ...] = (0.05, 0.02),
    align: Literal["none", "icp_se3", "icp_sim3"] = "none",
    crop: str = "none",
    crop_margin: float = 0.1,
    mask: Literal["none", "occlusion", "visible"] = "none",
    frames: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    csv: Path | None = None,
    progress: Progress | None = None,
) -> PairScores:
    """Score one surface against another: meshes or point clouds, with labels or without.

    Where both files have labels, their overlap is scored as well, over the vertices of either.

    Args:
        pred: what is scored (PLY).
        ref: what it is measured against (PLY).
        protocol: one or several of: surface (area-uniform samples), thesis (mesh vertices, as
            published), atlas, neuralrecon (vertices of what is in view of the frames' cameras),
            transformerfusion (200,000 samples against vertices, hidden parts left out), sampled
            (200,000 samples of each), or all.
        thresholds: where near ends, metres, one or several.
        align: bring PRED onto REF first: icp_se3 turns and shifts it, icp_sim3 scales it as well.
        crop: count only points in a box: reference (the box of REF), or six numbers, its low and
            high corner (--crop=-1,-1,0,5,4,2.5).
        crop_margin: how far the box reaches around REF, metres.
        mask: leave out what no frame can have seen: occlusion, of PRED alone, or visible, of both.
        frames: capture that PRED was made from, with poses in the world of REF. Masks are drawn
            from its frames. By surface and thesis, PRED is scored beside their fusion too: measured
            and unmeasured surface apart, and what stands in space that frames saw to be free.
        how: how that capture departs from what its files say.
        csv: file that all scores are written to, one a row.
        progress: who watches.
    """
    from crossvox.evaluate.pair import PairParams, score_files
    from crossvox.evaluate.rules import RULES
    from crossvox.evaluate.score_table import expect_own_csv, write_csv

    asked = (protocol,) if isinstance(protocol, str) else protocol
    params = PairParams(
        tuple(RULES) if "all" in asked else asked, thresholds, align, crop, crop_margin, mask
    )
    if csv is not None:
        expect_own_csv(csv)
    posed = None if frames is None else _PosedFrames(frames, how, progress or Silent())
    scores = score_files(pred, ref, params, posed)
    if csv is not None:
        write_csv(csv, pred, ref, scores, params)
    return scores


class _PosedFrames:
    """The frames of a capture that can be used, as often as they are asked for; tells of others."""

    def __init__(self, folder: Path, how: CaptureParams | None, progress: Progress) -> None:
        from crossvox.capture import open_capture
        from crossvox.capture.outliers import usable_frames

        self._capture = open_capture(folder, params=how)
        self._usable = usable_frames(self._capture)
        self._usable.expect_metres(self._capture.name)
        self._progress = progress
        self._told = ""

    def __iter__(self) -> Iterator[Frame]:
        from crossvox.capture.remarks import left_out_text
        from crossvox.core.frame import Parts

        report, left_out = self._progress.step("frames"), dict(self._usable.left_out)
        for done, index in enumerate(self._usable.posed, start=1):
            try:
                frame = self._capture.frame(index, parts=Parts(rgb=False, labels=False))
            except CrossvoxError as error:
                left_out[self._capture.frame_ids[index]] = str(error)
            else:
                yield frame
            report(done, len(self._usable.posed))
        text = left_out_text(left_out, len(self._capture))
        if text and text != self._told:
            self._progress.say(text)
        self._told = text
