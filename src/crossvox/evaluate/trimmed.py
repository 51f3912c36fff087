"""A made surface cut back to what the cameras look at: drawn from every pose, and fused again.

So Atlas and NeuralRecon prepare a mesh before they measure it (see ``crossvox.evaluate.rules``):
what no camera looks at, or sees only behind something else, is not measured, and all surfaces get
vertices of one density.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh
from crossvox.doors import zbuffer
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

View = tuple[Intrinsics, Pose]

WIDTH_PX = 640
"""Images are drawn no wider than this, at the shape of the frame's own."""

_FUSION = partial(TsdfParams, voxel_m=0.04, truncation_voxels=3.0)


def trimmed(mesh: Mesh, views: Sequence[View], far_m: float) -> Mesh:
    """The mesh as the cameras see it.

    Args:
        mesh: the surface, in the world of the poses.
        views: camera and pose of every frame.
        far_m: depth beyond this is left out, metres.

    Returns:
        Its depth images fused with voxels of 4 cm and a truncation of three; empty if no camera
        sees any of it.
    """
    return fuse(
        (_drawn(number, mesh, camera, pose) for number, (camera, pose) in enumerate(views)),
        _FUSION(far_m=far_m),
    ).mesh()


def _drawn(number: int, mesh: Mesh, camera: Intrinsics, pose: Pose) -> Frame:
    """The depth image that a camera has of a mesh."""
    if camera.width > WIDTH_PX:
        height = max(round(camera.height * WIDTH_PX / camera.width), 1)
        camera = camera.resized((WIDTH_PX, height))
    depth_m = zbuffer.view(mesh.vertices_m, mesh.faces, camera, pose).depth()
    depth_m[~np.isfinite(depth_m)] = 0
    return Frame(number, camera, pose, depth_m=depth_m)
