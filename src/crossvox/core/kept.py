"""What is made of files again and again, made once while the files stay as they are.

A study's cells, made one after the other by one process, read the same rooms. Whoever knows that no
file changes meanwhile says so with :func:`files_stay`; outside of it nothing is taken from here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from crossvox.core.artifact import MANIFEST, files_digest, read_manifest

T = TypeVar("T")

_depth = 0


@contextmanager
def files_stay() -> Iterator[None]:
    """In here, what was made of a folder is taken again where it is asked for again."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


class Kept(Generic[T]):
    """What was made of folders, by key; what was not asked for longest is dropped.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: dict[Hashable, T] = {}
        self._lock = threading.Lock()

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
            found = [self._found.pop(key)] if key in self._found else []
        one = found[0] if found else make()
        with self._lock:
            self._found[key] = one
            while len(self._found) > self.most:
                del self._found[next(iter(self._found))]
        return one


def folder_key(folder: Path) -> tuple[Path, str]:
    """A folder by its place and what it was made from, or its files where it does not tell.

    Raises:
        ArtifactError: its manifest is damaged.
    """
    made = (folder / MANIFEST).is_file()
    return folder.absolute(), read_manifest(folder).digest if made else files_digest(folder)
