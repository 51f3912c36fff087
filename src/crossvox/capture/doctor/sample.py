"""A few dozen frames of a capture, and the pairs of them that look at the same things."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.chosen import ChosenCapture
from crossvox.capture.doctor.kernels import compare, losses, losses_up_to
from crossvox.capture.stored import StoredCapture
from crossvox.capture.turned import TurnedCapture
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import Capture, Parts
from crossvox.core.threads import spread, threads

Array = NDArray[Any]

WIDTH = 320
"""Depth images are looked at at about this width."""

POINTS = 1200
"""Points of a frame that are looked at, at most."""

ANCHORS = 12
"""Frames that partners are sought for where a capture is looked at as a whole."""

TOLERANCE = 0.05
"""Share of depth from which on a distance is as bad as any."""

SEEN = 0.12
"""Share of its points that a pair must see again to say anything."""

_ROUNDED = 1 + 1e-9
"""A sum in another order may come out larger by less than this factor."""

_STEPS = ((3.0, 0.08), (10.0, 0.25), (22.0, 0.6))
"""How far the partners of a frame are: degrees, or shares of the path's extent."""

_GAPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, eq=False)
class Trail:
    """All poses of a capture.

    Attributes:
        stored: ``(N, 4, 4)`` as the files have them, in the sense of ``convention``; not finite
            where lost or unreadable.
        convention: what the capture takes them for.
        camera_from_stored: ``(4, 4)``, what delivered poses have behind the stored camera's.
        lost: positions of lost poses.
        unreadable: position and error of poses that cannot be read.
    """

    stored: NDArray[np.float64]
    convention: PoseConvention
    stored_from_camera: NDArray[np.float64]
    lost: tuple[int, ...]
    unreadable: dict[int, str]

    @property
    def delivered(self) -> NDArray[np.float64]:
        """``(N, 4, 4)`` world_from_camera of the delivered camera, as the capture takes them."""
        return self.taken_as(self.convention)

    def taken_as(self, convention: PoseConvention) -> NDArray[np.float64]:
        """The same in another convention."""
        delivered = np.array([convention.delivered(m) for m in self.stored]).reshape(-1, 4, 4)
        with np.errstate(invalid="ignore"):
            return delivered @ self.stored_from_camera

    def __len__(self) -> int:
        return len(self.stored)


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames that were looked at, and pairs of them.

    Attributes:
        positions: ``(F,)`` which frames of the capture, rising.
        depths: ``(F, H, W)`` float32 metres, 0 = no reading.
        points: ``(F, K, 3)`` pixel u, v and depth of readings within surfaces.
        counts: ``(F,)`` how many of the K there are.
        camera: camera of these images.
        pairs: ``(P, 2)`` places in ``positions``.
        unreadable: position and error of frames that could not be read.
    """

    positions: NDArray[np.int64]
    depths: NDArray[np.float32]
    points: NDArray[np.float32]
    counts: NDArray[np.int64]
    camera: Intrinsics
    pairs: NDArray[np.int64]
    unreadable: dict[int, str]

    @property
    def frame_pairs(self) -> NDArray[np.int64]:
        """``(P, 2)`` positions in the capture."""
        return self.positions[self.pairs].reshape(-1, 2)

    @property
    def median_m(self) -> float:
        """Median reading."""
        valid = [self.points[f, : self.counts[f], 2] for f in range(len(self.positions))]
        every = np.concatenate(valid) if valid else np.zeros(0)
        return float(np.median(every)) if every.size else float("nan")

    def moves(self, poses: Array) -> NDArray[np.float64]:
        """``(P, 3, 4)`` second camera from first, of ``(N, 4, 4)`` poses of all frames."""
        chosen = self.frame_pairs
        inverse = _inverses(poses[chosen[:, 1]])
        return np.ascontiguousarray((inverse @ poses[chosen[:, 0]])[:, :3])

    def losses(
        self,
        moves: Array,
        camera: Array | None = None,
        *,
        along_ray: bool = False,
        every: int = 1,
    ) -> NDArray[np.float64]:
        """``(P,)`` how badly each pair agrees, 0 to 1; 1 where next to nothing is seen again."""
        out = np.zeros((len(self.pairs), 2))
        # Of lost poses: nothing is seen.
        moves = np.ascontiguousarray(np.where(np.isfinite(moves), moves, 0.0))
        taken = values(self.camera) if camera is None else camera

        def some(begin: int, end: int) -> None:
            part = slice(begin, end)
            losses(
                self.points,
                self.counts,
                self.depths,
                self.pairs[part],
                moves[part],
                taken,
                along_ray,
                every,
                TOLERANCE,
                out[part],
            )

        spread(some, len(self.pairs), threads())
        return np.where(out[:, 1] >= SEEN, out[:, 0], 1.0)

    def mean_loss(
        self,
        moves: Array,
        camera: Array | None = None,
        *,
        along_ray: bool = False,
        every: int = 1,
        most: float = np.inf,
    ) -> float:
        """Mean of :meth:`losses`; infinite if it is above ``most``, which few pairs may show."""
        out = np.zeros((len(self.pairs), 2))
        whole = losses_up_to(
            self.points,
            self.counts,
            self.depths,
            self.pairs,
            np.ascontiguousarray(np.where(np.isfinite(moves), moves, 0.0)),
            values(self.camera) if camera is None else camera,
            along_ray,
            every,
            TOLERANCE,
            SEEN,
            most * len(self.pairs) * _ROUNDED,
            out,
        )
        return float(np.where(out[:, 1] >= SEEN, out[:, 0], 1.0).mean()) if whole else np.inf

    def compared(self, moves: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(P, K)`` depth seen minus depth predicted, NaN where nothing is seen; depth seen."""
        out = np.full((len(self.pairs), self.points.shape[1], 2), np.nan, np.float32)
        out[..., 1] = -2
        moves = np.where(np.isfinite(moves), moves, 0.0)
        compare(
            self.points,
            self.counts,
            self.depths,
            self.pairs,
            np.ascontiguousarray(moves),
            values(self.camera),
            False,
            1,
            out,
        )
        return out[..., 0], out[..., 1]


