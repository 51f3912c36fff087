"""What the frames of a scene see, kept beside the scene: one file for each way to look.

``SCENE/views/DIGEST.npz``; the digest is that of everything that the views follow from. Different
parameters therefore have different files, and none of them is ever written twice.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import MANIFEST, digest, read_manifest, replacing
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ArtifactError
from crossvox.core.frame import Capture
from crossvox.core.grid import VoxelGrid
from crossvox.core.npz import reading_npz
from crossvox.core.volume import SceneViews
from crossvox.views.params import ViewParams

VIEWS_FOLDER = "views"

VIEWS_SCHEMA = 2
"""Raised when the visibility rule or the file's layout changes: older files are not read then."""


def views_file(folder: Path, key: str) -> Path:
    """Where a scene keeps its views of this digest."""
    return folder / VIEWS_FOLDER / f"{key}.npz"


def views_digest(folder: Path, grid: VoxelGrid, capture: Capture, params: ViewParams) -> str:
    """Fingerprint of everything that a scene's views follow from.

    Depth values are told by the scene's manifest, or by the sizes and times of the depth files
    where there is none. The number of views that a sub-volume takes does not matter, nor does one
    camera for all scans where there is none.
    """
    poses = [capture.pose(index) for index in range(len(capture))]
    named = [one.name for one in fields(params) if one.name != "max_views"]
    rule = {name: getattr(params, name) for name in named}
    if not params.camera:
        del rule["camera"]
    matrices = [None if pose is None else pose.world_from_camera.round(9) for pose in poses]
    return digest(
        [
            VIEWS_SCHEMA,
            rule,
            grid,
            capture.camera(),
            capture.frame_ids,
            matrices,
            _depth_of(folder),
        ]
    )


def _depth_of(folder: Path) -> Any:
    if (folder / MANIFEST).is_file():
        return read_manifest(folder).digest
    files = sorted((folder / "depth").glob("[!.]*"))
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def write_views(path: Path, views: SceneViews, key: str) -> None:
    """Keep a scene's views: a reader sees the old file or the new one, never a part."""
    camera = views.camera
    arrays: dict[str, Any] = {
        "digest": np.array(key),
        "lens": np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        "size": np.array(camera.size),
        "frame_ids": views.frame_ids,
        "start": views.start,
        "voxel": views.voxel,
        "pixel": views.pixel,
    }
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


_ROWS = {"frame_ids": np.int32, "start": np.int64, "voxel": np.int32, "pixel": np.int32}


def _row(array: NDArray[Any], name: str, kind: Any) -> NDArray[Any]:
    if array.ndim != 1 or array.dtype != kind:
        raise ValueError(f"{name} of shape {array.shape} and type {array.dtype}")
    return array


def _expect_inside(views: SceneViews) -> None:
    """Refuse what lies outside grid or image: compiled loops take it for places in arrays."""
    pixels = views.camera.width * views.camera.height
    for name, numbers, count in (
        ("voxel", views.voxel, views.grid.count),
        ("pixel", views.pixel, pixels),
    ):
        if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < count:
            raise ValueError(f"{name} numbers beyond the {count} there are")
    if int(views.start[0]) != 0 or (np.diff(views.start) < 0).any():
        raise ValueError("starts that fall")


def read_views(path: Path, key: str, grid: VoxelGrid) -> SceneViews | None:
    """Kept views, if there are any and their content's digest is ``key``; None otherwise.

    A damaged file counts as none: it is made anew from the frames.
    """
    try:
        with reading_npz(path, needed="kept views", do="go on") as stored:
            if str(stored["digest"]) != key:
                return None
            lens, size = stored["lens"], stored["size"]
            if lens.shape != (4,) or size.shape != (2,) or lens.dtype != np.float64:
                raise ValueError(f"a camera of {lens.shape} and {size.shape} numbers")
            fx, fy, cx, cy = lens.tolist()
            width, height = size.astype(np.int64).tolist()
            views = SceneViews(
                grid,
                Intrinsics(fx, fy, cx, cy, width, height),
                *(_row(stored[name], name, kind) for name, kind in _ROWS.items()),
            )
            _expect_inside(views)
            return views
    except ArtifactError:
        return None
