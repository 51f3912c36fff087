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
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.core.frame import Capture, Frame, Parts, fit_nearest
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh, Score
from crossvox.doors.raycast import Raycaster
from crossvox.evaluate.sampling import expect_size, sample_surface
from crossvox.evaluate.seen_free import SeenFree
from crossvox.metrics import (
    DepthErrors,
    FusedDistances,
    added_depth,
    depth_errors,
    depth_scores,
    fusion_scores,
    surface_errors,
    surface_scores,
    voxel_downsample,
)
from crossvox.metrics.nearest import PointSet
from crossvox.metrics.surfaces import distances_between, expect_reference

Protocol = Literal["surface", "thesis"]
PROTOCOLS: tuple[Protocol, ...] = ("surface", "thesis")

THESIS_SIZE: Size = (328, 256)
"""Size of the published pipeline's depth renderings."""

DEPTH_ONLY = Parts(rgb=False, depth=True, labels=False)


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


def surface_points(mesh: Mesh, protocol: Protocol) -> NDArray[np.float64]:
    """The points by which a protocol measures a mesh, thinned to 2 cm cells, ``(N, 3)`` metres.

    Raises:
        ParamsError: the mesh is too large for a room.
    """
    thesis = check_protocol(protocol) == "thesis"
    # Only what is measured counts: of protocol surface no vertex without a face.
    expect_size(mesh, vertices=thesis)
    return voxel_downsample(mesh.vertices_m if thesis else sample_surface(mesh))


def score_meshes(predicted: Mesh, reference: Mesh, protocol: Protocol = "surface") -> list[Score]:
    """3D scores of one mesh against another: Acc, Comp, Prec, Recall, F-score; the latter at 2 cm.

    Neither mesh is cropped: surface that the reference has and no frame saw lowers the recall of
    every method alike.

    Raises:
        ParamsError: a mesh is too large for a room.
        ShapeError: the reference has no surface. (An empty prediction is scored, see
            ``crossvox.metrics.surface_errors``.)
    """
    return score_surfaces({"": predicted}, reference, protocol)[""]


def score_surfaces(
    predicted: Mapping[str, Mesh],
    reference: Mesh,
    protocol: Protocol = "surface",
    *,
    fused: Mesh | None = None,
    frames: Iterable[Frame] | None = None,
) -> dict[str, list[Score]]:
    """3D scores of several meshes against one, by name; see :func:`score_meshes`.

    The reference is sampled and made ready once, and each frame is read once.

    Args:
        predicted: the meshes; one of them may be ``fused`` itself.
        reference: what they are measured against.
        protocol: how points are taken from surfaces.
        fused: TSDF fusion of the frames that they were made from: measured and unmeasured surface
            are scored apart (see :func:`crossvox.metrics.fusion_scores`).
        frames: these frames, with pose and depth: how much stands in space that they saw to be free
            is scored as well.

    Raises:
        ParamsError: a mesh is too large for a room.
        ShapeError: the reference has no surface.
    """
    found = compare_surfaces(predicted, reference, protocol, fused)
    scores = {name: one.scores for name, one in found.items()}
    if frames is not None:
        free = SeenFree({name: one.points_m for name, one in found.items()})
        for frame in frames:
            free.add(frame)
        for name, one in found.items():
            scores[name] += free.scores(name, one.unmeasured, protocol)
    return scores


@dataclass(frozen=True, eq=False)
class Compared:
    """One surface beside the reference.

    Attributes:
        points_m: ``(N, 3)`` points that it was measured by.
        unmeasured: ``(N,)`` which of them fusion does not reach; None: there is no fusion.
        scores: what came of it.
    """

    points_m: NDArray[np.float64]
    unmeasured: NDArray[np.bool_] | None
    scores: list[Score]


