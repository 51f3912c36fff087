"""A 2D network that labels frames, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from crossvox.core.frame import Frame, resize_nearest
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.labels import NYU40
from crossvox.doors.images import resize_color
from crossvox.networks.frozen2d import FrozenNetwork
from crossvox.samples.batch import normalised
from crossvox.views.geometry import geometry_planes

if TYPE_CHECKING:
    from crossvox.networks.features2d import Network2D

STRIDE = 4
"""Pixels of one field of probabilities: at 320x240 about 3 cm two metres away."""


@dataclass(frozen=True, eq=False)
class NetworkLabeller:
    """Labels frames by a 2D network of NYU40's classes.

    Attributes:
        network: in evaluation mode, on its device.
        temperature: logits are divided by this, so that what the network says holds as often.
        stride: pixels of a field; a divisor of the network's ``multiple``.
        shown_height: height in pixels (of upright frames, their width) that frames are brought to
            before the network sees them; None shows them as they are.
    """

    network: Network2D
    temperature: float = 1.0
    stride: int = STRIDE
    shown_height: int | None = None
    _asked: FrozenNetwork = field(init=False, repr=False)

    @property
    def classes(self) -> int:
        """NYU40's, without unannotated."""
        return len(NYU40.names) - 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", FrozenNetwork(self.network))

    def __call__(self, frame: Frame) -> FrameLabels | None:
        """Probabilities of a frame's classes; None of a frame without colour."""
        if frame.rgb is None:
            return None
        shown = frame if self.shown_height is None else at_height(frame, self.shown_height)
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            images = image_planes(shown, self.network)[None].to(device)
            images = images.contiguous(memory_format=torch.channels_last)
            logits = self._asked(images, self.stride).logits[0, 1:]
            said = (logits.permute(1, 2, 0).float() / self.temperature).softmax(-1)
            if shown is not frame:
                said = self._as_fields_of(frame, said)
        probability: NDArray[np.float32] = np.ascontiguousarray(said.cpu().numpy())
        return FrameLabels(probability, self.stride)

    def _as_fields_of(self, frame: Frame, said: torch.Tensor) -> torch.Tensor:
        """Bring ``(h, w, C)`` probabilities of a frame shown at another size to its own fields."""
        size = frame.camera.height, frame.camera.width
        fields = [-(-length // self.stride) for length in size]
        planes = said.permute(2, 0, 1)[None]
        return interpolate(planes, fields, mode="bilinear", antialias=True)[0].permute(1, 2, 0)


def at_height(frame: Frame, height: int) -> Frame:
    """A frame brought to a height in pixels, with its camera: colours smoothly, depth by nearest.

    Of an upright frame it is the width that is brought there: things look as large to a network
    however the camera was held. Labels, and what its files hold, are left out.
    """
    camera = frame.camera
    short = min(camera.size)
    if short == height:
        return frame
    assert frame.rgb is not None
    width, height = (max(1, round(length * height / short)) for length in camera.size)
    size = width, height
    depth = None if frame.depth_m is None else resize_nearest(frame.depth_m, size)
    return Frame(frame.id, camera.resized(size), frame.pose, resize_color(frame.rgb, size), depth)


def image_planes(frame: Frame, network: Network2D) -> torch.Tensor:
    """What a 2D network reads of a frame, ``(channels, H, W)`` float32: the one place of it.

    A network that reads depth gets its planes, by a pose in a world whose z points up; without
    depth or pose, colours alone.
    """
    assert frame.rgb is not None
    planes = frame.rgb.transpose(2, 0, 1)
    if network.reads_depth and frame.depth_m is not None:
        up = None if frame.pose is None else frame.pose.world_from_camera[2, :3]
        geometry = geometry_planes(frame.depth_m, frame.camera, up)
        planes = np.concatenate((planes, geometry))
    return torch.from_numpy(normalised(np.ascontiguousarray(planes)))
