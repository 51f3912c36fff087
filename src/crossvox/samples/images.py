"""Images with labels: pairs of files, and the data set that 2D networks are trained from.

A sample depends on the seed, the epoch and its number alone, as those of ``samples.dataset`` do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Size
from crossvox.core.checks import CaptureError, ParamsError, ShapeError, expect
from crossvox.core.frame import fit_nearest, resize_nearest
from crossvox.core.labels import NYU40_NAMES, UNANNOTATED
from crossvox.core.volume import ImageBatch, ImageSample
from crossvox.doors.images import (
    color_size,
    decode_color,
    fit_color,
    read_bytes,
    read_gray,
    resize_color,
)
from crossvox.samples.dataset import CACHE_BYTES, COLOR_MEAN, COLOR_STD, ImageCache, Key, vary_color
from crossvox.samples.params import ImageAugmentParams, ImageParams, color_params

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
LABEL_SUFFIXES = (".png",)
FLAT_SPLITS = {"train": "trainset", "val": "valset"}
"""Folder of each split in the flat layout."""

MOST_BLOCK = 16
"""Longest run of neighbouring images that is held out at once (see :func:`split_pairs`)."""

ASPECT_TOLERANCE = 0.02
"""Labels may have another size than their image, but not another shape than by this share."""

_GREY = np.round(np.array(COLOR_MEAN) * 255).astype(np.uint8)
_READERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class ImagePair:
    """An image and its labels on disk.

    Attributes:
        name: of the image, without suffix.
        image: JPEG or PNG colours.
        labels: 8-bit PNG of NYU40 ids.
    """

    name: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class PairList:
    """Pairs of one split, and what was left out.

    Attributes:
        pairs: in natural order of their names (``scene_9`` before ``scene_10``).
        without_labels: names of images without labels.
        without_image: names of label images without an image.
    """

    pairs: tuple[ImagePair, ...]
    without_labels: tuple[str, ...] = ()
    without_image: tuple[str, ...] = ()


def folder_pairs(images: Path, labels: Path) -> PairList:
    """Pair the files of two folders by their names without suffix.

    Raises:
        CaptureError: a folder is missing, or nothing pairs.
    """
    colors = _files(images, IMAGE_SUFFIXES)
    ids = _files(labels, LABEL_SUFFIXES)
    names = sorted(colors.keys() & ids.keys(), key=natural)
    expect(
        bool(names),
        given=f"{len(colors)} images in {images} and {len(ids)} label images in {labels}, none "
        f"with the same name",
        needed="NAME.jpg (or .png) and NAME.png with NYU40 ids",
        do="check both folders",
        error=CaptureError,
    )
    return PairList(
        tuple(ImagePair(name, colors[name], ids[name]) for name in names),
        tuple(sorted(colors.keys() - ids.keys(), key=natural)),
        tuple(sorted(ids.keys() - colors.keys(), key=natural)),
    )


def scene_pairs(folders: Sequence[Path]) -> PairList:
    """Labelled frames of prepared scenes, called ``SCENE_N``.

    Raises:
        CaptureError: no frame has labels.
    """
    pairs: list[ImagePair] = []
    unlabelled: list[str] = []
    lone: list[str] = []
    for folder in folders:
        scene = folder.resolve().name
        colors = _files(folder / "color", IMAGE_SUFFIXES)
        there = (folder / "label").is_dir()
        ids = _files(folder / "label", LABEL_SUFFIXES) if there else {}
        for number in sorted(colors, key=natural):
            name = f"{scene}_{number}"
            if number in ids:
                pairs.append(ImagePair(name, colors[number], ids[number]))
            else:
                unlabelled.append(name)
        lone += [f"{scene}_{number}" for number in sorted(ids.keys() - colors.keys(), key=natural)]
    expect(
        bool(pairs),
        given=f"{len(folders)} scenes with {len(unlabelled)} frames, none of them labelled",
        needed="label/N.png beside color/N.jpg",
        do="prepare scans that come with 2D labels",
        error=CaptureError,
    )
    return PairList(tuple(pairs), tuple(unlabelled), tuple(lone))


def split_pairs(
    pairs: Sequence[ImagePair], validation_share: float
) -> tuple[tuple[ImagePair, ...], tuple[ImagePair, ...]]:
    """Split pairs for training and validation, so that near-equal images stay on one side.

    Frames of one scene look alike: split one by one, validation would measure memory. Where names
    tell scenes (``SCENE_N``), whole scenes are held out, evenly over the list; else runs of up to
    :data:`MOST_BLOCK` neighbours, for in most data sets neighbours come from one scene. The split
    follows from the names alone.

    Args:
        pairs: in order.
        validation_share: share to hold out, above 0 and below 1.

    Returns:
        Pairs for training and for validation, none of them empty.

    Raises:
        ParamsError: the share, or the pairs, leave one side empty.
    """
    expect(
        0 < validation_share < 1 and len(pairs) > 1,
        given=f"{len(pairs)} images, of which a share of {validation_share} is to be held out",
        needed="at least two images and a share between 0 and 1",
        do="correct --validation-share",
        error=ParamsError,
    )
    scenes: dict[str, list[ImagePair]] = {}
    for pair in pairs:
        scenes.setdefault(re.sub(r"_\d+$", "", pair.name), []).append(pair)
    if 1 < len(scenes) < len(pairs):
        groups = list(scenes.values())
    else:
        size = max(1, min(MOST_BLOCK, int(len(pairs) * min(validation_share, 0.5) / 4)))
        groups = [list(pairs[i : i + size]) for i in range(0, len(pairs), size)]
    training: list[ImagePair] = []
    held_out: list[ImagePair] = []
    for number, group in enumerate(groups):
        # As a line of slope validation_share is drawn on a raster: as even as can be.
        before, after = (int(n * validation_share + 0.5) for n in (number, number + 1))
        (held_out if after > before else training).extend(group)
    for empty, other in ((held_out, training), (training, held_out)):
        if not empty:
            count = len(groups[-1])
            empty += other[-count:]
            del other[-count:]
    return tuple(training), tuple(held_out)


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key by which numbers in names count as numbers."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files by name without suffix; an earlier suffix wins over a later one."""
    expect(
        folder.is_dir(),
        given=f"{folder}, which is no folder",
        needed="a folder of images",
        do="check the path",
        error=CaptureError,
    )
    found: dict[str, Path] = {}
    names = os.listdir(folder)
    for suffix in reversed(suffixes):
        for name in names:
            stem, end = os.path.splitext(name)
            if end.lower() == suffix and not stem.startswith("."):
                found[stem] = folder / name
    return found


