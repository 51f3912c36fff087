"""What a scan's preparation hands to its prediction in memory: frames that are read, and fused.

Both stages look at the same frames and fuse them alike. Where the second follows the first in one
process it need not do so again; what it makes is the same, to the last bit, as from the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import TsdfVolume

if TYPE_CHECKING:
    from crossvox.predict.complete import KeptFrames


@dataclass(frozen=True, eq=False)
class Handed:
    """A prepared scene, as far as it lies in memory.

    Attributes:
        scene: its name.
        tsdf: how its frames were fused.
        numbers: of the frames, in order.
        frames: they themselves, as they are read from its folder.
        volume: they are fused in it.
    """

    scene: str
    tsdf: TsdfParams
    numbers: tuple[int, ...]
    frames: KeptFrames
    volume: TsdfVolume


_HANDED: ContextVar[list[Handed] | None] = ContextVar("handed", default=None)


@contextmanager
def handing_over() -> Iterator[None]:
    """Within, what is prepared is handed to the next who asks for it, once."""
    before = _HANDED.set([])
    try:
        yield
    finally:
        _HANDED.reset(before)


def is_handing_over() -> bool:
    """Whether somebody may ask for what is prepared now."""
    return _HANDED.get() is not None


def hand_over(one: Handed) -> None:
    """Keep a scene for who asks next; what was kept before is let go."""
    kept = _HANDED.get()
    if kept is not None:
        kept[:] = [one]


def taken_over(scene: str, tsdf: TsdfParams, numbers: Sequence[int]) -> Handed | None:
    """What was handed over of a scene, if its frames are these and were fused so; kept no longer.

    Args:
        scene: its name.
        tsdf: how frames are to be fused.
        numbers: of the frames, in order.
    """
    kept = _HANDED.get()
    one = kept.pop() if kept else None
    asked = (scene, tsdf, tuple(numbers))
    return one if one is not None and asked == (one.scene, one.tsdf, one.numbers) else None
