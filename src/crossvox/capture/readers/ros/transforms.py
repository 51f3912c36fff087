"""Where the camera was: transforms over time, chained from one frame of reference to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.tum import pose_from_quaternion

Array = NDArray[np.float64]

HOLD_S = 0.1
"""A transform still counts this long before its first and after its last message."""

GAP_S = 1.0
"""Between messages farther apart than this nothing is known, if anything moved."""

STILL_M, STILL_RAD = 0.01, 0.02
"""What has moved by less stood still."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A transform over time.

    Attributes:
        times_s: ``(N,)`` rising.
        values: ``(N, 7)`` x y z, and a unit quaternion qx qy qz qw.
        stands_still: whether all messages say the same.
    """

    times_s: Array
    values: Array
    stands_still: bool

    @staticmethod
    def of(rows: Iterable[tuple[float, Array]]) -> Motion | None:
        """Sort messages by time, of one time the last; leave out what is no transform."""
        latest = {
            time: value
            for time, value in rows
            if np.isfinite(value).all() and np.linalg.norm(value[3:]) > 0.5
        }
        if not latest:
            return None
        times = np.array(sorted(latest))
        values = np.array([latest[time] for time in times.tolist()])
        values[:, 3:] /= np.linalg.norm(values[:, 3:], axis=1, keepdims=True)
        return Motion(times, values, not _moved(values, values[:1]).any())

    def at(self, time_s: float) -> Array | None:
        """``(4, 4)`` at a time, between two messages by their distance; None: not known."""
        times, values = self.times_s, self.values
        if self.stands_still:
            return pose_from_quaternion(values[0])
        if not times[0] - HOLD_S <= time_s <= times[-1] + HOLD_S:
            return None
        after = int(np.clip(np.searchsorted(times, time_s), 1, len(times) - 1))
        first, second = values[after - 1], values[after]
        span = times[after] - times[after - 1]
        if span > GAP_S and _moved(first[None], second[None]).any():
            return None
        share = float(np.clip((time_s - times[after - 1]) / span, 0, 1))
        position = first[:3] + share * (second[:3] - first[:3])
        return pose_from_quaternion(np.concatenate([position, slerp(first[3:], second[3:], share)]))


def _moved(values: Array, others: Array) -> NDArray[np.bool_]:
    far = np.linalg.norm(values[:, :3] - others[:, :3], axis=1) > STILL_M
    cosine = np.abs((values[:, 3:] * others[:, 3:]).sum(axis=1))
    return far | (2 * np.arccos(np.clip(cosine, 0, 1)) > STILL_RAD)


def slerp(first: Array, second: Array, share: float) -> Array:
    """Between two unit quaternions along the shorter arc (Shoemake 1985)."""
    cosine = float(first @ second)
    second, cosine = (-second, -cosine) if cosine < 0 else (second, cosine)
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:
        return first + share * (second - first)
    sine = np.sin(angle)
    return (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / sine


class Tree:
    """Frames of reference, each with the one it is told in (``tf``).

    Args:
        rows: child, parent, time, and ``(7,)`` parent from child as :class:`Motion` has it.
    """

    def __init__(self, rows: Iterable[tuple[str, str, float, Array]]) -> None:
        told: dict[str, dict[str, list[tuple[float, Array]]]] = {}
        for child, parent, time, value in rows:
            if child != parent:
                told.setdefault(child, {}).setdefault(parent, []).append((time, value))
        self.edges: dict[str, tuple[str, Motion]] = {}
        for child, parents in told.items():
            # A frame has one parent; where bags tell more, the one that is told most.
            parent = max(parents, key=lambda name: len(parents[name]))
            motion = Motion.of(parents[parent])
            if motion is not None:
                self.edges[child] = (parent, motion)

    def chain(self, frame: str) -> tuple[str, ...]:
        """The frame, the one it is told in, and so on to the root."""
        names = [frame]
        while names[-1] in self.edges:
            parent = self.edges[names[-1]][0]
            if parent in names:
                break
            names.append(parent)
        return tuple(names)

    def moves(self, chain: tuple[str, ...]) -> bool:
        """Whether anything on a chain moves."""
        return any(not self.edges[name][1].stands_still for name in chain[:-1])

    def at(self, chain: tuple[str, ...], time_s: float) -> Array | None:
        """``(4, 4)``, last of a chain from its first; None where a part is not known."""
        matrix = np.eye(4)
        for name in chain[:-1]:
            step = self.edges[name][1].at(time_s)
            if step is None:
                return None
            matrix = step @ matrix
        return matrix

    def fixed(self, target: str, source: str) -> Array | None:
        """``(4, 4)`` target from source, where both stand fixed to each other; None if not."""
        up, down = self.chain(target), self.chain(source)
        common = next((name for name in up if name in down), None)
        if common is None:
            return None
        first = up[: up.index(common) + 1]
        second = down[: down.index(common) + 1]
        if self.moves(first) or self.moves(second):
            return None
        common_from_target, common_from_source = self.at(first, 0.0), self.at(second, 0.0)
        assert common_from_target is not None
        assert common_from_source is not None
        return np.asarray(np.linalg.inv(common_from_target) @ common_from_source)
