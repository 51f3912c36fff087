"""Images and their labels, read at the size of learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.label_files import expect_own_ids, table_in
from crossvox.core.camera import ImageFit, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import fit_nearest
from crossvox.core.labels import NYU40_NAMES, UNANNOTATED
from crossvox.doors.images import color_size, decode_color, decode_gray, fit_color, read_bytes
from crossvox.doors.pillow_images import as_shown, exif_orientation
from crossvox.samples.geometry import with_depth
from crossvox.samples.pairs import NO_LABELS, ImagePair
from crossvox.samples.params import ImageParams

Shown = tuple[NDArray[np.uint8], ...]
"""What a network reads of one image, at one size or more."""

VOID = 255
"""What many data sets write where nobody annotated."""

FIRST_LYING = 5
"""EXIF orientations from here on change width and height."""

ASPECT_TOLERANCE = 0.02
"""Labels may have another size than their image, but not another shape than by this share."""


def read_shown(
    pair: ImagePair, params: ImageParams, heights: Sequence[int] = (), *, depth: bool
) -> Shown:
    """What a network reads of a whole image, uncropped, at each height that it is shown at.

    Args:
        pair: what to read.
        params: of the run.
        heights: pixels; none: the run's own.
        depth: whether the planes of depth follow the colours.

    Returns:
        For each height what :func:`read_planes` gives.

    Raises:
        CaptureError: missing or damaged; names the file.
    """
    return _read(
        pair, params, lambda own: [params.fit_whole(own, at) for at in heights or (None,)], depth
    )


def read_planes(pair: ImagePair, params: ImageParams, *, depth: bool) -> NDArray[np.uint8]:
    """What a network learns from of an image, ``(H, W, 3)`` uint8 colours or ``(H, W, 6)``.

    It is turned as the labels are, and cropped.

    Args:
        pair: what to read.
        params: at which size.
        depth: whether the planes of depth follow the colours
            (:func:`crossvox.views.geometry.geometry_planes`; 0 where the image has none).

    Raises:
        CaptureError: missing or damaged; names the file.
    """
    (planes,) = _read(pair, params, lambda own: [ImageFit.centre_crop(own, params.size)], depth)
    return planes


def _read(
    pair: ImagePair,
    params: ImageParams,
    fits_of: Callable[[Size], Sequence[ImageFit]],
    depth: bool,
) -> Shown:
    """An image as often as there are fits to its ``(width, height)``; its files are read once."""
    data, source = read_bytes(pair.image), str(pair.image)
    stored = color_size(data, source)
    turn = _orientation(pair, data, stored)
    fits = fits_of(stored[::-1] if turn >= FIRST_LYING else stored)
    images = [_fitted(data, source, turn, fit, params) for fit in fits]
    if not depth:
        return tuple(images)
    measured = None if pair.depth is None else pair.depth.read()
    # A turned image's depth would have to be turned with it; nobody tells how it lies.
    known = measured if turn == 1 else None
    return tuple(with_depth(image, known, fit) for image, fit in zip(images, fits, strict=True))


def _fitted(
    data: bytes, source: str, turn: int, fit: ImageFit, params: ImageParams
) -> NDArray[np.uint8]:
    """Colours, turned and fitted."""
    if params.resampling == "nearest":
        image = as_shown(decode_color(data, source), turn)
        return np.ascontiguousarray(fit_nearest(image, fit))
    smaller = fit.resized[::-1] if turn >= FIRST_LYING else fit.resized
    image = np.ascontiguousarray(as_shown(decode_color(data, source, at_least=smaller), turn))
    return np.ascontiguousarray(fit_color(image, fit))


def image_size(pair: ImagePair) -> Size:
    """``(width, height)`` of the image, turned as :func:`read_planes` turns it.

    Raises:
        CaptureError: missing or damaged; names the file.
    """
    data = read_bytes(pair.image)
    stored = color_size(data, str(pair.image))
    return stored[::-1] if _orientation(pair, data, stored) >= FIRST_LYING else stored


def _orientation(pair: ImagePair, data: bytes, stored: Size) -> int:
    """How the image is turned before it has its labels' shape, as EXIF counts (1: as stored)."""
    turn = exif_orientation(data) if pair.as_shown else 1
    if turn < FIRST_LYING or pair.labels == NO_LABELS:
        return turn
    # Some programs label the stored image: then its shape tells.
    width, height = color_size(read_bytes(pair.labels), str(pair.labels))
    lies_too = width != height and (width > height) == (stored[0] > stored[1])
    return 1 if lies_too else turn


def read_labels(path: Path) -> NDArray[np.uint8]:
    """A label image at its full size, ``(H, W)`` uint8 NYU40 ids; :data:`VOID` is unannotated.

    Raises:
        CaptureError: missing, damaged, or with ids that NYU40 does not have, or has for other
            classes; names the file.
    """
    data = read_bytes(path)
    expect_own_ids(table_in(data, str(path)), str(path))
    labels = decode_gray(data, str(path))
    labels = np.where(labels == VOID, labels.dtype.type(UNANNOTATED), labels)
    largest = int(labels.max())
    expect(
        largest < len(NYU40_NAMES),
        given=f"{path} with label id {largest}",
        needed=f"NYU40 ids, 0 to {len(NYU40_NAMES) - 1}, or {VOID} for unannotated",
        do="map raw label ids with the data set's class map first ('crossvox prepare' does)",
        error=CaptureError,
    )
    return labels.astype(np.uint8)


def fit_labels(labels: NDArray[np.uint8], params: ImageParams) -> NDArray[np.uint8]:
    """Labels at the size of learning, resampled and cropped as :func:`read_planes` does."""
    height, width = labels.shape
    return np.ascontiguousarray(
        fit_nearest(labels, ImageFit.centre_crop((width, height), params.size))
    )


def check_shapes(pair: ImagePair, size: Size, labels: NDArray[Any]) -> None:
    """Refuse labels of another shape than their image's ``size = (width, height)``.

    Raises:
        CaptureError: names both files.
    """
    (width, height), (rows, columns) = size, labels.shape
    expect(
        abs(width * rows / (height * columns) - 1) <= ASPECT_TOLERANCE,
        given=f"{pair.image} of {width}x{height} and {pair.labels} of {columns}x{rows}",
        needed="labels of the image's shape",
        do="check that they belong together",
        error=CaptureError,
    )
