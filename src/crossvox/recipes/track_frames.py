"""How frames are tracked: each against the last one that was, as long as their depth agrees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.capture.stored import StoredCapture
from crossvox.capture.trajectory import TRACKED
from crossvox.core.camera import Intrinsics, project, unproject
from crossvox.core.checks import CaptureError, CrossvoxError, ParamsError, expect
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.doors.images import write_bytes
from crossvox.doors.odometry import FAR_M, Odometry
from crossvox.flow.folder import expect_writable
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.track import TrackParams, TrackReport

Array = NDArray[np.float64]

NEAR_M = 0.05
"""Depth of two frames agrees within this."""

LEAST = 200
"""Pixels that two frames must have in common, of those that are looked at."""

STEP = 4
"""Every n-th pixel of both directions is looked at."""


class Tracker(Protocol):
    """What :class:`crossvox.doors.odometry.Odometry` does."""

    version: str

    def image(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> Any:
        """What ``between`` takes."""

    def between(self, first: Any, second: Any, start: Array) -> Array | None:
        """First from second."""


@dataclass(frozen=True, eq=False)
class _Tracked:
    """A frame that has a pose."""

    frame: Frame
    image: Any
    pose: Array


def track_capture(
    source: Path,
    out: Path,
    params: TrackParams,
    how: CaptureParams,
    progress: Progress | None,
    tracker: Callable[[Intrinsics], Tracker] = Odometry,
) -> TrackReport:
    """See :func:`crossvox.recipes.track.track`."""
    _expect_own(out)
    # As stored: a trajectory is about the images before they are brought upright.
    capture = open_capture(source, params=replace(how, upright=False, trajectory=None))
    camera = capture.camera()
    height = max(1, round(camera.height * params.width / camera.width))
    small = capture.camera((params.width, height))
    tool = tracker(small)
    report = (progress or Silent()).step(f"{capture.name}: track")
    poses = _poses(capture, small, tool, params, report)
    expect(
        len(poses) > 1,
        given=f"{capture.name}: {len(capture)} frames, none that fits the one before it",
        needed="frames with depth that follow each other closely",
        do="look at it with: crossvox info; frames that were thinned out cannot be tracked",
        error=CaptureError,
    )
    write_bytes(out, _text(capture, poses, tool.version).encode())
    lost = tuple(n for index, n in enumerate(capture.frame_ids) if index not in poses)
    eyes = np.array([pose[:3, 3] for _, pose in sorted(poses.items())])
    length = float(np.linalg.norm(np.diff(eyes, axis=0), axis=1).sum())
    return TrackReport(out, len(capture), len(poses), lost, length)


def _poses(
    capture: Capture,
    camera: Intrinsics,
    tool: Tracker,
    params: TrackParams,
    report: Callable[[int, int], None],
) -> dict[int, Array]:
    """Poses by position of the frame; what is not there is lost."""
    found: dict[int, Array] = {}
    last: _Tracked | None = None
    motion = np.eye(4)
    for index in range(len(capture)):
        report(index + 1, len(capture))
        if last is not None and index - max(found) > params.patience:
            break  # nothing tells any more where the camera is
        try:
            frame = capture.frame(index, camera.size, Parts(labels=False))
        except CrossvoxError:
            continue
        assert frame.rgb is not None
        assert frame.depth_m is not None
        image = tool.image(frame.rgb, frame.depth_m)
        if last is None:
            if np.count_nonzero(frame.depth_m) > LEAST * STEP**2:
                last = _Tracked(frame, image, np.eye(4))
                found[index] = last.pose
            continue
        step = _step(tool, last, frame, image, motion, params.agree)
        if step is None:
            motion = np.eye(4)
            continue
        motion = step
        last = _Tracked(frame, image, last.pose @ step)
        found[index] = last.pose
    return found


def _step(
    tool: Tracker, last: _Tracked, frame: Frame, image: Any, motion: Array, least: float
) -> Array | None:
    """Last from this frame, of two guesses the one whose depth agrees better; None: neither."""
    best, share = None, least
    for start in (motion, np.eye(4)):
        step = tool.between(last.image, image, start)
        agreed = 0.0 if step is None else agreement(last.frame, frame, step)
        if agreed >= share:
            best, share = step, agreed
        if share > 0.9 and best is not None:
            break
    return best


def agreement(first: Frame, second: Frame, first_from_second: Array) -> float:
    """Share of the second frame's points that lie where the first one's depth is.

    Points that the first frame does not see, or has no depth for, do not count; 0 where fewer than
    :data:`LEAST` are left.
    """
    assert first.depth_m is not None
    assert second.depth_m is not None
    points = unproject(second.depth_m, second.camera)[::STEP, ::STEP].reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1) & (points[:, 2] > 0) & (points[:, 2] < FAR_M)]
    seen = project(points @ first_from_second[:3, :3].T + first_from_second[:3, 3], first.camera)
    seen = seen[np.isfinite(seen).all(axis=1)]
    at = np.rint(seen[:, :2]).astype(np.int64)
    inside = ((at >= 0) & (at < first.camera.size)).all(axis=1)
    depth = first.depth_m[at[inside, 1], at[inside, 0]]
    near = np.abs(seen[inside, 2] - depth)[depth > 0] < NEAR_M
    return float(near.mean()) if near.size >= LEAST else 0.0


def _text(capture: Capture, poses: dict[int, Array], version: str) -> str:
    """Lines ``time tx ty tz qx qy qz qw``; frame numbers where the capture tells no time."""
    from scipy.spatial.transform import Rotation

    times: dict[int, float | None] = dict.fromkeys(poses)
    if isinstance(capture, StoredCapture):
        times = {index: capture.time_s(index) for index in poses}
    timed = all(time is not None for time in times.values())
    lines = [
        f"# {TRACKED}: RGB-D odometry of Open3D {version} from frame to frame; its errors add up",
        f"# {'time' if timed else 'frame'} tx ty tz qx qy qz qw",
    ]
    for index, pose in sorted(poses.items()):
        values = (*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat())
        head = f"{times[index]:.6f}" if timed else str(capture.frame_ids[index])
        lines.append(" ".join((head, *(f"{value:.9f}" for value in values))))
    return "\n".join(lines) + "\n"


def _expect_own(out: Path) -> None:
    """Refuse to replace what is no trajectory of ours, and what cannot be written."""
    own = not out.exists()
    if out.is_file():
        with out.open("rb") as file:
            own = file.read(64).startswith(f"# {TRACKED}:".encode())
    expect(
        own,
        given=f"{out}, which is there and is no file of crossvox track",
        needed="a new file",
        do="pass another name",
        error=ParamsError,
    )
    expect_writable(out)
