"""Scores of a prediction folder: read meshes, measure every method alike, average, write down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossvox.core.artifact import MANIFEST, METHOD_FILES, plain, read_manifest, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.volume import Mesh, Score
from crossvox.doors.isosurface import isosurface
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.protocols import (
    Protocol,
    check_protocol,
    score_depth,
    score_meshes,
)
from crossvox.metrics import mean_scores


@dataclass(frozen=True)
class Evaluation:
    """Scores of a prediction, by scene and method, and their means.

    Attributes:
        protocol: rules everything was measured by.
        scenes: scene -> method -> scores, 3D first, then depth (means over the scene's frames).
        mean: method -> means over the scenes that have the method.
        coverage: scene -> share of the windows with a seen voxel that were predicted, as the
            prediction's manifest says; None if it does not.
        missing: method -> scenes without a mesh of it.
        notes: what a reader of the numbers must know.
    """

    protocol: str
    scenes: dict[str, dict[str, list[Score]]]
    mean: dict[str, list[Score]]
    coverage: dict[str, float | None]
    missing: dict[str, list[str]]
    notes: tuple[str, ...]


def evaluate_reconstruction(
    pred: Path,
    data: Path,
    protocol: Protocol = "surface",
    methods: Sequence[str] = ("learnt", "mask_only", "tsdf"),
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score every predicted scene and write ``PRED/scores.PROTOCOL.json``.

    The reference is the scene's own surface, whole: for ``surface`` the mesh ``SCENE.ply``, for
    ``thesis`` the scene's occupancy volume, meshed at voxel resolution as the published pipeline
    does. It is never put together from what was predicted or kept for training.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote (or one scene of it).
        protocol: see ``crossvox.evaluate.protocols``.
        methods: names out of :data:`METHOD_FILES`.
        progress: called with (meshes scored, meshes to score).

    Raises:
        ArtifactError: ``pred`` holds no scene, none of the methods, or a scene that ``data`` lacks.
        CaptureError: a mesh or a frame cannot be read.
        ParamsError: protocol or method is unknown.
    """
    protocol = check_protocol(protocol)
    unknown = [method for method in methods if method not in METHOD_FILES]
    expect(
        not unknown and len(methods) > 0,
        given=f"methods {', '.join(methods) or '(none)'}",
        needed=f"some of {', '.join(METHOD_FILES)}",
        do="correct the names",
        error=ParamsError,
    )
    references = {scene: scene_folder(data, scene) for scene in predicted_scenes(pred)}
    missing = {
        method: [s for s in references if not (pred / s / METHOD_FILES[method]).is_file()]
        for method in methods
    }
    total = sum(len(references) - len(lacking) for lacking in missing.values())
    expect(
        total > 0,
        given=f"{pred} with {len(references)} scenes but no mesh of {', '.join(methods)}",
        needed=f"at least one of {', '.join(METHOD_FILES[method] for method in methods)}",
        do="run 'crossvox predict' again",
        error=ArtifactError,
    )
    scenes: dict[str, dict[str, list[Score]]] = {}
    coverage: dict[str, float | None] = {}
    notes: list[str] = []
    done = 0
    for scene, folder in references.items():
        reference = reference_mesh(folder, scene, protocol)
        scores: dict[str, list[Score]] = {}
        lost = None
        for method in methods:
            if scene in missing[method]:
                continue
            mesh = read_mesh(pred / scene / METHOD_FILES[method])
            depth = _score_depth(mesh, folder, protocol)
            scores[method] = [*score_meshes(mesh, reference, protocol), *depth[0]]
            lost = depth[1]
            done += 1
            if progress is not None:
                progress(done, total)
        scenes[scene] = scores
        coverage[scene] = predicted_coverage(pred / scene)
        notes += _remarks(scene, folder, coverage[scene], lost)
    notes += [
        f"method {method} has no mesh in {len(lacking)} of {len(references)} scenes: "
        f"{', '.join(lacking)}"
        for method, lacking in missing.items()
        if lacking
    ]
    evaluation = Evaluation(
        protocol=protocol,
        scenes=scenes,
        mean={
            method: mean_scores([scores[method] for scores in scenes.values() if method in scores])
            for method in methods
            if len(missing[method]) < len(references)
        },
        coverage=coverage,
        missing={method: lacking for method, lacking in missing.items() if lacking},
        notes=tuple(notes),
    )
    write_json(pred / f"scores.{protocol}.json", plain(evaluation))
    return evaluation


def reference_file(folder: Path, scene: str) -> Path:
    """The file of a prepared scene's own surface.

    Raises:
        ArtifactError: there is none.
    """
    path = folder / f"{scene}.ply"
    expect(
        path.is_file(),
        given=f"scene {scene} without a reference surface ({path} does not exist)",
        needed="the surface that 'crossvox prepare' writes",
        do="prepare the scene again",
        error=ArtifactError,
    )
    return path


def reference_mesh(folder: Path, scene: str, protocol: Protocol) -> Mesh:
    """The surface that a scene is measured against, see :func:`evaluate_reconstruction`.

    Raises:
        ArtifactError: the scene has none; names it.
    """
    if protocol == "thesis":
        from crossvox.scene.store import read_volume

        volume = read_volume(folder / "volume.npz")
        mesh = isosurface(volume.grid, volume.occupied.astype(np.float32), 0.5)
        found = f"{folder / 'volume.npz'} without any occupied voxel"
    else:
        path = reference_file(folder, scene)
        mesh = read_mesh(path)
        found = f"{path} without any face"
    expect(
        len(mesh.faces) > 0,
        given=found,
        needed="a reference surface",
        do="check the scene and prepare it again",
        error=ArtifactError,
    )
    return mesh


def score_pair(pred_ply: Path, ref_ply: Path, protocol: Protocol = "surface") -> list[Score]:
    """3D scores of one mesh file against another.

    Raises:
        CaptureError: a file cannot be read as a mesh.
        ShapeError: the reference has no surface.
    """
    protocol = check_protocol(protocol)
    return score_meshes(read_mesh(pred_ply), read_mesh(ref_ply), protocol)


def predicted_scenes(pred: Path) -> list[str]:
    """Names of the scenes that a prediction folder holds, sorted.

    Raises:
        ArtifactError: it holds none.
    """
    names = {MANIFEST, *METHOD_FILES.values()}
    scenes = sorted(
        folder.name
        for folder in (pred.iterdir() if pred.is_dir() else ())
        if folder.is_dir()
        and not folder.name.startswith(".")
        and any((folder / name).is_file() for name in names)
    )
    expect(
        len(scenes) > 0,
        given=f"{pred}, which holds no predicted scene",
        needed="a folder that 'crossvox predict' wrote",
        do="check the path, or run 'crossvox predict' first",
        error=ArtifactError,
    )
    return scenes


def scene_folder(data: Path, scene: str) -> Path:
    """The prepared scene that a prediction belongs to; ``data`` may be the scene itself.

    Raises:
        ArtifactError: it is not there.
    """
    folder = data / scene
    if not folder.is_dir() and data.resolve().name == scene:
        folder = data
    expect(
        folder.is_dir(),
        given=f"scene {scene}, which was predicted but is not in {data}",
        needed="the prepared scene that it was predicted from",
        do="pass the data folder of the prediction (its manifest links to it)",
        error=ArtifactError,
    )
    return folder


def _score_depth(mesh: Mesh, folder: Path, protocol: Protocol) -> tuple[list[Score], int]:
    from crossvox.capture import open_capture

    depth = score_depth(mesh, open_capture(folder), protocol)
    return list(depth.scores), depth.lost


def predicted_coverage(folder: Path) -> float | None:
    """What the prediction's manifest tells of its coverage; None if it does not."""
    if not (folder / MANIFEST).is_file():
        return None
    share = read_manifest(folder).notes.get("coverage")
    return None if share is None else float(share)


def coverage_remarks(scene: str, share: float | None) -> list[str]:
    """What a reader must know of a prediction that is not whole, or does not say whether it is."""
    if share is None:
        return [f"{scene}: the prediction does not tell its coverage"]
    if share < 1:
        return [f"{scene}: only {share:.1%} of the windows with a seen voxel were predicted"]
    return []


def _remarks(scene: str, data: Path, share: float | None, lost: int | None) -> list[str]:
    remarks = []
    if lost:
        remarks.append(f"{scene}: {lost} frames without a valid pose are not in the depth scores")
    remarks += coverage_remarks(scene, share)
    if (data / MANIFEST).is_file() and read_manifest(data).notes.get("surface") == "tsdf":
        remarks.append(
            f"{scene}: the reference surface is itself a TSDF fusion of these frames, so the 3D "
            f"scores of method tsdf only show that the two agree"
        )
    return remarks