def standing_still(moves: Array) -> NDArray[np.float64]:
    """``(P, 3, 4)`` as of :meth:`Sample.moves` if no camera had moved."""
    return np.broadcast_to(np.eye(4)[:3], moves.shape)


def values(camera: Intrinsics) -> NDArray[np.float64]:
    """``fx, fy, cx, cy``."""
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


def as_stored(capture: Capture) -> tuple[Capture, frozenset[int]]:
    """The capture as its files have it, all frames, none of them turned; numbers of those that are
    left out.
    """
    ids = frozenset(capture.frame_ids)
    while isinstance(capture, TurnedCapture | ChosenCapture):
        capture = capture.untouched
    return capture, frozenset(capture.frame_ids) - ids


def read_trail(capture: Capture, without: frozenset[int] = frozenset()) -> Trail:
    """Read all poses, also those that are none, but for frames of some numbers."""
    count, convention = len(capture), PoseConvention()
    plain, stored = np.zeros(count, bool), np.full((count, 4, 4), np.nan)
    from_color = np.eye(4)
    if isinstance(capture, StoredCapture):
        convention = capture.info().convention
        plain, stored = capture.plain_poses()
        if capture.stored_from_color is not None:
            from_color = capture.stored_from_color
    lost: list[int] = []
    unreadable: dict[int, str] = {}
    for index, number in enumerate(capture.frame_ids):
        if number in without:
            stored[index] = np.nan
        elif not plain[index]:
            try:
                if _read_pose(capture, index, convention, stored) is None:
                    lost.append(index)
            except PoseError as error:
                unreadable[index] = f"frame {number}: {error}"
            except CaptureError as error:
                unreadable[index] = str(error)
    stored[~np.isfinite(stored).all(axis=(1, 2))] = np.nan
    return Trail(stored, convention, from_color, tuple(lost), unreadable)


def _read_pose(
    capture: Capture, index: int, convention: PoseConvention, stored: NDArray[np.float64]
) -> Pose | None:
    """A frame's pose; its matrix goes into ``stored[index]``, also where it is no pose.

    Raises:
        PoseError: it is none.
        CaptureError: it cannot be read.
    """
    if isinstance(capture, StoredCapture):
        stored[index] = capture.stored_pose(index)
        return Pose.read(convention.delivered(stored[index]))
    pose = capture.pose(index)
    if pose is not None:
        stored[index] = pose.world_from_camera
    return pose


def choose_pairs(poses: Array, anchors: int, *, both: bool = True) -> NDArray[np.int64]:
    """Pairs of frames some way apart: near ones, and ones that see things from another side.

    What poses mean need not be known: angles between frames are the same in most conventions, and
    distances are taken by the extent of the path.

    Args:
        poses: ``(N, 4, 4)``, not finite where lost.
        anchors: how many frames partners are sought for.
        both: hold points of each frame of a pair against the other.

    Returns:
        ``(P, 2)`` positions.
    """
    posed = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    if len(posed) < 2:
        return np.zeros((0, 2), np.int64)
    places = poses[posed, :3, 3]
    extent = float(np.median(np.linalg.norm(places - np.median(places, axis=0), axis=1)))
    found: set[tuple[int, int]] = set()
    for first in np.unique(np.linspace(0, len(posed) - 2, anchors).round().astype(int)):
        gaps = [gap for gap in _GAPS if first + gap < len(posed)]
        seconds = np.array([first + gap for gap in gaps])
        angles, ways = apart(poses[posed[first]], poses[posed[seconds]])
        for degrees, share in _STEPS:
            far = np.flatnonzero((angles >= degrees) | (ways >= share * max(extent, 1e-9)))
            last = len(seconds) - 1 if not len(far) else int(far[0])
            found.add((int(posed[first]), int(posed[seconds[last]])))
    pairs = np.array(sorted(found), np.int64)
    return np.concatenate([pairs, pairs[:, ::-1]]) if both else pairs


