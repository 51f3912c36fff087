"""How one prepared scene is predicted, meshed, labelled, and set beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import plain, replacing
from crossvox.core.files import VOLUME
from crossvox.core.frame import Parts
from crossvox.core.labels import NYU40
from crossvox.core.methods import (
    ATTRIBUTES,
    CLASS_VOLUMES,
    CLASSES_GLB,
    CLASSES_MESH,
    METHOD_FILES,
    ON_SCAN,
    ON_SCAN_MESH,
)
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.images import write_bytes
from crossvox.doors.meshes import glb_bytes, read_mesh, write_ply
from crossvox.flow.runner import Work
from crossvox.predict.baselines import SURE, write_surface_baselines, write_vote_baseline
from crossvox.predict.params import PredictParams
from crossvox.predict.prediction import ClassVolume, ScenePrediction
from crossvox.predict.said import AHEAD_BYTES, said_of
from crossvox.predict.store import write_prediction
from crossvox.predict.surface import nearest_voxels, probability_mesh
from crossvox.recipes.handed import taken_over
from crossvox.recipes.labels import LabelSource
from crossvox.recipes.predict import PredictScene
from crossvox.recipes.predict_complete import (
    complete_prepared,
    frames_to_complete,
    write_completed,
    write_completed_volume,
)
from crossvox.recipes.predict_label import (
    labeller_of,
    labels_of,
    worth_labelling,
    write_labels,
)
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.scene_sources import load_scene
from crossvox.recipes.trained import Completer, load_trained, load_voter, voter_of
from crossvox.scene.store import write_volume
from crossvox.tasks.segment3d import Segment3d


def predict_scene(stage: PredictScene, work: Work) -> Mapping[str, Any]:
    """Write the prediction of one scene into ``work.out``.

    Returns:
        Notes: windows, coverage, vertices, task, ...
    """
    learnt = load_trained(stage.run, stage.device)
    folder, params, progress = stage.scene.path, stage.params, work.progress
    if isinstance(learnt, Completer):
        return _predict_completed(stage, learnt, work)
    with work.watch("load views"):
        run = learnt.record.params
        source = load_scene(folder, run.views, run.input)
    with work.watch("predict windows"):
        prediction = learnt.predict(source, params, progress, "windows", work.shared)
    classes = prediction.classes
    mesh = None
    if stage.geometry is not None:
        shape = load_trained(stage.geometry, stage.device)
        if isinstance(shape, Completer):
            _, shown = frames_to_complete(folder, params)
            mesh = complete_prepared(shown, shape, params.complete, stage.tsdf, work.watch).mesh
        else:
            with work.watch("predict geometry"):
                own = shape.record.params
                seen = load_scene(folder, own.views, own.input)
                prediction = shape.predict(seen, params, progress, "geometry", work.shared)
    if mesh is None:
        with work.watch("mesh"):
            mesh = probability_mesh(prediction, params.surface)
    write_prediction(work.out / VOLUME, prediction)
    notes = {**plain(prediction.notes), "vertices": len(mesh.vertices_m)}
    notes["task"] = learnt.record.task.name
    if classes is not None and isinstance(learnt.record.task, Segment3d):
        with work.watch("classes"):
            mesh = _write_classes(work.out, folder, prediction, classes, mesh, params)
        notes["majority_class"] = learnt.record.task.majority
    write_ply(work.out / METHOD_FILES["learnt"], mesh)
    if not stage.baselines:
        return notes
    frames = posed_frames(
        source.capture, Parts(labels=False), progress.step(f"{source.name}: fuse")
    )
    write_surface_baselines(work.out, prediction, frames, params.surface, stage.tsdf, work.watch)
    voter = None
    if learnt.segments:
        voter = voter_of(learnt) if stage.votes is None else load_voter(stage.votes, stage.device)
    if voter is not None:
        notes["voxels_voted"] = write_vote_baseline(
            work.out,
            source,
            voter,
            learnt.record.params.views,
            params.surface,
            work.watch,
            progress.step(f"{source.name}: 2D votes"),
        )
    return notes


def _predict_completed(stage: PredictScene, completer: Completer, work: Work) -> Mapping[str, Any]:
    """The same by a run of surface completion."""
    folder, params = stage.scene.path, stage.params
    source = LabelSource(
        stage.images, stage.frame_labels, stage.classes, stage.labels3d, stage.frame_classes
    )
    numbers, frames = frames_to_complete(folder, params)
    handed = taken_over(folder.resolve().name, stage.tsdf, numbers)
    fused = None
    if handed is not None:
        frames, fused = handed.frames, handed.volume
    labeller = labeller_of(source, folder, stage.device, params.label.shown_height)
    # Frames are labelled while their surface is completed: neither keeps all cores busy by itself.
    told, worth = None, None
    if labeller is not None:
        worth = worth_labelling(frames, labeller, params.label)
        if frames.keep():
            told = said_of(worth, labeller, AHEAD_BYTES)
    with closing(told) if told is not None else nullcontext():
        made = complete_prepared(frames, completer, params.complete, stage.tsdf, work.watch, fused)
        del handed, fused  # the volume has done its part: its memory is for the labels
        notes = write_completed_volume(work.out, params, stage.baselines, made)
        found = None
        if labeller is not None and worth is not None:
            found = labels_of(
                source,
                labeller,
                folder,
                made,
                worth,
                params.label,
                stage.device,
                work.watch,
                work.progress,
                told=told,
            )
    labelled: Mapping[str, Any] = {}
    if found is not None and worth is not None:
        made, labelled = write_labels(work.out, made, found, source, worth.left_out)
    notes = {**notes, **write_completed(work.out, completer, stage.baselines, made)}
    return {**notes, **labelled, "frame_ids": numbers}


def _write_classes(
    folder: Path,
    scene: Path,
    prediction: ScenePrediction,
    classes: ClassVolume,
    mesh: Mesh,
    params: PredictParams,
) -> Mesh:
    """Everything that tells classes: the volume, the labelled mesh, the labelled scan.

    Returns:
        The mesh with labels.
    """
    grid = prediction.grid
    occupied = prediction.predicted & (prediction.probability >= SURE) & (classes.labels > 0)
    write_volume(
        folder / CLASS_VOLUMES["learnt"],
        SceneVolume(
            grid, occupied, prediction.predicted, np.where(occupied, classes.labels, np.uint8(0))
        ),
    )
    # A vertex lies on the surface: its class is that of the nearest voxel that may hold one.
    known = classes.labels > 0
    known &= prediction.probability >= min(params.surface.level, SURE)

    def at(points_m: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        found = nearest_voxels(grid, points_m, known)
        volumes = (classes.labels, classes.benchmark_labels, classes.confidence)
        if found is None:
            return tuple(np.zeros(len(points_m), volume.dtype) for volume in volumes)
        return tuple(volume[found] for volume in volumes)

    label, benchmark, confidence = at(mesh.vertices_m)
    mesh = replace(mesh, labels=label)
    painted = replace(mesh, colors=NYU40.colors[label])
    write_ply(folder / CLASSES_MESH, painted)
    write_bytes(folder / CLASSES_GLB, glb_bytes(painted))
    with replacing(folder / ATTRIBUTES) as temporary:
        np.savez_compressed(
            temporary, label=label, benchmark_label=benchmark, confidence=confidence
        )
    own = scene / f"{scene.name}.ply"
    if own.is_file():
        scan = read_mesh(own)
        label, benchmark, _ = at(scan.vertices_m)
        write_ply(folder / ON_SCAN_MESH, replace(scan, colors=NYU40.colors[label], labels=label))
        with replacing(folder / ON_SCAN) as temporary:
            np.savez_compressed(temporary, label=label, benchmark_label=benchmark)
    return mesh
