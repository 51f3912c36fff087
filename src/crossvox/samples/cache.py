"""Arrays that are made once and kept while there is room."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

CACHE_BYTES = 1 << 30
"""Decoded images that one process keeps at most."""

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
