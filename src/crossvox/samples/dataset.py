"""Samples in motion: cut, turned and varied on the fly, images decoded once.

A sample depends on the seed, the epoch and its number alone: neither the order of requests nor the
number of workers changes it.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.chunks import cut, turn_pixels
from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.grid import turn
from crossvox.core.volume import Batch, ChunkPlace, LabelledBatch, Sample
from crossvox.doors.images import blur_gray
from crossvox.samples.index import SampleIndex
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import SceneSource
from crossvox.views.select import chunk_pixels
from crossvox.views.visibility import ViewParams

COLOR_MEAN = (0.496342, 0.466664, 0.440796)
"""Mean of RGB on [0, 1] over the training images of the published pipeline."""

COLOR_STD = (0.277856, 0.28623, 0.291129)
"""Standard deviation likewise."""

CACHE_BYTES = 1 << 30
"""Decoded images that one process keeps at most."""

_LUMA = np.array([0.299, 0.587, 0.114])

Key = int | tuple[int, int]
T = TypeVar("T", bound=np.generic)


class ImageCache:
    """Decoded images, the least recently used ones dropped when they take too much memory.

    Several threads may use one. A forked process starts with what its parent had (the pages are
    shared until written); a pickled cache arrives empty.
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self.most_bytes = most_bytes
        self._reset()

    def _reset(self) -> None:
        self._images: OrderedDict[tuple[str, int], NDArray[Any]] = OrderedDict()
        self.bytes = 0
        self._renew_lock()

    def _renew_lock(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()

    def __len__(self) -> int:
        return len(self._images)

    def __getstate__(self) -> dict[str, Any]:
        return {"most_bytes": self.most_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.most_bytes = state["most_bytes"]
        self._reset()

    def get(self, key: tuple[str, int], make: Callable[[], NDArray[T]]) -> NDArray[T]:
        """The image (or other array) of ``key``, made if it is not there. Do not write to it."""
        if self._process != os.getpid():
            # A lock that another thread of the parent held during the fork would never open.
            self._renew_lock()
        with self._lock:
            image = self._images.get(key)
            if image is not None:
                self._images.move_to_end(key)
                return image
        image = make()
        image.setflags(write=False)
        with self._lock:
            if key not in self._images and image.nbytes <= self.most_bytes:
                self._images[key] = image
                self.bytes += image.nbytes
                while self.bytes > self.most_bytes:
                    _, dropped = self._images.popitem(last=False)
                    self.bytes -= dropped.nbytes
        return image


class ChunkDataset:
    """Sub-volumes with their images, made when they are asked for.

    Keys are ``i`` (epoch 0) or ``(epoch, i)``. Works as a map-style data set of a torch
    ``DataLoader`` with :func:`collate`, forked or spawned.

    Args:
        sources: scenes by name.
        index: places of the samples.
        view_params: the parameters that the scenes' views were made with.
        augment: how samples vary; None: not at all (validation).
        seed: where chance starts.
        cache_bytes: decoded images that one process keeps at most.
        image_labels: also deliver the labels of the images.

    Raises:
        ParamsError: a place's scene is not among the sources, or its views have another image size.
    """

    def __init__(
        self,
        sources: Mapping[str, SceneSource],
        index: SampleIndex,
        view_params: ViewParams,
        augment: AugmentParams | None = None,
        seed: int = 0,
        cache_bytes: int = CACHE_BYTES,
        image_labels: bool = False,
    ) -> None:
        missing = sorted({place.scene for place in index.places} - set(sources))
        expect(
            not missing,
            given=f"an index with scenes {', '.join(missing[:5])}, which are not at hand",
            needed="a source for every scene of the index",
            do="load these scenes, or make the index anew",
            error=ParamsError,
        )
        for name, source in sources.items():
            size = source.views.camera.size
            expect(
                size == view_params.size,
                given=f"views of {name} at {size[0]}x{size[1]}",
                needed=f"{view_params.width}x{view_params.height}, the size of the images",
                do="load the scenes with these view parameters",
                error=ParamsError,
            )
        self.sources, self.index, self.view_params = sources, index, view_params
        self.augment, self.seed = augment, seed
        self.cache = ImageCache(cache_bytes)
        self.image_labels, self._labels = image_labels, ImageCache(cache_bytes // 4)

    def __len__(self) -> int:
        return len(self.index.places)

    def __getitem__(self, key: Key) -> Sample:
        """Make one sample.

        Raises:
            IndexError: there is no such sample.
        """
        epoch, number = key if isinstance(key, tuple) else (0, key)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        place = self.index.places[number]
        rng = np.random.default_rng([self.seed, epoch, number])
        turns = self._turns(rng)
        images, view_ok = self._images(place, rng)
        return self._sample(place, turns, images, view_ok)

    def _turns(self, rng: np.random.Generator) -> int:
        turns = int(rng.integers(4))
        if self.augment is None or not self.augment.turn:
            return 0
        # Samples of one batch need one shape: others than squares are only turned upside down.
        square = self.index.shape[0] == self.index.shape[1]
        return turns if square else turns // 2 * 2

    def _images(
        self, place: ChunkPlace, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        slots, (width, height) = self.index.max_views, self.view_params.size
        images = np.empty((slots, 3, height, width), dtype=np.uint8)
        view_ok = np.arange(slots) < len(place.frame_ids)
        for slot, frame_id in enumerate(place.frame_ids):
            image = self.image(place.scene, frame_id)
            if self.augment is None:
                images[slot] = image
            else:
                vary_color(image, self.augment, rng, images[slot])
        images[len(place.frame_ids) :] = 0
        return images, view_ok

    def _sample(
        self,
        place: ChunkPlace,
        turns: int,
        images: NDArray[np.uint8],
        view_ok: NDArray[np.bool_],
    ) -> Sample:
        source, shape = self.sources[place.scene], self.index.shape
        volume = source.volume
        nothing = np.broadcast_to(np.False_, source.grid.shape)

        def part(array: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(turn(cut(array, place.start, shape, 0), turns))

        pairs = chunk_pixels(source.views, place.start, shape, place.frame_ids)
        return Sample(
            images=images,
            view_ok=view_ok,
            lift=turn_pixels(pairs, shape, turns),
            occupied=part(nothing if volume is None else volume.occupied),
            observed=part(nothing if volume is None else volume.observed),
            labels=part(nothing.astype(np.uint8) if volume is None else volume.labels),
            inside=part(np.broadcast_to(np.True_, source.grid.shape)),
            place=place,
            quarter_turns=turns,
            image_labels=self._image_labels(place) if self.image_labels else None,
        )

    def _image_labels(self, place: ChunkPlace) -> NDArray[np.uint8]:
        """Labels go with the images as they are: augmentation changes colours alone."""
        source, (width, height) = self.sources[place.scene], self.view_params.size
        labels = np.zeros((self.index.max_views, height, width), dtype=np.uint8)
        for slot, frame_id in enumerate(place.frame_ids):
            make = partial(source.image_labels, frame_id, self.view_params)
            labels[slot] = self._labels.get((place.scene, frame_id), make)
        return labels

    def image(self, scene: str, frame_id: int) -> NDArray[np.uint8]:
        """Colours of one frame at the view size, ``(3, H, W)`` uint8, kept for the next time."""
        source = self.sources[scene]
        return self.cache.get((scene, frame_id), lambda: source.image(frame_id, self.view_params))

    def warm(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Decode the images of the index ahead, as many as the cache holds.

        Done before workers are forked, they share the decoded images instead of each keeping its
        own.

        Returns:
            How many images the cache holds.
        """
        wanted = dict.fromkeys((p.scene, frame) for p in self.index.places for frame in p.frame_ids)
        each = 3 * self.view_params.width * self.view_params.height
        keys = list(wanted)[: self.cache.most_bytes // each]
        with ThreadPoolExecutor(2) as pool:
            for done, _ in enumerate(pool.map(lambda key: self.image(*key), keys), start=1):
                if progress is not None:
                    progress(done, len(keys))
        return len(self.cache)


def vary_color(
    image: NDArray[np.uint8],
    params: AugmentParams,
    rng: np.random.Generator,
    out: NDArray[np.uint8],
) -> None:
    """Vary brightness, contrast, saturation and hue of ``(3, H, W)`` colours, and blur some.

    The four are one affine map of the colours, so a single pass does them all without rounding in
    between.

    Args:
        image: colours.
        params: how far to vary.
        rng: where chance comes from; the same number of draws whatever comes of them.
        out: takes the result.
    """
    from crossvox.samples.kernels import mix_colors

    brightness, contrast, saturation, hue, luck, blur = rng.uniform(-1, 1, size=6)
    matrix, offset = color_map(
        1 + brightness * params.brightness,
        1 + contrast * params.contrast,
        1 + saturation * params.saturation,
        hue * params.hue,
        # Every fourth pixel of every fourth row tells the mean grey well enough.
        float(_LUMA @ image[:, ::4, ::4].mean(axis=(1, 2))),
    )
    mix_colors(image, matrix.astype(np.float32), offset.astype(np.float32), out)
    sigma_px = (blur + 1) / 2 * params.blur_px
    if (luck + 1) / 2 < params.blur_share and sigma_px > 0.1:
        for channel in range(3):
            out[channel] = blur_gray(out[channel], sigma_px)


def color_map(
    brightness: float, contrast: float, saturation: float, hue: float, grey: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The affine map that changes brightness, then contrast, then saturation, then hue.

    Args:
        brightness: factor on the colours.
        contrast: factor on the distance from the mean grey.
        saturation: factor on the distance from each pixel's own grey.
        hue: turn about the grey axis, in full circles.
        grey: mean grey of the image before, 0..255.

    Returns:
        ``(3, 3)`` matrix and ``(3,)`` offset on the scale 0..255; ones and zero are the identity.
    """
    fade = saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMA, (3, 1))
    # Rodrigues' formula about the axis (1, 1, 1) / sqrt(3).
    angle = 2 * np.pi * hue
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    spin = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    matrix = spin @ fade
    shift = (1 - contrast) * brightness * grey
    return contrast * brightness * matrix, matrix @ np.full(3, shift)


def collate(samples: Sequence[Sample]) -> Batch:
    """Join samples to a batch: images normalised, pairs in one list with their sample's number.

    Raises:
        ShapeError: no samples, or samples of different shapes.
    """
    import torch

    from crossvox.samples.kernels import scale_colors

    shapes = {(sample.images.shape, sample.occupied.shape) for sample in samples}
    expect(
        len(shapes) == 1,
        given=f"samples of shapes {sorted(shapes)}",
        needed="at least one sample, all with one number of views, image size and shape",
        do="batch samples of one index",
        error=ShapeError,
    )
    factor = (1 / (255 * np.array(COLOR_STD))).astype(np.float32)
    offset = (-np.array(COLOR_MEAN) / np.array(COLOR_STD)).astype(np.float32)
    images = np.empty((len(samples), *samples[0].images.shape), dtype=np.float32)
    for n, sample in enumerate(samples):
        for slot, there in enumerate(sample.view_ok.tolist()):
            if there:
                scale_colors(sample.images[slot], factor, offset, images[n, slot])
            else:
                images[n, slot] = 0

    def joined(arrays: Iterable[NDArray[np.int64]]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate(list(arrays)))

    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    batch = Batch(
        images=torch.from_numpy(images),
        view_ok=stacked("view_ok"),
        voxel=joined(sample.lift.voxel for sample in samples),
        pixel=joined(sample.lift.pixel for sample in samples),
        view=joined(sample.lift.view for sample in samples),
        sample=joined(np.full(len(s.lift.voxel), n, np.int64) for n, s in enumerate(samples)),
        occupied=stacked("occupied"),
        observed=stacked("observed"),
        inside=stacked("inside"),
        labels=stacked("labels").long(),
    )
    if samples[0].image_labels is None:
        return batch
    return LabelledBatch(**vars(batch), image_labels=stacked("image_labels").long())
