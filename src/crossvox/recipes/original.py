"""The published pipeline's files: its checkpoints to run folders, its HDF5 files in and out."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

import crossvox
from crossvox.capture import open_capture
from crossvox.chunks import ChunkParams, cut
from crossvox.core.artifact import (
    MANIFEST,
    SCHEMA,
    Manifest,
    Stopwatch,
    building,
    digest,
    file_digest,
    is_current,
    plain,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, CheckpointError, ParamsError, expect
from crossvox.core.frame import Capture, Parts
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.volume import ChunkPlace, SceneVolume
from crossvox.doors.images import write_bytes
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.data import read_scenes
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
from crossvox.recipes.train_scenes import read_features
from crossvox.samples.hdf5 import (
    LATTICE_TOLERANCE,
    LabelConvention,
    OriginalFile,
    OriginalWriter,
    chunk_from_world,
    locate,
    turned,
)
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.source import SceneSource, load_source
from crossvox.scene.occ_grid import read_occ_grid
from crossvox.scene.store import read_volume, write_volume
from crossvox.scene.voxelize import observed_voxels
from crossvox.tasks.params import (
    COLORS,
    FeatureParams,
    ReconstructParams,
    SceneTaskParams,
    Segment3dParams,
)
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import PUBLISHED_SHARES
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.params import PARAMS, TrainParams
from crossvox.views.visibility import ViewParams

if TYPE_CHECKING:
    from crossvox.train.original import OriginalCheckpoint
    from crossvox.train.weights import LoadReport

Split = Literal["train", "val"]

IMPORT_CHECKPOINT = "import-checkpoint"
"""Stage of a run folder that holds imported weights."""

THESIS_VIEWS = ViewParams(width=328, height=256, geometry="thesis")
"""How the published pipeline looks at voxels."""

CLEAN_SHARE = 0.01
"""The cleaning step keeps sub-volumes with a larger share of occupied voxels."""

INDEX_NAMES: dict[str, str] = {"train": "train.index.json", "val": "val.index.json"}
"""Which sub-volumes an imported data folder's files named, by split."""


# Checkpoints


@dataclass(frozen=True)
class CheckpointImport:
    """What became of an imported checkpoint.

    Attributes:
        run: the run folder.
        task: its task: ``reconstruct``, ``segment2d``, ``segment3d``; with ``-features`` behind it
            where the 2D network is still to be named.
        architecture: the network.
        classes: its classes.
        parameters: its weights, without buffers.
        loaded: names that were taken over; all of them, or the import fails.
        kept: the folder held exactly this already.
        note: what the run is good for.
    """

    run: Path
    task: str
    architecture: str
    classes: int
    parameters: int
    loaded: int
    kept: bool
    note: str


def import_checkpoint(file: Path, run: Path, *, features: Path | None = None) -> CheckpointImport:
    """Turn a checkpoint of the published pipeline (``.pth.tar``) into a run folder.

    Nothing in the file is executed. The run holds ``best/`` (there is nothing to go on training
    from), ``params.json`` with the published parameters, and a manifest that tells what was loaded.

    Args:
        file: the checkpoint.
        run: run folder; new, empty, or one that an import wrote.
        features: a 2D run whose features the file's 3D network reads, an imported one for example.
            Its weights become a part of the run, which is complete with them. Which 2D network a
            file was trained with is not told by its weights.

    Raises:
        CheckpointError: the file is missing, damaged, wants to execute something, or its weights do
            not fit a known network one for one.
        ArtifactError: ``run`` holds something else, or ``features`` is no 2D run.
        ParamsError: ``features`` makes other channels than the file's network reads, or it reads no
            features.
    """
    from crossvox.train.checkpoint import save_checkpoint
    from crossvox.train.original import read_original_checkpoint

    _claim(run, (IMPORT_CHECKPOINT,), "run")
    checkpoint = read_original_checkpoint(file)
    lifted = None if features is None else _lifted_features(checkpoint, features)
    task, task_params, recipe, note = _describe(checkpoint, lifted)
    parents = {"file": file_digest(file)}
    if lifted is not None:
        parents["features"] = lifted.digest
    record = plain(
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "task": {"name": task, "params": task_params},
            "train": TrainParams(),
            "recipe": recipe,
            "parents": parents,
            "samples": {"train": 0},
        }
    )
    manifest = Manifest(
        IMPORT_CHECKPOINT,
        params={key: record[key] for key in ("task", "train", "recipe", "samples")},
        parents=parents,
        links={} if features is None else {"features": os.path.relpath(features, run)},
    )
    network, report = checkpoint.build()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    whole = network if lifted is None else _joined(task_params, lifted, network)
    notes = {
        "parameters": parameters,
        "architecture": checkpoint.architecture,
        "in_channels": checkpoint.in_channels,
        "classes": checkpoint.classes,
        "file": file.name,
        "file_notes": checkpoint.notes,
        "load": _load_notes(report),
        "note": note,
    }
    kept = is_current(run, manifest)
    if not kept:
        with building(run) as temporary:
            save_checkpoint(temporary / "best", whole, {"step": 0, "imported": file.name})
            write_json(temporary / PARAMS, record)
            write_manifest(temporary, replace(manifest, notes=plain(notes)))
    return CheckpointImport(
        run,
        task,
        checkpoint.architecture,
        checkpoint.classes,
        parameters,
        len(report.loaded),
        kept,
        note,
    )


