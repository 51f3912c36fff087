"""One RGB-D frame, and the contract of everything that delivers frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Intrinsics, Pose, Size
from crossvox.core.checks import ShapeError, expect
from crossvox.core.convention import AS_IN_MEMORY, PoseConvention

Array = NDArray[Any]

COMPLETE_MESH = "complete.ply"
"""Name in a prepared scene of the surface of everything there is, where that is known."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What a frame's files hold that its images no longer tell.

    Attributes:
        color: the colour file, a complete JPEG of the frame's size; None where it is of another
            size or kind, or where colour was not asked for.
        pose: ``(4, 4)`` camera-to-world matrix of the frame's camera with the digits that the file
            has, not finite where tracking was lost; None where the file's is of another camera or
            world.
        read_depth: decodes ``(H', W')`` depth as stored, before it is brought onto the frame's
            grid, 0 = no reading; raises ``CaptureError`` as the frame would.
        units_per_m: what stored depth is divided by to get metres.
        unknown_ids: pixels of the label image by raw id that the class map lacks.
        count_left_out: counts the readings that are left out of depth, since the device itself has
            too little confidence in them; raises as ``read_depth``.
        time_s: when the frame was taken, seconds by the device's clock; None: nothing is told.
        file: name of the colour file, without its folder; None: it has none of its own.
    """

    color: bytes | None = None
    pose: NDArray[np.float64] | None = None
    read_depth: Callable[[], Array] | None = None
    units_per_m: float = 1.0
    unknown_ids: Mapping[int, int] = field(default_factory=dict)
    count_left_out: Callable[[], int] | None = None
    time_s: float | None = None
    file: str | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """Colour, depth and labels on one pixel grid, seen by one camera.

    Attributes:
        id: frame number in the capture.
        camera: the camera of all images here.
        pose: where it stood, or None where tracking was lost.
        rgb: ``(H, W, 3)`` uint8, or None if not asked for.
        depth_m: ``(H, W)`` float32 metres, 0 = no reading, or None if not asked for.
        labels: ``(H, W)`` uint8 NYU40 ids, 0 = unannotated, or None.
        stored: what the files hold, of captures in files and where it was asked for.

    Raises:
        ShapeError: an image does not have the camera's size.
    """

    id: int
    camera: Intrinsics
    pose: Pose | None
    rgb: NDArray[np.uint8] | None = None
    depth_m: NDArray[np.float32] | None = None
    labels: NDArray[np.uint8] | None = None
    stored: Stored | None = None

    def __post_init__(self) -> None:
        for name in ("rgb", "depth_m", "labels"):
            image = getattr(self, name)
            expect(
                image is None or image.shape[:2] == (self.camera.height, self.camera.width),
                given=f"frame {self.id}: {name} of shape {None if image is None else image.shape}",
                needed=f"{self.camera.width}x{self.camera.height}, the camera's size",
                do="resize all images of a frame and its camera together",
                error=ShapeError,
            )


@dataclass(frozen=True)
class Parts:
    """Which images of a frame are wanted: decoding what nobody reads is the usual waste.

    Attributes:
        rgb, depth, labels: these images.
        stored: what the files hold of them. Captures that lie in no file ignore it; others may
            leave out ``rgb`` where :attr:`Stored.color` stands for it.
    """

    rgb: bool = True
    depth: bool = True
    labels: bool = True
    stored: bool = False


ALL_PARTS = Parts()


@dataclass(frozen=True)
class CaptureInfo:
    """What ``crossvox info`` tells about a capture.

    Attributes:
        format: name of the format.
        color_camera, depth_camera: as stored, before any registration.
        registration: one sentence on how colour and depth are brought onto one pixel grid.
        has_labels: whether 2D labels come with the frames.
        label_map: whether the labels' stored ids can be told in NYU40.
        class_map: file with the table from raw label ids to NYU40, of captures that need one.
        without_labels: frames that have no label image, in a capture that has any.
        complete_mesh: surface of everything there is, also where no frame looked; only captures
            that were generated can have one.
        true_objects: what the room truly holds (:mod:`crossvox.core.room_contents`); only captures
            that were generated, or prepared from such, can have it.
        mesh, labelled_mesh: ground-truth surfaces that come with the capture.
        up: ``(3,)`` unit vector that points up in the capture's world, where the device knows
            gravity; None: nothing is known.
        convention: what the stored poses mean, for who looks for a better one.
        units_per_m: stored depth units a metre.
        notes: anything odd that a user should know.
    """

    format: str
    color_camera: Intrinsics
    depth_camera: Intrinsics
    registration: str
    has_labels: bool
    mesh: Path | None = None
    labelled_mesh: Path | None = None
    notes: tuple[str, ...] = ()
    label_map: bool = True
    class_map: Path | None = None
    without_labels: tuple[int, ...] = ()
    complete_mesh: Path | None = None
    true_objects: Path | None = None
    up: tuple[float, float, float] | None = None
    convention: PoseConvention = AS_IN_MEMORY
    units_per_m: float = 1.0


@runtime_checkable
class Capture(Protocol):
    """A posed RGB-D sequence. Frames are addressed by position ``0 .. len - 1``."""

    @property
    def name(self) -> str:
        """Scene name, safe as a folder name."""
        ...

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Frame numbers, rising; ``frame_ids[i]`` belongs to position ``i``."""
        ...

    def __len__(self) -> int:
        """How many frames there are, lost poses included."""
        ...

    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""
        ...

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The camera of the frames delivered at ``size`` (None: the capture's own size)."""
        ...

    def pose(self, index: int) -> Pose | None:
        """Pose of one frame, without decoding images; None where tracking was lost."""
        ...

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """One frame, colour, depth and labels on the pixel grid of ``camera(size)``.

        Raises:
            CaptureError: the frame's files are missing or broken; names file and frame.
        """
        ...


def resize_nearest(image: Array, size: Size) -> Array:
    """Resample ``(H, W, ...)`` to ``size`` by nearest neighbour; never invents a value.

    Output column ``i`` takes the source column whose area holds its centre:
    ``floor((i + 0.5) * W / W')``.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    columns, rows = nearest_places(width, size[0]), nearest_places(height, size[1])
    # Rows first, then columns: several times faster than one look-up a pixel.
    return image.take(rows, axis=0).take(columns, axis=1)


def nearest_places(length: int, count: int) -> NDArray[np.int64]:
    """Which of ``length`` columns (or rows) :func:`resize_nearest` takes for ``count`` of them."""
    return ((np.arange(count, dtype=np.int64) * 2 + 1) * length) // (2 * count)


def fit_nearest(image: Array, fit: ImageFit) -> Array:
    """Resample by nearest neighbour and crop, as ``fit`` says."""
    width, height = fit.size
    return resize_nearest(image, fit.resized)[
        fit.top : fit.top + height, fit.left : fit.left + width
    ]
