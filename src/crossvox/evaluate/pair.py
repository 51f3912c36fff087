"""Scores of any two files: meshes or point clouds, with labels or without, by one rule or several.

What rules share is done once: files are read, surfaces aligned, points taken, made ready for
questions about the nearest, and compared; and each frame is read once, or twice where a mask is
asked for of a surface that is trimmed by the frames' poses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.volume import Score
from crossvox.doors.meshes import read_points
from crossvox.evaluate.aligned import (
    aligned,
    alignment_remarks,
    alignment_scores,
    in_files,
)
from crossvox.evaluate.compared import PREDICTED, REFERENCE, Compared
from crossvox.evaluate.labelled import label_scores
from crossvox.evaluate.masks import CROP_MARGIN_M, Box, Mask, box_of
from crossvox.evaluate.overlap import cloud_remark, overlap_remark, size_ratio, unit_remark
from crossvox.evaluate.rules import rule_of
from crossvox.metrics.align import AlignMode
from crossvox.metrics.surfaces import FINE_M, THRESHOLD_M, expect_reference

THRESHOLDS_M = (THRESHOLD_M, FINE_M)
"""Thresholds that scores are taken at, unless others are asked for."""


@dataclass(frozen=True)
class PairParams:
    """How two files are compared.

    Attributes:
        rules: names of rules, see ``crossvox.evaluate.rules``.
        thresholds_m: where near ends.
        align: whether the made surface is first brought onto the reference.
        crop: only points in this box are counted, see ``crossvox.evaluate.masks.box_of``.
        crop_margin_m: around the reference's box.
        mask: what frames cannot have seen is left out.
    """

    rules: Sequence[str] = ("surface",)
    thresholds_m: Sequence[float] = THRESHOLDS_M
    align: AlignMode = "none"
    crop: str = "none"
    crop_margin_m: float = CROP_MARGIN_M
    mask: Mask = "none"

    def __post_init__(self) -> None:
        expect(
            len(self.rules) > 0 and len(set(self.rules)) == len(self.rules),
            given=f"protocols {', '.join(self.rules) or '(none)'}",
            needed="at least one, each once",
            do="pass for example --protocol surface atlas",
            error=ParamsError,
        )
        far = [one for one in self.thresholds_m if not 0 < one <= 1]
        expect(
            len(self.thresholds_m) > 0 and not far,
            given=f"a threshold of {far[0]:g} m" if far else "no threshold",
            needed="metres, above 0 and at most 1",
            do="pass for example --thresholds 0.02 0.05 0.1",
            error=ParamsError,
        )


class PairScores(list[Score]):
    """Scores of two files, rule after rule, those of an alignment first.

    Attributes:
        remarks: what a reader of the numbers must know.
    """

    def __init__(self, scores: Iterable[Score] = (), remarks: Iterable[str] = ()) -> None:
        super().__init__(scores)
        self.remarks = tuple(remarks)


def score_files(
    pred: Path, ref: Path, params: PairParams | None = None, frames: Iterable[Frame] | None = None
) -> PairScores:
    """Score one PLY file against another.

    Args:
        pred: what is scored: a mesh or a point cloud, with or without labels.
        ref: what it is measured against, likewise.
        params: how.
        frames: with pose and depth, in the reference's world: masks are drawn from them, surfaces
            trimmed, and what is scored by ``surface`` and ``thesis`` stands beside their fusion.
            Can be gone through more than once.

    Returns:
        Scores of the alignment, if there is one; then of each rule; then of labels, if both files
        have some.

    Raises:
        CaptureError: a file cannot be read, or there are no frames with pose and depth.
        ShapeError: the reference has no surface.
        ParamsError: a surface is too large for a room, or what is asked for makes no sense.
    """
    params = params or PairParams()
    rules = [rule_of(name) for name in params.rules]
    expect(
        params.mask == "none" or frames is not None,
        given=f"mask {params.mask} without frames",
        needed="frames to draw it from",
        do="pass --frames CAPTURE, with poses in the world of the reference",
        error=ParamsError,
    )
    made, true = read_points(pred), read_points(ref)
    if params.align == "none" and made.origin_m != true.origin_m:
        # Both in one world; what is brought onto the reference may lie anywhere.
        made = read_points(pred, true.origin_m)
    remarks = [*cloud_remark(pred, made.mesh), *cloud_remark(ref, true.mesh)]
    expect_reference(true.mesh.vertices_m)
    shifted = any(true.origin_m)
    expect(
        not (shifted and frames is not None),
        given=f"{ref}, {true.origin_m} m from the origin, beside frames",
        needed="meshes in the world of the poses",
        do="subtract the poses' origin from both meshes, or leave --frames out",
        error=ParamsError,
    )
    moved, found = aligned(made.mesh, true.mesh, params.align)
    found = found and in_files(found, made.origin_m, true.origin_m)
    if found is not None:
        remarks += alignment_remarks(found, made.mesh.vertices_m.mean(axis=0) + made.origin_m)
    ratio = size_ratio(moved, true.mesh)
    remarks += unit_remark(ratio) or overlap_remark(moved, true.mesh)
    labelled = made.ids is not None and true.ids is not None
    origin = np.array(true.origin_m)
    box = box_of(params.crop, params.crop_margin_m, true.mesh.vertices_m + origin)
    both = Compared(
        moved, true.mesh, rules, _shifted(box, origin), params.mask, vertices=labelled, ratio=ratio
    )
    if frames is not None:
        both.look(frames)
    scores = [] if found is None else alignment_scores(found)
    for rule in rules:
        scores += both.scores(rule, params.thresholds_m)
    if made.ids is not None and true.ids is not None:
        found_labels, told = label_scores(
            (moved.vertices_m, made.ids),
            (true.mesh.vertices_m, true.ids),
            both.kept_vertices(PREDICTED),
            both.kept_vertices(REFERENCE),
        )
        scores += found_labels
        remarks += told
    return PairScores(scores, [*made.remarks, *true.remarks, *remarks, *both.remarks])


def _shifted(box: Box | None, origin: NDArray[np.float64]) -> Box | None:
    """The box in the world that positions are held in."""
    if box is None or not origin.any():
        return box
    low, high = np.array(box.low_m) - origin, np.array(box.high_m) - origin
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
