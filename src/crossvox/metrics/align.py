"""Bringing one surface onto another: iterated closest points (ICP), rigid or with a scale.

Besl and McKay 1992 ("A method for registration of 3-D shapes") with the distance to planes of Chen
and Medioni 1992, and with four departures:

* Pairs are taken *both* ways, from the moved points to the fixed ones and back. One way alone, a
  scale always pays that shrinks everything to where something is near.
* Pairs are trimmed: one counts if it is not longer than three times the median of the better way,
  and so what only one side has does not pull. The limit falls as the surfaces come together.
* Many starts are tried on few points: as it is; middle on middle (of one size, where a scale is
  asked for); and that turned by every rotation of a cube, and by 45 degrees between them about each
  axis; then all of these with the middles apart, for a part of a surface. A later start must be
  clearly better than an earlier one: what already lies well stays.
* Directions in which nothing holds a surface (along a wall, around an axis) are left alone and
  counted, instead of drifting on noise.

All of it depends on the points alone: the same points give the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.metrics.nearest import PointSet

Array = NDArray[Any]
Matrix = NDArray[np.float64]
AlignMode = Literal["none", "icp_se3", "icp_sim3"]

_FEW, _COARSE = 300, 1500
"""Points of each side by which starts are sorted out, and by which the best are followed."""

_FOLLOWED = 4
_SHIFTED, _ASIDE = 24, 0.5
"""How many of the shifted starts are followed, and how far they are shifted, in radii."""

_BETTER = 0.8
"""What is left with a later start must be less than this part of what is left with an earlier."""

_REACH = 0.1
"""Distances count up to this part of a surface's radius when starts are compared."""

_AS_GOOD = 0.6
"""With no more left than this part of the spacing of points no other start is tried: two samples of
one surface have a third of it left."""

_TRIM = 3.0
"""Pairs up to so many times the median length count."""

_ROUNDS = 100
_STILL = 1e-6
"""No point moves farther in a round, in radii: it has converged."""

