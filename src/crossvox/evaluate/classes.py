"""Scores of labelled rooms: which NYU40 class each place of a scene gets, and whether it is right.

Two views of one prediction. *Vertices*: every vertex of the scene's own labelled surface takes the
class of the nearest predicted vertex, however far that is, and the pairs are counted: what was
published, and what ScanNet's benchmark counts. *Voxels*: the predicted class volume against the
scene's, free space included, so that surface in the wrong place costs something too.

Either way pairs are added up over all scenes in one confusion matrix; scores of single scenes stand
beside it and are never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import plain, write_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.class_map import ClassMap, read_class_names
from crossvox.core.files import VOLUME
from crossvox.core.formats import share_text
from crossvox.core.labels import NYU40
from crossvox.core.methods import (
    ATTRIBUTES,
    CLASS_MESHES,
    CLASS_VOLUMES,
    LEARNT,
    MAJORITY,
    TRANSFERRED,
    method_name,
)
from crossvox.core.npz import reading_npz
from crossvox.core.volume import Mesh, SceneVolume, Score
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.counts import (
    CLASSES,
    FAR_M,
    LIKELY,
    SceneCounts,
    added_counts,
    class_scores,
    count_vertices,
    count_volume,
)
from crossvox.evaluate.gather import Gathered, Measured, Report, expect_unseen, gather
from crossvox.evaluate.predicted import Scored, majority_class, read_predicted
from crossvox.evaluate.references import read_classes, read_labelled, reference_labels
from crossvox.metrics import MEASURES, class_values, confusion
from crossvox.metrics.calibration import Reliability
from crossvox.metrics.crossed import parts_of
from crossvox.metrics.pooled import Counts, pooled
from crossvox.metrics.statistics import half_width, paired_difference

PROTOCOL = "classes"

FEWEST_SCENES = 5
"""With fewer scenes than this it is not told how far methods are apart."""


@dataclass(frozen=True)
class Ahead:
    """How far the score of one method is ahead of another's, over the same scenes.

    Attributes:
        value: the difference of the two, each of one count over all scenes.
        low: lower end of its 95 % interval over scenes.
        high: upper end.
        scenes: that both methods have.
    """

    value: float
    low: float
    high: float
    scenes: int


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """Class scores of a prediction: counted over the split, and scene by scene.

    Attributes:
        protocol: rules everything was measured by.
        scenes: scene -> method -> scores of this scene alone.
        whole: method -> scores counted over one confusion matrix of all scenes that count; no mean
            over scenes. Details of those of vertices tell their interval, see
            :func:`with_intervals`.
        ahead: baseline -> score of vertices -> how far ``learnt`` is ahead of it, see
            :func:`learnt_ahead`; empty with few scenes.
        confusion: method -> ``(41, 41)`` int64 vertices, row = reference, column = prediction, by
            NYU40 id; column 0 = no class.
        counted: scenes that the whole is counted over.
        voxel_confusion: method -> ``(42, 42)`` int64 voxels: 0 free, 1 to 40 NYU40 ids, 41 occupied
            without a class.
        coverage: scene -> share of the windows with a seen voxel that were predicted, as the
            prediction's manifest says; None if it does not.
        missing: method -> scored scenes without it.
        unlabelled: scenes without ground-truth labels, which are not scored.
        seen: scenes that the run learnt from.
        notes: what a reader of the numbers must know.
        failed: scenes that could not be measured, and why; they are in nothing above.
        waiting: scenes that nobody has measured so far.
    """

    protocol: str
    scenes: dict[str, dict[str, list[Score]]]
    whole: dict[str, list[Score]]
    confusion: dict[str, NDArray[np.int64]]
    counted: tuple[str, ...]
    voxel_confusion: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    ahead: dict[str, dict[str, Ahead]] = field(default_factory=dict)
    coverage: dict[str, float | None] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()


def evaluate_classes(
    pred: Path, data: Path, progress: Report | None = None, *, seen_scenes: bool = False
) -> ClassEvaluation:
    """Score every labelled scene of a prediction and write ``PRED/scores.classes.json``.

    Methods: ``learnt``, ``votes_2d`` (labels of the 2D network, voted in each voxel) where it was
    predicted, and ``majority`` (the class that the prediction's manifests name). The reference is
    the labelled surface ``DATA/SCENE/SCENE.ply``, whole, and the scene's ``volume.npz``. Writes
    ``PRED/SCENE/transferred.ply`` as well: that surface with the classes of ``learnt``.

    Args:
        pred: folder that ``crossvox predict`` wrote, of a ``segment3d`` run.
        data: folder that ``crossvox prepare`` wrote (or one scene of it).
        progress: called with (scenes done, scenes).
        seen_scenes: scenes that the run learnt from count for the whole as well.

    Raises:
        ArtifactError: ``pred`` holds no scene, no labelled mesh, scenes made in different ways, a
            scene that ``data`` lacks, or only scenes that the run learnt from; no scene has
            ground-truth labels; a class volume has another grid than the scene.
        CaptureError: a mesh cannot be read, or holds labels that are no NYU40 ids.
    """
    found = count_classes(pred, data, progress, seen_scenes=seen_scenes)
    return write_classes(pred, found)


def count_classes(
    pred: Path, data: Path, progress: Report | None = None, *, seen_scenes: bool = False
) -> Gathered[SceneCounts]:
    """Count every labelled scene of a prediction; see :func:`evaluate_classes`."""
    scenes = scenes_to_count(pred, data)
    found: dict[str, dict[str, SceneCounts] | None] = {}
    expect_unseen(scenes, seen_scenes)
    for done, scene in enumerate(scenes, start=1):
        found[scene.name] = count_scene(scene)
        if progress is not None:
            progress(done, len(scenes))
    return gather_counts(data, scenes, Measured(found), seen_scenes=seen_scenes)


def scenes_to_count(pred: Path, data: Path) -> list[Scored]:
    """The scenes of a prediction, in order; see :func:`evaluate_classes`."""
    scenes = read_predicted(pred, data)
    expect(
        any((one.predicted / name).is_file() for one in scenes for name in CLASS_MESHES.values()),
        given=f"{pred} with {len(scenes)} scenes but no {' or '.join(CLASS_MESHES.values())}",
        needed="labelled meshes",
        do="run 'crossvox predict' again",
        error=ArtifactError,
    )
    return scenes


def gather_counts(
    data: Path,
    scenes: Sequence[Scored],
    kept: Measured[dict[str, SceneCounts]],
    *,
    seen_scenes: bool = False,
) -> Gathered[SceneCounts]:
    """Put counts of scenes together; see :func:`evaluate_classes`.

    Args:
        data: folder that ``crossvox prepare`` wrote (or one scene of it).
        scenes: of the prediction.
        kept: what :func:`count_scene` gave for each.
        seen_scenes: scenes that the run learnt from count for the whole as well.
    """
    methods = (*CLASS_MESHES, MAJORITY)
    return gather(
        kept.among(scenes),
        methods,
        lambda scene: kept.found[scene.name],
        data=data,
        seen_scenes=seen_scenes,
    )


def write_classes(
    pred: Path,
    found: Gathered[SceneCounts],
    kept: Measured[dict[str, SceneCounts]] | None = None,
) -> ClassEvaluation:
    """Scores of what was counted, written as ``PRED/scores.classes.json``.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        found: the counts.
        kept: tells what was not counted; None: everything was.
    """
    kept = kept or Measured(dict.fromkeys(found.found))
    whole = {method: added_counts(counts) for method, counts in found.whole.items()}
    counted = [found.found[scene] for scene in found.counted]
    evaluation = ClassEvaluation(
        protocol=PROTOCOL,
        scenes={
            scene: {method: class_scores(one, "scene") for method, one in methods.items()}
            for scene, methods in found.found.items()
        },
        whole={
            method: with_intervals(
                class_scores(total, "split"), [one[method] for one in counted if method in one]
            )
            for method, total in whole.items()
        },
        confusion={method: total.vertices for method, total in whole.items()},
        counted=found.counted,
        voxel_confusion={
            method: total.voxels for method, total in whole.items() if total.voxels is not None
        },
        ahead=learnt_ahead(counted),
        coverage=found.coverage,
        missing=found.missing,
        unlabelled=found.unlabelled,
        seen=found.seen,
        notes=(*_notes(found, whole), *renamed(pred, found.counted), *kept.remarks()),
        failed=dict(kept.failed),
        waiting=kept.waiting,
    )
    write_json(pred / f"scores.{PROTOCOL}.json", plain(evaluation))
    return evaluation


def count_scene(scene: Scored) -> dict[str, SceneCounts] | None:
    """Count every method that a predicted scene has; writes the transferred mesh.

    Returns:
        Counts by method; None if nobody labelled the scene.

    Raises:
        ArtifactError: a mesh has no classes, or a volume lies on another grid than the scene.
        CaptureError: a mesh cannot be read, or holds labels that are no NYU40 ids.
    """
    pred, folder = scene.predicted, scene.prepared
    truth = reference_labels(folder, scene.name)
    if truth is None or truth.labels is None:
        return None
    told, labels = scene.classes, truth.labels
    if told is not None:
        labels = told.table[labels]
        truth = replace(truth, labels=labels)
    found: dict[str, SceneCounts] = {}
    volume = None
    for method, name in CLASS_MESHES.items():
        if not (pred / name).is_file():
            continue
        predicted = read_labelled(pred / name)
        expect(
            predicted.labels is not None,
            given=f"{pred / name}, whose vertices have no classes",
            needed="the prediction of a segment3d run",
            do="pass its folder, or use 'crossvox evaluate reconstruct' for surfaces",
            error=ArtifactError,
        )
        counts, taken = count_vertices(predicted, truth, label_confidence(pred, method, predicted))
        if method == "learnt":
            painted = replace(truth, labels=taken, colors=NYU40.colors[taken])
            write_ply(pred / TRANSFERRED, painted)
        path = pred / CLASS_VOLUMES[method]
        if path.is_file():
            volume = volume or _reference_volume(folder, told)
            voxels, left_out = count_volume(path, volume)
            counts = replace(counts, voxels=voxels, voxels_left_out=left_out)
        else:
            counts = replace(counts, without_volume=1)
        found[method] = replace(counts, fewer=told is not None)
    majority = majority_class([pred])
    if majority is not None:
        everywhere = np.full_like(labels, majority)
        found[MAJORITY] = SceneCounts(
            vertices=confusion(labels, everywhere, CLASSES),
            labelled=int((labels != NYU40.ignore_id).sum()),
            majority=majority,
            fewer=told is not None,
        )
    return found


def with_intervals(scores: Sequence[Score], scenes: Sequence[SceneCounts]) -> list[Score]:
    """Scores of vertices with the ends of their 95 % interval, by the jackknife over scenes.

    Args:
        scores: of one count over the scenes.
        scenes: counts of one method, a scene each.

    Returns:
        The scores, in their order. ``low`` and ``high`` stand among the details, within 0 and 1; of
        fewer than :data:`FEWEST_SCENES` scenes nothing is told, nor of classes alone.
    """
    if len(scenes) < FEWEST_SCENES:
        return list(scores)
    told = pooled([[{"vertices": scene.vertices} for scene in scenes]], _vertex_numbers)
    ends = {}
    for name, one in told.items():
        value, half = float(one.whole[0]), half_width(parts_of(one.cells))
        if np.isfinite([value, half]).all():
            ends[name] = {"low": max(value - half, 0.0), "high": min(value + half, 1.0)}
    return [
        replace(score, details={**score.details, **ends.get(score.name, {})}) for score in scores
    ]


def _reference_volume(folder: Path, told: ClassMap | None) -> SceneVolume:
    volume = read_classes(folder / VOLUME)
    return volume if told is None else replace(volume, labels=told.table[volume.labels])


def learnt_ahead(scenes: Sequence[Mapping[str, SceneCounts]]) -> dict[str, dict[str, Ahead]]:
    """How far ``learnt`` is ahead of each other method, by vertices.

    Both scores are counted over all scenes, and over all but each of them; the interval is that of
    studies (:func:`crossvox.metrics.statistics.paired_difference`), by the jackknife over scenes.

    Args:
        scenes: counts by method, a scene each.

    Returns:
        By method and score. Nothing of a method that fewer than :data:`FEWEST_SCENES` scenes have
        beside ``learnt``, and nothing of a score without a number or an interval.
    """
    found: dict[str, dict[str, Ahead]] = {}
    for other in sorted({method for scene in scenes for method in scene} - {LEARNT}):
        both = [one for one in scenes if {LEARNT, other} <= {*one}]
        if len(both) < FEWEST_SCENES:
            continue
        numbers = partial(_vertex_numbers, whole=not any(scene[LEARNT].fewer for scene in both))
        one, base = (
            pooled([[{"vertices": scene[method].vertices} for scene in both]], numbers)
            for method in (LEARNT, other)
        )
        differences = {name: paired_difference(one[name], base[name]) for name in one}
        told = {
            name: Ahead(each.mean, each.low, each.high, each.scenes)
            for name, each in differences.items()
            if each.scenes == len(both) and np.isfinite([each.mean, each.low, each.high]).all()
        }
        if told:
            found[other] = told
    return found


def _vertex_numbers(counts: Counts, whole: bool = True) -> dict[str, float]:
    """Scores of vertices; those of single classes left out."""
    found = class_values(counts["vertices"].astype(np.float64), of="vertices", whole=whole)
    return {name: value for name, value in found.items() if name in MEASURES}


def label_confidence(pred: Path, method: str, predicted: Mesh) -> NDArray[Any] | None:
    """How sure a method is of the classes of its mesh, ``(V,)``; None where nobody tells.

    Meshes of completed surfaces carry it; beside those of segmentation runs lies a file of it,
    which tells nothing of a mesh with another number of vertices.

    Args:
        pred: folder of the predicted scene.
        method: key of the method.
        predicted: its labelled mesh.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = pred / ATTRIBUTES
    if predicted.label_confidence is not None or method != LEARNT or not path.is_file():
        return predicted.label_confidence
    with reading_npz(path, needed="classes of vertices", do="predict the scene again") as arrays:
        confidence: NDArray[Any] = np.atleast_1d(arrays["confidence"])
    if len(confidence) != len(predicted.vertices_m):
        return None  # of the mesh that lay here before
    expect(
        confidence.ndim == 1
        and confidence.dtype.kind == "f"
        and bool(((confidence >= 0) & (confidence <= 1)).all()),
        given=f"{path}, whose confidences are {confidence.dtype} of shape {confidence.shape}",
        needed="a number from 0 to 1 a vertex",
        do="predict the scene again",
        error=ArtifactError,
    )
    return confidence


def _notes(found: Gathered[SceneCounts], whole: dict[str, SceneCounts]) -> list[str]:
    notes = found.remarks("lacks {count}, so its scores are counted over fewer vertices")
    if any(total.fewer for total in whole.values()):
        notes.append(
            "Labels were chosen from fewer than the 40 classes (--classes): the reference is told "
            "by the same table, and places of classes that are never told do not count"
        )
    for method, total in whole.items():
        notes += _method_notes(method, total, len(found.whole[method]))
    constant = {one[MAJORITY].majority for one in found.found.values() if MAJORITY in one}
    if constant:
        names = ", ".join(sorted(NYU40.names[c] for c in constant if c is not None))
        notes.append(
            f"{method_name(MAJORITY)}: {names}, the most frequent class of the training labels"
        )
    return notes + found.coverage_remarks()


def renamed(pred: Path, scenes: Sequence[str]) -> list[str]:
    """A note of the names that classes have in a prediction where scores call them as NYU40 does.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        scenes: of it; all are told by one table.

    Raises:
        ArtifactError: the file of names is damaged.
    """
    if not scenes:
        return []
    names = zip(NYU40.names, read_class_names(pred / scenes[0]), strict=True)
    other = [f"{own} is {name}" for own, name in names if name not in ("", own)]
    return [f"Scores call classes as NYU40 does; here, {', '.join(other)}"] if other else []


def _method_notes(method: str, total: SceneCounts, scenes: int) -> list[str]:
    notes = []
    name = method_name(method)
    if total.far:
        notes.append(
            f"{name}: {total.far:,} of {total.labelled:,} annotated vertices lie farther "
            f"than {FAR_M} m from any predicted vertex; they take the nearest class all the same, "
            f"so holes hardly show in the vertex scores (the voxel scores count them)"
        )
    if total.sure is not None and total.sure[0].any():
        notes.append(_sure_note(name, Reliability.of_counts(total.sure)))
    if total.empty:
        notes.append(
            f"{name}: {total.empty} of {scenes} predicted meshes are empty: all vertices there "
            f"are misses (the lenient count forgives them, as every prediction of no benchmark "
            f"class)"
        )
    valid = total.vertices[list(NYU40.benchmark_ids)]
    absent = [
        NYU40.names[c]
        for c in NYU40.benchmark_ids
        if valid[:, c].any() and not total.vertices[c].any()
    ]
    if absent and method != MAJORITY:
        notes.append(
            f"{name}: predicted, but on no reference vertex of the split: {', '.join(absent)}; "
            f"each counts as IoU 0 in the means, as in ScanNet's benchmark"
        )
    nothing = int(total.vertices[1:, 0].sum())
    if nothing and not total.empty:
        notes.append(f"{name}: {nothing} annotated vertices take no class and are misses")
    if total.without_volume:
        notes.append(
            f"{name}: {total.without_volume} of {scenes} scenes have no "
            f"{CLASS_VOLUMES[method]}, so the voxel scores lack them"
        )
    if total.voxels_left_out:
        notes.append(
            f"{name}: {total.voxels_left_out} occupied voxels without annotation are in no "
            f"voxel score"
        )
    return notes


def _sure_note(name: str, sure: Reliability) -> str:
    count, told, right = sure.told_and_right()
    likely, _, likely_right = sure.told_and_right(LIKELY)
    text = f"{name}: classes are told with {share_text(told)} in the mean, "
    text += f"{share_text(right)} are right"
    if not likely:
        return text
    return (
        f"{text}; {share_text(likely / count)} are told with {LIKELY:.0%} or more, "
        f"{share_text(likely_right)} of those are right"
    )