def apart(pose: Array, others: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles in degrees and distances between a pose and others."""
    trace = np.einsum("ij,nij->n", pose[:3, :3], others[:, :3, :3])
    angles = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    return angles, np.linalg.norm(others[:, :3, 3] - pose[:3, 3], axis=1)


def take_sample(capture: Capture, pairs: Array) -> Sample:
    """Decode the depth of all frames of pairs of positions."""
    positions = np.unique(pairs)
    camera = capture.camera()
    size = _size(capture, camera)
    camera = camera.resized(size)
    unreadable: dict[int, str] = {}

    def read(position: int) -> NDArray[np.float32] | None:
        try:
            if isinstance(capture, StoredCapture):  # also where the pose is none
                return capture.depth_m(position, size)
            return capture.frame(position, size, Parts(rgb=False, labels=False)).depth_m
        except (CaptureError, PoseError) as error:
            unreadable[position] = str(error)
            return None

    with ThreadPoolExecutor(threads()) as pool:
        images = list(pool.map(read, positions.tolist()))
    kept = np.array([n for n, image in enumerate(images) if image is not None], np.int64)
    depths = np.zeros((len(kept), size[1], size[0]), np.float32)
    for place, n in enumerate(kept):
        depths[place] = np.where(np.isfinite(images[n]), images[n], 0)
    place_of = {int(positions[n]): place for place, n in enumerate(kept)}
    placed = [(place_of[a], place_of[b]) for a, b in pairs if a in place_of and b in place_of]
    points, counts = _points(depths)
    return Sample(
        positions=positions[kept],
        depths=depths,
        points=points,
        counts=counts,
        camera=camera,
        pairs=np.array(placed, np.int64).reshape(-1, 2),
        unreadable=unreadable,
    )


def _size(capture: Capture, camera: Intrinsics) -> tuple[int, int]:
    """The depth images' own size where it has the shape of the colour images and is small."""
    depth = capture.info().depth_camera
    own = depth.size if depth.width * camera.height == depth.height * camera.width else camera.size
    factor = max(1, round(own[0] / WIDTH))
    return max(1, own[0] // factor), max(1, own[1] // factor)


def _points(depths: Array) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Readings on a grid that lie within surfaces: edges of depth are anybody's guess."""
    frames, height, width = depths.shape
    step = max(1, int(np.sqrt(height * width / POINTS)))
    rows, columns = (
        np.arange(step // 2 or 1, height - 1, step),
        np.arange(step // 2 or 1, width - 1, step),
    )
    v, u = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    points = np.zeros((frames, max(len(u), 1), 3), np.float32)
    counts = np.zeros(frames, np.int64)
    for n, depth in enumerate(depths):
        here = depth[v, u]
        around = np.stack([depth[v + dv, u + du] for dv, du in ((0, 1), (1, 0), (0, -1), (-1, 0))])
        good = (here > 0) & (np.abs(around - here) < 0.05 * here).all(axis=0)
        counts[n] = good.sum()
        points[n, : counts[n]] = np.stack([u[good], v[good], here[good]], axis=1)
        # A thinned set must not be rows of the image alone.
    order = np.random.default_rng(0)
    for n in range(frames):
        points[n, : counts[n]] = points[n, order.permutation(counts[n])]
    return points, counts


def _inverses(poses: Array) -> NDArray[np.float64]:
    """Inverses of matrices, not finite where there is none."""
    inverse = np.full(poses.shape, np.nan)
    good = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    good = good[np.abs(np.asarray(np.linalg.det(poses[good]))) > 1e-12]
    inverse[good] = np.linalg.inv(poses[good])
    return inverse


def again(sample: Sample, pairs: Array) -> Sample:
    """The same frames in other pairs of places."""
    return replace(sample, pairs=np.asarray(pairs, np.int64).reshape(-1, 2))


def pose_or_none(matrix: Array) -> Pose | None:
    """A pose where a matrix is one."""
    try:
        return Pose.read(matrix)
    except PoseError:
        return None
