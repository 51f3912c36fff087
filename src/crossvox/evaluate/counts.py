"""Counting one labelled scene: vertices by the nearest predicted vertex, and voxels.

Counts of scenes are added up, and scores taken of the sum: what :func:`class_scores` gives for a
split is no mean over scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh, SceneVolume, Score
from crossvox.evaluate.references import read_classes
from crossvox.metrics import Measure, confusion, register, segmentation_scores, voxel_scores
from crossvox.metrics.calibration import ECE, Reliability, reliability

CLASSES = len(NYU40.names)

Id = TypeVar("Id", bound=np.generic)

FAR_M = 0.2
"""A predicted surface farther away than this is hardly the vertex's own."""

FAR_NAME = f"farther than {FAR_M} m"

TOLD, RIGHT = "mean probability", "right"
"""Details of the calibration error: what labels say of themselves, and the share that is right."""

LIKELY = 0.5
LIKELY_SHARE, LIKELY_RIGHT = f"at least {LIKELY}", f"right of at least {LIKELY}"
"""The share of labels that are so sure, and how many of those are right."""

_FAR = register(
    Measure(
        FAR_NAME,
        "ratio",
        False,
        "Share of the annotated vertices that no predicted vertex is near to.",
        "classes",
        "vertices",
    )
)


@dataclass(frozen=True, eq=False)
class SceneCounts:
    """What one method gets right in one scene, or in several that were added up.

    Attributes:
        vertices: ``(41, 41)`` int64, row = reference, column = prediction; column 0 = no class.
        labelled: reference vertices with a label.
        far: those of them with no predicted vertex within :data:`FAR_M`; None for a baseline
            without a surface.
        empty: predicted meshes without any vertex.
        voxels: ``(42, 42)`` int64, see :func:`count_voxels`; None if there is no class volume.
        voxels_left_out: occupied voxels that the reference does not annotate.
        sure: ``(3, FINE)`` int64, see :func:`count_sure`; None if nobody tells how sure labels are.
        without_volume: scenes without a class volume.
        majority: the class that is predicted everywhere, for that baseline.
        fewer: whether labels were chosen from fewer than all 40 classes.
    """

    vertices: NDArray[np.int64]
    labelled: int
    far: int | None = None
    empty: int = 0
    voxels: NDArray[np.int64] | None = None
    voxels_left_out: int = 0
    without_volume: int = 0
    majority: int | None = None
    sure: NDArray[np.int64] | None = None
    fewer: bool = False


def class_scores(counts: SceneCounts, over: str) -> list[Score]:
    """Scores of counts: vertices (strict first), then calibration, then distance, then voxels.

    ``calibration error`` is expected calibration error of the classes that annotated vertices take,
    in 15 bins of equal width; those that take no class have no part in it. Its details tell the
    mean probability and the share that is right, of all and of those at least :data:`LIKELY` sure.

    Args:
        counts: of one ``scene``, or of the whole ``split`` added up.
        over: which of the two, for the protocol of each score.
    """
    rule = "nearest predicted vertex"
    if counts.majority is not None:
        rule = "the training labels' most frequent class everywhere"
    scores = segmentation_scores(
        counts.vertices, None, rule, of="vertices", over=over, whole=not counts.fewer
    )
    if counts.sure is not None:
        scores.append(
            _calibration(counts.sure, f"{rule}, annotated vertices with a class; over the {over}")
        )
    if counts.far is not None:
        scores.append(
            _FAR.score(
                counts.far / counts.labelled if counts.labelled else float("nan"),
                counts.labelled,
                f"annotated vertices without a predicted one that near; over the {over}",
            )
        )
    if counts.voxels is not None:
        rule = "all voxels of the scene's grid but occupied ones without annotation"
        for score in voxel_scores(counts.voxels, rule, over=over):
            left_out = {"left out": float(counts.voxels_left_out)}
            scores.append(replace(score, details={**score.details, **left_out}))
    return scores


def _calibration(sure: NDArray[np.int64], protocol: str) -> Score:
    found = Reliability.of_counts(sure)
    count, told, right = found.told_and_right()
    likely, _, likely_right = found.told_and_right(LIKELY)
    details = {
        TOLD: told,
        RIGHT: right,
        LIKELY_SHARE: likely / count if count else float("nan"),
        LIKELY_RIGHT: likely_right,
    }
    return ECE.score(found.error(), count, protocol, "vertices", details)


