"""The two sets of rules that reconstruction is measured by.

``surface`` (default): points are spread over both surfaces by area, one a square centimetre, then
thinned to 2 cm cells. How finely a mesh is cut into triangles makes no difference. Depth is
rendered at the size and with the exact camera of the prepared frames.

``thesis``: the *vertices* of both meshes, thinned to 2 cm cells; a mesh with large triangles counts
for less than one with small ones. Depth is rendered at 328x256 with the camera that the published
pipeline used there (its crop is treated as a scale). Kept for comparison with its numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.core.frame import Capture, Parts, fit_nearest
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh, Score
from crossvox.doors.raycast import Raycaster
from crossvox.metrics import (
    DepthErrors,
    added_depth,
    depth_errors,
    depth_scores,
    surface_distances,
    surface_errors,
    surface_scores,
    voxel_downsample,
)

Protocol = Literal["surface", "thesis"]
PROTOCOLS: tuple[Protocol, ...] = ("surface", "thesis")

SPACING_M = 0.01
"""Distance between sampled points: one point a square of this edge."""

MOST_POINTS = 4_000_000
"""Sampling gets coarser, never larger, beyond this many points a surface (400 m^2 at 1 cm)."""

THESIS_SIZE: Size = (328, 256)
"""Size of the published pipeline's depth renderings."""

_SEED = 20210901
_DEPTH_ONLY = Parts(rgb=False, depth=True, labels=False)


def check_protocol(protocol: str) -> Protocol:
    """The protocol of this name.

    Raises:
        ParamsError: there is none.
    """
    for known in PROTOCOLS:
        if known == protocol:
            return known
    raise ParamsError(
        f"given: protocol {protocol!r}; needed: one of {', '.join(PROTOCOLS)}; "
        f"do: pass --protocol surface, or thesis to compare with published numbers"
    )


def sample_surface(
    mesh: Mesh, spacing_m: float = SPACING_M, most: int = MOST_POINTS
) -> NDArray[np.float64]:
    """Spread points evenly over a mesh, by area. The same mesh always gives the same points.

    Area is walked in file order in steps of equal size (one jittered point a step), so that every
    triangle gets its share to within one point. Inside a triangle the points follow Roberts' R2
    sequence, shifted at random for each triangle, folded from the unit square.

    Args:
        mesh: the surface; triangles without area get no points.
        spacing_m: one point a ``spacing_m ** 2`` of area.
        most: upper limit of points; a larger surface is sampled more coarsely.

    Returns:
        ``(N, 3)`` float64 metres, ``N = min(ceil(area / spacing_m^2), most)``; empty for a mesh
        without area.
    """
    expect(
        spacing_m > 0 and most > 0,
        given=f"a spacing of {spacing_m} m and at most {most} points",
        needed="positive numbers",
        do="pass a spacing such as 0.01",
        error=ParamsError,
    )
    corners = mesh.vertices_m.astype(np.float64)[mesh.faces]
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(edge_1, edge_2), axis=-1)
    upto = np.cumsum(area)
    total = float(upto[-1]) if len(upto) else 0.0
    if total <= 0:
        return np.zeros((0, 3))
    count = min(int(np.ceil(total / spacing_m**2)), most)
    random = np.random.default_rng(_SEED)
    at = (np.arange(count) + random.random(count)) * (total / count)
    # side="right" skips triangles without area; rounding must not step behind the last one.
    face = np.minimum(np.searchsorted(upto, at, side="right"), int(np.flatnonzero(area)[-1]))
    nth = np.arange(count) - np.searchsorted(face, face, side="left")
    shift = random.random((len(area), 2))[face]
    a, b = ((nth[:, None] * (0.7548776662466927, 0.5698402909980532) + shift) % 1.0).T
    fold = a + b > 1
    a, b = np.where(fold, 1 - a, a), np.where(fold, 1 - b, b)
    return np.asarray(corners[face, 0] + a[:, None] * edge_1[face] + b[:, None] * edge_2[face])


def surface_points(mesh: Mesh, protocol: Protocol) -> NDArray[np.float64]:
    """The points by which a protocol measures a mesh, thinned to 2 cm cells, ``(N, 3)`` metres."""
    points = mesh.vertices_m if check_protocol(protocol) == "thesis" else sample_surface(mesh)
    return voxel_downsample(points)


