"""A small box-shaped room with known depth, as a capture, as a source and as a prepared folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose, Size, pixel_rays
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneVolume
from crossvox.samples.source import SceneSource
from crossvox.views.params import ViewParams
from crossvox.views.visibility import scene_views

ROOM_M = np.array([2.0, 1.6, 1.2])
CAMERA = Intrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)
LOST = 4


class RoomCapture:
    """Looks around in an empty box; frame 40 (position 4) has lost its pose."""

    def __init__(self, frames: int = 12) -> None:
        self.name = "box"
        self.frame_ids = tuple(range(0, frames * 10, 10))
        self.decoded: list[int] = []

    def __len__(self) -> int:
        return len(self.frame_ids)

    def info(self) -> CaptureInfo:
        return CaptureInfo("test", CAMERA, CAMERA, "one camera", has_labels=False)

    def camera(self, size: Size | None = None) -> Intrinsics:
        return CAMERA if size is None else CAMERA.resized(size)

    def pose(self, index: int) -> Pose | None:
        if index == LOST:
            return None
        angle = 2 * np.pi * index / len(self)
        forward = np.array([np.cos(angle), np.sin(angle), -0.3 + 0.05 * index])
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0, 0, 1))
        right /= np.linalg.norm(right)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        matrix[:3, 3] = ROOM_M / 2 - 0.3 * forward * (1, 1, 0)
        return Pose(matrix)

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        assert size in (None, CAMERA.size)
        pose = self.pose(index)
        depth, rgb = np.zeros((60, 80), np.float32), np.zeros((60, 80, 3), np.uint8)
        if pose is not None:
            rays = pixel_rays(CAMERA) @ pose.world_from_camera[:3, :3].T
            with np.errstate(divide="ignore"):
                walls = np.where(rays > 0, ROOM_M - pose.position_m, -pose.position_m) / rays
            depth = walls.min(axis=-1).astype(np.float32)
            points = pose.position_m + rays * depth[..., None]
            rgb = np.clip(points / ROOM_M * 255, 0, 255).astype(np.uint8)
        if parts.rgb:
            self.decoded.append(self.frame_ids[index])
        return Frame(
            self.frame_ids[index],
            CAMERA,
            pose,
            rgb if parts.rgb else None,
            depth if parts.depth else None,
        )


def room_volume() -> SceneVolume:
    """Walls, floor and ceiling of the box; the floor is labelled floor, the rest wall or door."""
    grid = VoxelGrid.around(np.array([[0, 0, 0], ROOM_M]), 0.05)
    occupied = np.zeros(grid.shape, dtype=bool)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for axis in range(3):
        for side in (0, -1):
            index = [slice(None)] * 3
            index[axis] = side
            occupied[tuple(index)] = True
            labels[tuple(index)] = 2 if (axis, side) == (2, 0) else 1
    labels[0, 8:16, :20] = 8
    return SceneVolume(grid, occupied, np.ones_like(occupied), labels)


VIEWS = ViewParams(width=64, height=60, max_views=3)


@pytest.fixture
def room() -> SceneSource:
    """The box as a source, with views at 64x60 (cropped)."""
    capture, volume = RoomCapture(), room_volume()
    frames = (
        capture.frame(index, parts=Parts(rgb=False, labels=False)) for index in range(len(capture))
    )
    return SceneSource("box", volume, scene_views(volume.grid, frames, VIEWS), capture)


@pytest.fixture
def view_params() -> ViewParams:
    """The view parameters of ``room``."""
    return VIEWS


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The box as a prepared scene folder."""
    from crossvox.capture.export import export_folder
    from crossvox.scene.store import write_volume

    folder = tmp_path / "box"
    export_folder(RoomCapture(), folder, frame_skip=1, size=(80, 60))
    write_volume(folder / "volume.npz", room_volume())
    return folder
