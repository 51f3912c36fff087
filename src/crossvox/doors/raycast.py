"""Ray casting against triangle meshes (Embree). Releases the interpreter lock: use threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.volume import Mesh


@lru_cache(maxsize=8)
def _rays(camera: Intrinsics) -> NDArray[np.float32]:
    """Rays of one camera, row-major, ``(H * W, 3)``; made once for all frames."""
    rays = pixel_rays(camera).reshape(-1, 3).astype(np.float32)
    rays.setflags(write=False)
    return rays


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of R rays.

    Attributes:
        distance: ``(R,)`` float32 along the direction as given (in units of its length), inf if
            nothing was hit.
        face: ``(R,)`` int32 face number, -1 if nothing was hit.
        u, v: ``(R,)`` float32 barycentric weights of the face's second and third corner.
    """

    distance: NDArray[np.float32]
    face: NDArray[np.int32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]


class Raycaster:
    """A mesh, ready for ray queries. One object may serve several threads."""

    def __init__(self, mesh: Mesh) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self._empty = len(mesh.faces) == 0
        if not self._empty:
            # Said, since older embreex is not robust by itself: rays slip through where faces meet.
            self._scene = EmbreeScene(robust=True)
            self._mesh = TriangleMesh(
                self._scene,
                np.ascontiguousarray(mesh.vertices_m, dtype=np.float32),
                np.ascontiguousarray(mesh.faces, dtype=np.int32),
            )
            self._scene.run(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))

    def cast(self, origins_m: NDArray[Any], directions: NDArray[Any]) -> Hits:
        """First hits of rays ``(R, 3)``, ``(R, 3)``; directions need not be of unit length."""
        count = len(origins_m)
        if self._empty or count == 0:
            return Hits(
                np.full(count, np.inf, np.float32),
                np.full(count, -1, np.int32),
                np.zeros(count, np.float32),
                np.zeros(count, np.float32),
            )
        found: dict[str, NDArray[Any]] = self._scene.run(
            np.ascontiguousarray(origins_m, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            output=1,
        )
        missed = found["primID"] < 0
        return Hits(
            np.where(missed, np.inf, found["tfar"]).astype(np.float32),
            found["primID"].astype(np.int32),
            found["u"],
            found["v"],
        )

    def view(self, camera: Intrinsics, pose: Pose) -> Hits:
        """Cast a ray through every pixel centre; ``distance`` is the depth z, row-major pixels."""
        rotation = pose.world_from_camera[:3, :3].astype(np.float32)
        # Not a matrix product: BLAS would start threads of its own inside every caller's thread.
        directions = np.einsum("nc,kc->nk", _rays(camera), rotation)
        origins = np.broadcast_to(pose.position_m, directions.shape)
        return self.cast(origins, directions)

    def depth(self, camera: Intrinsics, pose: Pose) -> NDArray[np.float32]:
        """Depth image ``(H, W)`` float32 metres along z, 0 where nothing is hit."""
        distance = self.view(camera, pose).distance
        depth = np.where(np.isfinite(distance), distance, 0).astype(np.float32)
        return depth.reshape(camera.height, camera.width)