def score_meshes(predicted: Mesh, reference: Mesh, protocol: Protocol = "surface") -> list[Score]:
    """3D scores of one mesh against another: Acc, Comp, Prec, Recall, F-score.

    Neither mesh is cropped: surface that the reference has and no frame saw lowers the recall of
    every method alike.

    Raises:
        ShapeError: the reference has no surface. (An empty prediction is scored, see
            ``crossvox.metrics.surface_errors``.)
    """
    distances = surface_distances(
        surface_points(predicted, protocol), surface_points(reference, protocol)
    )
    return surface_scores(surface_errors(distances), protocol, distances)


@dataclass(frozen=True)
class DepthEvaluation:
    """Depth errors of one scene.

    Attributes:
        frame_ids: frames with a valid pose, in order.
        errors: one a frame.
        lost: frames without a valid pose, which are not measured.
        scores: means over the frames.
    """

    frame_ids: tuple[int, ...]
    errors: tuple[DepthErrors, ...]
    lost: int
    scores: tuple[Score, ...]


def depth_camera(camera: Intrinsics, protocol: Protocol) -> tuple[ImageFit, Intrinsics]:
    """How a protocol fits a sensor depth image, and the camera it renders the mesh with."""
    if check_protocol(protocol) == "thesis":
        fit = ImageFit.centre_crop(camera.size, THESIS_SIZE)
        return fit, fit.thesis_camera(camera)
    return ImageFit(camera.size, camera.size, 0, 0, camera.size), camera


def score_depth(
    mesh: Mesh,
    capture: Capture,
    protocol: Protocol = "surface",
    progress: Callable[[int, int], None] | None = None,
) -> DepthEvaluation:
    """Render a mesh at every frame with a valid pose and compare with the sensor's depth.

    Args:
        mesh: the predicted surface, in the world of the capture's poses.
        capture: delivers depth and poses.
        protocol: decides image size and camera, see :func:`depth_camera`.
        progress: called with (done, total) after each frame.

    Raises:
        CaptureError: no frame has a valid pose, or a frame cannot be read.
    """
    fit, camera = depth_camera(capture.camera(), protocol)
    posed: list[tuple[int, Pose]] = []
    for index in range(len(capture)):
        pose = capture.pose(index)
        if pose is not None:
            posed.append((index, pose))
    expect(
        len(posed) > 0,
        given=f"{capture.name}, {len(capture)} frames of which none has a valid pose",
        needed="at least one frame whose camera position is known",
        do="check the capture's poses",
        error=CaptureError,
    )
    caster = Raycaster(mesh)

    def compare(reference_m: NDArray[Any], pose: Pose) -> tuple[DepthErrors, dict[str, float]]:
        rendered_m = caster.depth(camera, pose)
        return depth_errors(rendered_m, reference_m), added_depth(rendered_m, reference_m)

    found: list[tuple[DepthErrors, dict[str, float]]] = []
    workers = threads()
    pending: deque[Future[tuple[DepthErrors, dict[str, float]]]] = deque()
    # Frames are read here, one by one, for a reader need not be safe to share between threads; a
    # few are in flight at a time, so that memory does not grow with the capture.
    with ThreadPoolExecutor(workers) as pool:

        def collect() -> None:
            found.append(pending.popleft().result())
            if progress is not None:
                progress(len(found), len(posed))

        for index, pose in posed:
            depth_m = capture.frame(index, parts=_DEPTH_ONLY).depth_m
            if depth_m is None:
                raise CaptureError(
                    f"given: frame {capture.frame_ids[index]} of {capture.name} without depth; "
                    f"needed: sensor depth to compare with; do: evaluate on RGB-D captures"
                )
            pending.append(pool.submit(compare, fit_nearest(depth_m, fit), pose))
            if len(pending) > 2 * workers:
                collect()
        while pending:
            collect()
    errors = tuple(one for one, _ in found)
    return DepthEvaluation(
        frame_ids=tuple(capture.frame_ids[index] for index, _ in posed),
        errors=errors,
        lost=len(capture) - len(posed),
        scores=tuple(depth_scores(errors, protocol, [more for _, more in found])),
    )