_HELD = 1e-4
"""A direction is held if it changes distances by at least this part of the one held best."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """What brings a surface onto another one, and how well.

    Attributes:
        mode: ``none``, ``icp_se3`` (turned and shifted) or ``icp_sim3`` (scaled as well).
        matrix: ``(4, 4)`` float64, to the fixed world: scale times rotation, and shift in metres.
        scale: factor of all lengths; 1 unless it was asked for.
        residual_m: root mean square of the distances left between pairs that count, along the
            normals of the fixed surface where it has some.
        near: share of the points, of both sides, that are in a pair that counts.
        limit_m: pairs up to this length count.
        points, pairs: how many points of both sides there were, and how many are in such a pair.
        rounds: how many there were after the last start.
        converged: nothing moved any more; if not, the limit of rounds ended it.
        free: directions, of 6 or 7, in which nothing held the surface.
    """

    mode: AlignMode
    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    scale: float = 1.0
    residual_m: float = float("nan")
    near: float = float("nan")
    limit_m: float = float("nan")
    points: int = 0
    pairs: int = 0
    rounds: int = 0
    converged: bool = True
    free: int = 0

    def moved(self, points_m: Array) -> NDArray[np.float64]:
        """Points of the moved surface in the fixed world, ``(N, 3)`` float64."""
        return np.asarray(points_m, np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    @property
    def turn_deg(self) -> float:
        """Angle of the rotation."""
        cosine = (np.trace(self.matrix[:3, :3]) / self.scale - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def align(
    moved_m: Array, fixed_m: Array, normals: Array | None = None, *, scaled: bool = False
) -> Alignment:
    """Find what brings points onto others.

    Args:
        moved_m: ``(N, 3)`` points spread evenly over the surface that is moved; some ten thousands
            are enough.
        fixed_m: ``(M, 3)`` likewise of the other one.
        normals: ``(M, 3)`` unit normals of the fixed points, of either sign: the last rounds then
            measure along them, which is free of how points happen to lie. None: between points.
        scaled: find a scale as well.

    Raises:
        ShapeError: a side has fewer than 3 points.
    """
    moved, fixed = np.asarray(moved_m, np.float64), np.asarray(fixed_m, np.float64)
    expect(
        len(moved) >= 3 and len(fixed) >= 3,
        given=f"surfaces of {len(moved)} and {len(fixed)} points to be brought together",
        needed="at least 3 points of each",
        do="check both files, or leave --align out",
        error=ShapeError,
    )
    middle = fixed.mean(axis=0)
    radius = _radius(fixed) or 1.0
    # Lengths in radii of the fixed surface, so that angles, shifts and scale weigh alike.
    pair = _Pair((moved - middle) / radius, (fixed - middle) / radius, normals)
    start = _best_start(pair, scaled)
    found = _followed(pair, start, scaled, _ROUNDS)
    scale = float(np.cbrt(np.linalg.det(found.matrix[:3, :3])))
    back = np.eye(4)
    back[:3, :3] = found.matrix[:3, :3]
    back[:3, 3] = found.matrix[:3, 3] * radius + middle - found.matrix[:3, :3] @ middle
    return Alignment(
        mode="icp_sim3" if scaled else "icp_se3",
        matrix=back,
        scale=scale if scaled else 1.0,
        residual_m=found.residual * radius,
        near=found.pairs / found.points,
        limit_m=found.limit * radius,
        points=found.points,
        pairs=found.pairs,
        rounds=found.rounds,
        converged=found.converged,
        free=found.free,
    )


class _Pair:
    """Two sets of points ready for questions, one of them as if it was moved."""

    def __init__(self, moved: Array, fixed: Array, normals: Array | None) -> None:
        self.moved, self.fixed, self.normals = moved, fixed, normals
        self._of_moved, self._of_fixed = PointSet(moved), PointSet(fixed)
        # Two points of one surface are about this far apart: pairs that near are as good as any.
        self.spacing = 2 * float(np.median(PointSet(fixed[::2]).nearest(fixed[1::2])[0]))

    def part(self, count: int) -> _Pair:
        """As many points of each side, evenly taken, and no normals."""
        return _Pair(_every(self.moved, count), _every(self.fixed, count), None)

    def both_ways(self, matrix: Array) -> tuple[Array, Array, Array, int]:
        """Moved points, fixed points, distances of all pairs, and how many go from the moved."""
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
        now = _apply(matrix, self.moved)
        there_m, there = self._of_fixed.nearest(now)
        back_m, back = self._of_moved.nearest(_apply(np.linalg.inv(matrix), self.fixed))
        self.partners = np.concatenate([there, np.arange(len(self.fixed))])
        return (
            np.concatenate([now, now[back]]),
            self.fixed[self.partners],
            np.concatenate([there_m, back_m * scale]),
            len(now),
        )

    def left(self, matrix: Array) -> float:
        """How far the sides are apart, mean of both ways, from 0 to 1 (nothing is near)."""
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
        there, _ = self._of_fixed.nearest(_apply(matrix, _every(self.moved, _COARSE)))
        inverse = np.linalg.inv(matrix)
        back, _ = self._of_moved.nearest(_apply(inverse, _every(self.fixed, _COARSE)))
        sides = (there, back * scale)
        return float(sum(np.minimum(side / _REACH, 1).mean() for side in sides)) / 2


@dataclass(frozen=True, eq=False)
class _Found:
    matrix: NDArray[np.float64]
    residual: float
    limit: float
    points: int
    pairs: int
    rounds: int
    converged: bool
    free: int


def _followed(pair: _Pair, start: Array, scaled: bool, most: int) -> _Found:
    """Rounds of pairs and steps, until nothing moves."""
    matrix, converged, free, rounds = start, False, 0, 0
    corners = _corners(pair.moved)
    while rounds < most and not converged:
        rounds += 1
        moved, fixed, distance, count = pair.both_ways(matrix)
        limit = _limit(distance, count, pair.spacing)
        kept = distance <= limit
        normals = None if pair.normals is None else pair.normals[pair.partners[kept]]
        if normals is None:
            step = _between_points(moved[kept], fixed[kept], scaled)
        else:
            step, free = _along_normals(moved[kept], fixed[kept], normals, scaled)
        after = step @ matrix
        far = np.linalg.norm(_apply(after, corners) - _apply(matrix, corners), axis=1).max()
        matrix, converged = after, bool(far < _STILL)
    moved, fixed, distance, count = pair.both_ways(matrix)
    limit = _limit(distance, count, pair.spacing)
    kept = distance <= limit
    off = distance[kept]
    if pair.normals is not None:
        normals = pair.normals[pair.partners[kept]]
        off = np.einsum("ij,ij->i", moved[kept] - fixed[kept], normals)
    residual = float(np.sqrt((off**2).mean())) if len(off) else float("nan")
    pairs = int(kept.sum())
    return _Found(matrix, residual, limit, len(kept), pairs, rounds, converged, free)


def _limit(distance: Array, count: int, spacing: float) -> float:
    """How long a pair may be; of a part and a whole it is the part that tells."""
    median = min(float(np.median(distance[:count])), float(np.median(distance[count:])))
    return max(_TRIM * median, spacing)


def _between_points(moved: Array, fixed: Array, scaled: bool) -> NDArray[np.float64]:
    """The similarity with the least squared distance between pairs (Umeyama 1991)."""
    a, b = moved.mean(axis=0), fixed.mean(axis=0)
    x, y = moved - a, fixed - b
    u, _, vt = np.linalg.svd(y.T @ x)
    sign = np.array([1, 1, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = (u * sign) @ vt
    around = float((x**2).sum())
    scale = 1.0
    if scaled and around > 0:
        # The square root of both ways: exchanging the sides inverts it (Horn 1987, 2.E).
        scale = float(np.sqrt((y**2).sum() / around))
    step = np.eye(4)
    step[:3, :3] = scale * rotation
    step[:3, 3] = b - step[:3, :3] @ a
    return step


def _along_normals(
    moved: Array, fixed: Array, normals: Array, scaled: bool
) -> tuple[NDArray[np.float64], int]:
    """The small motion with the least squared distance along normals; directions left alone."""
    middle = moved.mean(axis=0)
    arm = moved - middle
    columns = [np.cross(arm, normals), normals]
    if scaled:
        columns.append(np.einsum("ij,ij->i", arm, normals)[:, None])
    matrix = np.concatenate(columns, axis=1)
    off = np.einsum("ij,ij->i", fixed - moved, normals)
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    held = values > _HELD * values[-1]
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=held)
    motion = vectors @ (inverse * (vectors.T @ (matrix.T @ off)))
    step = np.eye(4)
    step[:3, :3] = _rotation(motion[:3]) * (np.exp(motion[6]) if scaled else 1.0)
    step[:3, 3] = middle + motion[3:6] - step[:3, :3] @ middle
    return step, int((~held).sum())


def _best_start(pair: _Pair, scaled: bool) -> NDArray[np.float64]:
    """Where to begin: the first of many starts than which none is clearly better."""
    coarse = pair.part(_COARSE)
    asis = _followed(coarse, np.eye(4), scaled, 30).matrix
    if pair.left(asis) < _AS_GOOD * pair.spacing / _REACH:
        return asis
    few = pair.part(_FEW)
    starts = [_followed(few, start, scaled, 5).matrix for start in _starts(pair, scaled)]
    best, left = _best_of(pair, coarse, starts, scaled, asis, pair.left(asis))
    if left < _AS_GOOD * pair.spacing / _REACH:
        return best
    # A part of a surface has its middle elsewhere.
    shifted = _least(few, _shifted(_starts(pair, scaled)), _SHIFTED)
    starts = [_followed(few, start, scaled, 10).matrix for start in shifted]
    return _best_of(pair, coarse, starts, scaled, best, left)[0]


def _best_of(
    pair: _Pair, coarse: _Pair, starts: list[Matrix], scaled: bool, best: Matrix, left: float
) -> tuple[Matrix, float]:
    """The first of the most promising starts than which none is clearly better, if it beats what
    is there; and what is left with it."""
    for start in _least(pair, starts, _FOLLOWED):
        matrix = _followed(coarse, start, scaled, 30).matrix
        now = pair.left(matrix)
        if now < _BETTER * left:
            best, left = matrix, now
    return best, left


def _least(pair: _Pair, starts: list[Matrix], count: int) -> list[Matrix]:
    """So many of the starts with which least is left, in their order."""
    order = np.argsort([pair.left(start) for start in starts], kind="stable")[:count]
    return [starts[place] for place in sorted(order.tolist())]


def _shifted(starts: list[Matrix]) -> list[Matrix]:
    """Starts with the middle half a radius aside, along each axis and between them."""
    found = []
    for start in starts:
        for steps in np.ndindex(3, 3, 3):
            matrix = start.copy()
            matrix[:3, 3] += _ASIDE * (np.array(steps) - 1)
            found.append(matrix)
    return found


def _starts(pair: _Pair, scaled: bool) -> list[Matrix]:
    """Middle on middle, in every rotation of a cube, and between them by 45 degrees."""
    middle = pair.moved.mean(axis=0)
    scale = _radius(pair.fixed) / (_radius(pair.moved) or 1.0) if scaled else 1.0
    found = []
    for between in (None, 0, 1, 2):
        turned = np.eye(3) if between is None else _rotation(np.eye(3)[between] * (np.pi / 4))
        for cube in _cube_rotations():
            start = np.eye(4)
            start[:3, :3] = scale * (turned @ cube)
            start[:3, 3] = pair.fixed.mean(axis=0) - start[:3, :3] @ middle
            found.append(start)
    return found


def _cube_rotations() -> list[NDArray[np.float64]]:
    """All 24, the one that turns nothing first."""
    found = []
    for axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)):
        for signs in np.ndindex(2, 2, 2):
            matrix = np.eye(3)[list(axes)] * (1 - 2 * np.array(signs))[:, None]
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found


def _rotation(turn: Array) -> NDArray[np.float64]:
    """The rotation about an axis by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(turn))
    if angle == 0:
        return np.eye(3)
    x, y, z = turn / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def _radius(points: Array) -> float:
    """Root mean square distance from the middle."""
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _every(points: Array, count: int) -> Array:
    """So many of the points, evenly over the list."""
    if len(points) <= count:
        return points
    return points[np.linspace(0, len(points) - 1, count).round().astype(np.int64)]


def _corners(points: Array) -> NDArray[np.float64]:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([np.where(side, high, low) for side in np.ndindex(2, 2, 2)])


def _apply(matrix: Array, points: Array) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])