def _load_notes(report: LoadReport) -> dict[str, Any]:
    return {
        "summary": str(report),
        "loaded": len(report.loaded),
        "missing": report.missing,
        "unexpected": report.unexpected,
        "mismatched": report.mismatched,
    }


@dataclass(frozen=True, eq=False)
class _Lifted:
    """A 2D run whose features a 3D network reads."""

    params: FeatureParams
    weights: dict[str, Any]
    digest: str


def _lifted_features(checkpoint: OriginalCheckpoint, run: Path) -> _Lifted:
    """The 2D run, if the file's network reads what it makes."""
    wide = checkpoint.architecture == "surfacenet" and checkpoint.view_channels != COLORS
    expect(
        wide,
        given=f"--features {run} for {checkpoint.source}, whose {checkpoint.architecture} reads "
        + (f"{COLORS} channels a view" if checkpoint.architecture == "surfacenet" else "images"),
        needed="a SurfaceNet that reads features",
        do="leave --features out",
        error=ParamsError,
    )
    found = _Lifted(*read_features(run))
    expect(
        found.params.channels == checkpoint.view_channels,
        given=f"{run}, a {found.params.network} that makes {found.params.channels} channels, for "
        f"{checkpoint.source}, which reads {checkpoint.view_channels} a view",
        needed="as many channels",
        do="pass a run of enet or deeplab, as the file was trained with",
        error=ParamsError,
    )
    return found


def _joined(params: Any, lifted: _Lifted, volume_network: Any) -> Any:
    """2D network, lifting, and the file's 3D network in one."""
    task: Reconstruct | Segment3d
    if isinstance(params, Segment3dParams):
        task = Segment3d(params, lifted.weights)
    else:
        task = Reconstruct(params, lifted.weights)
    network: Any = task.build()
    network.volume_network.load_state_dict(volume_network.state_dict())
    return network


def _describe(checkpoint: OriginalCheckpoint, lifted: _Lifted | None) -> tuple[str, Any, Any, str]:
    """Task, its parameters, recipe, and what the run is good for."""
    if checkpoint.architecture != "surfacenet":
        return _describe_2d(checkpoint)
    channels = checkpoint.view_channels
    views = checkpoint.in_channels // channels
    expect(
        checkpoint.classes in (Reconstruct.classes, Segment3d.classes),
        given=f"{checkpoint.source}, a SurfaceNet with {checkpoint.classes} classes",
        needed=f"{Reconstruct.classes} (free, occupied) or {Segment3d.classes} (free and NYU40)",
        do="take a checkpoint of reconstruction, or one that was trained on NYU40 labels",
        error=CheckpointError,
    )
    segments = checkpoint.classes == Segment3d.classes
    name = Segment3d.name if segments else Reconstruct.name
    if channels != COLORS and lifted is None:
        shape = {
            "network": "surfacenet",
            "views": views,
            "view_channels": channels,
            "in_channels": checkpoint.in_channels,
            "classes": checkpoint.classes,
        }
        return (
            f"{name}-features",
            shape,
            {"params": shape},
            "weights for lifted features; import the file again with --features RUN2D, the 2D run "
            "that they were trained with, and crossvox predict runs it",
        )
    common: dict[str, Any] = {
        "network": "surfacenet",
        "views": views,
        "seen_channel": False,
        "loss_region": "all",
        "features": None if lifted is None else lifted.params,
    }
    options: dict[str, Any] = {
        "views": replace(THESIS_VIEWS, max_views=views),
        "chunks": ChunkParams(require_views=views),
    }
    recipe: dict[str, Any] = {"scenes": "imported", "validation_scenes": "none"}
    task: SceneTaskParams
    if segments:
        task = Segment3dParams(**common, weighting="published", class_prior=False)
        recipe["params"] = Segment3dRunParams(task=task, **options)
        recipe["class_shares"] = PUBLISHED_SHARES
    else:
        task = ReconstructParams(**common, class_weights=(1.0, 13.0))
        recipe["params"] = ReconstructRunParams(task=task, **options)
    return name, task, recipe, "crossvox predict runs it"


