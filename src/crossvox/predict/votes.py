"""What all frames of a scene say of its voxels, one frame at a time.

:func:`vote` is the baseline that any 3D segmentation must beat: a 2D network labels every frame,
and each voxel takes the class that most of the frames that see it give to the pixel it shows at.
Nothing is learnt in 3D. :func:`frame_means` is the soft version of it, from which the classes of a
3D network start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import SceneVolume

if TYPE_CHECKING:
    from crossvox.samples.source import SceneSource
    from crossvox.views.params import ViewParams


def vote(
    classify: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    source: SceneSource,
    view_params: ViewParams,
    progress: Callable[[int, int], None] | None = None,
) -> SceneVolume:
    """Let all frames of a scene vote for the classes of the voxels that they see.

    Args:
        classify: the 2D network; ``(3, H, W)`` uint8 colours to ``(H, W)`` NYU40 ids, 0 for a pixel
            that does not vote.
        source: the scene with its views and images.
        view_params: image size that the views were made at.
        progress: called with (frames done, frames).

    Returns:
        Occupied: voxels with at least one vote. Labels: the class with most votes, the lowest id of
        equals. Observed: the same as occupied.

    Raises:
        ShapeError: the network answers in another size than it was asked.
    """
    views = source.views
    voxels, place = np.unique(views.voxel, return_inverse=True)
    counts = np.zeros((len(voxels), len(NYU40.names)), np.uint16)
    size = (view_params.height, view_params.width)
    for number, frame in enumerate(views.frame_ids.tolist()):
        part = slice(int(views.start[number]), int(views.start[number + 1]))
        ids = classify(source.image(frame, view_params))
        expect(
            ids.shape == size,
            given=f"labels of shape {ids.shape}",
            needed=f"{size}, the size of the image",
            do="check the network's output",
            error=ShapeError,
        )
        # A frame shows a voxel at one pixel only, so that no pair of indices comes twice.
        counts[place[part], ids.reshape(-1)[views.pixel[part]]] += 1
        if progress is not None:
            progress(number + 1, len(views.frame_ids))
    annotated = counts[:, 1:]
    labels = np.zeros(views.grid.count, np.uint8)
    labels[voxels] = np.where(annotated.any(axis=1), 1 + annotated.argmax(axis=1), 0)
    labels = labels.reshape(views.grid.shape)
    return SceneVolume(views.grid, labels > 0, labels > 0, labels)
