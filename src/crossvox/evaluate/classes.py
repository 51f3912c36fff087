"""Scores of labelled rooms: which NYU40 class each place of a scene gets, and whether it is right.

Two views of one prediction. *Vertices*: every vertex of the scene's own labelled surface takes the
class of the nearest predicted vertex, however far that is, and the pairs are counted: what was
published, and what ScanNet's benchmark counts. *Voxels*: the predicted class volume against the
scene's, free space included, so that surface in the wrong place costs something too.

Either way pairs are added up over all scenes in one confusion matrix; scores of single scenes stand
beside it and are never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.artifact import (
    CLASS_MESHES,
    CLASS_VOLUMES,
    MANIFEST,
    TRANSFERRED,
    plain,
    read_manifest,
    write_json,
)
from crossvox.core.checks import ArtifactError, CaptureError, ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh, SceneVolume, Score
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.evaluate.score import (
    coverage_remarks,
    predicted_coverage,
    predicted_scenes,
    reference_file,
    scene_folder,
)
from crossvox.metrics import confusion, segmentation_scores, voxel_scores
from crossvox.scene.store import read_volume

CLASSES = len(NYU40.names)

MAJORITY_METHOD = "majority"
"""The trivial baseline: the training labels' most frequent class, everywhere."""

PROTOCOL = "classes"

FAR_M = 0.2
"""A predicted surface farther away than this is hardly the vertex's own."""