def _describe_2d(checkpoint: OriginalCheckpoint) -> tuple[str, Any, Any, str]:
    from crossvox.recipes.segment2d import Segment2dRunParams
    from crossvox.samples.params import ImageParams
    from crossvox.tasks.params import Segment2dParams
    from crossvox.tasks.segment2d import CLASSES

    expect(
        checkpoint.classes == CLASSES,
        given=f"{checkpoint.source}, a {checkpoint.architecture} with {checkpoint.classes} classes",
        needed=f"{CLASSES}: unannotated and NYU40",
        do="take a checkpoint that was trained on NYU40 labels",
        error=CheckpointError,
    )
    task = Segment2dParams(
        network=checkpoint.architecture,
        weights="none",
        freeze="early" if checkpoint.architecture == "deeplab" else "nothing",
        weighting="published",
        loss_stride=1,
    )
    params = Segment2dRunParams(task=task, images=ImageParams(328, 256, "nearest"))
    recipe = {"params": params, "split": "imported", "class_shares": PUBLISHED_SHARES}
    return "segment2d", task, recipe, "crossvox evaluate segment2d runs it"


# HDF5 out


@dataclass(frozen=True)
class ExportParams:
    """What is written to the published pipeline's HDF5 files.

    Attributes:
        split: scenes of which list.
        clean: the published cleaning step: leave out sub-volumes that lack a view or hold no more
            than 1 % occupied voxels. Its networks cannot take others; what is left out is counted.
        turned: also write the training file with the four stored rotations.
        labels: what the numbers in ``y`` mean. ``continuous40``, as the published preparation
            writes them: 0 = wall ... 39 = otherprop, 40 = free or unannotated. ``free0``, as the
            published training reads them: 0 = free or unannotated, 1 = wall ... 40 = otherprop.
            ``nyu40``: likewise with -1 = free. ``continuous20``: the published table of the
            benchmark's classes (it knows the first 14 of the 20), 20 = everything else.
        views: which voxels a frame sees, and how many frames look at a sub-volume.
        chunks: how training sub-volumes are drawn.
        seed: seed of the drawing; the seed of a training run gives that run's sub-volumes.
    """

    split: Literal["train", "val", "both"] = "both"
    clean: bool = True
    turned: bool = False
    labels: LabelConvention = "continuous40"
    views: ViewParams = THESIS_VIEWS
    chunks: ChunkParams = field(default_factory=lambda: ChunkParams(require_views=5))
    seed: int = 0


@dataclass(frozen=True)
class ExportedFile:
    """One written file.

    Attributes:
        path: where it is.
        split: train or val.
        scenes: how many.
        sub_volumes: how many, stored rotations included.
        lacking_views: sub-volumes left out by the cleaning step for a missing view.
        nearly_empty: sub-volumes left out by the cleaning step for too few occupied voxels.
        bytes_each: file size by sub-volume.
    """

    path: Path
    split: Split
    scenes: int
    sub_volumes: int
    lacking_views: int
    nearly_empty: int
    bytes_each: float


