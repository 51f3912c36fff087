"""Images that were stored on their side, brought upright: colour, depth, labels, camera and pose.

Phones store what their sensor reads, in landscape, however they are held. Networks have seen rooms
upright, and so have people.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.stored import StoredCapture
from crossvox.capture.wrapped import WrappedCapture
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts

CLEARLY = 0.75
"""Images are turned if up points this much (cosine, within the image) to one of the other sides."""

SAMPLE = 64
"""Poses that are looked at."""

_TURN_OF_EXIF = {6: 1, 3: 2, 8: 3}

MIRRORED = (2, 4, 5, 7)
"""Orientations of image headers that mirror: no camera sees that way, depth and poses tell not."""

MIRRORED_NOTE = (
    "the headers of the images say that they are mirrored: they are left as stored, as depth and "
    "poses have them"
)
_WORDS = {1: "a quarter turn clockwise", 2: "half a turn", 3: "a quarter turn anticlockwise"}


class TurnedCapture(WrappedCapture):
    """The same frames, every image turned clockwise by a number of quarter turns.

    Args:
        capture: the frames.
        turns: quarter turns clockwise, 1 to 3.
        why: how it is known, for the notes.
    """

    def __init__(self, capture: Capture, turns: int, why: str) -> None:
        super().__init__(capture)
        self._turns, self._why = turns % 4, why
        # The turned camera's axes in the stored one's: x' = x cos + y sin, ...
        angle = np.pi / 2 * self._turns
        stored_from_turned = np.eye(4)
        stored_from_turned[:2, :2] = np.round(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )
        self._stored_from_turned = Pose(stored_from_turned)

    def info(self) -> CaptureInfo:
        """As before, with a note."""
        info = self._capture.info()
        note = f"images are turned by {_WORDS[self._turns]}: {self._why}"
        return replace(info, notes=(*info.notes, note))

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The camera of the turned images; ``size`` is theirs."""
        return turned_camera(self._capture.camera(self._stored_size(size)), self._turns)

    def pose(self, index: int) -> Pose | None:
        """Pose of the turned camera."""
        return self._turned(self._capture.pose(index))

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """The turned images."""
        stored_size = self._stored_size(size)
        if parts.rgb and parts.stored:  # a stored JPEG would not be turned
            rest = self._capture.frame(index, stored_size, replace(parts, rgb=False))
            color = self._capture.frame(index, stored_size, Parts(depth=False, labels=False))
            frame = replace(rest, rgb=color.rgb)
        else:
            frame = self._capture.frame(index, stored_size, parts)
        stored = None if frame.stored is None else replace(frame.stored, color=None, pose=None)
        return Frame(
            id=frame.id,
            camera=turned_camera(frame.camera, self._turns),
            pose=self._turned(frame.pose),
            rgb=self._image(frame.rgb),
            depth_m=self._image(frame.depth_m),
            labels=self._image(frame.labels),
            stored=stored,
        )

    def _image(self, image: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if image is None else np.ascontiguousarray(np.rot90(image, -self._turns))

    def _turned(self, pose: Pose | None) -> Pose | None:
        return None if pose is None else pose @ self._stored_from_turned

    def _stored_size(self, size: Size | None) -> Size | None:
        return size if size is None or self._turns == 2 else (size[1], size[0])


def turned_camera(camera: Intrinsics, turns: int) -> Intrinsics:
    """The camera of an image that is turned clockwise by ``turns`` quarters.

    A quarter turn brings pixel ``(u, v)`` to ``(H - 1 - v, u)``.
    """
    for _ in range(turns % 4):
        camera = Intrinsics(
            fx=camera.fy,
            fy=camera.fx,
            cx=camera.height - 1 - camera.cy,
            cy=camera.cx,
            width=camera.height,
            height=camera.width,
        )
    return camera


def upright(capture: Capture, orientation: int = 1) -> Capture:
    """The capture with its images upright, or itself where they are or nothing is known.

    Args:
        capture: what to look at; ``info().up`` and the poses tell how the camera was held.
        orientation: how the images' own headers say they are to be shown, 1 to 8 (EXIF); counts
            where the world's up is not known. Those that mirror are left alone.
    """
    up = capture.up if isinstance(capture, StoredCapture) else capture.info().up
    if up is None:
        turns = _TURN_OF_EXIF.get(orientation, 0)
        return TurnedCapture(capture, turns, "their headers say so") if turns else capture
    turns = turns_to_upright(capture, up)
    why = "the device was held that way, as gravity tells"
    return TurnedCapture(capture, turns, why) if turns else capture


def turns_to_upright(capture: Capture, up: tuple[float, float, float]) -> int:
    """Quarter turns clockwise that bring the world's up to the top of most images."""
    positions = np.unique(np.linspace(0, len(capture) - 1, SAMPLE).round().astype(int))
    poses = [pose for i in positions.tolist() if (pose := _pose(capture, i)) is not None]
    if not poses:
        return 0
    in_camera = np.array([pose.world_from_camera[:3, :3].T @ np.asarray(up) for pose in poses])
    right, down = in_camera[:, :2].mean(axis=0)
    length = float(np.hypot(right, down))
    # Where up points: top, left, bottom, right; each needs one quarter turn more than the last.
    sides = np.array([-down, -right, down, right]) / max(length, 1e-9)
    best = int(np.argmax(sides))
    return best if length > 0.2 and sides[best] >= CLEARLY else 0


def _pose(capture: Capture, index: int) -> Pose | None:
    """None also for a pose that cannot be read: that is one broken frame, and told as such."""
    try:
        return capture.pose(index)
    except (CaptureError, PoseError):
        return None
