"""Labels of frames that another model, or a person, drew: a folder of images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.file_numbers import distinct_numbers, images_in
from crossvox.capture.files import read_gray_checked
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
    """

    files: dict[int, Path]
    classes_of: ClassMap = field(default_factory=ClassMap)
    unknown: Counter[int] = field(default_factory=Counter)
    missing: list[int] = field(default_factory=list)
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
        if self.missing:
            some = ", ".join(map(str, sorted(self.missing)[:5]))
            told.append(f"{len(self.missing)} frames have no label image (frame {some})")
        if self.unknown:
            some = ", ".join(f"{number} ({n} pixels)" for number, n in self.unknown.most_common(5))
            told.append(f"label ids that the classes do not name are unlabelled: {some}")
        return told


def open_frame_labels(folder: Path, classes: ClassMap | None = None) -> FolderLabeller:
    """The labeller of a folder of PNG images, 8 or 16 bits, one a frame.

    Args:
        folder: images called by their frame's number: ``12.png``, ``frame_000012.png``.
        classes: what their ids are; None: NYU40.

    Raises:
        CaptureError: there is no such folder, it holds no image, or their names do not tell apart
            which frame they are of.
    """
    images = images_in(folder, (".png",))
    expect(
        len(images) > 0,
        given=f"{folder}, " + ("without a PNG image" if folder.is_dir() else "which is no folder"),
        needed="label images, one a frame, called by its number: 12.png",
        do="correct --frame-labels",
        error=CaptureError,
    )
    numbers = distinct_numbers(path.stem for path in images)
    expect(
        numbers is not None,
        given=f"{folder} with label images such as {images[0].name}",
        needed="names that end in the frame's number, another one each",
        do="call them by their frame's number: 12.png",
        error=CaptureError,
    )
    assert numbers is not None
    return FolderLabeller(dict(zip(numbers, images, strict=True)), classes or ClassMap())


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