# --- decoding ------------------------------------------------------------------------------------


def read_image(pair: ImagePair, params: ImageParams, *, whole: bool = False) -> NDArray[np.uint8]:
    """Colours at the size of learning, ``(H, W, 3)`` uint8.

    Args:
        pair: what to read.
        params: at which size.
        whole: do not crop: the image keeps its shape, and the height (or the width, if it is a
            narrow one) of ``params``.

    Raises:
        CaptureError: missing or damaged; names the file.
    """
    data, source = read_bytes(pair.image), str(pair.image)
    fit = ImageFit.centre_crop(color_size(data, source), params.size)
    if whole:
        fit = ImageFit(fit.source, fit.resized, 0, 0, fit.resized)
    if params.resampling == "nearest":
        return np.ascontiguousarray(fit_nearest(decode_color(data, source), fit))
    return np.ascontiguousarray(fit_color(decode_color(data, source, at_least=fit.resized), fit))


def read_labels(path: Path) -> NDArray[np.uint8]:
    """A label image at its full size, ``(H, W)`` uint8 NYU40 ids.

    Raises:
        CaptureError: missing, damaged, or with ids that NYU40 does not have; names the file.
    """
    labels = read_gray(path)
    largest = int(labels.max())
    expect(
        largest < len(NYU40_NAMES),
        given=f"{path} with label id {largest}",
        needed=f"NYU40 ids, 0 to {len(NYU40_NAMES) - 1}",
        do="map raw label ids with the data set's class map first ('crossvox prepare' does)",
        error=CaptureError,
    )
    return labels.astype(np.uint8)


def fit_labels(labels: NDArray[np.uint8], params: ImageParams) -> NDArray[np.uint8]:
    """Labels at the size of learning, resampled and cropped as :func:`read_image` does."""
    height, width = labels.shape
    return np.ascontiguousarray(
        fit_nearest(labels, ImageFit.centre_crop((width, height), params.size))
    )


# --- samples -------------------------------------------------------------------------------------


