"""A box-shaped room as an exported folder: few small frames, depth and poses exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crossvox.capture.files import write_matrix
from crossvox.core.camera import Intrinsics, pixel_rays
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

CAMERA = Intrinsics(30.0, 30.0, 31.5, 23.5, 64, 48)
LOW_M, HIGH_M = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.6])
"""Corners of the room; z is up."""


def box_pose(number: int, count: int) -> np.ndarray:
    """Camera-to-world ``(4, 4)``: in the middle of the room, turning round, looking level."""
    angle = 2 * np.pi * number / count
    forward = np.array([np.cos(angle), np.sin(angle), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(down, forward), down, forward], axis=-1)
    pose[:3, 3] = (0.3 * np.cos(angle), 0.3 * np.sin(angle), 1.3)
    return pose


def box_depth_mm(pose: np.ndarray, camera: Intrinsics = CAMERA) -> np.ndarray:
    """``(H, W)`` uint16: where each pixel's ray leaves the room, along the camera's axis."""
    rays = pixel_rays(camera) @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        walls = np.where(rays > 0, HIGH_M - pose[:3, 3], LOW_M - pose[:3, 3]) / rays
    return np.rint(1000 * np.where(rays == 0, np.inf, walls).min(axis=-1)).astype(np.uint16)


def write_box_room(folder: Path, count: int = 12, camera: Intrinsics = CAMERA) -> Path:
    """Write ``color/ depth/ pose/ intrinsic.txt``."""
    for number in range(count):
        pose = box_pose(number, count)
        grey = np.full((camera.height, camera.width, 3), 80 + 5 * number, np.uint8)
        write_bytes(folder / f"color/{number}.jpg", encode_jpeg(grey))
        write_bytes(folder / f"depth/{number}.png", encode_png(box_depth_mm(pose, camera)))
        (folder / "pose").mkdir(exist_ok=True)
        write_matrix(folder / f"pose/{number}.txt", pose)
    write_matrix(folder / "intrinsic.txt", camera.matrix)
    return folder
