"""What is made of files again and again, made once while the files stay as they are.

A study's cells, made one after the other by one process, read the same rooms. Whoever knows that no
file changes meanwhile says so with :func:`files_stay`; outside of it nothing is taken from here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

from crossvox.core.artifact import MANIFEST, files_digest, read_manifest

T = TypeVar("T")

BUDGET_BYTES = 1 << 30
"""What all that a process keeps may take together: some 200 rooms of 120 frames."""

_depth = 0
_stretch = 0
"""How often it was said that files stay: what was last asked for before is of no use any more."""


@contextmanager
def files_stay() -> Iterator[None]:
    """In here, what was made of a folder is taken again where it is asked for again."""
    global _depth, _stretch
    _stretch += not _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


@dataclass
class _One(Generic[T]):
    """Something kept, its size, and the stretch of work that asked for it last."""

    made: T
    bytes: int
    stretch: int


class Kept(Generic[T]):
    """What was made of folders, by key, as far as :data:`BUDGET_BYTES` go.

    What is asked for in order again and again, as the scenes of a training are, would all be
    dropped before it is asked for if the oldest went first. So what this stretch of work has asked
    for stays, and where there is no room beside it, more is not kept.

    Args:
        bytes_of: how much memory something takes, about.
        most: how many are kept; the one that was not asked for longest is dropped.
    """

    _all: ClassVar[WeakSet[Kept[Any]]] = WeakSet()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, bytes_of: Callable[[T], int], most: int | None = None) -> None:
        self.bytes_of, self.most = bytes_of, most
        self._found: dict[Hashable, _One[T]] = {}
        self._all.add(self)

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept for a key, or what is made now. Do not write to it.

        Args:
            key: tells everything that it is made from, such as :func:`folder_key`.
            make: makes it.
        """
        if not _depth:
            return make()
        with self._lock:
            # Taken out and put back: the order is that of the last question.
            found = self._found.pop(key, None)
            if found is not None:
                found.stretch = _stretch
                self._found[key] = found
                return found.made
        made = make()
        one = _One(made, self.bytes_of(made), _stretch)
        with self._lock:
            self._found.pop(key, None)
            if _room_for(one.bytes, self._all):
                self._found[key] = one
            while self.most is not None and len(self._found) > self.most:
                del self._found[next(iter(self._found))]
        return made


def _room_for(size: int, kept: Iterable[Kept[Any]]) -> bool:
    """Whether there is room, once what earlier work asked for last has gone as far as needed."""
    every = [(its, key, one) for its in kept for key, one in its._found.items()]
    free = BUDGET_BYTES - sum(one.bytes for _, _, one in every)
    older = sorted((o for o in every if o[2].stretch < _stretch), key=lambda o: o[2].stretch)
    if size > free + sum(one.bytes for _, _, one in older):
        return False
    for its, key, one in older:
        if size <= free:
            break
        del its._found[key]
        free += one.bytes
    return True


def folder_key(folder: Path) -> tuple[Path, str]:
    """A folder by its place and what it was made from, or its files where it does not tell.

    Raises:
        ArtifactError: its manifest is damaged.
    """
    made = (folder / MANIFEST).is_file()
    return folder.absolute(), read_manifest(folder).digest if made else files_digest(folder)
