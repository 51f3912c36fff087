"""The same fusion by Open3D's VoxelBlockGrid, on the processor.

Open3D takes the pixel whose unit square holds a projection; its principal point is moved by half a
pixel, so that this is the nearest pixel centre, as here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from crossvox.core.frame import Frame
from crossvox.core.labels import NYU40_NAMES
from crossvox.core.volume import Mesh
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.votes import VOTE_VOXELS

BLOCKS = 10_000
"""Blocks that the grid has room for: Open3D's default. It never holds less."""


def fuse_theirs(o3d: Any, frames: list[Frame], params: TsdfParams, votes: bool = False) -> Any:
    """Fuse frames by Open3D, with what they have.

    Classes are a further attribute with one count each, integrated as Open3D's documentation says
    that one's own attributes are: by indices of voxels, with tensors.
    """
    core = o3d.core
    names, kinds, channels = ["tsdf", "weight"], [core.float32] * 2, [(1), (1)]
    if frames[0].rgb is not None:
        names, kinds, channels = [*names, "color"], [*kinds, core.float32], [*channels, (3)]
    if votes:
        # The smallest type that there is: it would overflow after 255 frames.
        names, kinds = [*names, "votes"], [*kinds, core.uint8]
        channels = [*channels, (len(NYU40_NAMES))]
    grid = o3d.t.geometry.VoxelBlockGrid(
        tuple(names), tuple(kinds), tuple(channels), params.voxel_m, 8, BLOCKS, core.Device("CPU:0")
    )
    limits = (1.0, params.far_m, float(params.truncation_voxels))
    for frame in frames:
        assert frame.pose is not None
        matrix = frame.camera.matrix
        matrix[:2, 2] += 0.5
        camera, pose = core.Tensor(matrix), core.Tensor(frame.pose.camera_from_world)
        depth = o3d.t.geometry.Image(frame.depth_m)
        blocks = grid.compute_unique_block_coordinates(depth, camera, pose, *limits)
        if frame.rgb is None:
            grid.integrate(blocks, depth, camera, pose, *limits)
        else:
            color = o3d.t.geometry.Image(frame.rgb.astype(np.float32))
            grid.integrate(blocks, depth, color, camera, pose, *limits)
        if votes:
            _vote(o3d, grid, blocks, depth, frame, camera, pose, params)
    return grid


def _vote(
    o3d: Any,
    grid: Any,
    blocks: Any,
    depth: Any,
    frame: Frame,
    camera: Any,
    pose: Any,
    params: TsdfParams,
) -> None:
    core = o3d.core
    assert frame.labels is not None
    where, _ = grid.hashmap().find(blocks)
    points, voxels = grid.voxel_coordinates_and_flattened_indices(where)
    camera, pose = camera.to(core.float32), pose.to(core.float32)
    seen = camera @ (pose[:3, :3] @ points.T() + pose[:3, 3:])
    z = seen[2]
    u, v = (seen[0] / z).floor().to(core.int64), (seen[1] / z).floor().to(core.int64)
    height, width = frame.labels.shape
    inside = (z > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
    u, v, z, voxels = u[inside], v[inside], z[inside], voxels[inside]
    readings = depth.as_tensor()[v, u].flatten()
    labels = core.Tensor(frame.labels)[v, u]
    near = (readings > 0) & (readings <= params.far_m) & (labels > 0)
    near = near & ((readings - z).abs() < VOTE_VOXELS * params.voxel_m)
    counts = grid.attribute("votes").reshape((-1,))
    chosen = voxels[near] * len(NYU40_NAMES) + labels[near].to(core.int64)
    # No voxel comes twice.
    counts[chosen] = counts[chosen] + 1


def mesh_theirs(grid: Any) -> Mesh:
    """The mesh of a grid."""
    # Open3D draws cells whose corners have more than this weight.
    mesh = grid.extract_triangle_mesh(0.5)
    return Mesh(
        np.array(mesh.vertex.positions.numpy(), dtype=np.float32),
        np.array(mesh.triangle.indices.numpy(), dtype=np.int32),
    )


def bytes_theirs(grid: Any, names: tuple[str, ...]) -> tuple[int, int]:
    """Bytes of a grid's attributes: of all its room, and of the blocks in use."""
    total = sum(grid.attribute(name).numpy().nbytes for name in names)
    return total, total * int(grid.hashmap().size()) // int(grid.hashmap().capacity())


def votes_theirs(grid: Any) -> int:
    """Votes counted in all voxels."""
    return int(grid.attribute("votes").numpy().sum(dtype=np.int64))
