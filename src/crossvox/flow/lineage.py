"""Which scenes something has learnt from, and which split a scene is in.

Scenes of one *space* are several captures of one room: ``scene0042_00`` and ``scene0042_01``. They
stay together: who has learnt from the one has seen the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crossvox.core.checks import CaptureError
from crossvox.core.names import checked_name
from crossvox.core.text import decoded

SPLITS = ("train", "val")
"""A data folder has a list of scenes for each: ``train.txt`` and ``val.txt``."""

HELD_OUT_OF = 5
"""One space in so many is held out, where no list says otherwise."""

LEARNT_FROM = "learnt from"
"""Note of a predicted scene: whether a network behind it has learnt from the scene's space, see
:meth:`Lineage.has_seen`."""

_SCANNET = re.compile(r"(?P<space>scene\d{4})_\d{2}")


def space_of(scene: str) -> str:
    """The space that a scene shows: ``scene0042`` of ``scene0042_01``; of other names, the name."""
    found = _SCANNET.fullmatch(scene)
    return found["space"] if found else scene


def is_held_out(scene: str) -> bool:
    """Whether a scene is kept for validation, where no list says.

    It follows from the name of its space alone (SHA-256 modulo :data:`HELD_OUT_OF`), so that no
    scene ever moves when others come or go.
    """
    number = int(hashlib.sha256(space_of(scene).encode()).hexdigest(), 16)
    return number % HELD_OUT_OF == 0


def read_list(path: Path) -> list[str]:
    """Names in a list of scenes.

    Raises:
        CaptureError: it is no plain text, or holds what is no name.
    """
    try:
        names = decoded(path.read_bytes()).split()
    except UnicodeDecodeError as error:
        raise CaptureError(
            f"given: {path} ({error}); needed: a list of scene names as plain text (UTF-8 or "
            f"UTF-16); do: save it as UTF-8"
        ) from None
    return [checked_name(name, str(path)) for name in names]


def scene_list(data: Path, split: str, before: str = "") -> list[str]:
    """Scenes that the list of a split names; none without a list.

    Args:
        data: folder with the lists.
        split: which one.
        before: what the names of the lists begin with.
    """
    path = data / f"{before}{split}.txt"
    return read_list(path) if path.is_file() else []


def is_seen(scene: str, learnt_from: Iterable[str]) -> bool:
    """Whether a scene shows a space that was learnt from."""
    return space_of(scene) in {space_of(name) for name in learnt_from}


@dataclass(frozen=True)
class Lineage:
    """What something has learnt from, as far as it is told.

    Attributes:
        scenes: names of the scenes that are known, sorted.
        complete: whether these are all; not so where it, or something that it started from, does
            not tell.
    """

    scenes: tuple[str, ...] = ()
    complete: bool = True

    @property
    def told(self) -> tuple[str, ...] | None:
        """The scenes; None where nothing is known."""
        return self.scenes if self.scenes or self.complete else None

    def has_seen(self, scene: str) -> bool | None:
        """Whether a scene shows a space that was learnt from; None: nobody knows."""
        if is_seen(scene, self.scenes):
            return True
        return False if self.complete else None


UNKNOWN = Lineage(complete=False)
"""Of something that tells nothing."""


def together(sources: Iterable[Lineage]) -> Lineage:
    """What several have learnt from: all that any of them tells."""
    every = list(sources)
    names = {name for source in every for name in source.scenes}
    return Lineage(tuple(sorted(names)), all(source.complete for source in every))
