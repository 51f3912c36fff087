"""Labels of frames that another model, or a person, drew: a folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.file_numbers import distinct_numbers, images_in
from crossvox.capture.files import read_gray_checked
from crossvox.capture.frame_names import FrameNames
from crossvox.capture.readers.plain_files import told_by
from crossvox.capture.readers.tum import associate
from crossvox.core.checks import CaptureError, expect
from crossvox.core.class_map import ClassMap
from crossvox.core.frame import Frame, resize_nearest
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.labels import NYU40

STRIDE = 4
"""Pixels of one field of probabilities: each is the share of its pixels that have the class."""

_ASPECT = 0.02
"""Widths may differ from what the heights tell by this share: sizes are rounded."""


@dataclass(frozen=True, eq=False)
class FolderLabeller:
    """Labels frames by the images of a folder.

    Attributes:
        files: image by frame number.
        classes_of: the ids in the images to those that are told.
        unknown: pixels by id that the class map does not name; filled as frames are labelled.
        missing: numbers of frames without an image; likewise.
        used: numbers of frames with one; likewise.
        how: how images and frames were matched, where it is not by number.
        of: all images of the folder.
    """

    files: dict[int, Path]
    classes_of: ClassMap = field(default_factory=ClassMap)
    unknown: Counter[int] = field(default_factory=Counter)
    missing: list[int] = field(default_factory=list)
    how: str = ""
    of: Sequence[Path] = ()
    used: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def classes(self) -> int:
        """As many as NYU40 has, without unannotated."""
        return len(NYU40.names) - 1

    def __call__(self, frame: Frame) -> FrameLabels | None:
        """Shares of the classes in a frame's image, field by field; None where there is none.

        Raises:
            CaptureError: the image is damaged, or of another shape than the frame.
        """
        path = self.files.get(frame.id)
        if path is None:
            self.missing.append(frame.id)
            return None
        self.used.add(frame.id)
        image = read_gray_checked(path)
        width, height = frame.camera.width, frame.camera.height
        rows, columns = image.shape
        expect(
            abs(columns * height / (rows * width) - 1) <= _ASPECT,
            given=f"{path} of {columns}x{rows} pixels for frames of {width}x{height}",
            needed="label images of the shape of the frames, of any size",
            do="label the frames as they are, neither cut nor turned",
            error=CaptureError,
        )
        ids = resize_nearest(image, (width, height))
        known = self.classes_of.known[ids]
        if not known.all():
            found, counts = np.unique(ids[~known], return_counts=True)
            with self._lock:
                self.unknown.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        return FrameLabels(shares(self.classes_of.table[ids], STRIDE, self.classes), STRIDE)

    def remarks(self) -> list[str]:
        """What of the folder did not fit the frames, and what of the frames the folder lacks."""
        told = []
        if self.how:
            told.append(f"label images belong to frames {self.how}")
        if len(self.used) < len(self.of):
            rest = len(self.of) - len(self.used)
            told.append(f"{rest} of {len(self.of)} label images are of no frame that is used")
        if self.missing:
            some = ", ".join(map(str, sorted(self.missing)[:5]))
            told.append(f"{len(self.missing)} frames have no label image (frame {some})")
        if self.unknown:
            some = ", ".join(f"{number} ({n} pixels)" for number, n in self.unknown.most_common(5))
            told.append(f"label ids that the classes do not name are unlabelled: {some}")
        return told


def open_frame_labels(
    folder: Path, classes: ClassMap | None = None, frames: FrameNames | None = None
) -> FolderLabeller:
    """The labeller of a folder of PNG images, 8 or 16 bits, one a frame.

    Args:
        folder: images that are called as the colour images of the capture were, or by the time
            when their frame was taken (``1305031102.175304.png``), or else by their frame's number:
            ``12.png``, ``frame_000012.png``.
        classes: what their ids are; None: NYU40.
        frames: names and times of the frames, where the capture told any.

    Raises:
        CaptureError: there is no such folder, it holds no image, their names do not tell apart
            which frame they are of, or none is of a frame.
    """
    images, frames = images_in(folder, (".png",)), frames or FrameNames()
    expect(
        len(images) > 0,
        given=f"{folder}, " + ("without a PNG image" if folder.is_dir() else "which is no folder"),
        needed="label images, one a frame, called by its number: 12.png",
        do="correct --frame-labels",
        error=CaptureError,
    )
    told = classes or ClassMap()
    stems = frames.stems()
    named = {stems[path.stem]: path for path in images if path.stem in stems}
    if 2 * len(named) > len(images) or (named and len(named) == len(frames.frames)):
        return FolderLabeller(named, told, how="by the names of the frames' own images", of=images)
    times = told_by([path.stem for path in images]).times_s
    if times is not None:
        found, within_s = _by_time(folder, images, times, frames.times_s())
        return FolderLabeller(
            found, told, how=f"by time, within {within_s * 1000:.0f} ms", of=images
        )
    numbers = distinct_numbers(path.stem for path in images)
    expect(
        numbers is not None,
        given=f"{folder} with label images such as {images[0].name}",
        needed="names that end in the frame's number, another one each, or that are the time when "
        "it was taken, or what the frame's own image is called",
        do="call them by their frame's number: 12.png",
        error=CaptureError,
    )
    assert numbers is not None
    return FolderLabeller(dict(zip(numbers, images, strict=True)), told, of=images)


def _by_time(
    folder: Path, images: list[Path], times_s: NDArray[np.float64], frames_s: Mapping[int, float]
) -> tuple[dict[int, Path], float]:
    """Images by the frame that was taken at their time, each of one frame; and how near is near.

    That is half of the time from one frame to the next, or from one image to the next where they
    are closer: a neighbour is never taken for the frame itself.

    Raises:
        CaptureError: no frame tells its time, or no image is of one.
    """
    expect(
        bool(frames_s),
        given=f"{folder} with label images that are called by times ({images[0].name}), for frames "
        f"whose times are not known",
        needed="a capture that tells when its frames were taken",
        do="call them by their frame's number: 12.png (where the capture tells times, a scene that "
        "an older version prepared lacks them: prepare it again)",
        error=CaptureError,
    )
    numbers, taken_s = np.array(list(frames_s)), np.array(list(frames_s.values()))
    within_s = min(_interval_s(taken_s), _interval_s(times_s)) / 2
    nearest = associate(taken_s, times_s, within_s, unique=True)
    found = {int(n): images[at] for n, at in zip(numbers, nearest, strict=True) if at >= 0}
    expect(
        bool(found),
        given=f"{folder} with label images of {times_s.min():.3f} to "
        f"{times_s.max():.3f} s, for frames of {taken_s.min():.3f} to {taken_s.max():.3f} s",
        needed=f"times of the same clock, within {within_s * 1000:.0f} ms of a frame",
        do="take what lies between both clocks off the names, or call the images by "
        "their frame's number: 12.png",
        error=CaptureError,
    )
    return found, within_s


def _interval_s(times_s: NDArray[np.float64]) -> float:
    """The usual time from one to the next; of a single one a thirtieth of a second."""
    steps = np.diff(np.unique(times_s))
    return float(np.median(steps)) if len(steps) else 1 / 30


def shares(labels: NDArray[np.uint8], stride: int, classes: int) -> NDArray[np.float32]:
    """Which share of a field's labelled pixels has which class.

    Args:
        labels: ``(H, W)`` ids from 1 to ``classes``, 0 where there is none.
        stride: pixels of a field along each axis.
        classes: how many.

    Returns:
        ``(ceil(H / stride), ceil(W / stride), classes)`` float32; all 0 of a field without labels.
    """
    height, width = labels.shape
    out = np.zeros((-(-height // stride), -(-width // stride), classes), np.float32)
    _count(np.ascontiguousarray(labels), stride, out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _count(labels: NDArray[Any], stride: int, out: NDArray[Any]) -> None:
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            label = labels[row, column]
            if label > 0:
                out[row // stride, column // stride, label - 1] += np.float32(1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = out[i, j].sum()
            if total > 0:
                out[i, j] /= total
