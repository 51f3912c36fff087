"""Floor, ceiling, and the lines that walls are in plan, from a labelled surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from crossvox.objects.kinds import FLOOR, IN_WALLS, WALL
from crossvox.objects.surface import Surface

Array = NDArray[Any]

LEVEL, PLUMB = np.cos(np.radians(35)), np.sin(np.radians(25))
"""Cosines of normals to z, from which on, and up to which, a vertex is level, or plumb."""

BIN_M = 0.05
"""Length of the pieces that a wall's line is looked at in."""

_OFFSET_M = 0.02
_NEAR_M = 0.08
"""Surface this near to a line belongs to it."""

_SMALLEST_M2 = 0.35
"""A wall with less surface than this is none."""

_MOST = 22
"""Lines in all: the strongest ones."""


@dataclass(frozen=True, eq=False)
class Line:
    """A plane of walls as a line in plan: points x with ``normal @ x == offset``.

    Attributes:
        normal: ``(2,)`` unit vector, into the space that the wall was seen from.
        offset: metres.
        area: of its surface, weighted by how much each class tells of walls, m2.
    """

    normal: NDArray[np.float64]
    offset: float
    area: float

    @property
    def along(self) -> NDArray[np.float64]:
        """Direction that has the seen space on its left."""
        return np.array([self.normal[1], -self.normal[0]])


@dataclass(frozen=True, eq=False)
class WallEvidence:
    """Surface that tells of walls.

    Attributes:
        points: ``(N, 3)`` metres.
        normals: ``(N, 2)`` unit vectors in plan.
        weight: ``(N,)`` m2 times how much the class tells of walls.
    """

    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    weight: NDArray[np.float64]

    def near(self, line: Line, reach_m: float = _NEAR_M) -> NDArray[np.bool_]:
        """Which of it lies on a line and faces as it does."""
        away = np.abs(self.points[:, :2] @ line.normal - line.offset) < reach_m
        return away & (self.normals @ line.normal > 0.85)


def level_height(surface: Surface, label: int) -> float | None:
    """Height of the floor or ceiling: the median of what has its label and is level.

    Returns:
        None where less than a third of a square metre of it was seen.
    """
    chosen = (surface.labels == label) & (np.abs(surface.normals[:, 2]) > LEVEL)
    return _weighted_median(surface.points[chosen, 2], surface.area[chosen], 0.33)


def unlabelled_floor(surface: Surface) -> float | None:
    """Height of the lowest large surface that looks up, where nothing is labelled a floor."""
    chosen = (surface.normals[:, 2] > LEVEL) & ((surface.labels == 0) | (surface.labels == FLOOR))
    heights, area = surface.points[chosen, 2], surface.area[chosen]
    if area.sum() < 0.5:
        return None
    cells: Array = np.floor(heights / 0.05).astype(np.int64)
    lowest = int(cells.min())
    sizes: Array = np.bincount(cells - lowest, area)
    sizes = sizes + np.append(sizes[1:], 0)
    first = int(np.flatnonzero(sizes > 0.25 * sizes.max())[0]) + lowest
    near = (cells == first) | (cells == first + 1)
    return _weighted_median(heights[near], area[near], 0.0)


def _weighted_median(values: Array, weights: Array, least: float) -> float | None:
    if not len(values) or weights.sum() <= least:
        return None
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(share, share[-1] / 2)])


def wall_evidence(surface: Surface, floor_m: float | None) -> WallEvidence:
    """Plumb surface of the classes that lie in walls; of any, where nothing is labelled a wall."""
    tells = np.zeros(surface.labels.max(initial=0) + 1)
    for label, weight in IN_WALLS.items():
        if label < len(tells):
            tells[label] = weight
    weights: Array = surface.area * tells[surface.labels] * surface.sure
    plumb = np.abs(surface.normals[:, 2]) < PLUMB
    if surface.area[plumb & (surface.labels == WALL)].sum() < 0.5:
        high = surface.points[:, 2] > (floor_m or 0.0) + 1.2
        weights = np.where((surface.labels == 0) & high, surface.area, weights)
    chosen = np.flatnonzero(plumb & (weights > 0))
    flat = surface.normals[chosen, :2]
    length = np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    return WallEvidence(surface.points[chosen], flat / length, weights[chosen])


def dominant_angle(evidence: WallEvidence) -> float:
    """Direction of most walls, radians in ``[0, pi / 2)``; 0 without any."""
    if not len(evidence.weight):
        return 0.0
    quarter = np.pi / 2
    angle = np.arctan2(evidence.normals[:, 1], evidence.normals[:, 0]) % quarter
    bins = np.bincount((angle / quarter * 180).astype(np.int64) % 180, evidence.weight, 180)
    peak = (float(np.argmax(uniform_filter1d(bins, 7, mode="wrap"))) + 0.5) * quarter / 180
    for reach_deg in (6.0, 4.0, 3.0):
        off = (angle - peak + quarter / 2) % quarter - quarter / 2
        near = np.abs(off) < np.radians(reach_deg)
        if not near.any():
            break
        peak += float(np.average(off[near], weights=evidence.weight[near]))
    return peak % quarter