class ImageDataset:
    """Images with labels, decoded once at the size of learning and varied when asked for.

    Keys are ``i`` (epoch 0) or ``(epoch, i)``. Works as a map-style data set of a torch
    ``DataLoader`` with :func:`collate_images`.

    Args:
        pairs: what to read.
        params: at which size.
        augment: how samples vary; None: not at all (validation).
        seed: where chance starts.
        cache_bytes: decoded images and labels that one process keeps at most.
    """

    def __init__(
        self,
        pairs: Sequence[ImagePair],
        params: ImageParams,
        augment: ImageAugmentParams | None = None,
        seed: int = 0,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.pairs, self.params = tuple(pairs), params
        self.augment, self.seed = augment, seed
        self.cache = ImageCache(cache_bytes)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: Key) -> ImageSample:
        """Make one sample.

        Raises:
            IndexError: there is no such sample.
        """
        epoch, number = key if isinstance(key, tuple) else (0, key)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        image, labels = self.image(number), self.labels(number)
        name = self.pairs[number].name
        if self.augment is None:
            return ImageSample(np.ascontiguousarray(image.transpose(2, 0, 1)), labels, name)
        rng = np.random.default_rng([self.seed, epoch, number])
        image, labels = vary_geometry(image, labels, self.augment, rng)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        varied = np.empty_like(planes)
        vary_color(planes, color_params(self.augment), rng, varied)
        return ImageSample(varied, labels, name)

    def image(self, number: int) -> NDArray[np.uint8]:
        """Colours of one pair, ``(H, W, 3)`` uint8, kept for the next time. Do not write to it."""
        return self.cache.get(
            ("image", number), lambda: read_image(self.pairs[number], self.params)
        )

    def labels(self, number: int) -> NDArray[np.uint8]:
        """Labels of one pair, ``(H, W)`` uint8, kept for the next time. Do not write to it."""
        return self.cache.get(("labels", number), lambda: self._labels(number))

    def _labels(self, number: int) -> NDArray[np.uint8]:
        pair = self.pairs[number]
        labels = read_labels(pair.labels)
        width, height = color_size(read_bytes(pair.image), str(pair.image))
        check_shapes(pair, (width, height), labels)
        return fit_labels(labels, self.params)

    def warm(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Decode ahead, as much as the cache holds; forked workers then share it.

        Returns:
            How many images and label images the cache holds.
        """
        each = 4 * self.params.width * self.params.height
        count = min(len(self), self.cache.most_bytes // each)
        with ThreadPoolExecutor(_READERS) as pool:
            for done, _ in enumerate(pool.map(self.image, range(count)), start=1):
                if progress is not None:
                    progress(done, count)
            list(pool.map(self.labels, range(count)))
        return len(self.cache)

    def label_pixels(self, progress: Callable[[int, int], None] | None = None) -> NDArray[np.int64]:
        """Pixels of each NYU40 id over all label images at the size of learning, ``(41,)``."""
        total = np.zeros(len(NYU40_NAMES), dtype=np.int64)
        with ThreadPoolExecutor(_READERS) as pool:
            for begin in range(0, len(self), 64):
                numbers = range(begin, min(begin + 64, len(self)))
                for labels in pool.map(self.labels, numbers):
                    total += np.bincount(labels.reshape(-1), minlength=len(total))
                if progress is not None:
                    progress(numbers.stop, len(self))
        return total


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


def vary_geometry(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    params: ImageAugmentParams,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mirror, scale and move an image and its labels together; the size stays.

    Args:
        image: ``(H, W, 3)`` uint8.
        labels: ``(H, W)`` uint8.
        params: how far to vary.
        rng: where chance comes from; the same number of draws whatever comes of them.
    """
    height, width = labels.shape
    luck, scale, stretch, x, y = rng.random(5)
    if luck < params.flip_share:
        image, labels = image[:, ::-1], labels[:, ::-1]
    factor = params.smallest * (params.largest / params.smallest) ** scale
    apart = 1 + params.stretch * (2 * stretch - 1)
    # What is kept of the image, then the place that it takes in the result: one of them is whole.
    left, wide, at_left, out_wide = _window(width, factor * np.sqrt(apart), x)
    top, high, at_top, out_high = _window(height, factor / np.sqrt(apart), y)
    size = (out_wide, out_high)
    colors = np.ascontiguousarray(image[top : top + high, left : left + wide])
    colors = resize_color(colors, size)
    ids = resize_nearest(labels[top : top + high, left : left + wide], size)
    if size == (width, height):
        return colors, np.ascontiguousarray(ids)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = _GREY
    canvas[at_top : at_top + out_high, at_left : at_left + out_wide] = colors
    blank = np.full((height, width), UNANNOTATED, dtype=np.uint8)
    blank[at_top : at_top + out_high, at_left : at_left + out_wide] = ids
    return canvas, blank


def _window(length: int, factor: float, place: float) -> tuple[int, int, int, int]:
    """Along one axis: first pixel kept, pixels kept, first pixel filled, pixels filled."""
    if factor >= 1:
        kept = max(1, round(length / factor))
        return int(place * (length - kept + 1)), kept, 0, length
    filled = max(1, round(length * factor))
    return 0, length, int(place * (length - filled + 1)), filled


def normalised(image: NDArray[np.uint8], out: NDArray[np.float32] | None = None) -> Any:
    """``(3, H, W)`` uint8 colours as float32 with the mean and deviation that networks expect."""
    from crossvox.samples.kernels import scale_colors

    factor = (1 / (255 * np.array(COLOR_STD))).astype(np.float32)
    offset = (-np.array(COLOR_MEAN) / np.array(COLOR_STD)).astype(np.float32)
    out = np.empty(image.shape, dtype=np.float32) if out is None else out
    scale_colors(image, factor, offset, out)
    return out


def collate_images(samples: Iterable[ImageSample]) -> ImageBatch:
    """Join samples to a batch, images normalised.

    Raises:
        ShapeError: no samples, or samples of different sizes.
    """
    import torch

    samples = list(samples)
    shapes = {sample.image.shape for sample in samples}
    expect(
        len(shapes) == 1,
        given=f"samples of shapes {sorted(shapes)}",
        needed="at least one sample, all of one size",
        do="batch samples of one data set",
        error=ShapeError,
    )
    images = np.empty((len(samples), *samples[0].image.shape), dtype=np.float32)
    for sample, image in zip(samples, images, strict=True):
        normalised(sample.image, image)
    labels = np.stack([sample.labels for sample in samples])
    return ImageBatch(torch.from_numpy(images), torch.from_numpy(labels).long())