def compare_surfaces(
    predicted: Mapping[str, Mesh],
    reference: Mesh | PointSet,
    protocol: Protocol,
    fused: Mesh | None = None,
) -> dict[str, Compared]:
    """:func:`score_surfaces` without the frames, and the points that were compared.

    Of a reference that several calls compare with, its points may be given.
    """
    own = next((name for name, mesh in predicted.items() if mesh is fused), None)
    meshes: list[tuple[str | None, Mesh]] = [*predicted.items()]
    if fused is not None and own is None:
        meshes.append((None, fused))
    with ThreadPoolExecutor(threads()) as pool:
        pending = pool.map(lambda one: surface_points(one[1], protocol), meshes)
        against = reference
        if isinstance(against, Mesh):
            against = PointSet(surface_points(against, protocol))
        expect_reference(against.points)
        sets, distances = {}, {}
        for (name, _), points in zip(meshes, pending, strict=True):
            sets[name] = PointSet(points)
            distances[name] = distances_between(sets[name], against)
    found = {}
    for key in predicted:
        scores = surface_scores(surface_errors(distances[key]), protocol, distances[key])
        unmeasured = None
        if fused is not None:
            points_m = sets[key]
            near_m = np.zeros(len(points_m)) if key == own else points_m.distances_to(sets[own])
            beside = FusedDistances(near_m, distances[own].to_predicted_m)
            scores += fusion_scores(distances[key], beside, protocol)
            unmeasured = beside.unmeasured
        found[key] = Compared(sets[key].points, unmeasured, scores)
    return found


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
    return score_depths({"": mesh}, capture, protocol, progress)[""]


def score_depths(
    meshes: Mapping[str, Mesh],
    capture: Capture,
    protocol: Protocol = "surface",
    progress: Callable[[int, int], None] | None = None,
    *,
    watch: Callable[[Frame], None] | None = None,
) -> dict[str, DepthEvaluation]:
    """The same for several surfaces of one scene, by name: each frame is read once for all.

    ``watch`` is called with each of these frames, depth alone, as it is read.
    """
    fit, camera = depth_camera(capture.camera(), protocol)
    posed = _posed(capture)
    casters = [Raycaster(mesh) for mesh in meshes.values()]

    def compare(
        caster: Raycaster, reference_m: NDArray[Any], pose: Pose
    ) -> tuple[DepthErrors, dict[str, float]]:
        rendered_m = caster.depth(camera, pose)
        return depth_errors(rendered_m, reference_m), added_depth(rendered_m, reference_m)

    found: list[list[tuple[DepthErrors, dict[str, float]]]] = []
    workers = threads()
    pending: deque[list[Future[tuple[DepthErrors, dict[str, float]]]]] = deque()
    # Frames are read here, one by one, for a reader need not be safe to share between threads; a
    # few are in flight at a time, so that memory does not grow with the capture.
    with ThreadPoolExecutor(workers) as pool:

        def collect() -> None:
            found.append([future.result() for future in pending.popleft()])
            if progress is not None:
                progress(len(found), len(posed))

        for index, pose in posed:
            frame, depth_m = _depth_of(capture, index)
            reference_m = fit_nearest(depth_m, fit)
            pending.append([pool.submit(compare, one, reference_m, pose) for one in casters])
            if watch is not None:
                watch(frame)
            if len(pending) > 2 * workers:
                collect()
        while pending:
            collect()
    frame_ids = tuple(capture.frame_ids[index] for index, _ in posed)
    evaluations = {}
    for name, column in zip(meshes, zip(*found, strict=True), strict=True):
        errors = tuple(one for one, _ in column)
        evaluations[name] = DepthEvaluation(
            frame_ids=frame_ids,
            errors=errors,
            lost=len(capture) - len(posed),
            scores=tuple(depth_scores(errors, protocol, [more for _, more in column])),
        )
    return evaluations


def _posed(capture: Capture) -> list[tuple[int, Pose]]:
    """Number and pose of the frames that have one.

    Raises:
        CaptureError: none has.
    """
    poses = ((index, capture.pose(index)) for index in range(len(capture)))
    posed = [(index, pose) for index, pose in poses if pose is not None]
    expect(
        len(posed) > 0,
        given=f"{capture.name}, {len(capture)} frames of which none has a valid pose",
        needed="at least one frame whose camera position is known",
        do="check the capture's poses",
        error=CaptureError,
    )
    return posed


def _depth_of(capture: Capture, index: int) -> tuple[Frame, NDArray[Any]]:
    """A frame and the sensor's depth of it.

    Raises:
        CaptureError: it has none.
    """
    frame = capture.frame(index, parts=DEPTH_ONLY)
    if frame.depth_m is None:
        raise CaptureError(
            f"given: frame {capture.frame_ids[index]} of {capture.name} without depth; "
            f"needed: sensor depth to compare with; do: evaluate on RGB-D captures"
        )
    return frame, frame.depth_m
