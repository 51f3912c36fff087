"""What rows are measured on: a real capture where there is one, else a generated room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.capture.rooms import RoomsParams
from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.camera import Size
from crossvox.core.frame import Capture, Parts
from crossvox.core.methods import METHOD_FILES
from crossvox.doors.isosurface import isosurface
from crossvox.doors.meshes import write_ply
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms
from crossvox.scene.params import TsdfParams
from crossvox.scene.store import read_volume
from crossvox.scene.tsdf.volume import fuse

KITCHEN_GRAVITY = (-0.0089, 0.9044, 0.4265)


@dataclass(frozen=True)
class Material:
    """A capture, and what it is.

    Attributes:
        capture: of about 100 frames of 640x480.
        what: for the text of a row.
        gravity: which way is down in its world.
    """

    capture: Capture
    what: str
    gravity: tuple[float, float, float]


@contextmanager
def material(shared: Path | None, frames: int = 100) -> Iterator[Material]:
    """The real kitchen, or a generated room of as many frames."""
    kitchen = None if shared is None else shared / "data" / "redkitchen"
    if kitchen is not None and kitchen.is_dir():
        yield Material(
            open_capture(kitchen, params=CaptureParams(registration="none")),
            "a kitchen",
            KITCHEN_GRAVITY,
        )
        return
    with TemporaryDirectory() as folder:
        write_rooms(Path(folder), RoomsParams(count=1, frames=frames, lost_share=0.0))
        (scan,) = (path.parent for path in Path(folder).glob("*/*.sens"))
        yield Material(open_capture(scan), "a generated room", (0.0, 0.0, -1.0))


def predicted_rooms(folder: Path, rooms: int, frames: int, size: Size) -> tuple[Path, Path]:
    """Prepared rooms and a prediction of them, of three methods, without a network.

    ``learnt`` is the surface of the scene's own voxels, ``mask_only`` that of those that were
    observed, ``tsdf`` the fusion of the frames at 2 cm.

    Returns:
        The prediction's folder and the data folder.
    """
    data, pred = folder / "data", folder / "prediction"
    width, height = size
    params = RoomsParams(count=rooms, frames=frames, width=width, height=height)
    write_rooms(folder / "rooms", params)
    prepare(folder / "rooms", data, PrepareParams(frame_skip=1), workers=1)
    scenes = sorted(path.parent for path in data.glob("*/volume.npz"))
    for scene in scenes:
        volume = read_volume(scene / "volume.npz")
        capture = open_capture(scene)
        parts = Parts(rgb=True, labels=False)
        seen = [capture.frame(i, None, parts) for i in range(len(capture))]
        meshes = {
            "learnt": isosurface(volume.grid, volume.occupied.astype(np.float32), 0.5),
            "mask_only": isosurface(
                volume.grid, (volume.occupied & volume.observed).astype(np.float32), 0.5
            ),
            "tsdf": fuse(seen, TsdfParams()).mesh(),
        }
        for method, mesh in meshes.items():
            write_ply(pred / scene.name / METHOD_FILES[method], mesh)
        notes = {"coverage": 1.0, "learnt_from": False}
        write_manifest(pred / scene.name, Manifest("predict-scene", notes=notes))
    write_manifest(pred, Manifest("predict", items={scene.name: "" for scene in scenes}))
    return pred, data
