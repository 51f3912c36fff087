"""One scene as samples are made from it: volume, views and images."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import MANIFEST
from crossvox.core.checks import CaptureError, ShapeError, expect
from crossvox.core.files import VOLUME
from crossvox.core.frame import Capture, Frame, Parts, fit_nearest
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneViews, SceneVolume
from crossvox.doors.images import fit_color
from crossvox.samples.colors import grey
from crossvox.samples.kept_views import read_views, views_digest, views_file, write_views
from crossvox.samples.params import InputParams
from crossvox.views.params import ViewParams
from crossvox.views.visibility import scene_views, view_fit

READ_AHEAD = 4
"""Depth images that are decoded ahead of the one in work."""


@dataclass(frozen=True, eq=False)
class SceneSource:
    """A scene that samples can be made from.

    Attributes:
        name: scene name, as :class:`crossvox.core.volume.ChunkPlace` gives it.
        volume: what is known of its voxels; None where there is no reference (then samples hold
            nothing occupied, observed or labelled).
        views: which voxels each frame sees; its grid is the volume's.
        capture: where the images are.
        shown: what is shown of the images.
        key: fingerprint of frames and views; empty where nothing tells it.

    Raises:
        ShapeError: volume and views have different grids.
    """

    name: str
    volume: SceneVolume | None
    views: SceneViews
    capture: Capture
    shown: InputParams = field(default_factory=InputParams)
    key: str = ""

    def __post_init__(self) -> None:
        expect(
            self.volume is None or self.volume.grid == self.views.grid,
            given=f"{self.name}: a volume on {self.volume and self.volume.grid} and views on "
            f"{self.views.grid}",
            needed="one grid",
            do="make the views for this volume",
            error=ShapeError,
        )

    @property
    def grid(self) -> VoxelGrid:
        """Where the scene's voxels are."""
        return self.views.grid

    @property
    def bytes(self) -> int:
        """Memory that volume and views take; images are not held."""
        volume, views = self.volume, self.views
        arrays: list[NDArray[Any]] = [views.frame_ids, views.start, views.voxel, views.pixel]
        if volume is not None:
            arrays += [volume.occupied, volume.observed, volume.labels]
        return sum(array.nbytes for array in arrays)

    @cached_property
    def _position(self) -> dict[int, int]:
        return {frame: position for position, frame in enumerate(self.capture.frame_ids)}

    def shown_frame(self, frame_id: int) -> int:
        """The frame whose image is shown in a frame: itself, unless ``shown`` says otherwise."""
        if self.shown.frames is None:
            return frame_id
        posed = self.views.frame_ids.tolist()
        if frame_id not in posed:
            return frame_id
        shown: int = posed[(posed.index(frame_id) + len(posed) // 2) % len(posed)]
        return shown

    def image(self, frame_id: int, params: ViewParams) -> NDArray[np.uint8]:
        """Colours of one frame at the view size, ``(3, height, width)`` uint8, decoded anew.

        Smooth resampling; nearest neighbour for ``geometry="thesis"``. What is shown in place of
        them, where that was asked for.

        Raises:
            CaptureError: the capture has no such frame, or no colour for it.
        """
        shown = self.shown_frame(frame_id)
        frame = self._frame(shown, Parts(rgb=True, depth=False, labels=False))
        expect(
            frame.rgb is not None,
            given=f"frame {frame_id} of {self.name} without colour",
            needed="a colour image for every frame",
            do="prepare the scene again",
            error=CaptureError,
        )
        rgb = np.asarray(frame.rgb)
        fit, _ = view_fit(frame.camera, params)
        fitted = fit_nearest(rgb, fit) if params.geometry == "thesis" else fit_color(rgb, fit)
        if self.shown.colors == "grey":
            fitted = grey(fitted)
        return np.ascontiguousarray(fitted.transpose(2, 0, 1))

    def image_labels(self, frame_id: int, params: ViewParams) -> NDArray[np.uint8]:
        """NYU40 ids of one frame at the view size, ``(height, width)`` uint8, by nearest neighbour.

        0 where nobody annotated, also for a whole frame without labels.

        Raises:
            CaptureError: the capture has no such frame.
        """
        shown = self.shown_frame(frame_id)
        frame = self._frame(shown, Parts(rgb=False, depth=False, labels=True))
        if frame.labels is None:
            return np.zeros((params.height, params.width), np.uint8)
        fit, _ = view_fit(frame.camera, params)
        return np.ascontiguousarray(fit_nearest(np.asarray(frame.labels), fit), dtype=np.uint8)

    def _frame(self, frame_id: int, parts: Parts) -> Frame:
        expect(
            frame_id in self._position,
            given=f"frame {frame_id} of {self.name}",
            needed="a frame of the capture",
            do="make the sample index anew: it belongs to another preparation of the scene",
            error=CaptureError,
        )
        return self.capture.frame(self._position[frame_id], parts=parts)


def load_source(
    folder: Path,
    view_params: ViewParams,
    *,
    cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
    shown: InputParams | None = None,
) -> SceneSource:
    """Open a prepared scene.

    Its views are kept in the scene's folder, one file for each set of view parameters, and used
    again while grid, cameras, poses and depth stay the same.

    Args:
        folder: ``DATA/SCENE`` with ``volume.npz``, images and poses.
        view_params: how frames look at voxels.
        cache: whether to keep the views in the folder. Where the folder cannot be written to, a
            warning says so and nothing is kept.
        progress: called with ``(frames done, frames)`` while views are made.
        shown: what is shown of the images; None: what they hold.

    Raises:
        CrossvoxError: the folder is not a prepared scene, or is damaged; says what is missing.
    """
    from crossvox.capture.readers.folder import FolderCapture
    from crossvox.scene.store import read_volume

    folder = Path(folder)
    volume = read_volume(folder / VOLUME)
    capture = FolderCapture(folder)
    key = views_digest(folder, volume.grid, capture, view_params) if cache else ""
    file = views_file(folder, key)
    views = read_views(file, key, volume.grid) if cache else None
    if views is None:
        report = None if progress is None else (lambda done, _: progress(done, len(capture)))
        views = scene_views(volume.grid, _depth_frames(capture), view_params, report)
        if cache:
            try:
                write_views(file, views, key)
            except OSError as error:
                warnings.warn(
                    f"{file} cannot be written ({error.strerror}): views are made anew next time",
                    stacklevel=2,
                )
    return SceneSource(
        folder.name,
        volume,
        views,
        capture,
        shown or InputParams(),
        # Without a manifest nothing tells of the colours.
        key if (folder / MANIFEST).is_file() else "",
    )


def _depth_frames(capture: Capture) -> Iterator[Frame]:
    """All frames with depth alone, decoded a few ahead; lost poses without decoding."""
    parts = Parts(rgb=False, depth=True, labels=False)
    waiting: deque[Future[Frame]] = deque()
    with ThreadPoolExecutor(2) as pool:
        for index in range(len(capture)):
            if capture.pose(index) is None:
                continue
            waiting.append(pool.submit(capture.frame, index, None, parts))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
