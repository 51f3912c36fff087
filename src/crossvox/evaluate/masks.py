"""Which points of a surface are counted: a box, and what a capture's frames can have seen.

Points that are left out are not asked about; they stay where they are as answers, so that nothing
beside the edge of a mask is far from what lies behind it.

A frame can have seen a point if the point projects, rounded half to even, to a pixel inside the
image, the depth ``d`` read there lies in (0, 4.0] m, and the point's depth is below d + 5 cm: it
lies in free space, or on the surface, or so little behind it that it may be the surface's own. All
else is hidden from it: behind what it read, beside the image, farther than depth counts. What no
frame can have seen is neither right nor wrong:

* ``occlusion`` leaves such points of the *made* surface out of accuracy and precision, so that
  completing a room beyond its scan costs nothing (TransformerFusion's rule, there with files of
  voxels; here point by point, so that nothing depends on a voxel size).
* ``visible`` leaves such points of *both* surfaces out, so that what the frames do not show is not
  asked for either.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.views.looked_through import MARGIN_M, looked_through

Mask = Literal["none", "occlusion", "visible"]
Key = TypeVar("Key", bound=Hashable)

CROP_MARGIN_M = 0.1
"""How far around the reference ``--crop reference`` reaches, unless it is told."""


@dataclass(frozen=True)
class Box:
    """A box along the axes, its faces included.

    Attributes:
        low_m, high_m: its corners.
    """

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]

    def holds(self, points_m: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``(N, 3)`` points lie in it: ``(N,)``."""
        inside = (points_m >= self.low_m) & (points_m <= self.high_m)
        return np.asarray(inside.all(axis=1))

    @classmethod
    def around(cls, points_m: NDArray[np.float64], margin_m: float) -> Box:
        """The box of ``(N, 3)`` points, N > 0, and a margin around it."""
        low, high = points_m.min(axis=0) - margin_m, points_m.max(axis=0) + margin_m
        return cls((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def box_of(text: str, margin_m: float, points_m: NDArray[np.float64]) -> Box | None:
    """The box that ``--crop`` asks for.

    Args:
        text: ``none``, ``reference``, or six numbers: the low corner, the high corner, in the world
            of the reference.
        margin_m: around the reference's own box.
        points_m: ``(N, 3)`` of the reference.

    Raises:
        ParamsError: it is none of these.
    """
    expect(
        np.isfinite(margin_m) and margin_m >= 0,
        given=f"a margin of {margin_m} m around the reference",
        needed="0 or more metres",
        do="pass a --crop-margin such as 0.1",
        error=ParamsError,
    )
    if text in ("", "none"):
        return None
    if text == "reference":
        return Box.around(points_m, margin_m) if len(points_m) else None
    words = text.replace(",", " ").split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    low, high = numbers[:3], numbers[3:]
    expect(
        len(numbers) == 6
        and bool(np.isfinite(numbers).all())
        and all(a < b for a, b in zip(low, high, strict=True)),
        given=f"--crop {text!r}",
        needed="none, reference, or the low and the high corner of a box: six numbers, metres",
        do="pass for example --crop=-1,-1,0,5,4,2.5",
        error=ParamsError,
    )
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


class Seen(Generic[Key]):
    """Finds which points of several sets some frame can have seen. No frame is kept.

    Args:
        points_m: ``(N, 3)`` of each set, by any key.
    """

    def __init__(self, points_m: Mapping[Key, NDArray[np.float64]]) -> None:
        self._points = dict(points_m)
        self._counts = {key: np.zeros(len(one), np.uint16) for key, one in self._points.items()}

    def add(self, frame: Frame) -> None:
        """Look from one more frame; without pose or depth it says nothing."""
        for key, points in self._points.items():
            looked_through(points, [frame], margin_m=-MARGIN_M, counts=self._counts[key])

    def found(self) -> dict[Key, NDArray[np.bool_]]:
        """Which points of each set the frames so far can have seen: ``(N,)``."""
        return {key: counts > 0 for key, counts in self._counts.items()}
