"""What all frames of a scene say of the classes of its voxels, where a network starts from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.grid import Index3
from crossvox.samples.batch import normalised
from crossvox.samples.kept_maps import KeptFrameMaps
from crossvox.samples.maps import FrameMaps
from crossvox.tasks.prior import tell_classes
from crossvox.views.lift import feature_pixels

if TYPE_CHECKING:
    from crossvox.samples.source import SceneSource
    from crossvox.views.params import ViewParams

_MEANS = {"voxel": np.int64, "mean": np.float32}
"""What :func:`frame_means` gives."""

PRIOR_REACH = 3.0
"""What frames say of a voxel that they see holds this many voxels around it."""


@dataclass(frozen=True, eq=False)
class FramePrior:
    """What frames say of classes, as the last channels of their maps.

    Attributes:
        channels: how many channels: one a class but free space.
        stride: image pixels of one pixel of the maps.
        weigh: means over frames ``(N, channels)`` to what is added to logits, likewise.
    """

    channels: int
    stride: int
    weigh: Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FrameClasses:
    """What all frames of a scene say of the classes of its voxels.

    Attributes:
        row: ``(X * Y * Z,)`` int32, for each voxel the row of ``values`` that holds for it: that of
            the nearest voxel that some frame sees; -1 where none is near.
        values: ``(N, 40)`` float32, to be added to the logits of the classes.
    """

    row: NDArray[np.int32]
    values: NDArray[np.float32]

    def add(self, logits: NDArray[np.float32], at: NDArray[np.intp]) -> None:
        """Add to the class logits ``(40, M)`` of voxels ``at``, in place.

        How likely a surface is stays as it is, see :func:`crossvox.tasks.prior.tell_classes`.
        """
        near = np.flatnonzero(self.row[at] >= 0)
        scores = torch.from_numpy(self.values[self.row[at[near]]].T)
        logits[:, near] = tell_classes(torch.from_numpy(logits[:, near]), scores, dim=0).numpy()


def frame_classes(
    maps: FrameMaps, prior: FramePrior, source: SceneSource, view_params: ViewParams
) -> FrameClasses:
    """Ask all frames of a scene, not only those that windows look at."""

    def make() -> dict[str, NDArray[Any]]:
        found = frame_means(maps, prior.channels, prior.stride, source, view_params)
        return dict(zip(_MEANS, found, strict=True))

    if isinstance(maps, KeptFrameMaps):
        made = maps.kept.get(source.name, f"classes-{prior.stride}", _MEANS, make)
    else:
        made = make()
    voxels, means = (made[name] for name in _MEANS)
    return FrameClasses(nearest_seen(source.views.grid.shape, voxels), prior.weigh(means))


def frame_means(
    maps: FrameMaps, channels: int, stride: int, source: SceneSource, view_params: ViewParams
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Mean, over all frames that see a voxel, of the last channels of their maps.

    Args:
        maps: what a network makes of frames.
        channels: how many of the last channels count.
        stride: image pixels of one pixel of the maps.
        source: the scene with its views and images.
        view_params: image size that the views were made at.

    Returns:
        ``(N,)`` linear voxel numbers, rising, and ``(N, channels)`` float32.
    """
    views = source.views
    voxels, place = np.unique(views.voxel, return_inverse=True)
    total = np.zeros((len(voxels), channels), np.float32)
    count = np.zeros(len(voxels), np.float32)
    size = (view_params.width, view_params.height)
    for number, frame in enumerate(views.frame_ids.tolist()):
        part = slice(int(views.start[number]), int(views.start[number + 1]))
        image = torch.from_numpy(normalised(source.image(frame, view_params)))
        said = maps.get(source.name, frame, image)[-channels:].reshape(channels, -1)
        pixel = torch.from_numpy(views.pixel[part].astype(np.int64))
        # A frame shows a voxel at one pixel only, so that no index comes twice.
        total[place[part]] += said[:, feature_pixels(pixel, size, stride).numpy()].T
        count[place[part]] += 1
    total /= np.maximum(count, 1)[:, None]
    return voxels.astype(np.int64), total


def nearest_seen(
    shape: Index3, voxels: NDArray[np.int64], reach: float = PRIOR_REACH
) -> NDArray[np.int32]:
    """The nearest seen voxel of every voxel.

    A shell of occupied voxels is thicker than what frames see of it: what they say of its front
    holds for its back.

    Args:
        shape: of the grid.
        voxels: ``(N,)`` linear numbers of the seen voxels, rising.
        reach: voxels farther from the nearest seen one than this, in voxels, have none.

    Returns:
        ``(X * Y * Z,)`` int32 numbers from 0 to N - 1, -1 for none.
    """
    from scipy import ndimage

    count = int(np.prod(shape))
    row = np.full(count, -1, np.int32)
    row[voxels] = np.arange(len(voxels), dtype=np.int32)
    if len(voxels) == 0:
        return row
    distance, nearest = ndimage.distance_transform_edt(
        (row < 0).reshape(shape), return_indices=True
    )
    found = row.reshape(shape)[tuple(nearest)]
    found[distance > reach] = -1
    return found.reshape(-1)
