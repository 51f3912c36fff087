"""The data set that 2D networks are trained from.

A sample depends on the seed, the epoch and its number alone, as those of ``samples.dataset`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from crossvox.core.labels import NYU40_NAMES
from crossvox.core.threads import threads
from crossvox.core.volume import ImageSample
from crossvox.samples.cache import CACHE_BYTES, ImageCache
from crossvox.samples.dataset import Key
from crossvox.samples.decode import check_shapes, fit_labels, image_size, read_labels, read_planes
from crossvox.samples.pairs import ImagePair
from crossvox.samples.params import ImageAugmentParams, ImageParams
from crossvox.samples.vary import vary_color, vary_depth, vary_geometry

MOST_READERS = 8
"""Threads that decode ahead at most: more only wait for the disk."""


class ImageDataset:
    """Images with labels, decoded once at the size of learning and varied when asked for.

    Keys are ``i`` (epoch 0) or ``(epoch, i)``. Works as a map-style data set of a torch
    ``DataLoader`` with :func:`collate_images`.

    Args:
        pairs: what to read.
        params: at which size.
        augment: how samples vary; None: not at all (validation).
        seed: where chance starts.
        depth: whether the planes of depth follow the colours.
        beside: further pairs, of which some join each epoch, drawn anew for each.
        beside_share: share of the samples of an epoch that they make.
        cache_bytes: decoded images and labels that one process keeps at most.
    """

    def __init__(
        self,
        pairs: Sequence[ImagePair],
        params: ImageParams,
        augment: ImageAugmentParams | None = None,
        seed: int = 0,
        *,
        depth: bool = False,
        beside: Sequence[ImagePair] = (),
        beside_share: float = 0.0,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.own = len(pairs)
        self.pairs, self.params = (*pairs, *beside), params
        self.augment, self.seed, self.depth = augment, seed, depth
        self.joined = round(self.own * beside_share / (1 - beside_share)) if beside else 0
        self.cache = ImageCache(cache_bytes)

    def __len__(self) -> int:
        return self.own + self.joined

    def __getitem__(self, key: Key) -> ImageSample:
        """Make one sample.

        Raises:
            IndexError: there is no such sample.
        """
        epoch, number = key if isinstance(key, tuple) else (0, key)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        rng = np.random.default_rng([self.seed, epoch, number])
        if number >= self.own:
            number = int(rng.integers(self.own, len(self.pairs)))
        image, labels = self.image(number), self.labels(number)
        name = self.pairs[number].name
        if self.augment is None:
            return ImageSample(np.ascontiguousarray(image.transpose(2, 0, 1)), labels, name)
        image, labels = vary_geometry(image, labels, self.augment, rng)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        varied = planes.copy()
        vary_color(planes[:3], self.augment.colors, rng, varied[:3])
        if self.depth:
            vary_depth(varied[3:], self.augment, rng)
        return ImageSample(varied, labels, name)

    def image(self, number: int) -> NDArray[np.uint8]:
        """What is read of one pair, ``(H, W, 3)`` uint8, or ``(H, W, 6)`` with depth.

        It is kept for the next time. Do not write to it.
        """
        return self.cache.get(
            ("image", number),
            lambda: read_planes(self.pairs[number], self.params, depth=self.depth),
        )

    def labels(self, number: int) -> NDArray[np.uint8]:
        """Labels of one pair, ``(H, W)`` uint8, kept for the next time. Do not write to it."""
        return self.cache.get(("labels", number), lambda: self._labels(number))

    def _labels(self, number: int) -> NDArray[np.uint8]:
        pair = self.pairs[number]
        labels = read_labels(pair.labels)
        check_shapes(pair, image_size(pair), labels)
        return fit_labels(labels, self.params)

    def warm(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Decode ahead, as much as the cache holds; forked workers then share it.

        Returns:
            How many images and label images the cache holds.
        """
        each = (7 if self.depth else 4) * self.params.width * self.params.height
        count = min(len(self.pairs), self.cache.most_bytes // each)
        with ThreadPoolExecutor(min(MOST_READERS, threads())) as pool:
            for done, _ in enumerate(pool.map(self.image, range(count)), start=1):
                if progress is not None:
                    progress(done, count)
            list(pool.map(self.labels, range(count)))
        return len(self.cache)

    def label_pixels(self, progress: Callable[[int, int], None] | None = None) -> NDArray[np.int64]:
        """Pixels of each NYU40 id over all label images at the size of learning, ``(41,)``.

        Those of pairs beside do not count.
        """
        total = np.zeros(len(NYU40_NAMES), dtype=np.int64)
        with ThreadPoolExecutor(min(MOST_READERS, threads())) as pool:
            for begin in range(0, self.own, 64):
                numbers = range(begin, min(begin + 64, self.own))
                for labels in pool.map(self.labels, numbers):
                    total += np.bincount(labels.reshape(-1), minlength=len(total))
                if progress is not None:
                    progress(numbers.stop, self.own)
        return total
