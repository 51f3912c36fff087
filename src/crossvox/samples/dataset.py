"""Samples in motion: cut, turned and varied on the fly, images decoded once.

A sample depends on the seed, the epoch and its number alone: neither the order of requests nor the
number of workers changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.chunks import cut, turn_pixels
from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3, turn
from crossvox.core.threads import threads
from crossvox.core.volume import ChunkPlace, Sample
from crossvox.samples.cache import CACHE_BYTES, ImageCache
from crossvox.samples.index import SampleIndex
from crossvox.samples.params import AugmentParams
from crossvox.samples.rotations import rotations
from crossvox.samples.source import SceneSource
from crossvox.samples.vary import vary_color
from crossvox.views.params import ViewParams
from crossvox.views.select import chunk_pixels

Key = int | tuple[int, int]


class ChunkDataset:
    """Sub-volumes with their images, made when they are asked for.

    Keys are ``i`` (epoch 0) or ``(epoch, i)``. Works as a map-style data set of a torch
    ``DataLoader`` with :func:`crossvox.samples.batch.collate`, forked or spawned.

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
        sample = self._sample(place, turns, images, view_ok)
        return sample if self.augment is None or self.augment.up is None else _tipped(sample, rng)

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
        with ThreadPoolExecutor(min(2, threads())) as pool:
            for done, _ in enumerate(pool.map(lambda key: self.image(*key), keys), start=1):
                if progress is not None:
                    progress(done, len(keys))
        return len(self.cache)


def _tipped(sample: Sample, rng: np.random.Generator) -> Sample:
    """A sample with any axis up."""
    shape: Index3 = sample.occupied.shape
    choices = rotations(shape)
    chosen = choices[int(rng.integers(len(choices)))]

    def tipped(volume: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(chosen.volume(volume))

    return replace(
        sample,
        lift=chosen.pixels(sample.lift, shape),
        occupied=tipped(sample.occupied),
        observed=tipped(sample.observed),
        labels=tipped(sample.labels),
        inside=tipped(sample.inside),
    )