def export_hdf5(
    data: Path, out: Path, params: ExportParams | None = None, *, progress: Progress | None = None
) -> tuple[ExportedFile, ...]:
    """Write the published pipeline's training files.

    Training sub-volumes are drawn as ``crossvox train reconstruct`` draws them; validation ones are
    all non-overlapping windows with an occupied voxel. Frame numbers are those of the prepared
    scene.

    Args:
        data: a folder that ``crossvox prepare`` wrote.
        out: folder that receives ``train_clean.hdf5``, ``val_scenes_non_overlapping_clean.hdf5``
            and ``augmented_train_clean.hdf5``, as far as asked for (without ``_clean`` where
            nothing is left out).
        params: see :class:`ExportParams`.
        progress: who watches.

    Raises:
        ArtifactError: a scene is missing, or no sub-volume is left to write.
        ParamsError: rotations of sub-volumes that are not square, or frame numbers beyond 16 bit.
    """
    params, progress = params or ExportParams(), progress or Silent()
    shape = params.chunks.shape
    expect(
        not params.turned or shape[0] == shape[1],
        given=f"stored rotations of sub-volumes of {shape}",
        needed="as many voxels along x as along y",
        do="correct --chunks.shape, or leave out --turned",
        error=ParamsError,
    )
    ending = "_clean.hdf5" if params.clean else ".hdf5"
    files: list[ExportedFile] = []
    for split in ("train", "val") if params.split == "both" else (params.split,):
        sources = _sources(data, split, params.views, progress)
        index = _split_index(split, sources, params)
        name = {"train": "train", "val": "val_scenes_non_overlapping"}[split]
        files.append(
            _write_file(out / (name + ending), split, sources, index, (0,), params, progress)
        )
        if params.turned and split == "train":
            path = out / f"augmented_{name}{ending}"
            turns = (0, 1, 2, 3)
            files.append(_write_file(path, split, sources, index, turns, params, progress))
    return tuple(files)


def _sources(
    data: Path, scenes: str, views: ViewParams, progress: Progress
) -> dict[str, SceneSource]:
    folders = read_scenes(data, scenes)
    report = progress.step(f"{scenes} scenes")
    sources = {}
    for done, folder in enumerate(folders, start=1):
        sources[folder.name] = load_source(folder, views)
        report(done, len(folders))
    return sources


def _split_index(split: str, sources: dict[str, SceneSource], params: ExportParams) -> SampleIndex:
    if split == "train":
        return training_index(sources, params.chunks, params.views, params.seed)
    shape, slots = params.chunks.shape, params.views.max_views
    windows = [
        window_index(source, shape, shape, slots, occupied_only=True, keep_unseen=True)
        for source in sources.values()
    ]
    return SampleIndex(tuple(place for index in windows for place in index.places), shape, slots)


def _write_file(
    path: Path,
    split: Split,
    sources: dict[str, SceneSource],
    index: SampleIndex,
    turns: Sequence[int],
    params: ExportParams,
    progress: Progress,
) -> ExportedFile:
    report = progress.step(path.name)
    lacking_views = nearly_empty = 0
    writer = OriginalWriter(path, index.shape, index.max_views, list(sources), params.labels)
    with writer:
        for done, place in enumerate(index.places, start=1):
            volume = sources[place.scene].volume
            assert volume is not None
            occupied = cut(volume.occupied, place.start, index.shape, False)
            if params.clean and len(place.frame_ids) < index.max_views:
                lacking_views += 1
            elif params.clean and occupied.mean() <= CLEAN_SHARE:
                nearly_empty += 1
            else:
                labels = cut(volume.labels, place.start, index.shape, 0)
                for turn in turns:
                    writer.write(
                        place.scene,
                        turned(occupied, turn),
                        turned(labels, turn),
                        place.frame_ids,
                        chunk_from_world(volume.grid, place.start, index.shape, turn),
                    )
            report(done, len(index.places))
        expect(
            writer.count > 0,
            given=f"{len(index.places)} sub-volumes of {len(sources)} {split} scenes, of which "
            f"{lacking_views} lack a view and {nearly_empty} are nearly empty",
            needed="at least one to write",
            do="export with --no-clean, or prepare more frames",
            error=ArtifactError,
        )
    return ExportedFile(
        path,
        split,
        len(sources),
        writer.count,
        lacking_views,
        nearly_empty,
        path.stat().st_size / writer.count,
    )


# HDF5 in


@dataclass(frozen=True)
class ImportParams:
    """How HDF5 files of the published pipeline become a data folder.

    Attributes:
        split: which list the file's scenes go to.
        labels: what the numbers in ``y`` mean (see ``crossvox export hdf5 --help``); ``auto`` takes
            what the file says, else what its free voxels tell.
        far_m: readings farther than this say nothing about which voxels were observed.
    """

    split: Split = "train"
    labels: LabelConvention | Literal["auto"] = "auto"
    far_m: float = 4.0


