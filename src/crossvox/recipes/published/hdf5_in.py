"""An HDF5 file of the published pipeline becomes a data folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossvox.capture import open_capture
from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    Stopwatch,
    building,
    digest,
    file_digest,
    is_current,
    plain,
    read_manifest,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.frame import Capture, Parts
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.volume import ChunkPlace, SceneVolume
from crossvox.doors.images import write_bytes
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.published.folder import claim
from crossvox.recipes.published.params import ImportParams, Split
from crossvox.recipes.published.places import (
    Stored,
    checked_frames,
    locate_all,
    unturned,
    voxel_edge_m,
)
from crossvox.samples.index import SampleIndex
from crossvox.samples.params import LabelConvention
from crossvox.samples.published.places import turned
from crossvox.samples.published.reader import OriginalFile
from crossvox.scene.merge import Piece, merge
from crossvox.scene.occ_grid import read_occ_grid
from crossvox.scene.store import read_volume, write_volume
from crossvox.scene.voxelize import observed_voxels

INDEX_NAMES: dict[str, str] = {"train": "train.index.json", "val": "val.index.json"}
"""Which sub-volumes an imported data folder's files named, by split."""


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
    claim(out, ("import-hdf5",), "data")
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
    voxel_m = voxel_edge_m(stored, numbers)
    lattice = VoxelGrid((1, 1, 1), voxel_m, (0.0, 0.0, 0.0)) if own is None else own.grid
    chunks, lattice = locate_all(stored, numbers, lattice, free=own is None)
    chunks, dropped = checked_frames(chunks, capture, stored.path, source)
    unique = unturned(chunks)
    # The lattice of a scene without a volume starts anywhere: bring its places to start at 0.
    merged = merge([_piece(stored, chunk) for chunk in unique], lattice, own)
    volume = merged.volume
    places = [
        (
            chunk.number,
            ChunkPlace(source.name, _shifted(chunk.start, merged.shift), chunk.frame_ids),
        )
        for chunk in unique
    ]
    notes = {
        "sub_volumes": len(numbers),
        "turned_copies": len(chunks) - len(unique),
        "volume": origin,
        "views_without_pose": dropped,
        "voxels_contradicting": merged.contradicting,
        "voxels_changed": merged.changed,
        "voxels": volume.grid.count,
        "voxels_covered": merged.covered,
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


def _own_volume(source: Path) -> tuple[SceneVolume | None, str]:
    """The volume that a prepared scene brings along, and where it comes from."""
    if (source / "volume.npz").is_file():
        return read_volume(source / "volume.npz"), "volume.npz"
    pickled = source / f"{source.name}_occ_grid.pth"
    if pickled.is_file():
        return read_occ_grid(pickled), pickled.name
    return None, "this file"


def _piece(stored: OriginalFile, chunk: Stored) -> Piece:
    """What a sub-volume holds, turned back to how it was cut."""
    content, turns = stored.chunk(chunk.number), -chunk.quarter_turns
    return Piece(chunk.start, turned(content.occupied, turns), turned(content.labels, turns))


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
