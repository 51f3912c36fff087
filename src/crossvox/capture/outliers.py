"""Which frames of a capture are of no use, told before any image is decoded.

A frame whose pose is missing or no pose is left out. So is one whose camera stands so far from all
others that it shows nothing of their room: a single wrong pose of that kind makes a room of
kilometres. A frame with a wrong pose *inside* the room is not found here: that takes images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.stored import StoredCapture
from crossvox.core.camera import Pose, rigid
from crossvox.core.checks import CaptureError, PoseError, expect
from crossvox.core.frame import Capture

APART_M = 10.0
"""Cameras farther apart have nothing in common: indoors each reaches some five metres."""

APART_STEPS = 20.0
"""The same in distances between neighbouring cameras: a tour of a hall is photographed sparsely."""

MOST_OF_ALL = 0.8
"""Share of the cameras that stand together, for those that do not to be the wrong ones."""

FEW = 2
"""As many cameras may stand together far from all others and still be wrong ones (or 1 in 50)."""

WIDEST_M = 1000.0
"""Cameras of one room, however large, stand within this."""

NEAR_ORIGIN_M = 4096.0
"""Within this of the world's origin single precision holds half a millimetre."""

_CELL = 0.1
"""Cameras in one cell of this share of the distance are taken for one in the search."""


_COMPARED = 500
"""As many cameras are compared each with each; of more, a tree finds the nearest."""


@dataclass(frozen=True)
class Usable:
    """Which frames may be used, as far as their poses tell.

    Attributes:
        posed: positions of frames with a pose.
        lost: numbers of frames whose tracking was lost.
        left_out: frames that cannot be used: number and reason.
        widest_m: how far the cameras of ``posed`` stand apart, along one axis.
        next_m: median distance of one of them to its nearest neighbour.
        near_from_world: brings the cameras near the world's origin, by whole metres, where they
            stand so far from it (map coordinates) that single precision would blur surfaces; else
            None.
    """

    posed: tuple[int, ...]
    lost: tuple[int, ...]
    left_out: dict[int, str]
    widest_m: float
    next_m: float
    near_from_world: Pose | None = None

    @property
    def in_metres(self) -> bool:
        """Whether the positions can be metres: of one room, where frames show the same things."""
        alone = len(self.posed) > FEW and self.next_m > APART_M
        return self.widest_m <= WIDEST_M and not alone

    def expect_metres(self, name: str) -> None:
        """Refuse cameras that cannot stand in one room.

        Raises:
            CaptureError: they do.
        """
        expect(
            self.in_metres,
            given=f"{name}, whose cameras stand up to {self.widest_m:,.0f} m apart, and mostly "
            f"{self.next_m:,.1f} m from the nearest other one",
            needed=f"poses in metres, of one room: within {WIDEST_M:,.0f} m, and {APART_M:.0f} m "
            f"from the nearest",
            do=f"divide the positions by 1000 if they are in millimetres "
            f"({self.widest_m / 1000:,.2f} m then), or cut the capture into rooms",
            error=CaptureError,
        )

    def expect_posed(self, name: str, source: object) -> None:
        """Refuse a capture of which no frame has a pose.

        Raises:
            CaptureError: it is one.
        """
        why = next(iter(self.left_out.values()), "tracking was lost in all")
        expect(
            len(self.posed) > 0,
            given=f"{name}: {len(self.lost) + len(self.left_out)} frames, none with a valid pose "
            f"({why})",
            needed="camera poses",
            do=f"pass a file that has them (--trajectory FILE), or let them be tracked from the "
            f"depth images first: crossvox track {source} poses.txt",
            error=CaptureError,
        )


