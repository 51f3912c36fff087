"""How the surface of a scene takes its classes from labelled frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossvox.capture.frame_names import FrameNames
from crossvox.core.artifact import Stopwatch
from crossvox.core.class_map import ClassMap
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabeller
from crossvox.core.labels import NYU40
from crossvox.core.methods import CALIBRATED, CLASS_MESHES, CLASSES_GLB, CLASSES_MESH
from crossvox.doors.images import write_bytes
from crossvox.doors.meshes import glb_bytes, write_ply
from crossvox.flow.progress import Progress
from crossvox.predict.complete import Completion
from crossvox.predict.folder_labels import FolderLabeller, open_frame_labels
from crossvox.predict.image_labels import NetworkLabeller
from crossvox.predict.label import Labelling, label_scene
from crossvox.predict.looks import WorthLabelling
from crossvox.predict.params import LabelParams
from crossvox.predict.said import Told
from crossvox.recipes.calibrate import read_calibration
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.label_run import label_network
from crossvox.recipes.labels import LABELLED_SHARE, LabelSource
from crossvox.recipes.run_input import RunInput


def labels_of(
    source: LabelSource,
    labeller: FrameLabeller,
    folder: Path,
    made: Completion,
    frames: WorthLabelling,
    params: LabelParams,
    device: str,
    watch: Stopwatch,
    progress: Progress,
    *,
    told: Told | None = None,
) -> Labelling:
    """Label a completed scene.

    Args:
        source: what labels.
        labeller: see :func:`labeller_of`.
        folder: the scene's own.
        made: the completed scene.
        frames: those it was made of that are to be labelled, with colour.
        params: weights, smoothing, doubt.
        device: where networks compute.
        watch: takes the times.
        progress: told what of a folder of labels does not fit.
        told: what the labeller says of the frames, where it was begun before.
    """
    # A folder's ids are told as asked from the start; a network's classes once all are gathered.
    classes = ClassMap() if isinstance(labeller, FolderLabeller) else source.classes
    refine = (
        None
        if source.labels3d is None
        else label_network(source.labels3d.path, source.labels3d.checkpoint, device)
    )
    found = label_scene(
        frames, labeller, made, params, watch, classes=classes, refine=refine, told=told
    )
    if isinstance(labeller, FolderLabeller):
        for remark in labeller.remarks():
            progress.say(f"{folder.resolve().name}: {remark}")
    if frames.left_out:
        progress.say(
            f"{folder.resolve().name}: {frames.left_out} frames are not labelled: what they show, "
            f"others have been labelled often enough for (--label.looks 0 labels all; of scan: "
            f"--predict.label.looks 0)"
        )
    return found


def labeller_of(
    source: LabelSource, folder: Path, device: str, shown_height: int | None = None
) -> FrameLabeller | None:
    """What labels the frames of a scene; None where nothing does.

    Args:
        source: what labels.
        folder: the scene's own; a folder of label images may hold one of the same name for it.
        device: where networks compute.
        shown_height: what a network is shown frames at, pixels; None: what it shows images at.
    """
    if source.images is not None:
        return image_labeller(source.images, device, shown_height)
    if source.frame_labels is None:
        return None
    own = source.frame_labels.path / folder.resolve().name
    images = own if own.is_dir() else source.frame_labels.path
    return open_frame_labels(images, source.classes, FrameNames.read(folder))


@lru_cache(maxsize=1)
def image_labeller(run: RunInput, device: str, shown_height: int | None = None) -> NetworkLabeller:
    """The 2D network of a run, as sure as its calibration lets it be; kept for the next scene.

    Args:
        run: a 2D run.
        device: where it computes.
        shown_height: what it is shown frames at, pixels; None: what the run shows whole images at,
            which suits the size of things in what it has learnt from.
    """
    found = read_calibration(run.path)
    record, network = load_segment2d(run.path, run.checkpoint, device)
    temperature = 1.0 if found is None else found.temperature
    images = record.params.images
    height = shown_height or images.shown_height or images.height
    return NetworkLabeller(network, temperature, shown_height=height)


def worth_labelling(
    frames: Iterable[Frame], labeller: FrameLabeller, params: LabelParams
) -> WorthLabelling:
    """The frames that are to be labelled: label images are there already, so that all count."""
    enough = 0 if isinstance(labeller, FolderLabeller) else params.looks
    return WorthLabelling(frames, enough, params.votes)


def is_calibrated(source: LabelSource) -> bool:
    """Whether what labels frames tells how often it is right: a network with a temperature."""
    return source.images is not None and read_calibration(source.images.path) is not None


def write_labels(
    folder: Path, made: Completion, found: Labelling, source: LabelSource, left_out: int
) -> tuple[Completion, Mapping[str, Any]]:
    """Write what only a labelled scene has: the surface in the colours of its classes, their names.

    Args:
        folder: of the scene's prediction.
        made: the completed scene.
        found: its labels.
        source: what labelled it.
        left_out: frames that were not worth labelling.

    Returns:
        What was made, its surfaces with labels; and notes.
    """
    notes = {
        LABELLED_SHARE: found.seen,
        "frames labelled": found.frames,
        "frames left out": left_out,
        "frames without labels": found.silent,
        CALIBRATED: is_calibrated(source),
    }
    if found.mesh.labels is None:
        return made, notes
    source.names.write(folder)
    painted = replace(found.mesh, colors=NYU40.colors[found.mesh.labels])
    write_ply(folder / CLASSES_MESH, painted)
    write_bytes(folder / CLASSES_GLB, glb_bytes(painted))
    if found.votes is not None:
        write_ply(folder / CLASS_MESHES["votes_2d"], found.votes)
    return replace(made, mesh=found.mesh, fused=found.fused), notes
