"""Images and their labels, read at the size of learning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import fit_nearest
from crossvox.core.labels import NYU40_NAMES, UNANNOTATED
from crossvox.doors.images import color_size, decode_color, fit_color, read_bytes, read_gray
from crossvox.doors.pillow_images import as_shown, exif_orientation
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
    """What a network reads of a whole image, at each height that it is shown at.

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
    return tuple(
        read_planes(pair, params, depth=depth, whole=True, shown_height=height)
        for height in heights or (None,)
    )


def read_planes(
    pair: ImagePair,
    params: ImageParams,
    *,
    depth: bool,
    whole: bool = False,
    shown_height: int | None = None,
) -> NDArray[np.uint8]:
    """What a network reads of an image, ``(H, W, 3)`` uint8 colours or ``(H, W, 6)``.

    It is turned as the labels are.

    Args:
        pair: what to read.
        params: at which size.
        depth: whether the planes of depth follow the colours
            (:func:`crossvox.views.geometry.geometry_planes`; 0 where the image has none).
        whole: do not crop: :meth:`crossvox.samples.params.ImageParams.fit_whole`.
        shown_height: of a whole image, instead of the one that the parameters name.

    Raises:
        CaptureError: missing or damaged; names the file.
    """
    image, fit, turn = _read_fitted(pair, params, whole, shown_height)
    if not depth:
        return image
    planes = np.zeros((*image.shape[:2], 6), np.uint8)
    planes[..., :3] = image
    measured = None if pair.depth is None else pair.depth.read()
    # A turned image's depth would have to be turned with it; nobody tells how it lies.
    if measured is not None and turn == 1:
        planes[..., 3:] = measured.planes(fit).transpose(1, 2, 0)
    return planes


def _read_fitted(
    pair: ImagePair, params: ImageParams, whole: bool, shown_height: int | None
) -> tuple[NDArray[np.uint8], ImageFit, int]:
    """Colours at the size of learning, how they came there, and how they were turned before."""
    data, source = read_bytes(pair.image), str(pair.image)
    stored = color_size(data, source)
    turn = _orientation(pair, data, stored)
    lying = turn >= FIRST_LYING
    own = stored[::-1] if lying else stored
    crop = ImageFit.centre_crop(own, params.size)
    fit = params.fit_whole(own, shown_height) if whole else crop
    if params.resampling == "nearest":
        image = as_shown(decode_color(data, source), turn)
        return np.ascontiguousarray(fit_nearest(image, fit)), fit, turn
    smaller = fit.resized[::-1] if lying else fit.resized
    image = np.ascontiguousarray(as_shown(decode_color(data, source, at_least=smaller), turn))
    return np.ascontiguousarray(fit_color(image, fit)), fit, turn


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
        CaptureError: missing, damaged, or with ids that NYU40 does not have; names the file.
    """
    labels = read_gray(path)
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
