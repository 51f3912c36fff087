"""What the depth sensor of a capture is like, of several captures side by side.

    python -m trials.depth_statistics CAPTURE [CAPTURE ...]

Generated rooms are to resemble captures in what this prints. Everything is measured in the same
way on each: the capture's own frames are fused at 2 cm, and the surface is looked at again from
each frame, so that what a missing reading would have shown is known wherever another frame saw it.
A folder of several captures is one column, the mean over them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crossvox.capture import open_capture
from crossvox.capture.find import find_captures
from crossvox.capture.params import CaptureParams
from crossvox.core.camera import Pose
from crossvox.core.frame import Frame
from crossvox.doors.zbuffer import View, view
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

Array = NDArray[Any]
Row = dict[str, float]

RANGES_M = (0.8, 1.5, 2.0, 2.5, 3.0, 4.0)
ANGLES_DEG = (0, 30, 45, 60, 70, 80, 90)
BRIGHTNESS = (0, 25, 50, 100, 150, 256)
NEAR_EDGE_PX = (1, 3, 6, 10, 20)
HOLES_PX = (1, 10, 100, 1000, 10000, 10**7)

COLOR_FOCAL = 0.9
"""Focal length of the kitchen's colour camera, shares of its depth camera's."""


class Frames:
    """Depth frames of a capture as the sensor delivers them, on the depth camera's own grid."""

    def __init__(self, path: Path) -> None:
        capture: Any = open_capture(path, params=CaptureParams(registration="none"))
        self.capture = capture
        poses = ((i, capture.pose(i)) for i in range(len(capture)))
        registration = capture.registration
        self.camera = registration.depth_camera
        move = Pose(registration.color_from_depth)
        self.poses = {i: pose @ move for i, pose in poses if pose is not None}
        self._focal = COLOR_FOCAL if np.array_equal(move.world_from_camera, np.eye(4)) else 1.0

    def depth(self, index: int) -> NDArray[np.float32]:
        """Metres, 0 = no reading."""
        raw = self.capture.depth_raw(index)
        raw = np.where(raw == 65535, 0, raw)
        return (raw / self.capture.units_per_m).astype(np.float32)

    def brightness(self, index: int) -> NDArray[np.float32]:
        """Grey values, smoothed: colour and depth lie a few pixels apart."""
        image = self.capture.color(index, self.capture.registration.color_camera.size)
        gray = cv2.blur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 9)).astype(np.float32)
        camera = self.camera
        y, x = np.mgrid[: camera.height, : camera.width].astype(np.float32)
        x = (x - camera.cx) * np.float32(self._focal) + np.float32(camera.cx)
        y = (y - camera.cy) * np.float32(self._focal) + np.float32(camera.cy)
        return np.asarray(cv2.remap(gray, x, y, cv2.INTER_LINEAR))

    def fused(self) -> Any:
        """The surface of all frames."""

        def frames() -> Iterator[Frame]:
            for i, pose in self.poses.items():
                yield Frame(i, self.camera, pose, depth_m=self.depth(i))

        return fuse(frames(), TsdfParams(min_weight=2)).mesh()


def statistics(path: Path) -> Row:
    """All numbers of one capture, by name."""
    frames = Frames(path)
    mesh = frames.fused()
    tables: dict[str, Shares] = {}
    holes, runs, steps, noise = np.zeros(len(HOLES_PX) - 1), Runs(), Steps(), Shares()
    moved, wavy, errors = [], [], Shares()
    missing = []
    for index, pose in frames.poses.items():
        depth = frames.depth(index)
        lost = depth == 0
        missing.append(lost.mean())
        seen = view(mesh.vertices_m, mesh.faces, frames.camera, pose)
        true = seen.depth()
        known = np.isfinite(true) & (true < RANGES_M[-1])
        edge = _edge_distance(true)
        angle = _angle(seen, mesh)
        gray = frames.brightness(index)
        calm = known & (edge > NEAR_EDGE_PX[-1])
        for name, values, bounds, where in (
            ("edge px", edge, (0, *NEAR_EDGE_PX, 10**6), known),
            ("range m", true, RANGES_M, calm),
            ("angle deg", angle, ANGLES_DEG, calm),
            ("grey value", gray, BRIGHTNESS, calm),
        ):
            tables.setdefault(name, Shares()).add(values, lost, bounds, where)
        holes += _hole_sizes(lost)
        runs.add(depth)
        steps.add(depth)
        sigma, middle = _plane_noise(depth)
        noise.add(middle, sigma, RANGES_M, sigma >= 0)
        both = known & ~lost & (edge > 6)
        error = np.where(both, depth - true, 0.0)
        errors.add(true, np.abs(error), RANGES_M, both & (np.abs(error) < 0.2))
        blocks = _block_medians(error, both & (np.abs(error) < 0.2))
        if len(blocks):
            wavy.append(np.sqrt(np.mean(blocks**2)))
            moved.append(abs(np.mean(blocks)))
    row: Row = {"missing, all pixels %": 100 * float(np.mean(missing))}
    for name, shares in tables.items():
        row.update(shares.row(f"missing by {name}", 100, "%"))
    for (low, high), share in zip(_pairs(HOLES_PX), holes / max(holes.sum(), 1), strict=True):
        row[f"missing in holes of {low} to {high} px, share %"] = 100 * float(share)
    row.update(runs.row(frames.camera.fx))
    row.update(noise.row("noise about a local plane, mm, at m", 1000, ""))
    row.update(steps.row())
    row.update(errors.row("frame to fusion, mean, mm, at m", 1000, ""))
    row["frame to fusion, rms of blocks of 40 px, mm"] = 1000 * float(np.mean(wavy))
    row["frame to fusion, mean of a frame, mm"] = 1000 * float(np.mean(moved))
    return row


