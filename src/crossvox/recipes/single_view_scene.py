"""How one labelled depth image becomes a prepared scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from crossvox.capture.export import millimetres
from crossvox.capture.files import write_matrix
from crossvox.core.camera import ImageFit, Intrinsics, Pose
from crossvox.core.checks import CaptureError, expect
from crossvox.core.files import VOLUME
from crossvox.core.frame import Frame, resize_nearest
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.images import (
    encode_jpeg,
    encode_png,
    fit_color,
    read_color,
    read_gray,
    write_bytes,
)
from crossvox.doors.meshes import write_ply
from crossvox.flow.runner import Work
from crossvox.recipes.single_views import SingleView
from crossvox.samples.decode import read_labels
from crossvox.scene.one_view import evened, level_pose, view_mesh
from crossvox.scene.store import write_volume
from crossvox.scene.voxelize import label_voxels, observed_voxels, voxelize


def single_view_scene(stage: SingleView, work: Work) -> Mapping[str, Any]:
    """Write a prepared scene of one view into ``work.out``.

    Returns:
        Notes: counts of voxels, and up in the camera's axes.

    Raises:
        CaptureError: a file is damaged, images differ in shape, or there is no surface.
    """
    with work.watch("read"):
        frame = _frame(stage)
    params = stage.params
    assert frame.depth_m is not None
    assert frame.rgb is not None
    with work.watch("level"):
        pose = level_pose(frame.depth_m, frame.camera, params.far_m)
    with work.watch("surface"):
        even = evened(frame.depth_m, params.depth_scale)
        seen = view_mesh(even, frame.camera, frame.labels, frame.rgb, far_m=params.far_m)
        surface = _moved(seen, pose)
    with work.watch("voxels and labels"):
        grid, occupied = voxelize(surface, params.voxel_m)
        labels = label_voxels(grid, occupied, surface, params.label_distance_m)
        posed = Frame(frame.id, frame.camera, pose, depth_m=frame.depth_m)
        observed = observed_voxels(grid, [posed], far_m=params.far_m)
    assert frame.rgb is not None
    assert frame.labels is not None
    for part in ("color", "depth", "label", "pose"):
        (work.out / part).mkdir()
    write_bytes(work.out / "color" / "0.jpg", encode_jpeg(frame.rgb))
    write_bytes(work.out / "depth" / "0.png", encode_png(millimetres(frame.depth_m)))
    write_bytes(work.out / "label" / "0.png", encode_png(frame.labels))
    write_matrix(work.out / "pose" / "0.txt", pose.world_from_camera)
    write_matrix(work.out / "intrinsic.txt", frame.camera.matrix_4x4)
    write_volume(work.out / VOLUME, SceneVolume(grid, occupied, observed, labels))
    write_ply(work.out / f"{stage.scene}.ply", surface)
    return {
        "up": (pose.world_from_camera[2, :3]).tolist(),
        "grid": grid.shape,
        "occupied voxels": int(occupied.sum()),
        "occupied voxels without label": int((occupied & (labels == 0)).sum()),
    }


def _frame(stage: SingleView) -> Frame:
    """The three images on one pixel grid."""
    params = stage.params
    rgb = read_color(stage.image.path)
    stored = Intrinsics(*stage.camera, rgb.shape[1], rgb.shape[0])
    labels, depth = read_labels(stage.labels.path), read_gray(stage.depth.path)
    shapes = [rgb.shape[1] / rgb.shape[0], *(i.shape[1] / i.shape[0] for i in (labels, depth))]
    expect(
        max(shapes) <= 1.02 * min(shapes),
        given=f"{stage.scene} with images of {rgb.shape[1::-1]}, {labels.shape[::-1]} and "
        f"{depth.shape[::-1]} pixels",
        needed="colours, labels and depth of one shape",
        do="check that they belong together",
        error=CaptureError,
    )
    size = (params.width, params.height)
    depth_m = (depth.astype(np.float32) + params.depth_offset) * params.depth_scale
    if params.depth_offset == 0:
        depth_m[depth == 0] = 0
    fit = ImageFit(stored.size, size, 0, 0, size)
    return Frame(
        0,
        stored.resized(size),
        None,
        np.ascontiguousarray(fit_color(rgb, fit)),
        np.ascontiguousarray(resize_nearest(depth_m, size), np.float32),
        np.ascontiguousarray(resize_nearest(labels, size)),
    )


def _moved(mesh: Mesh, pose: Pose) -> Mesh:
    return replace(mesh, vertices_m=pose.apply(mesh.vertices_m).astype(np.float32))
