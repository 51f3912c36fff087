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
from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.samples.batch import normalised
from crossvox.scene.evidence import gather_evidence
from crossvox.tasks.complete import Complete
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
        rgb = corner().rgb
        assert rgb is not None
        image = normalised(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
        return (torch.from_numpy(image)[None].half(),)
    if isinstance(task, Complete):
        grid = VoxelGrid((_VOXELS,) * 3, task.params.voxel_m, _CUT_M)
        evidence = gather_evidence(grid, [corner()], task.params.evidence)
        return (torch.from_numpy(evidence.channels())[None].half(),)
    expect(
        hasattr(network, "in_channels"),
        given=f"a run of task {task.name!r}",
        needed="a network that reads an image or one volume",
        do="give others the run folder itself",
        error=ParamsError,
    )
    volume = np.random.default_rng(0).normal(size=(1, network.in_channels, 16, 16, 16))
    return (torch.from_numpy(volume).half(),)


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
