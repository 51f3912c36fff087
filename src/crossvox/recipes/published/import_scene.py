"""How the sub-volumes of one scene are put back in their places."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.artifact import (
    MANIFEST,
)
from crossvox.core.files import VOLUME
from crossvox.core.frame import Parts
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.volume import SceneVolume
from crossvox.flow.runner import Work
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.published.hdf5_in import ImportScene
from crossvox.recipes.published.places import (
    Stored,
    checked_frames,
    locate_all,
    unturned,
    voxel_edge_m,
)
from crossvox.samples.published.places import turned
from crossvox.samples.published.reader import OriginalFile
from crossvox.scene.merge import Piece, merge
from crossvox.scene.occ_grid import read_occ_grid
from crossvox.scene.store import read_volume, write_volume
from crossvox.scene.voxelize import observed_voxels


def import_scene(stage: ImportScene, stored: OriginalFile, work: Work) -> dict[str, Any]:
    """Bring one scene in; counts, and its places with their numbers in the file."""
    source, numbers = stage.frames.path, stage.numbers
    capture = FolderCapture(source)
    own, origin = _own_volume(source)
    voxel_m = voxel_edge_m(stored, numbers)
    lattice = VoxelGrid((1, 1, 1), voxel_m, (0.0, 0.0, 0.0)) if own is None else own.grid
    chunks, lattice = locate_all(stored, numbers, lattice, free=own is None)
    chunks, dropped = checked_frames(chunks, capture, stored.path, source)
    unique = unturned(chunks)
    # The lattice of a scene without a volume starts anywhere: bring its places to start at 0.
    merged = merge([_piece(stored, chunk) for chunk in unique], lattice, own)
    volume = merged.volume
    if own is None or origin != VOLUME or own.grid != volume.grid:
        with work.watch("observed voxels"):
            seen = observed_voxels(
                volume.grid,
                posed_frames(capture, Parts(rgb=False, labels=False)),
                far_m=stage.params.far_m,
            )
        volume = replace(volume, observed=seen)
    _link_frames(source, work.out)
    write_volume(work.out / VOLUME, volume)
    return {
        "sub_volumes": len(numbers),
        "turned_copies": len(chunks) - len(unique),
        "volume": origin,
        "views_without_pose": dropped,
        "voxels_contradicting": merged.contradicting,
        "voxels_changed": merged.changed,
        "voxels": volume.grid.count,
        "voxels_covered": merged.covered,
        "places": [
            [chunk.number, _shifted(chunk.start, merged.shift), chunk.frame_ids] for chunk in unique
        ],
    }


def _own_volume(source: Path) -> tuple[SceneVolume | None, str]:
    """The volume that a prepared scene brings along, and where it comes from."""
    if (source / VOLUME).is_file():
        return read_volume(source / VOLUME), VOLUME
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


def _link_frames(source: Path, folder: Path) -> None:
    """Links to everything of a prepared scene that stays as it is; copies where links fail."""
    for entry in sorted(source.iterdir()):
        own = entry.name in (MANIFEST, VOLUME) or entry.name.startswith(("views", "."))
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
