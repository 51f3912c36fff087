"""How many metres a unit of a COLMAP model is, by the depth that was measured at its points."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, project
from crossvox.core.checks import CaptureError
from crossvox.doors.images import read_bytes

MOST_BYTES = 1 << 28
"""Of a file of points that is read; larger ones are not needed to know a scale."""

MOST_POINTS = 200_000
LEAST_RATIOS = 60
SAME = 0.1
"""Ratios that differ by no more from their median speak for it..."""

LEAST_SAME = 0.6
"""... and this share of them must: else points and depth do not belong together."""

METRIC = 0.03
"""A scale this near to 1 is taken for 1: depth of phones is no better."""

_POINT = struct.Struct("<Q3d3BdQ")


@dataclass(frozen=True)
class ModelScale:
    """What points and depth say.

    Attributes:
        metres: a unit of the model.
        ratios: how many points it rests on.
    """

    metres: float
    ratios: int

    @property
    def is_metric(self) -> bool:
        """Whether the model is in metres already."""
        return abs(self.metres - 1) <= METRIC


def points_by_image(folder: Path, images: Collection[int]) -> dict[int, NDArray[np.float64]]:
    """Points of a model that each of some images shows: ``(N, 3)`` in units of the model.

    Files that are missing, too large or damaged show none: a model is read without them.
    """
    found: dict[int, list[tuple[float, float, float]]] = {image: [] for image in images}
    for name, read in (("points3D.bin", _points_bin), ("points3D.txt", _points_txt)):
        file = folder / name
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            continue
        try:
            for count, (point, track) in enumerate(read(read_bytes(file))):
                for image in found.keys() & set(track):
                    found[image].append(point)
                if count >= MOST_POINTS:
                    break
        except (CaptureError, ValueError, IndexError, OverflowError, struct.error):
            pass
        break
    return {image: np.array(points).reshape(-1, 3) for image, points in found.items()}


def _points_bin(data: bytes) -> Iterator[tuple[tuple[float, float, float], list[int]]]:
    (count,) = struct.unpack_from("<Q", data)
    at = 8
    for _ in range(count):
        _, x, y, z, *_, length = _POINT.unpack_from(data, at)
        at += _POINT.size
        track = np.frombuffer(data, "<u4", 2 * length, at)[::2].tolist()
        at += 8 * length
        yield (x, y, z), track


def _points_txt(data: bytes) -> Iterator[tuple[tuple[float, float, float], list[int]]]:
    for line in data.decode("utf-8", errors="replace").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            x, y, z = map(float, words[1:4])
            yield (x, y, z), [int(word) for word in words[8::2]]


def ratios_at(
    points: NDArray[np.float64], pose: Pose, camera: Intrinsics, depth_m: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Measured depth over the depth that points have in the model.

    Args:
        points: ``(N, 3)`` in units of the model.
        pose: camera-to-world in units of the model.
        camera: of the depth image.
        depth_m: ``(H, W)`` metres, 0 = no reading.

    Returns:
        ``(M,)`` one for each point that falls on a reading.
    """
    seen = project(pose.inverse().apply(points), camera)
    seen = seen[np.isfinite(seen).all(axis=1)]
    at = np.rint(np.clip(seen[:, :2], -1, 1e6)).astype(np.int64)
    inside = ((at >= 0) & (at < camera.size)).all(axis=1)
    measured = depth_m[at[inside, 1], at[inside, 0]]
    return np.asarray(measured[measured > 0] / seen[inside, 2][measured > 0], np.float64)


def scale_of(ratios: NDArray[np.float64]) -> ModelScale | None:
    """The scale that most ratios agree on; None where they are too few or do not agree."""
    if len(ratios) < LEAST_RATIOS:
        return None
    middle = float(np.median(ratios))
    near = np.abs(ratios - middle) <= SAME * middle
    if near.mean() < LEAST_SAME or not 1e-6 < middle < 1e6:
        return None
    return ModelScale(float(np.median(ratios[near])), len(ratios))
