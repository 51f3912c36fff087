"""crossvox for programs: the commands as functions, ``import crossvox as cv``.

Each function is a recipe of :mod:`crossvox.recipes` with the arguments that are used most; it takes
paths as text or ``Path``, and returns what the command's ``--json`` writes. What is missing here
(training, studies) is called in :mod:`crossvox.recipes` itself, by the same rules.

``crossvox.predict``, ``crossvox.evaluate`` and ``crossvox.objects`` are sub-packages. So that a
name means one thing, whatever was imported before, the functions are called by what they work on:
:func:`predict_rooms`, :func:`evaluate_rooms`, :func:`evaluate_labels`, :func:`find_objects`.

Progress is not shown. ``runner=Runner(progress, ...)`` of :mod:`crossvox.flow.runner` shows it, and
says how many processes work.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crossvox.capture.outliers import usable_frames
from crossvox.capture.params import CaptureParams
from crossvox.capture.rooms.params import RoomsParams, RoomsReport
from crossvox.core.frame import Capture
from crossvox.core.volume import Mesh
from crossvox.flow.runner import Runner
from crossvox.predict.params import Amount, PredictParams
from crossvox.recipes.models import Model
from crossvox.recipes.objects import ObjectsReport
from crossvox.recipes.predict import PredictReport
from crossvox.recipes.prepare import PrepareParams, PrepareReport
from crossvox.recipes.room import Room
from crossvox.recipes.scan import DEFAULT_SET, ScanParams, ScanReport
from crossvox.scene.params import TsdfParams

if TYPE_CHECKING:
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.pair import PairScores
    from crossvox.evaluate.score import Evaluation

Place = str | os.PathLike[str]
"""A file or folder."""

__all__ = [
    "CaptureParams",
    "PredictParams",
    "PrepareParams",
    "Room",
    "RoomsParams",
    "ScanParams",
    "TsdfParams",
    "evaluate_labels",
    "evaluate_rooms",
    "find_objects",
    "fuse",
    "models",
    "open_capture",
    "predict_rooms",
    "prepare",
    "scan",
    "score_meshes",
    "write_rooms",
]


def open_capture(
    path: Place, *, label_map: Place | None = None, how: CaptureParams | None = None
) -> Capture:
    """Open a capture of any format that can be read.

    Args:
        path: what the device wrote: a file, folder or ZIP file.
        label_map: class map of raw label ids; by default it is looked for beside the scan.
        how: how the capture departs from what its files say.

    Returns:
        Its frames, decoded when they are asked for: ``capture.frame(0)`` holds ``rgb`` (H, W, 3)
        uint8, ``depth_m`` (H, W) float32, ``camera``, and ``pose`` or None where it was lost.

    Raises:
        CaptureError: there is no such path, it is of no known format, or damaged.

    Example:
        ```python
        import crossvox as cv

        capture = cv.open_capture("rooms/scene0000_00")
        print(capture.name, len(capture), "frames,", capture.info().format)
        frame = capture.frame(0)
        print(frame.rgb.shape, frame.depth_m.max(), "m at most")
        ```
    """
    from crossvox import capture

    return capture.open_capture(Path(path), _place(label_map), how)


def fuse(
    capture: Capture | Place,
    *,
    params: TsdfParams | None = None,
    size: tuple[int, int] | None = None,
) -> Mesh:
    """Fuse the frames of a capture into one surface, by truncated signed distances.

    Frames without a pose are left out, and so are those whose camera stands far from all others.

    Args:
        capture: what :func:`open_capture` gave, or its path.
        params: voxels and reach.
        size: width and height that images are brought to first, pixels; None: as stored.

    Returns:
        The surface in the capture's world, coloured; labelled where its frames are.

    Raises:
        CaptureError: it cannot be read, or no frame has a pose.

    Example:
        ```python
        import crossvox as cv

        mesh = cv.fuse("rooms/scene0000_00", params=cv.TsdfParams(voxel_m=0.05))
        print(len(mesh.vertices_m), "vertices from", mesh.vertices_m.min(axis=0), "m")
        ```
    """
    from crossvox.scene.tsdf.volume import fuse

    opened = capture if isinstance(capture, Capture) else open_capture(capture)
    usable = usable_frames(opened)
    usable.expect_posed(opened.name, opened.name)
    frames = (opened.frame(index, size) for index in usable.posed)
    return fuse(frames, params, votes=opened.info().has_labels).mesh()


def scan(
    capture: Place,
    out: Place,
    params: ScanParams | None = None,
    *,
    run: Place = DEFAULT_SET,
    completion: Amount | None = None,
    unknown_below: float | None = None,
    page: bool = True,
    runner: Runner | None = None,
) -> ScanReport:
    """Make a labelled room of a capture: its completed mesh, its objects, a floor plan and a page.

    Args:
        capture: in any format that can be read.
        out: folder for everything; what is there already and asked for alike is kept.
        params: frames, up direction, fusion and windows.
        run: the networks: ``"default"`` or ``"free"``, which come with the package, the name of
            one, or a run folder; ``"none"`` only fuses.
        completion: how much is added to what was measured.
        unknown_below: surface whose class is less likely than this stays unlabelled.
        page: write ``OUT/report/index.html``.
        runner: who does it.

    Raises:
        CaptureError: the capture cannot be read, has no valid pose, or contradicts itself.
        ArtifactError: ``out`` holds something else.

    Example:
        ```python
        import crossvox as cv

        small = cv.ScanParams(max_frames=8, width=80, height=60, tsdf=cv.TsdfParams(voxel_m=0.1))
        report = cv.scan("rooms/scene0000_00", "room", small, run="none", page=False)
        print(cv.Room("room"), "in", report.room.mesh)
        ```
    """
    from crossvox.recipes.scan import scan

    return scan(
        Path(capture),
        Path(out),
        params,
        run=Path(run),
        completion=completion,
        unknown_below=unknown_below,
        page=page,
        runner=runner,
    )


def write_rooms(
    out: Place,
    params: RoomsParams | None = None,
    *,
    workers: int = 1,
    runner: Runner | None = None,
) -> RoomsReport:
    """Generate furnished rooms and write them as ScanNet's raw scans: something to try things on.

    Args:
        out: folder that receives one scan a room, a class map and lists of the splits.
        params: how many, how large, seed, sensor.
        workers: rooms written at once; 0 means one a core.
        runner: who makes them.

    Example:
        ```python
        import crossvox as cv

        size = cv.RoomsParams(count=2, frames=12, frame_step=40, width=128, height=96)
        for room in cv.write_rooms("rooms", size).rooms:
            print(room.scene, room.kind, room.split)
        ```
    """
    from crossvox.recipes.rooms import write_rooms

    return write_rooms(Path(out), params, workers=workers, runner=runner)


def prepare(
    raw: Place,
    data: Place,
    params: PrepareParams | None = None,
    *,
    workers: int = 0,
    how: CaptureParams | None = None,
    runner: Runner | None = None,
) -> PrepareReport:
    """Prepare raw scans for training and prediction: frames, surface, voxels and labels.

    Args:
        raw: folder of scans, or one capture.
        data: folder that receives one folder a scene, ``train.txt`` and ``val.txt``.
        params: frames, surface and voxels.
        workers: scans prepared at once; 0 means one a core.
        how: how the captures depart from what their files say.
        runner: who makes the scenes.

    Raises:
        CaptureError: no capture is found.
        CrossvoxError: every scan failed. Of some that failed the report tells.

    Example:
        ```python
        import crossvox as cv

        params = cv.PrepareParams(frame_skip=1, width=128, height=96)
        report = cv.prepare("rooms", "data", params, workers=1)
        print(report.splits, "failed:", report.failed)
        ```
    """
    from crossvox.recipes.prepare import prepare

    return prepare(Path(raw), Path(data), params, workers=workers, how=how, runner=runner)


def predict_rooms(
    run: Place,
    data: Place,
    out: Place,
    params: PredictParams | None = None,
    *,
    scenes: str = "val",
    completion: Amount | None = None,
    images: Place | None = None,
    device: str = "auto",
    workers: int = 1,
    runner: Runner | None = None,
) -> PredictReport:
    """Predict prepared rooms by a trained network, and write its baselines beside.

    Args:
        run: run folder of a 3D task, or the name of a network of the package (:func:`models`).
        data: prepared scenes, or one of them.
        out: folder that receives one folder a scene.
        params: windows and meshing.
        scenes: ``"val"``, ``"train"``, ``"all"``, or names separated by commas.
        completion: how much a run of surface completion adds to what was measured.
        images: 2D run that labels the frames, or the name of one.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        workers: scenes predicted at once.
        runner: who makes the scenes.

    Raises:
        ArtifactError, CheckpointError: a run or a scene is missing or does not fit.

    Example:
        ```python
        import crossvox as cv

        report = cv.predict_rooms("default3d", "data", "prediction", scenes="val")
        for scene, notes in report.scenes.items():
            print(scene, notes["vertices"], "vertices")
        ```
    """
    from crossvox.recipes.predict import predict

    return predict(
        Path(run),
        Path(data),
        Path(out),
        params,
        scenes=scenes,
        completion=completion,
        images=_place(images),
        device=device,
        workers=workers,
        runner=runner,
    )


def evaluate_rooms(
    prediction: Place,
    data: Place,
    *,
    protocol: Literal["surface", "thesis"] = "surface",
    seen_scenes: bool = False,
    runner: Runner | None = None,
) -> Evaluation:
    """Score predicted surfaces and their baselines against the rooms' own.

    Args:
        prediction: what :func:`predict_rooms` wrote.
        data: the prepared scenes.
        protocol: surface (samples uniform by area) or thesis (mesh vertices, as published).
        seen_scenes: rooms that the run learnt from count for the means as well.
        runner: who scores.

    Raises:
        ArtifactError: nothing there can be scored.

    Example:
        ```python
        import crossvox as cv

        for method, scores in cv.evaluate_rooms("prediction", "data").mean.items():
            f_score = next(one for one in scores if one.name == "F-score")
            print(f"{method:10} {f_score.value:.4f} by {f_score.protocol}")
        ```
    """
    from crossvox.recipes.evaluate import evaluate_reconstruct

    return evaluate_reconstruct(
        Path(prediction), Path(data), protocol=protocol, seen_scenes=seen_scenes, runner=runner
    )


def evaluate_labels(
    prediction: Place, data: Place, *, seen_scenes: bool = False, runner: Runner | None = None
) -> ClassEvaluation:
    """Score the classes of predicted rooms, and those of their baselines, against the true ones.

    Args:
        prediction: what :func:`predict_rooms` wrote, by a run or frames that tell classes.
        data: the prepared scenes.
        seen_scenes: rooms that the run learnt from count as well.
        runner: who scores.

    Raises:
        ArtifactError: nothing there can be scored.

    Example:
        ```python
        import crossvox as cv

        for method, scores in cv.evaluate_labels("prediction", "data").whole.items():
            strict = next(one for one in scores if one.name == "mIoU strict")
            print(f"{method:10} {strict.value:.4f} by {strict.protocol}")
        ```
    """
    from crossvox.recipes.evaluate import evaluate_segment3d

    return evaluate_segment3d(Path(prediction), Path(data), seen_scenes=seen_scenes, runner=runner)


def score_meshes(
    mesh: Place,
    reference: Place,
    *,
    thresholds: tuple[float, ...] = (0.05, 0.02),
    align: Literal["none", "icp_se3", "icp_sim3"] = "none",
) -> PairScores:
    """Score any surface against another one: PLY meshes or clouds, with labels or without.

    Args:
        mesh: what is scored.
        reference: what it is measured against.
        thresholds: where near ends, metres.
        align: bring the mesh onto the reference first.

    Raises:
        CaptureError: a file cannot be read.

    Example:
        ```python
        import crossvox as cv

        surface = "data/scene0000_00/scene0000_00.ply"
        for score in cv.score_meshes(surface, surface):
            print(score.name, score.value, score.unit)
        ```
    """
    from crossvox.recipes.evaluate import score

    return score(Path(mesh), Path(reference), thresholds=thresholds, align=align)


def find_objects(mesh: Place, out: Place, *, runner: Runner | None = None) -> ObjectsReport:
    """Find objects, walls, doors, windows and the outline of a labelled room; draw its floor plan.

    Args:
        mesh: labelled PLY mesh, metres, z up.
        out: folder for ``objects.json``, ``floorplan.svg``, ``floorplan.dxf`` and ``mesh.ply``.
        runner: who finds them.

    Raises:
        CaptureError: the mesh cannot be read, or its labels are raw ids.
        ArtifactError: ``out`` holds something else.

    Example:
        ```python
        import crossvox as cv

        found = cv.find_objects("data/scene0000_00/scene0000_00.ply", "objects")
        print(found.counts, f"{found.area_m2:.1f} m2")
        for thing in cv.Room("objects/mesh.ply").objects:
            print(thing.number, thing.class_name, thing.center_m, thing.size_m)
        ```
    """
    from crossvox.recipes.objects import objects

    return objects(Path(mesh), Path(out), runner=runner)


def models() -> tuple[Model, ...]:
    """The networks that come with the package; their names stand for run folders.

    Example:
        ```python
        import crossvox as cv

        for model in cv.models():
            print(model.name, model.task, f"{model.bytes / 1e6:.1f} MB", model.licence)
        ```
    """
    from crossvox.recipes.models import ModelList, models

    listed = models()
    assert isinstance(listed, ModelList)
    return listed.models


def _place(given: Place | None) -> Path | None:
    return None if given is None else Path(given)
