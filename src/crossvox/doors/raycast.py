"""Ray casting against triangle meshes (Embree). Releases the interpreter lock: use threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.volume import Mesh
from crossvox.doors.embree import EmbreePackets, library, tiled, turned


@lru_cache(maxsize=8)
def _rays(camera: Intrinsics) -> NDArray[np.float32]:
    """Rays of one camera, row-major, ``(H * W, 3)``; made once for all frames."""
    rays = pixel_rays(camera).reshape(-1, 3).astype(np.float32)
    rays.setflags(write=False)
    return rays


@lru_cache(maxsize=8)
def _tiles(camera: Intrinsics) -> NDArray[np.float32]:
    """The same rays in squares."""
    return tiled(_rays(camera), camera.width)


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
        found = library() if len(mesh.faces) else None
        self._packets = EmbreePackets(found, mesh) if found is not None else None
        self._single = _Single(mesh) if len(mesh.faces) and found is None else None

    def cast(
        self,
        origins_m: NDArray[Any],
        directions: NDArray[Any],
        *,
        coherent: bool = False,
        far: float = np.inf,
    ) -> Hits:
        """First hits of rays ``(R, 3)``, ``(R, 3)``; directions need not be of unit length.

        Args:
            origins_m: one for each ray, or ``(1, 3)`` for all of them.
            directions: of the rays.
            coherent: neighbours take nearly the same way, as those of an image do: quicker. The
                distances are the same; of two faces that meet where a ray hits, it may be the
                other one.
            far: what is farther along a ray, in units of its direction's length, is not hit: the
                sooner a ray may end, the quicker.
        """
        return self._cast(origins_m, directions, 0, coherent, far)

    def _cast(
        self,
        origins_m: NDArray[Any],
        directions: NDArray[Any],
        width: int,
        coherent: bool,
        far: float = np.inf,
    ) -> Hits:
        count = len(directions)
        origins_m = np.ascontiguousarray(origins_m, dtype=np.float32)
        directions = np.ascontiguousarray(directions, dtype=np.float32)
        if self._packets is not None and count:
            found = self._packets.cast(origins_m, directions, width, coherent=coherent, far=far)
            return Hits(*found)
        if self._single is not None and count:
            return self._single.cast(origins_m, directions, far)
        return Hits(
            np.full(count, np.inf, np.float32),
            np.full(count, -1, np.int32),
            np.zeros(count, np.float32),
            np.zeros(count, np.float32),
        )

    def view(self, camera: Intrinsics, pose: Pose, *, coherent: bool = False) -> Hits:
        """Cast a ray through every pixel centre; ``distance`` is the depth z, row-major pixels."""
        rotation = pose.world_from_camera[:3, :3].astype(np.float32)
        # Not a matrix product: BLAS would start threads of its own inside every caller's thread.
        directions = turned(_rays(camera), rotation)
        return self._cast(pose.position_m[None], directions, camera.width, coherent)

    def depth(self, camera: Intrinsics, pose: Pose) -> NDArray[np.float32]:
        """Depth image ``(H, W)`` float32 metres along z, 0 where nothing is hit."""
        if self._packets is not None:
            origin_m = pose.position_m.astype(np.float32)
            rotation = pose.world_from_camera[:3, :3].astype(np.float32)
            squares = self._packets.depth(origin_m, _tiles(camera), rotation, camera.width)
            return np.ascontiguousarray(squares[: camera.height, : camera.width])
        distance = self.view(camera, pose, coherent=True).distance
        distance[np.isinf(distance)] = 0
        return distance.reshape(camera.height, camera.width)


class _Single:
    """A mesh asked for one ray at a time, through embreex itself: the same hits, more slowly."""

    def __init__(self, mesh: Mesh) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        # Said, since older embreex is not robust by itself: rays slip through where faces meet.
        self._scene = EmbreeScene(robust=True)
        self._mesh = TriangleMesh(
            self._scene,
            np.ascontiguousarray(mesh.vertices_m, dtype=np.float32),
            np.ascontiguousarray(mesh.faces, dtype=np.int32),
        )
        self._scene.run(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))

    def cast(self, origins_m: NDArray[Any], directions: NDArray[Any], far: float = np.inf) -> Hits:
        """First hits, as of :meth:`Raycaster.cast`."""
        found: dict[str, NDArray[Any]] = self._scene.run(
            np.ascontiguousarray(np.broadcast_to(origins_m, directions.shape)),
            directions,
            output=1,
        )
        missed = (found["primID"] < 0) | (found["tfar"] > far)
        return Hits(
            np.where(missed, np.inf, found["tfar"]).astype(np.float32),
            np.where(missed, -1, found["primID"]).astype(np.int32),
            np.where(missed, 0, found["u"]).astype(np.float32),
            np.where(missed, 0, found["v"]).astype(np.float32),
        )