class Shares:
    """Means of values in ranges of another one."""

    def __init__(self) -> None:
        self.bounds: tuple[float, ...] = ()
        self.sums = np.zeros(0)
        self.counts = np.zeros(0)

    def add(self, by: Array, values: Array, bounds: tuple[float, ...], where: Array) -> None:
        """Count the pixels of ``where``."""
        if not self.bounds:
            self.bounds = bounds
            self.sums, self.counts = np.zeros((2, len(bounds) - 1))
        bins = np.digitize(by[where], bounds) - 1
        good = (bins >= 0) & (bins < len(self.counts))
        self.counts += np.bincount(bins[good], minlength=len(self.counts))
        weights = values[where][good].astype(float)
        self.sums += np.bincount(bins[good], weights, minlength=len(self.counts))

    def row(self, name: str, factor: float, unit: str) -> Row:
        """Means by range, nan where there are few pixels."""
        means = np.where(self.counts > 2000, self.sums / np.maximum(self.counts, 1), np.nan)
        names = (f"{low:g} to {high:g}" for low, high in _pairs(self.bounds))
        return {
            f"{name} {text} {unit}".strip(): factor * float(mean)
            for text, mean in zip(names, means, strict=True)
        }


class Runs:
    """Gaps in a row of pixels, by the depth on their two sides."""

    def __init__(self) -> None:
        self.found: list[Array] = []

    def add(self, depth: Array) -> None:
        """Note width, and depth at the left and at the right, of each gap."""
        for row in depth[::4]:
            edges = np.diff(np.concatenate([[0], (row == 0).astype(np.int8), [0]]))
            first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
            inner = (first > 0) & (last < len(row))
            first, last = first[inner], last[inner]
            self.found.append(np.stack([last - first, row[first - 1], row[last]]))

    def row(self, focal: float) -> Row:
        """Which side shadows lie on, and how wide they are for a jump of 1/m in inverse depth."""
        width, left, right = np.concatenate(self.found, axis=1)
        jump = 1 / left - 1 / right
        near_left, near_right = jump > 0.1, jump < -0.1
        total = max(width.sum(), 1)
        steps = (width > 0) & (np.abs(jump) > 0.1) & (width < 60)
        out = {
            "gaps right of what is nearer, share %": 100 * width[near_left].sum() / total,
            "gaps left of what is nearer, share %": 100 * width[near_right].sum() / total,
        }
        for name, where in (("right", near_left & steps), ("left", near_right & steps)):
            shift = focal * np.abs(jump[where])
            out[f"shadow {name}, width as of a base line of cm"] = 100 * float(
                np.median(width[where] / shift) if where.any() else np.nan
            )
        return {name: float(value) for name, value in out.items()}


class Steps:
    """Steps between neighbouring values that depth takes."""

    def __init__(self) -> None:
        self.values = np.zeros(65536, dtype=np.int64)

    def add(self, depth: Array) -> None:
        """Count the values in millimetres."""
        self.values += np.bincount(
            np.round(depth * 1000).astype(np.int64).ravel(), minlength=65536
        )[:65536]

    def row(self) -> Row:
        """Mean step at ranges, millimetres."""
        out = {}
        for at in (1000, 1500, 2000, 3000):
            part = self.values[at - 150 : at + 150]
            # A value that holds next to nothing is a stray one.
            used = np.flatnonzero(part > 0.02 * part.mean())
            out[f"step of values, mm, at {at / 1000:g} m"] = float(np.mean(np.diff(used)))
        return out