def wall_lines(evidence: WallEvidence, main_angle: float) -> list[Line]:
    """Lines of walls, strongest first; those within 4 degrees of the main directions follow them.

    Directions are peaks of the normals' angles, offsets peaks along each direction.
    """
    left = np.ones(len(evidence.weight), dtype=bool)
    angle = np.degrees(np.arctan2(evidence.normals[:, 1], evidence.normals[:, 0])) % 360
    mains = np.degrees(main_angle) + np.array([0.0, 90.0, 180.0, 270.0])
    lines: list[Line] = []
    for main in mains:
        lines += _along(evidence, np.radians(main), angle, left, 20.0)
    for _ in range(6):  # further directions, the strongest first
        bins = np.bincount(angle[left].astype(np.int64) % 360, evidence.weight[left], 360)
        smooth = uniform_filter1d(bins, 9, mode="wrap") * 9
        if smooth.max() < 2 * _SMALLEST_M2:
            break
        peak = np.radians(float(np.argmax(smooth)) + 0.5)
        found = _along(evidence, _refined(peak, angle, evidence.weight * left), angle, left, 12.0)
        if not found:
            break
        lines += found
    lines.sort(key=lambda line: -line.area)
    return _distinct(lines)[:_MOST]


def _refined(start: float, angle_deg: Array, weight: Array) -> float:
    peak = start
    for _ in range(3):
        off = (angle_deg - np.degrees(peak) + 180) % 360 - 180
        near = (np.abs(off) < 8) & (weight > 0)
        peak += float(np.radians(np.average(off[near], weights=weight[near]))) if near.any() else 0
    return peak


def _along(
    evidence: WallEvidence, angle: float, angle_deg: Array, left: Array, reach_deg: float
) -> list[Line]:
    """Lines with one normal; the surface they take is no longer ``left``."""
    off = np.abs((angle_deg - np.degrees(angle) + 180) % 360 - 180)
    chosen = np.flatnonzero(left & (off < reach_deg))
    if not len(chosen):
        return []
    normal = np.array([np.cos(angle), np.sin(angle)])
    place, weight = evidence.points[chosen, :2] @ normal, evidence.weight[chosen]
    first = np.floor(place.min() / _OFFSET_M) - 4
    cells = (np.floor(place / _OFFSET_M) - first).astype(np.int64)
    bins = np.bincount(cells, weight, cells.max() + 6)
    lines: list[Line] = []
    while True:
        # Twice, so that the top lies at the middle of a thin wall, and not at a plateau's end.
        top = int(np.argmax(uniform_filter1d(uniform_filter1d(bins, 3, mode="constant"), 3)))
        if bins[max(top - 2, 0) : top + 3].sum() < _SMALLEST_M2:
            return lines
        near = np.abs(place - (first + top + 0.5) * _OFFSET_M) < _NEAR_M
        core = np.abs(place - (first + top + 0.5) * _OFFSET_M) < 0.05
        offset = float(np.average(place[core], weights=weight[core]))
        lines.append(Line(normal, offset, float(weight[near].sum())))
        left[chosen[near]] = False
        bins[max(top - 4, 0) : top + 5] = 0


def _distinct(lines: list[Line]) -> list[Line]:
    """Lines without those that a stronger one nearly covers."""
    kept: list[Line] = []
    for line in lines:
        if not any(
            abs(line.normal @ other.normal) > 0.995
            and abs(line.offset - np.sign(line.normal @ other.normal) * other.offset) < 0.07
            for other in kept
        ):
            kept.append(line)
    return kept


def covered_bins(
    evidence: WallEvidence, line: Line, start: float, end: float, reach_m: float
) -> tuple[NDArray[np.bool_], float]:
    """Along which pieces of a line, ``BIN_M`` long, a wall was seen; and how high it goes.

    Args:
        evidence: surface that tells of walls.
        line: the line.
        start: where on it the first piece begins, metres along it.
        end: where the last piece ends.
        reach_m: how far from the line a wall may lie.

    Returns:
        ``(N,)`` bool, and z of its top; -inf without any.
    """
    count = max(int(np.ceil((end - start) / BIN_M)), 1)
    away = np.abs(evidence.points[:, :2] @ line.normal - line.offset) < reach_m
    chosen = np.flatnonzero(away & (np.abs(evidence.normals @ line.normal) > 0.8))
    place = ((evidence.points[chosen, :2] @ line.along - start) / BIN_M).astype(np.int64)
    inside = (place >= 0) & (place < count)
    chosen, place = chosen[inside], place[inside]
    sums = np.bincount(place, evidence.weight[chosen], count)
    seen = sums > 0.3 * BIN_M  # a third of a metre of height
    tall = evidence.points[chosen, 2][seen[place]]
    return seen, float(np.quantile(tall, 0.97)) if len(tall) else -np.inf


def intervals(seen: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """Runs of what is seen, first and behind the last piece, over gaps of up to ``gap`` pieces."""
    at = np.flatnonzero(seen)
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > gap + 1)
    starts = np.concatenate([at[:1], at[breaks + 1]])
    ends = np.concatenate([at[breaks], at[-1:]]) + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