def usable_frames(capture: Capture) -> Usable:
    """Read all poses of a capture."""
    posed, lost, left_out, places = [], [], {}, []
    plain, plain_m = _plain_positions(capture)
    for position, number in enumerate(capture.frame_ids):
        if plain[position]:
            posed.append(position)
            places.append(plain_m[position])
            continue
        try:
            pose = capture.pose(position)
        except (CaptureError, PoseError) as error:
            left_out[number] = str(error)
            continue
        if pose is None:
            lost.append(number)
            continue
        posed.append(position)
        places.append(pose.position_m)
    positions_m = np.array(places).reshape(-1, 3)
    far = far_from_all(positions_m)
    for i in np.flatnonzero(far):
        away = np.linalg.norm(positions_m[~far] - positions_m[i], axis=1).min()
        left_out[capture.frame_ids[posed[i]]] = (
            f"its camera stands {away:.1f} m from every other that is used, too far to show "
            f"anything of their room: its pose is wrong"
        )
    kept = tuple(position for position, away in zip(posed, far, strict=True) if not away)
    used_m = positions_m[~far]
    widest_m = float(np.ptp(used_m, axis=0).max()) if kept else 0.0
    left_out = dict(sorted(left_out.items()))
    return Usable(kept, tuple(lost), left_out, widest_m, _next_m(used_m), _near(used_m))


def _plain_positions(capture: Capture) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which poses are so beyond doubt, and where their cameras stand, ``(N,)`` and ``(N, 3)``."""
    count = len(capture.frame_ids)
    plain, places = np.zeros(count, np.bool_), np.zeros((count, 3))
    if isinstance(capture, StoredCapture):
        plain, matrices = capture.plain_poses()
        poses, camera = rigid(matrices[plain]), capture.stored_from_color
        places[plain] = (poses if camera is None else poses @ camera)[:, :3, 3]
    return plain, places


def _next_m(positions_m: NDArray[np.float64]) -> float:
    """Median distance of ``(N, 3)`` cameras to the nearest other one; 0 of a single one."""
    count = len(positions_m)
    if count < 2:
        return 0.0
    if count <= _COMPARED:
        return float(np.median(np.sqrt(_nearest(positions_m))))
    from scipy.spatial import cKDTree

    nearest, _ = cKDTree(positions_m).query(positions_m, k=2)
    return float(np.median(nearest[:, 1]))


@njit(cache=True, nogil=True)
def _nearest(positions_m):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Squares of the distances of ``(N, 3)`` cameras to the nearest other one, ``(N,)``."""
    least = np.full(len(positions_m), np.inf)
    for n in range(len(positions_m)):
        for m in range(n):
            x = positions_m[n, 0] - positions_m[m, 0]
            y = positions_m[n, 1] - positions_m[m, 1]
            z = positions_m[n, 2] - positions_m[m, 2]
            square = x * x + y * y + z * z
            least[n] = min(least[n], square)
            least[m] = min(least[m], square)
    return least


def _near(positions_m: NDArray[np.float64]) -> Pose | None:
    if len(positions_m) == 0 or np.abs(positions_m).max() <= NEAR_ORIGIN_M:
        return None
    near = np.eye(4)
    near[:3, 3] = -np.round(np.median(positions_m, axis=0))
    return Pose(near)


def far_from_all(positions_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of ``(N, 3)`` cameras stand alone, far from all others: ``(N,)``.

    Cameras are joined whose distance is at most :data:`APART_M`, or :data:`APART_STEPS` times the
    median distance to the nearest other one if that is larger. If the largest group holds
    :data:`MOST_OF_ALL` of them, groups of no more than :data:`FEW` cameras are far; larger ones may
    be another room. Whether cameras are near each other in time does not matter: a jump to another
    room of which more is seen is none.
    """
    count = len(positions_m)
    far = np.zeros(count, dtype=np.bool_)
    # Of one room, as most are: loading what finds groups would take longer than all else here.
    if count < 3 or np.linalg.norm(np.ptp(positions_m, axis=0)) <= APART_M:
        return far
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    apart = max(APART_M, APART_STEPS * _next_m(positions_m))
    # What cannot be apart from each other counts as one: pairs would grow with the square.
    cells = np.floor((positions_m - positions_m.min(axis=0)) / (_CELL * apart))
    _, first, cell_of = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    tree = cKDTree(positions_m[first])
    # A cell's camera may stand a diagonal from any other of the cell, at both ends.
    reach = apart * (1 + 2 * math.sqrt(3) * _CELL)
    joined = tree.sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    _, group_of_cell = connected_components(joined, directed=False)
    group_of = group_of_cell[cell_of.ravel()]
    sizes = np.bincount(group_of)
    if sizes.max() < MOST_OF_ALL * count:
        return far
    return np.asarray(sizes[group_of] <= max(FEW, count // 50)) & (sizes.max() > FEW)
