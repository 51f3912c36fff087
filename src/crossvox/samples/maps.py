"""What a 2D network makes of frames, made once a frame and kept for every sub-volume to come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.volume import Batch, FeatureBatch, MappedBatch, Sample
from crossvox.samples.batch import collate
from crossvox.samples.cache import CACHE_BYTES, ImageCache

if TYPE_CHECKING:
    from torch import Tensor


Encode = Callable[["Tensor"], "Tensor"]
"""``(1, 3, H, W)`` normalised images to ``(1, C, h, w)`` maps."""


class FrameMaps:
    """Maps of frames, the least recently used ones dropped when they take too much memory.

    Args:
        encode: ``(1, 3, H, W)`` normalised images to ``(1, C, h, w)`` maps.
        most_bytes: maps that are kept at most.

    Attributes:
        made: how often ``encode`` was called.
        seconds: time that it took.
    """

    def __init__(self, encode: Encode, most_bytes: int = CACHE_BYTES) -> None:
        self.encode = encode
        self.cache = ImageCache(most_bytes)
        self.made, self.seconds = 0, 0.0

    def add(self, samples: Sequence[Sample], batch: Batch) -> MappedBatch:
        """The batch of these samples with its maps; at least one view exists."""
        return MappedBatch(**vars(batch), maps=self.stack(samples, batch))

    def stack(self, samples: Sequence[Sample], batch: Batch) -> Tensor:
        """Maps ``(B, K, C, h, w)`` of the samples' frames; views that are missing hold 0.

        Each frame is encoded alone, and not with others of the batch, so that the result does not
        depend on which frames were at hand. Without any view there is one map of a black image, for
        its size.
        """
        maps: NDArray[np.float32] | None = None
        for n, sample in enumerate(samples):
            for slot, frame in enumerate(sample.place.frame_ids):
                made = self.get(sample.place.scene, frame, batch.images[n, slot])
                if maps is None:
                    maps = np.zeros((*batch.images.shape[:2], *made.shape), np.float32)
                maps[n, slot] = made
        if maps is None:
            made = self._blank(batch)
            maps = np.zeros((*batch.images.shape[:2], *made.shape), np.float32)
        return torch.from_numpy(maps)

    def get(self, scene: str, frame: int, image: Tensor) -> NDArray[np.float32]:
        """Maps ``(C, h, w)`` of one frame, made of its normalised image if they are not kept."""
        return self.cache.get((scene, frame), partial(self._make, image))

    def _blank(self, batch: Batch) -> NDArray[np.float32]:
        return self._make(batch.images[0, 0])

    def _make(self, image: Tensor) -> NDArray[np.float32]:
        return self._timed(self.encode, image)

    def _timed(self, encode: Encode, image: Tensor) -> NDArray[np.float32]:
        begin = time.perf_counter()
        made: NDArray[np.float32] = encode(image[None])[0].detach().cpu().numpy()
        self.made += 1
        self.seconds += time.perf_counter() - begin
        return made


class FeatureCollate:
    """Joins samples to a batch with features of a 2D network that does not learn.

    Only for images that are shown as they are: of a varied image the features differ every time.

    Args:
        maps: where the features of frames are kept; whoever makes it decides how long it lives.
    """

    def __init__(self, maps: FrameMaps) -> None:
        self.maps = maps

    def __call__(self, samples: Sequence[Sample]) -> FeatureBatch:
        """The batch of these samples."""
        batch = collate(list(samples))
        return FeatureBatch(**vars(batch), features=self.maps.stack(samples, batch))