@dataclass(frozen=True)
class ImportReport:
    """What an HDF5 file held.

    Attributes:
        out: the data folder.
        index: file that names the sub-volumes, for ``crossvox train reconstruct --index``.
        labels: convention that its labels were read by.
        sub_volumes: how many the file holds.
        turned_copies: how many of them are rotations of others; they are not kept, for training
            turns by itself.
        places: sub-volumes that the index names.
        scenes: counts by scene: where its volume comes from, voxels that differ between
            overlapping sub-volumes, voxels that differ from the scene's own volume, views dropped
            for a lost pose.
    """

    out: Path
    index: Path
    labels: LabelConvention
    sub_volumes: int
    turned_copies: int
    places: int
    scenes: dict[str, dict[str, Any]]


def import_hdf5(
    file: Path,
    out: Path,
    params: ImportParams | None = None,
    *,
    frames: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn an HDF5 file of the published pipeline into a data folder that training runs from.

    The file holds occupancy, labels and frame numbers; the images lie in the prepared scenes it was
    made from. Each scene's sub-volumes are put back in their places. Where the prepared scene has
    a volume (``volume.npz``, or the published ``SCENE_occ_grid.pth``), it fills what they leave
    open. ``out`` links to the scenes' frames and holds ``SPLIT.txt`` and ``SPLIT.index.json``.

    Args:
        file: the HDF5 file.
        out: data folder; new, empty, or one that an import wrote (of the other split, say).
        params: see :class:`ImportParams`.
        frames: folder of prepared scenes; by default the one that ``data_chunks/FILE`` lies in, as
            the published pipeline has it, else the file's own folder.
        progress: who watches.

    Raises:
        ArtifactError: the file is damaged, a scene or frame is not there, or a sub-volume does not
            lie on the voxels of its scene.
    """
    params, progress = params or ImportParams(), progress or Silent()
    _claim(out, ("import-hdf5",), "data")
    stored = OriginalFile(file, params.labels)
    if frames is None:
        frames = file.parent.parent if file.parent.name == "data_chunks" else file.parent
    by_scene: dict[str, list[int]] = {}
    for number, scene in enumerate(stored.scenes):
        by_scene.setdefault(scene, []).append(number)
    _expect_scenes(by_scene, frames, out, params.split)
    report = progress.step(f"{file.name}: scenes")
    parent = digest([stored.digest, plain(params)])
    places: list[tuple[int, ChunkPlace]] = []
    notes: dict[str, dict[str, Any]] = {}
    for done, (scene, numbers) in enumerate(by_scene.items(), start=1):
        found, notes[scene] = _import_scene(
            stored, numbers, frames / scene, out / scene, params, parent
        )
        places += found
        report(done, len(by_scene))
    # In the file's own order, so that sample i here is sample i there.
    ordered = tuple(place for _, place in sorted(places, key=lambda entry: entry[0]))
    index = SampleIndex(ordered, stored.shape, stored.frames.shape[1], notes)
    index.save(out / INDEX_NAMES[params.split])
    write_bytes(out / f"{params.split}.txt", "".join(f"{name}\n" for name in by_scene).encode())
    result = ImportReport(
        out,
        out / INDEX_NAMES[params.split],
        stored.labels,
        len(stored),
        len(stored) - len(ordered),
        len(ordered),
        notes,
    )
    _write_import_manifest(out, params, frames, parent, result)
    stored.close()
    return result


def _expect_scenes(scenes: dict[str, Any], frames: Path, out: Path, split: Split) -> None:
    missing = [name for name in scenes if not (frames / name).is_dir()]
    expect(
        bool(scenes) and not missing,
        given=f"a file of {len(scenes)} scenes"
        + (f", of which {frames} lacks {', '.join(missing[:5])}" if missing else ""),
        needed="sub-volumes, and the prepared scene of each, with its frames",
        do="name the folder of the prepared scenes with --frames",
        error=ArtifactError,
    )
    other = out / f"{'val' if split == 'train' else 'train'}.txt"
    both = sorted(set(scenes) & set(other.read_text().split())) if other.is_file() else []
    expect(
        not both,
        given=f"scenes {', '.join(both[:5])} in {other} and in this file",
        needed="scenes that are either trained on or validated on",
        do="name another output folder",
        error=ArtifactError,
    )


@dataclass(frozen=True)
class _Stored:
    """One sub-volume of a file: its number there, its place and its turn."""

    number: int
    start: Index3
    quarter_turns: int
    frame_ids: tuple[int, ...]


def _import_scene(
    stored: OriginalFile,
    numbers: Sequence[int],
    source: Path,
    target: Path,
    params: ImportParams,
    parent: str,
) -> tuple[list[tuple[int, ChunkPlace]], dict[str, Any]]:
    """Bring one scene in; its places with their numbers in the file, and counts."""
    capture = open_capture(source)
    own, origin = _own_volume(source)
    voxel_m = _voxel_m(stored, numbers)
    lattice = VoxelGrid((1, 1, 1), voxel_m, (0.0, 0.0, 0.0)) if own is None else own.grid
    chunks, lattice = _locate_all(stored, numbers, lattice, free=own is None)
    chunks, dropped = _checked_frames(chunks, capture, stored.path, source)
    unique = _unturned(chunks)
    # The lattice of a scene without a volume starts anywhere: bring its places to start at 0.
    volume, shift, counts = _assemble(stored, unique, own, lattice)
    places = [
        (chunk.number, ChunkPlace(source.name, _shifted(chunk.start, shift), chunk.frame_ids))
        for chunk in unique
    ]
    notes = {
        "sub_volumes": len(numbers),
        "turned_copies": len(chunks) - len(unique),
        "volume": origin,
        "views_without_pose": dropped,
        **counts,
    }
    manifest = Manifest(
        "prepare-scene",
        {"import": plain(params), "scene": source.name},
        parents={"file": parent, "frames": _frames_digest(source, capture)},
        notes=notes,
    )
    if is_current(target, manifest):
        return places, notes
    watch = Stopwatch()
    if own is None or origin != "volume.npz" or own.grid != volume.grid:
        with watch("observed voxels"):
            seen = observed_voxels(
                volume.grid,
                posed_frames(capture, Parts(rgb=False, labels=False)),
                far_m=params.far_m,
            )
        volume = replace(volume, observed=seen)
    with building(target) as temporary:
        _link_frames(source, temporary)
        write_volume(temporary / "volume.npz", volume)
        write_manifest(temporary, replace(manifest, seconds=watch.seconds))
    return places, notes


def _unturned(chunks: Sequence[_Stored]) -> list[_Stored]:
    """Sub-volumes without stored rotations of others; the first of each stands for all.

    A place that was drawn twice stays twice: that is told by equal turns.
    """
    times: Counter[tuple[Index3, tuple[int, ...], int]] = Counter()
    first: dict[tuple[Index3, tuple[int, ...], int], _Stored] = {}
    for chunk in chunks:
        which = (chunk.start, chunk.frame_ids, chunk.quarter_turns)
        first.setdefault((chunk.start, chunk.frame_ids, times[which]), chunk)
        times[which] += 1
    return list(first.values())


def _own_volume(source: Path) -> tuple[SceneVolume | None, str]:
    """The volume that a prepared scene brings along, and where it comes from."""
    if (source / "volume.npz").is_file():
        return read_volume(source / "volume.npz"), "volume.npz"
    pickled = source / f"{source.name}_occ_grid.pth"
    if pickled.is_file():
        return read_occ_grid(pickled), pickled.name
    return None, "this file"


def _voxel_m(stored: OriginalFile, numbers: Sequence[int]) -> float:
    """Edge length of the voxels that the matrices speak of."""
    scale = np.abs(np.linalg.det(stored.world_to_grid[list(numbers)][:, :3, :3])) ** (1 / 3)
    expect(
        bool(np.isfinite(scale).all() and scale.min() > 0) and np.ptp(scale) < 1e-3 * scale.max(),
        given=f"{stored.path} with scales from {scale.min():g} to {scale.max():g} voxels a metre",
        needed="one voxel size a scene",
        do="take a complete file",
        error=ArtifactError,
    )
    return round(1 / float(scale.mean()), 6)


def _locate_all(
    stored: OriginalFile, numbers: Sequence[int], lattice: VoxelGrid, *, free: bool
) -> tuple[list[_Stored], VoxelGrid]:
    """Places of sub-volumes on a scene's voxels.

    Where the scene has no voxels of its own yet (``free``), the first sub-volume fixes where they
    lie, and the lattice is returned shifted accordingly.
    """
    found = [locate(stored.world_to_grid[n], stored.shape, lattice) for n in numbers]
    starts = np.array([start for start, _ in found])
    if free:
        offset = starts[0] - np.round(starts[0])
        # Noise of float32 is not an offset: voxels on multiples of their size stay there.
        offset = np.where(np.abs(offset) < LATTICE_TOLERANCE, 0.0, offset)
        x, y, z = lattice.to_world(offset).tolist()
        lattice, starts = replace(lattice, origin_m=(x, y, z)), starts - offset
    whole = np.round(starts).astype(np.int64)
    off = np.abs(starts - whole).max(axis=1)
    turns = [turn for _, turn in found]
    expect(
        bool((off < LATTICE_TOLERANCE).all()),
        given=f"{stored.path}, whose sub-volume {numbers[int(off.argmax())]} lies {off.max():.2f} "
        f"voxels off the grid of {stored.scenes[numbers[0]]}",
        needed="sub-volumes cut from that grid",
        do="name the prepared scenes that the file was made from with --frames",
        error=ArtifactError,
    )
    expect(
        stored.shape[0] == stored.shape[1] or not any(turn % 2 for turn in turns),
        given=f"{stored.path} with sub-volumes of {stored.shape} turned by 90 degrees",
        needed="square ones where some are turned",
        do="take the file without stored rotations",
        error=ArtifactError,
    )
    return [
        _Stored(number, (x, y, z), turn, stored.frame_ids(number))
        for number, (x, y, z), turn in zip(numbers, whole.tolist(), turns, strict=True)
    ], lattice


def _checked_frames(
    chunks: list[_Stored], capture: Capture, file: Path, source: Path
) -> tuple[list[_Stored], int]:
    """Leave out views whose pose is lost; refuse views that the scene does not have."""
    posed = {frame: capture.pose(i) is not None for i, frame in enumerate(capture.frame_ids)}
    named = {frame for chunk in chunks for frame in chunk.frame_ids}
    unknown = sorted(named - set(posed))
    expect(
        not unknown,
        given=f"{file}, which names frames {unknown[:5]} of {source}",
        needed="frames that are there",
        do="name the prepared scenes that the file was made from with --frames",
        error=ArtifactError,
    )
    kept = [
        replace(chunk, frame_ids=tuple(f for f in chunk.frame_ids if posed[f])) for chunk in chunks
    ]
    dropped = sum(len(a.frame_ids) - len(b.frame_ids) for a, b in zip(chunks, kept, strict=True))
    return kept, dropped


@dataclass(frozen=True, eq=False)
class _Piece:
    """A sub-volume turned back to how it was cut."""

    start: NDArray[np.int64]
    occupied: NDArray[np.bool_]
    labels: NDArray[np.uint8]


def _assemble(
    stored: OriginalFile, chunks: Sequence[_Stored], own: SceneVolume | None, lattice: VoxelGrid
) -> tuple[SceneVolume, Index3, dict[str, int]]:
    """Put sub-volumes back in their places.

    Returns:
        The volume, what to subtract from places on the lattice, and counts.
    """
    pieces = []
    for chunk in chunks:
        content, turns = stored.chunk(chunk.number), -chunk.quarter_turns
        masks = turned(content.occupied, turns), turned(content.labels, turns)
        pieces.append(_Piece(np.array(chunk.start, dtype=np.int64), *masks))
    low, high = _extent(pieces, own)
    x, y, z = (high - low).tolist()
    i, j, k = low.tolist()
    grid = lattice.sub((i, j, k), (x, y, z)) if low.any() or own is None else own.grid
    grid = replace(grid, shape=(x, y, z))
    occupied, covered, before = (np.zeros(grid.shape, dtype=bool) for _ in range(3))
    observed, labels = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=np.uint8)
    if own is not None:
        box = tuple(slice(-a, n - a) for a, n in zip(low, own.grid.shape, strict=True))
        occupied[box], labels[box], observed[box] = own.occupied, own.labels, own.observed
        before[box] = True
    counts = dict.fromkeys(("voxels_contradicting", "voxels_changed"), 0)
    for piece in pieces:
        part, own_part = _overlap(piece.start - low, piece.occupied.shape, grid.shape)
        mask, names = piece.occupied[own_part], piece.labels[own_part]
        differs = (occupied[part] != mask) | (labels[part] != names)
        counts["voxels_contradicting"] += int((differs & covered[part]).sum())
        counts["voxels_changed"] += int((differs & before[part] & ~covered[part]).sum())
        occupied[part], labels[part], covered[part] = mask, names, True
    counts |= {"voxels": grid.count, "voxels_covered": int(covered.sum())}
    return SceneVolume(grid, occupied, observed, labels), (i, j, k), counts


def _extent(
    pieces: Sequence[_Piece], own: SceneVolume | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel and end of the scene: its own, and whatever is occupied beyond.

    A sub-volume that hangs out of a scene shows padding there, which is no part of it.
    """
    if own is None:
        needed = list(pieces)
        low, high = needed[0].start, needed[0].start
    else:
        low, high = np.zeros(3, dtype=np.int64), np.array(own.grid.shape, dtype=np.int64)
        needed = []
        for piece in pieces:
            _, inside = _overlap(piece.start, piece.occupied.shape, own.grid.shape)
            if piece.occupied[inside].sum() < piece.occupied.sum():
                needed.append(piece)
    for piece in needed:
        low = np.minimum(low, piece.start)
        high = np.maximum(high, piece.start + np.array(piece.occupied.shape))
    return low, high


def _overlap(
    start: NDArray[np.int64], shape: Sequence[int], extent: Index3
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What a sub-volume and a scene have in common: slices of the scene, and of the sub-volume."""
    scene, own = [], []
    for first, size, limit in zip(start.tolist(), shape, extent, strict=True):
        low = min(max(first, 0), limit)
        high = max(min(first + size, limit), low)
        scene.append(slice(low, high))
        own.append(slice(low - first, high - first) if low < high else slice(0, 0))
    return tuple(scene), tuple(own)


def _shifted(start: Index3, shift: Index3) -> Index3:
    return (start[0] - shift[0], start[1] - shift[1], start[2] - shift[2])


def _frames_digest(source: Path, capture: Capture) -> str:
    """What of a prepared scene matters here: its manifest, or its frames where it has none."""
    if (source / MANIFEST).is_file():
        return file_digest(source / MANIFEST)
    return digest([capture.name, capture.frame_ids])


def _link_frames(source: Path, folder: Path) -> None:
    """Links to everything of a prepared scene that stays as it is; copies where links fail."""
    for entry in sorted(source.iterdir()):
        own = entry.name in (MANIFEST, "volume.npz") or entry.name.startswith(("views", "."))
        if own or entry.name.endswith("_occ_grid.pth"):
            continue
        link = folder / entry.name
        try:
            link.symlink_to(os.path.relpath(entry.resolve(), folder.resolve()))
        except OSError:
            if entry.is_dir():
                shutil.copytree(entry, link)
            else:
                shutil.copy2(entry, link)


def _write_import_manifest(
    out: Path, params: ImportParams, frames: Path, parent: str, result: ImportReport
) -> None:
    """Manifest of the data folder, over both splits."""
    old = read_manifest(out) if (out / MANIFEST).is_file() else Manifest("import-hdf5", params={})
    notes = plain(result)
    for name in ("out", "index"):
        del notes[name]
    write_manifest(
        out,
        Manifest(
            "import-hdf5",
            {**(old.params or {}), params.split: plain(params)},
            parents={**old.parents, params.split: parent},
            notes={**old.notes, params.split: notes},
            links={**old.links, f"frames_{params.split}": os.path.relpath(frames, out)},
        ),
    )


def _claim(folder: Path, stages: Sequence[str], what: str) -> None:
    """Refuse to write into a folder that something else wrote.

    Raises:
        ArtifactError: it is a file, or holds something but an earlier import.
    """
    if not folder.exists():
        return
    own = (folder / MANIFEST).is_file() and read_manifest(folder).stage in stages
    empty = folder.is_dir() and not any(folder.iterdir())
    expect(
        own or empty,
        given=f"{folder}, which holds something else",
        needed=f"a new or empty {what} folder, or one that this command wrote",
        do="name another folder",
        error=ArtifactError,
    )
