"""One walk through a room by formula, to be written in the layout of any device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays, project, unproject
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

ROOM_M = np.array([[-2.0, -1.5, 0.0], [2.0, 1.5, 2.5]])
BOXES_M = np.array(
    [
        [[0.6, -1.3, 0.0], [1.6, -0.4, 0.75]],
        [[-1.8, 0.5, 0.0], [-1.2, 1.4, 1.6]],
        [[0.2, 0.9, 0.0], [1.2, 1.3, 0.45]],
    ]
)
"""Lower and upper corners; the world is level, z up."""

Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""From the level world to one with y up, as ARKit's."""


@dataclass(frozen=True, eq=False)
class Step:
    """One frame of the walk.

    Attributes:
        rgb: ``(H, W, 3)`` at the colour camera's size.
        depth_m: ``(h, w)`` float64 along z at the depth camera's size.
        world_from_camera: ``(4, 4)``, OpenCV axes.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float64]
    world_from_camera: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Walk:
    """Frames, and the cameras of colour and depth, which look the same way."""

    steps: list[Step]
    camera: Intrinsics
    depth_camera: Intrinsics

    def frames(self) -> list[Frame]:
        """The frames as a capture should deliver them at the depth images' size."""
        return [
            Frame(n, self.depth_camera, Pose(s.world_from_camera), depth_m=s.depth_m.astype("f4"))
            for n, s in enumerate(self.steps)
        ]


def walk(
    count: int = 12,
    size: tuple[int, int] = (256, 192),
    depth_size: tuple[int, int] | None = None,
    focal: float = 0.8,
    world: NDArray[np.float64] | None = None,
    roll_deg: float = 0.0,
) -> Walk:
    """Walk around the room, looking outwards.

    Args:
        count: frames.
        size: of colour images; the principal point is off their centre.
        depth_size: of depth images; None: that of colour.
        focal: in image widths.
        world: ``(4, 4)`` from the level world to the one that poses are in.
        roll_deg: by how much the camera is rolled clockwise: at 90 what is up in the room lies on
            the left of the images.
    """
    width, height = size
    camera = Intrinsics(
        focal * width, focal * width, width / 2 + 1.7, height / 2 - 2.3, width, height
    )
    depth_camera = camera.resized(depth_size or size)
    world = np.eye(4) if world is None else world
    steps = []
    for n in range(count):
        angle = 2 * np.pi * n / count
        eye = np.array([-0.3 + 0.35 * np.cos(angle), 0.1 + 0.25 * np.sin(angle), 1.35])
        pose = _look(eye, angle + 0.2, -20.0 + 6 * np.sin(3 * angle), roll_deg)
        steps.append(Step(_paint(camera, pose), _depth(depth_camera, pose), world @ pose))
    return Walk(steps, camera, depth_camera)


def _look(eye: NDArray, heading: float, pitch_deg: float, roll_deg: float) -> NDArray:
    pitch, roll = np.deg2rad([pitch_deg, roll_deg])
    forward = np.array(
        [np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), np.sin(pitch)]
    )
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    pose[:3, 3] = eye
    return pose


def _hit(camera: Intrinsics, pose: NDArray) -> tuple[NDArray, NDArray]:
    """Depth along z of all pixels, and the points, ``(H, W)`` and ``(H, W, 3)``."""
    rays = pixel_rays(camera) @ pose[:3, :3].T
    eye = pose[:3, 3]
    with np.errstate(divide="ignore"):
        depth = np.max((ROOM_M[:, None, None] - eye) / rays, axis=0).min(axis=-1)
        for box in BOXES_M:
            ends = (box[:, None, None] - eye) / rays
            near, far = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
            depth = np.where((near < far) & (near > 0), np.minimum(depth, near), depth)
    return depth, eye + depth[..., None] * rays


def _depth(camera: Intrinsics, pose: NDArray) -> NDArray[np.float64]:
    return _hit(camera, pose)[0]


