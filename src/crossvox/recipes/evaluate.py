"""Scores: of predicted scenes, of labelled rooms, of per-vertex files, and of any two meshes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crossvox.flow.progress import Progress, Silent

if TYPE_CHECKING:
    from crossvox.core.volume import Score
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.score import Evaluation


def evaluate_reconstruct(
    pred: Path,
    data: Path,
    *,
    protocol: Literal["surface", "thesis"] = "surface",
    seen_scenes: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Score predicted scenes and their baselines against the scenes' surfaces.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote.
        protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
        seen_scenes: count scenes that the run learnt from as well.
        progress: who watches.
    """
    from crossvox.evaluate.score import evaluate_reconstruction

    report = (progress or Silent()).step("scenes")
    return evaluate_reconstruction(pred, data, protocol, progress=report, seen_scenes=seen_scenes)


def evaluate_segment3d(
    pred: Path, data: Path, *, seen_scenes: bool = False, progress: Progress | None = None
) -> ClassEvaluation:
    """Score labelled rooms and their baselines against the scenes' ground truth.

    Args:
        pred: folder that ``crossvox predict`` wrote from a segment3d run.
        data: folder that ``crossvox prepare`` wrote.
        seen_scenes: count scenes that the run learnt from as well.
        progress: who watches.
    """
    from crossvox.evaluate.classes import evaluate_classes

    report = (progress or Silent()).step("scenes")
    return evaluate_classes(pred, data, progress=report, seen_scenes=seen_scenes)


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
    pred: Path, ref: Path, *, protocol: Literal["surface", "thesis"] = "surface"
) -> list[Score]:
    """Score one mesh against another.

    Args:
        pred: mesh to be scored (PLY).
        ref: reference mesh (PLY).
        protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
    """
    from crossvox.evaluate.score import score_pair

    return score_pair(pred, ref, protocol)