def count_sure(
    confidence: NDArray[Any], taken: NDArray[Any], truth: NDArray[Any]
) -> NDArray[np.int64]:
    """How often the classes that places take are right, by how sure they are.

    Args:
        confidence: ``(N,)`` probability of the class that each place takes.
        taken: ``(N,)`` classes; 0 is none.
        truth: ``(N,)`` of the reference; 0 is unannotated.

    Returns:
        ``(3, FINE)`` as :meth:`Reliability.counts
        <crossvox.metrics.calibration.Reliability.counts>` gives it, of annotated places that take a
        class.
    """
    known = (truth != NYU40.ignore_id) & (taken != NYU40.ignore_id)
    return reliability(confidence[known], taken[known] == truth[known]).counts()


def transfer_labels(
    predicted: Mesh, places_m: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Each place takes the class of the nearest predicted vertex; there is no distance limit.

    The order of vertices makes no difference, not even where several are equally near. Meshes hold
    places that vertices of different classes share; so where ``places_m`` are the predicted
    vertices themselves, in their order, each takes its own class.

    Args:
        predicted: with labels; may be empty.
        places_m: ``(N, 3)`` metres.

    Returns:
        ``(N,)`` uint8 classes, 0 if nothing was predicted; ``(N,)`` metres to that vertex, inf if
        nothing was predicted.

    Raises:
        ShapeError: the mesh has no labels.
    """
    labels = predicted.labels
    if labels is None:
        raise ShapeError(
            "given: a mesh without labels; needed: a class a vertex; do: pass a labelled mesh"
        )
    return nearest_ids(predicted.vertices_m, labels, places_m)


def nearest_ids(
    points_m: NDArray[Any], ids: NDArray[Id], places_m: NDArray[Any]
) -> tuple[NDArray[Id], NDArray[np.float64]]:
    """:func:`transfer_labels` for ids of any type, 0 where there are no points.

    Args:
        points_m: ``(P, 3)`` metres.
        ids: ``(P,)`` of the points.
        places_m: ``(N, 3)`` metres.
    """
    if len(ids) == 0:
        return np.zeros(len(places_m), ids.dtype), np.full(len(places_m), np.inf)
    if np.array_equal(points_m, places_m):
        return ids.copy(), np.zeros(len(places_m))
    from scipy.spatial import cKDTree

    # In sorted order the tree, and what it finds among equals, depends on the points alone.
    x, y, z = points_m.T
    order = np.lexsort((ids, z, y, x))
    tree = cKDTree(points_m[order], balanced_tree=False, compact_nodes=False)
    distance_m, nearest = tree.query(places_m, workers=threads())
    return ids[order][nearest], np.asarray(distance_m, dtype=np.float64)


def _transfer_sure(
    predicted: Mesh, confidence: NDArray[Any], places_m: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[Any]]:
    """:func:`transfer_labels`, and ``(N,)`` how sure the class is that each place takes."""
    labels = predicted.labels
    assert labels is not None
    if not len(labels):
        return *transfer_labels(predicted, places_m), np.zeros(len(places_m))
    # Numbers in the order of classes, then of confidence: of vertices in one place the same class
    # is taken as by the classes alone, and their order makes no difference here either.
    order = np.lexsort((confidence, labels))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    found, distance_m = nearest_ids(predicted.vertices_m, number, places_m)
    at = order[found]
    return labels[at], distance_m, confidence[at]


def count_vertices(
    predicted: Mesh, reference: Mesh, confidence: NDArray[Any] | None = None
) -> tuple[SceneCounts, NDArray[np.uint8]]:
    """Count one scene by the vertex rule.

    Args:
        predicted: with labels; may be empty.
        reference: with labels.
        confidence: ``(V,)`` probability of the predicted labels; None: nobody tells.

    Returns:
        Counts, and the class that each reference vertex took.

    Raises:
        ShapeError: a mesh has no labels.
    """
    if reference.labels is None:
        raise ShapeError(
            "given: a reference without labels; needed: a class a vertex; do: pass a labelled mesh"
        )
    sure = None
    if confidence is None:
        taken, distance_m = transfer_labels(predicted, reference.vertices_m)
    else:
        taken, distance_m, told = _transfer_sure(predicted, confidence, reference.vertices_m)
        sure = count_sure(told, taken, reference.labels)
    labelled = reference.labels != NYU40.ignore_id
    counts = SceneCounts(
        vertices=confusion(reference.labels, taken, CLASSES),
        labelled=int(labelled.sum()),
        far=int((distance_m[labelled] > FAR_M).sum()),
        empty=int(len(predicted.vertices_m) == 0),
        sure=sure,
    )
    return counts, taken


def count_voxels(predicted: SceneVolume, reference: SceneVolume) -> tuple[NDArray[np.int64], int]:
    """Count one scene voxel by voxel, free space included.

    What was not predicted is free. Voxels that the reference holds occupied but does not annotate
    are left out.

    Returns:
        ``(42, 42)`` int64, row = reference, column = prediction: 0 free, 1 to 40 NYU40 ids, 41
        occupied without a class; and how many voxels were left out.

    Raises:
        ShapeError: the grids differ.
    """
    expect(
        _same_grid(predicted, reference),
        given=f"a prediction on {predicted.grid}, a reference on {reference.grid}",
        needed="one grid",
        do="predict and prepare the scene with one voxel size",
        error=ShapeError,
    )
    known = ~reference.occupied | (reference.labels != NYU40.ignore_id)
    truth = np.where(reference.occupied, reference.labels, 0)[known]
    guess = np.where(predicted.labels == NYU40.ignore_id, CLASSES, predicted.labels)
    guess = np.where(predicted.occupied, guess, 0)[known]
    return confusion(truth, guess, CLASSES + 1), int((~known).sum())


def _same_grid(one: SceneVolume, other: SceneVolume) -> bool:
    """Whether voxels lie in the same places, but for rounding (a thousandth of a voxel)."""
    a, b = one.grid, other.grid
    return a.shape == b.shape and bool(
        np.allclose([a.voxel_m, *a.origin_m], [b.voxel_m, *b.origin_m], 0, 1e-3 * a.voxel_m)
    )


def count_volume(path: Path, reference: SceneVolume) -> tuple[NDArray[np.int64], int]:
    """Count a file's volume voxel by voxel, see :func:`count_voxels`.

    Raises:
        ArtifactError: it lies on another grid; names the file.
    """
    predicted = read_classes(path)
    expect(
        _same_grid(predicted, reference),
        given=f"{path} on {predicted.grid}, while the prepared scene lies on {reference.grid}",
        needed="one grid",
        do="predict again from the scene as it is prepared now",
        error=ArtifactError,
    )
    return count_voxels(predicted, reference)


def added_counts(scenes: Sequence[SceneCounts]) -> SceneCounts:
    """One count over several scenes."""
    voxels = [one.voxels for one in scenes if one.voxels is not None]
    far = [one.far for one in scenes if one.far is not None]
    sure = [one.sure for one in scenes if one.sure is not None]
    return SceneCounts(
        vertices=np.sum([one.vertices for one in scenes], axis=0),
        labelled=sum(one.labelled for one in scenes),
        far=sum(far) if far else None,
        empty=sum(one.empty for one in scenes),
        voxels=np.sum(voxels, axis=0) if voxels else None,
        voxels_left_out=sum(one.voxels_left_out for one in scenes),
        without_volume=sum(one.without_volume for one in scenes),
        majority=scenes[0].majority,
        sure=np.sum(sure, axis=0) if sure else None,
        fewer=any(one.fewer for one in scenes),
    )


def additive(counts: SceneCounts) -> dict[str, NDArray[np.int64]]:
    """Counts as arrays by name, which may be added up and taken off.

    Remarks are left out, and so is how sure labels are: ``causes`` of a study tells that by part.
    """
    numbers = {
        "vertices": counts.vertices,
        "labelled": counts.labelled,
        "far": counts.far,
        "voxels": counts.voxels,
        "voxels_left_out": counts.voxels_left_out,
    }
    return {
        name: np.asarray(value, np.int64) for name, value in numbers.items() if value is not None
    }


def scores_of(counts: Mapping[str, NDArray[np.int64]]) -> list[Score]:
    """Scores of a split, of what :func:`additive` made of its scenes, added up."""
    far = counts.get("far")
    return class_scores(
        SceneCounts(
            vertices=counts["vertices"],
            labelled=int(counts["labelled"]),
            far=None if far is None else int(far),
            voxels=counts.get("voxels"),
            voxels_left_out=int(counts["voxels_left_out"]),
        ),
        "split",
    )
