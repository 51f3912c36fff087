"""A small input that a network of a task answers to: what its self-test is made of.

It shows the corner of a made-up room: nobody's data go into a file that is given to others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossvox.capture.rooms.camera_path import look
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ParamsError
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.predict.image_labels import image_planes
from crossvox.scene.evidence import gather_evidence
from crossvox.scene.params import EvidenceParams
from crossvox.tasks.complete import Complete
from crossvox.tasks.label3d import Label3d
from crossvox.tasks.segment2d import Segment2d

WIDTH, HEIGHT = 128, 96

_EYE_M = (3.0, 2.4, 1.2)
"""The camera looks from here into the corner at the origin."""

_BOX_M = ((0.3, 0.2, 0.0), (1.1, 0.8, 0.6))
_COLORS = ((205, 198, 180), (190, 196, 200), (120, 84, 52), (70, 92, 140))
"""Of two walls, the floor and the box."""

_CUT_M, _VOXELS = (0.05, 0.05, -0.15), 16
"""The part of the room that a volume shows, and its voxels along each axis."""


def example_inputs(task: Any, network: Any) -> tuple[Tensor, ...]:
    """What a network of this task is called with, a few kilobytes.

    Raises:
        ParamsError: of what reads more than an image or a volume, no example is made.
    """
    if isinstance(task, Segment2d):
        return (image_planes(corner(), network)[None].half(),)
    if isinstance(task, Complete):
        return (_evidence(task.params.voxel_m, task.params.evidence),)
    if isinstance(task, Label3d):
        return (_contexts(network.inputs),)
    raise ParamsError(
        f"given: a run of task {task.name!r}; needed: a network of images, of surface completion "
        f"or of labels in 3D; do: give others the run folder itself"
    )


def _evidence(voxel_m: float, params: EvidenceParams) -> Tensor:
    """``(1, C, X, Y, Z)`` float16."""
    grid = VoxelGrid((_VOXELS,) * 3, voxel_m, _CUT_M)
    return torch.from_numpy(gather_evidence(grid, [corner()], params).channels())[None].half()


def _contexts(inputs: int) -> Tensor:
    """``(8, inputs)`` float16: what might be told of eight voxels, numbers from 0 to 1."""
    row, column = torch.meshgrid(torch.arange(8), torch.arange(inputs), indexing="ij")
    return (0.5 + 0.5 * torch.cos(0.7 * column + 0.9 * row)).half()


def corner() -> Frame:
    """A frame of the corner of a room, with a box on the floor: colour, depth, camera, pose."""
    camera = Intrinsics(100.0, 100.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, WIDTH, HEIGHT)
    pose = look(np.array(_EYE_M), yaw=np.deg2rad(219), pitch=np.deg2rad(-17))
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1
    )
    away = rays @ pose.world_from_camera[:3, :3].T
    depth = _depths(np.array(_EYE_M), away)
    surface = depth.argmin(axis=0)
    nearest = depth.min(axis=0)
    shade = np.clip(1.2 - nearest / 8, 0.3, 1)[..., None]
    rgb = (np.array(_COLORS, np.float64)[surface] * shade).astype(np.uint8)
    return Frame(0, camera, pose, rgb, nearest.astype(np.float32))


def _depths(eye: NDArray[np.float64], away: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(4, H, W)``: how far two walls, floor and box are along rays; infinite where they miss."""
    with np.errstate(divide="ignore"):
        planes = np.where(away < 0, -eye / away, np.inf)
        low, high = (np.array(bound) for bound in _BOX_M)
        ends = np.stack([(low - eye) / away, (high - eye) / away])
    enters, leaves = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    box = np.where((enters < leaves) & (enters > 0), enters, np.inf)
    return np.stack([*np.moveaxis(planes, -1, 0), box])