FAR_NAME = f"farther than {FAR_M} m"


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """Class scores of a prediction: counted over the split, and scene by scene.

    Attributes:
        protocol: rules everything was measured by.
        scenes: scene -> method -> scores of this scene alone.
        mean: method -> scores counted over one confusion matrix of all scenes. (The name is that of
            every scores file; nothing here is a mean over scenes.)
        confusion: method -> ``(41, 41)`` int64 vertices, row = reference, column = prediction, by
            NYU40 id; column 0 = no class.
        voxel_confusion: method -> ``(42, 42)`` int64 voxels: 0 free, 1 to 40 NYU40 ids, 41 occupied
            without a class.
        coverage: scene -> share of the windows with a seen voxel that were predicted, as the
            prediction's manifest says; None if it does not.
        missing: method -> scored scenes without it.
        unlabelled: scenes without ground-truth labels, which are not scored.
        notes: what a reader of the numbers must know.
    """

    protocol: str
    scenes: dict[str, dict[str, list[Score]]]
    mean: dict[str, list[Score]]
    confusion: dict[str, NDArray[np.int64]]
    voxel_confusion: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    coverage: dict[str, float | None] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def evaluate_classes(
    pred: Path, data: Path, progress: Callable[[int, int], None] | None = None
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

    Raises:
        ArtifactError: ``pred`` holds no scene, no labelled mesh, or a scene that ``data`` lacks; no
            scene has ground-truth labels; a class volume has another grid than the scene.
        CaptureError: a mesh cannot be read, or holds labels that are no NYU40 ids.
    """
    folders = {scene: scene_folder(data, scene) for scene in predicted_scenes(pred)}
    expect(
        any((pred / scene / name).is_file() for scene in folders for name in CLASS_MESHES.values()),
        given=f"{pred} with {len(folders)} scenes but no {' or '.join(CLASS_MESHES.values())}",
        needed="labelled meshes",
        do="run 'crossvox predict' again",
        error=ArtifactError,
    )
    counts: dict[str, dict[str, SceneCounts]] = {}
    coverage: dict[str, float | None] = {}
    unlabelled: list[str] = []
    for done, (scene, folder) in enumerate(folders.items(), start=1):
        truth = reference_labels(folder, scene)
        if truth is None:
            unlabelled.append(scene)
        else:
            counts[scene] = _count_scene(pred / scene, folder, truth)
            coverage[scene] = predicted_coverage(pred / scene)
        if progress is not None:
            progress(done, len(folders))
    expect(
        len(counts) > 0,
        given=f"{data}, where none of {len(folders)} predicted scenes has ground-truth labels",
        needed="at least one scene whose surface SCENE.ply has vertex labels",
        do="prepare scans with labels (NAME_vh_clean_2.labels.ply), or look at the labelled meshes",
        error=ArtifactError,
    )
    methods = (*CLASS_MESHES, MAJORITY_METHOD)
    missing = {m: [s for s, found in counts.items() if m not in found] for m in methods}
    whole = {
        method: _added([found[method] for found in counts.values() if method in found])
        for method in methods
        if len(missing[method]) < len(counts)
    }
    evaluation = ClassEvaluation(
        protocol=PROTOCOL,
        scenes={
            scene: {method: class_scores(one, "scene") for method, one in found.items()}
            for scene, found in counts.items()
        },
        mean={method: class_scores(total, "split") for method, total in whole.items()},
        confusion={method: total.vertices for method, total in whole.items()},
        voxel_confusion={
            method: total.voxels for method, total in whole.items() if total.voxels is not None
        },
        coverage=coverage,
        missing={method: lacking for method, lacking in missing.items() if lacking},
        unlabelled=tuple(unlabelled),
        notes=tuple(_notes(counts, whole, missing, coverage, unlabelled)),
    )
    write_json(pred / f"scores.{PROTOCOL}.json", plain(evaluation))
    return evaluation


# --- one scene -----------------------------------------------------------------------------------


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
        without_volume: scenes without a class volume.
        majority: the class that is predicted everywhere, for that baseline.
    """

    vertices: NDArray[np.int64]
    labelled: int
    far: int | None = None
    empty: int = 0
    voxels: NDArray[np.int64] | None = None
    voxels_left_out: int = 0
    without_volume: int = 0
    majority: int | None = None


def class_scores(counts: SceneCounts, over: str) -> list[Score]:
    """Scores of counts: vertices (strict first), then distance, then voxels.

    Args:
        counts: of one ``scene``, or of the whole ``split`` added up.
        over: which of the two, for the protocol of each score.
    """
    rule = "nearest predicted vertex"
    if counts.majority is not None:
        rule = "the training labels' most frequent class everywhere"
    scores = segmentation_scores(counts.vertices, None, rule, of="vertices", over=over)
    if counts.far is not None:
        scores.append(
            Score(
                name=FAR_NAME,
                value=counts.far / counts.labelled if counts.labelled else float("nan"),
                unit="ratio",
                support=counts.labelled,
                of="vertices",
                higher_is_better=False,
                protocol=f"annotated vertices without a predicted one that near; over the {over}",
            )
        )
    if counts.voxels is not None:
        rule = "all voxels of the scene's grid but occupied ones without annotation"
        for score in voxel_scores(counts.voxels, rule, over=over):
            left_out = {"left out": float(counts.voxels_left_out)}
            scores.append(replace(score, details={**score.details, **left_out}))
    return scores


def reference_labels(folder: Path, scene: str) -> Mesh | None:
    """The labelled surface of a prepared scene; None if nobody labelled it.

    Raises:
        ArtifactError: the scene has no surface.
        CaptureError: it cannot be read, or holds labels that are no NYU40 ids.
    """
    mesh = _read_labelled(reference_file(folder, scene))
    return mesh if mesh.labels is not None and bool(mesh.labels.any()) else None


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
    if len(labels) == 0:
        return np.zeros(len(places_m), np.uint8), np.full(len(places_m), np.inf)
    if np.array_equal(predicted.vertices_m, places_m):
        return labels.copy(), np.zeros(len(places_m))
    # In sorted order the tree, and what it finds among equals, depends on the points alone.
    x, y, z = predicted.vertices_m.T
    order = np.lexsort((labels, z, y, x))
    tree = cKDTree(predicted.vertices_m[order], balanced_tree=False, compact_nodes=False)
    distance_m, nearest = tree.query(places_m, workers=-1)
    return labels[order][nearest], np.asarray(distance_m, dtype=np.float64)


def count_vertices(predicted: Mesh, reference: Mesh) -> tuple[SceneCounts, NDArray[np.uint8]]:
    """Count one scene by the vertex rule.

    Returns:
        Counts, and the class that each reference vertex took.

    Raises:
        ShapeError: a mesh has no labels.
    """
    if reference.labels is None:
        raise ShapeError(
            "given: a reference without labels; needed: a class a vertex; do: pass a labelled mesh"
        )
    taken, distance_m = transfer_labels(predicted, reference.vertices_m)
    labelled = reference.labels != NYU40.ignore_id
    counts = SceneCounts(
        vertices=confusion(reference.labels, taken, CLASSES),
        labelled=int(labelled.sum()),
        far=int((distance_m[labelled] > FAR_M).sum()),
        empty=int(len(predicted.vertices_m) == 0),
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


def _count_scene(pred: Path, folder: Path, truth: Mesh) -> dict[str, SceneCounts]:
    """Counts of every method that a predicted scene has; writes the transferred mesh."""
    found: dict[str, SceneCounts] = {}
    volume = None
    for method, name in CLASS_MESHES.items():
        if not (pred / name).is_file():
            continue
        predicted = _read_labelled(pred / name)
        expect(
            predicted.labels is not None,
            given=f"{pred / name}, whose vertices have no classes",
            needed="the prediction of a segment3d run",
            do="pass its folder, or use 'crossvox evaluate reconstruct' for surfaces",
            error=ArtifactError,
        )
        counts, taken = count_vertices(predicted, truth)
        if method == "learnt":
            painted = replace(truth, labels=taken, colors=NYU40.colors[taken])
            write_ply(pred / TRANSFERRED, painted)
        path = pred / CLASS_VOLUMES[method]
        if path.is_file():
            volume = volume or _read_classes(folder / "volume.npz")
            voxels, left_out = _count_volume(path, volume)
            counts = replace(counts, voxels=voxels, voxels_left_out=left_out)
        else:
            counts = replace(counts, without_volume=1)
        found[method] = counts
    majority = _majority_class(pred)
    if majority is not None and truth.labels is not None:
        everywhere = np.full_like(truth.labels, majority)
        found[MAJORITY_METHOD] = SceneCounts(
            vertices=confusion(truth.labels, everywhere, CLASSES),
            labelled=int((truth.labels != NYU40.ignore_id).sum()),
            majority=majority,
        )
    return found


def _count_volume(path: Path, reference: SceneVolume) -> tuple[NDArray[np.int64], int]:
    predicted = _read_classes(path)
    expect(
        _same_grid(predicted, reference),
        given=f"{path} on {predicted.grid}, while the prepared scene lies on {reference.grid}",
        needed="one grid",
        do="predict again from the scene as it is prepared now",
        error=ArtifactError,
    )
    return count_voxels(predicted, reference)


def _read_classes(path: Path) -> SceneVolume:
    volume = read_volume(path)
    expect(
        int(volume.labels.max()) < CLASSES,
        given=f"{path} with label {int(volume.labels.max())}",
        needed=f"NYU40 ids from 0 to {CLASSES - 1}",
        do="make the file anew",
        error=ArtifactError,
    )
    return volume


def _read_labelled(path: Path) -> Mesh:
    mesh = read_mesh(path)
    labels = mesh.labels
    expect(
        labels is None or len(labels) == 0 or int(labels.max()) < CLASSES,
        given=f"{path} with vertex label {0 if labels is None else int(labels.max(initial=0))}",
        needed=f"NYU40 ids from 0 to {CLASSES - 1}",
        do="map raw labels to NYU40 first ('crossvox prepare' does)",
        error=CaptureError,
    )
    return mesh


def _majority_class(pred: Path) -> int | None:
    """What the prediction's manifest calls the training labels' most frequent class."""
    if not (pred / MANIFEST).is_file():
        return None
    value = read_manifest(pred).notes.get("majority_class")
    if value is None:
        return None
    expect(
        isinstance(value, int) and 0 < value < CLASSES,
        given=f"{pred / MANIFEST} with majority_class {value!r}",
        needed=f"a NYU40 id from 1 to {CLASSES - 1}",
        do="predict the scene again",
        error=ArtifactError,
    )
    return int(value)


# --- the split -----------------------------------------------------------------------------------


def _added(scenes: list[SceneCounts]) -> SceneCounts:
    """One count over several scenes."""
    voxels = [one.voxels for one in scenes if one.voxels is not None]
    far = [one.far for one in scenes if one.far is not None]
    return SceneCounts(
        vertices=np.sum([one.vertices for one in scenes], axis=0),
        labelled=sum(one.labelled for one in scenes),
        far=sum(far) if far else None,
        empty=sum(one.empty for one in scenes),
        voxels=np.sum(voxels, axis=0) if voxels else None,
        voxels_left_out=sum(one.voxels_left_out for one in scenes),
        without_volume=sum(one.without_volume for one in scenes),
        majority=scenes[0].majority,
    )


def _notes(
    counts: Mapping[str, Mapping[str, SceneCounts]],
    whole: Mapping[str, SceneCounts],
    missing: Mapping[str, list[str]],
    coverage: Mapping[str, float | None],
    unlabelled: list[str],
) -> list[str]:
    notes = []
    if unlabelled:
        notes.append(
            f"{len(unlabelled)} of {len(unlabelled) + len(counts)} scenes have no ground-truth "
            f"labels and are not scored: {', '.join(unlabelled)}"
        )
    for method, lacking in missing.items():
        if len(lacking) == len(counts):
            notes.append(f"method {method} was not predicted and is not scored")
        elif lacking:
            notes.append(
                f"method {method} lacks {len(lacking)} of {len(counts)} scenes, so its scores are "
                f"counted over fewer vertices: {', '.join(lacking)}"
            )
    for method, total in whole.items():
        notes += _method_notes(method, total, len(counts) - len(missing[method]))
    constant = {one[MAJORITY_METHOD].majority for one in counts.values() if MAJORITY_METHOD in one}
    if constant:
        names = ", ".join(sorted(NYU40.names[c] for c in constant if c is not None))
        notes.append(f"{MAJORITY_METHOD}: {names}, the most frequent class of the training labels")
    for scene in counts:
        notes += coverage_remarks(scene, coverage[scene])
    return notes


def _method_notes(method: str, total: SceneCounts, scenes: int) -> list[str]:
    notes = []
    if total.far:
        notes.append(
            f"{method}: {total.far / total.labelled:.2%} of the annotated vertices lie farther "
            f"than {FAR_M} m from any predicted vertex; they take the nearest class all the same, "
            f"so holes hardly show in the vertex scores (the voxel scores count them)"
        )
    if total.empty:
        notes.append(
            f"{method}: {total.empty} of {scenes} predicted meshes are empty: all vertices there "
            f"are misses (the lenient count forgives them, as every prediction of no benchmark "
            f"class)"
        )
    valid = total.vertices[list(NYU40.benchmark_ids)]
    absent = [
        NYU40.names[c]
        for c in NYU40.benchmark_ids
        if valid[:, c].any() and not total.vertices[c].any()
    ]
    if absent and method != MAJORITY_METHOD:
        notes.append(
            f"{method}: predicted, but on no reference vertex of the split: {', '.join(absent)}; "
            f"each counts as IoU 0 in the means, as in ScanNet's benchmark"
        )
    nothing = int(total.vertices[1:, 0].sum())
    if nothing and not total.empty:
        notes.append(f"{method}: {nothing} annotated vertices take no class and are misses")
    if total.without_volume:
        notes.append(
            f"{method}: {total.without_volume} of {scenes} scenes have no "
            f"{CLASS_VOLUMES[method]}, so the voxel scores lack them"
        )
    if total.voxels_left_out:
        notes.append(
            f"{method}: {total.voxels_left_out} occupied voxels without annotation are in no "
            f"voxel score"
        )
    return notes