def _pairs(bounds: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(pairwise(bounds))


def _edge_distance(true: Array) -> Array:
    """Pixels to the nearest jump of depth, of more than 8 cm and 5 %."""
    filled = np.where(np.isfinite(true), true, 0).astype(np.float32)
    high = cv2.dilate(filled, np.ones((3, 3)))
    low = cv2.erode(np.where(np.isfinite(true), true, 99).astype(np.float32), np.ones((3, 3)))
    jump = (high - low > 0.08) & (high > 1.05 * low) & (high > 0) & (low < 99)
    return np.asarray(cv2.distanceTransform((~jump).astype(np.uint8), cv2.DIST_L2, 3))


def _angle(seen: View, mesh: Any) -> Array:
    """Degrees between ray and normal of the fused surface, smoothed."""
    corners = mesh.vertices_m[mesh.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    image = normal[seen.face] * (seen.face >= 0)[..., None]
    image = np.asarray(cv2.blur(image, (11, 11)))
    image /= np.maximum(np.linalg.norm(image, axis=2, keepdims=True), 1e-12)
    height, width = seen.face.shape
    y, x = np.mgrid[:height, :width]
    rays = np.stack([x, y, np.ones_like(x)], -1) @ seen.ray_of_pixel.T
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    return np.degrees(np.arccos(np.clip(np.abs((image * rays).sum(axis=2)), 0, 1)))


def _hole_sizes(lost: Array) -> Array:
    """Pixels in holes, by size of the hole."""
    count, _, found, _ = cv2.connectedComponentsWithStats(lost.astype(np.uint8), connectivity=4)
    areas = found[1:count, cv2.CC_STAT_AREA]
    return np.histogram(areas, HOLES_PX, weights=areas)[0]


def _plane_noise(depth: Array, half: int = 5) -> tuple[Array, Array]:
    """Deviation from a plane fitted to 11x11 pixels, at every such window that is whole.

    Returns:
        Standard deviations in metres (-1: no plane there), and depths; on a coarse grid.
    """
    side = 2 * half + 1
    rows, columns = depth.shape[0] // side, depth.shape[1] // side
    squares = depth[: rows * side, : columns * side].reshape(rows, side, columns, side)
    part = squares.transpose(0, 2, 1, 3).reshape(-1, side * side).astype(np.float64)
    good: NDArray[np.bool_] = np.all(part > 0, axis=1)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    base = np.stack([np.ones(side * side), x, y], axis=1)
    project = base @ np.linalg.pinv(base)
    # Planes are planes in inverse depth.
    middle = np.where(good, np.median(part, axis=1), 1.0)
    inverse = 1 / np.where(good[:, None], part, 1.0)
    rest = (inverse - inverse @ project) * middle[:, None] ** 2
    sigma = np.sqrt((rest**2).sum(axis=1) / (side * side - 3))
    flat = good & (np.abs(rest).max(axis=1) < 0.03 * middle**2)
    return np.where(flat, sigma, -1.0), middle


def _block_medians(error: Array, where: Array, side: int = 40) -> Array:
    """Medians of errors in blocks that are at least half known."""
    rows, columns = error.shape[0] // side, error.shape[1] // side
    shape = (rows, side, columns, side)
    parts = error[: rows * side, : columns * side].reshape(shape).transpose(0, 2, 1, 3)
    masks = where[: rows * side, : columns * side].reshape(shape).transpose(0, 2, 1, 3)
    return np.array(
        [
            np.median(part[mask])
            for part, mask in zip(
                parts.reshape(-1, side * side), masks.reshape(-1, side * side), strict=True
            )
            if mask.mean() > 0.5
        ]
    )


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--json", type=Path, help="file that the table is written to as well")
    columns: list[Row] = []
    asked = parser.parse_args()
    paths = asked.captures
    for path in paths:
        rows = [statistics(capture) for capture in find_captures(path)]
        columns.append({name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]})
    width = max(len(name) for name in columns[0]) + 2
    print(" " * width + "".join(f"{path.name[:12]:>13}" for path in paths))
    for name in columns[0]:
        print(name.ljust(width) + "".join(f"{column[name]:13.2f}" for column in columns))
    if asked.json is not None:
        table = {path.name: column for path, column in zip(paths, columns, strict=True)}
        asked.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