def _paint(camera: Intrinsics, pose: NDArray) -> NDArray[np.uint8]:
    """Smooth stripes in the room's coordinates, so that codecs change them little."""
    _, points = _hit(camera, pose)
    return (127.5 + 100 * np.sin(2.2 * points + np.array([0, 1, 2]))).astype(np.uint8)


@pytest.fixture(scope="session")
def make_walk() -> Callable[..., Walk]:
    """:func:`walk`."""
    return walk


@pytest.fixture(scope="session")
def level_to_y_up() -> NDArray[np.float64]:
    """:data:`Y_UP`."""
    return Y_UP


@pytest.fixture(scope="session")
def write_video() -> Callable[..., None]:
    """Writes images ``(H, W, 3)`` as an H.264 video, of the kind that the path's ending says."""

    def write(path: Path, images: Iterable[NDArray[np.uint8]]) -> None:
        av = pytest.importorskip("av")
        options = {"x264-params": "keyint=5:crf=8:log-level=none"}
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=60, options=options)
            for image in images:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                if not stream.is_open:
                    stream.width, stream.height, stream.pix_fmt = *image.shape[1::-1], "yuv420p"
                container.mux(stream.encode(frame))
            container.mux(stream.encode())

    return write


@pytest.fixture
def surface_f(record_property: Callable[[str, object], None]) -> Callable[[Capture, Walk], float]:
    """F-score at 2 cm of a capture's fused depth against that of the walk's own frames.

    ``pytest --junitxml FILE`` lists them beside the tests.
    """

    def score(capture: Capture, walked: Walk) -> float:
        params = TsdfParams(voxel_m=0.03)
        size = walked.depth_camera.size
        sizes = (size, size[::-1])  # images may have been brought upright
        upright = (capture.camera().width > capture.camera().height) == (size[0] > size[1])
        wanted = sizes[0] if upright else sizes[1]
        parts = Parts(rgb=False, labels=False)
        frames = [
            capture.frame(i, wanted, parts)
            for i in range(len(capture))
            if capture.pose(i) is not None
        ]
        found, truth = (fuse(iter(some), params).mesh() for some in (frames, walked.frames()))
        value = float(f_at(found.vertices_m, truth.vertices_m, 0.02))
        record_property(f"F at 2 cm, {capture.info().format}", value)
        return value

    return score


def f_at(found: NDArray, truth: NDArray, threshold_m: float) -> float:
    """Share of points of each that have one of the other within a distance, harmonic mean."""
    from scipy.spatial import cKDTree

    precision = (cKDTree(truth).query(found)[0] < threshold_m).mean()
    recall = (cKDTree(found).query(truth)[0] < threshold_m).mean()
    return 2 * precision * recall / max(precision + recall, 1e-9)


@pytest.fixture(scope="session")
def residual_mm() -> Callable[[Capture, int, int], float]:
    """:func:`median_residual_mm`."""
    return median_residual_mm


def median_residual_mm(capture: Capture, first: int, second: int) -> float:
    """Median |z - depth| of one frame's points, seen from another frame, mm."""
    one, other = (capture.frame(n, parts=Parts(rgb=False, labels=False)) for n in (first, second))
    assert one.pose is not None
    assert other.pose is not None
    assert one.depth_m is not None
    assert other.depth_m is not None
    points = one.pose.apply(unproject(one.depth_m, one.camera))
    seen = project(other.pose.inverse().apply(points[np.isfinite(points[..., 2])]), other.camera)
    seen = seen[np.isfinite(seen[:, 0])]
    at = np.rint(seen[:, :2]).astype(int)
    inside = ((at >= 0) & (at < other.camera.size)).all(axis=1)
    depth = other.depth_m[at[inside, 1], at[inside, 0]]
    difference = np.abs(seen[inside, 2] - depth)[depth > 0]
    assert difference.size > 1000
    return 1000 * float(np.median(difference))
