"""A capture seen from another world frame, for example one that is levelled."""

from __future__ import annotations

from dataclasses import replace

from crossvox.capture.wrapped import WrappedCapture
from crossvox.core.camera import Pose, Size
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts


class MovedCapture(WrappedCapture):
    """The same frames with every pose moved by one rigid transform.

    Surfaces that come with the capture are in its old world frame and are therefore dropped.

    Args:
        capture: the frames.
        new_from_old: transform from the capture's world frame to the new one.
        name: another scene name, or None to keep it.
    """

    def __init__(self, capture: Capture, new_from_old: Pose, name: str | None = None) -> None:
        super().__init__(capture)
        self._new_from_old = new_from_old
        self._name = name or capture.name

    @property
    def name(self) -> str:
        """Scene name."""
        return self._name

    def info(self) -> CaptureInfo:
        """As before, without surfaces."""
        info = self._capture.info()
        if info.up is not None:
            turned = self._new_from_old.world_from_camera[:3, :3] @ info.up
            info = replace(info, up=tuple(turned.tolist()))
        return replace(info, mesh=None, labelled_mesh=None, complete_mesh=None, true_objects=None)

    def pose(self, index: int) -> Pose | None:
        """The moved pose, or None where tracking was lost."""
        pose = self._capture.pose(index)
        return None if pose is None else self._new_from_old @ pose

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """The same images with the moved pose."""
        frame = self._capture.frame(index, size, parts)
        pose = None if frame.pose is None else self._new_from_old @ frame.pose
        stored = None if frame.stored is None else replace(frame.stored, pose=None)
        return replace(frame, pose=pose, stored=stored)
