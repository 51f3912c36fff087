"""A stage as text: numbers in few bytes, and the record of what they are."""

from __future__ import annotations

import base64
import gzip
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.room_contents import RoomObject
from crossvox.report.class_colors import class_name
from crossvox.report.drawings.boxes import box_corners
from crossvox.report.embed import webp_uri
from crossvox.report.pictures.hatch import STRIPE
from crossvox.report.view.model import RoomView, Shot, Standpoint
from crossvox.report.view.stage import Skin, Stage, Thinned

Array = NDArray[Any]

FRAME_M = 0.16
"""How far before a camera its picture is drawn."""

DEPTH_STEP_M = 0.02
"""What a unit of a frame's stored depth stands for: one byte reaches 5.1 m."""

NEAR_M = 0.05
"""A frame saw a point if its depth there is no farther from it (docs/conventions.md)."""


class Parts:
    """Arrays of numbers, one after the other; equal ones are kept once."""

    def __init__(self) -> None:
        self.table: list[dict[str, int]] = []
        self._data = bytearray()
        self._known: dict[tuple[int, bool, bytes], int] = {}

    def add(self, values: Array | None, *, steps: bool = True) -> int | None:
        """Number of a part; None for None.

        Args:
            values: uint8, uint16 or uint32.
            steps: whether numbers of more than one byte become differences.
        """
        if values is None:
            return None
        data = packed(values.ravel(), steps)
        key = values.itemsize, steps, data
        if key not in self._known:
            self._known[key] = len(self.table)
            size, count = int(values.itemsize), int(values.size)
            self.table.append(
                {"at": len(self._data), "size": size, "count": count, "steps": int(steps)}
            )
            self._data += data
        return self._known[key]

    def text(self, level: int) -> str:
        """All parts, deflated, as base64."""
        return base64.b64encode(gzip.compress(bytes(self._data), level, mtime=0)).decode("ascii")


def packed(values: Array, steps: bool = True) -> bytes:
    """Numbers as bytes that deflate well.

    Numbers of more than one byte become differences (modulo their range) if ``steps``, and their
    bytes lie by significance: all lowest ones first.
    """
    if values.itemsize == 1:
        return values.tobytes()
    if steps:
        values = np.diff(values, prepend=values.dtype.type(0))
    little = values.astype(values.dtype.newbyteorder("<"))
    return np.ascontiguousarray(little.view(np.uint8).reshape(-1, values.itemsize).T).tobytes()


def record_of(stage: Stage, parts: Parts) -> dict[str, Any]:
    """All that the panel and the picture need to know; numbers go into ``parts``."""
    view = stage.view
    low, high = _extent(stage)
    stand = view.standpoint or _from_above(low, high)
    contents = view.contents
    return {
        "surfaces": [_surface(one, parts) for one in stage.surfaces],
        "layers": [
            _layer(skin, shares, parts)
            for skin, shares in zip(stage.skins, stage.shares, strict=True)
        ],
        "names": {str(label): class_name(label, view.names) for label in stage.classes},
        "objects": [] if contents is None else [_object(one) for one in contents.objects],
        "path": [] if view.camera_path_m is None else _rounded(np.asarray(view.camera_path_m)),
        "shots": [_shot(shot, parts) for shot in view.shots],
        "step_m": DEPTH_STEP_M,
        "near_m": NEAR_M,
        "eye": list(stand.eye_m),
        "target": list(stand.target_m),
        "field_deg": stand.field_deg,
        "fit": _rounded(_corners(view, low, high)),
        "top": 1e9 if view.interior is None else view.interior.top_m,
        "stripe": STRIPE,
        "parts": parts.table,
    }


def _surface(one: Thinned, parts: Parts) -> dict[str, Any]:
    low = one.mesh.vertices_m.min(axis=0).astype(np.float64)
    span = np.maximum(np.ptp(one.mesh.vertices_m, axis=0).astype(np.float64), 1e-6)
    place = np.round((one.mesh.vertices_m - low) / span * 65535).astype(np.uint16)
    # Each face begins with its least vertex: the others are a little more.
    first, second, third = one.mesh.faces.astype(np.uint32).T
    return {
        "place": [parts.add(np.ascontiguousarray(place[:, axis])) for axis in range(3)],
        "low": low.tolist(),
        "span": span.tolist(),
        "faces": [
            parts.add(np.ascontiguousarray(first)),
            parts.add(second - first, steps=False),
            parts.add(third - first, steps=False),
        ],
        "inner": one.inner,
        "light": parts.add(one.light),
        "labels": parts.add(one.labels),
        "confidence": parts.add(one.confidence),
        "objects": parts.add(one.objects),
    }


def _layer(skin: Skin, shares: dict[int, float], parts: Parts) -> dict[str, Any]:
    from crossvox.core.formats import share_text

    return {
        "title": skin.layer.title,
        "surface": skin.surface,
        "kind": skin.kind,
        "key": skin.layer.key,
        "values": parts.add(skin.values),
        "palette": None if skin.palette is None else skin.palette.tolist(),
        "labels": parts.add(skin.labels),
        "shares": {str(label): share_text(share) for label, share in shares.items()},
    }


def _object(one: RoomObject) -> dict[str, Any]:
    return {
        "number": one.number,
        "name": one.class_name,
        "center": _rounded(np.array(one.center_m)),
        "size": _rounded(np.array(one.size_m)),
        "top": round(one.heights_m[1], 3),
        "corners": _rounded(box_corners(one)),
    }


def _shot(shot: Shot, parts: Parts) -> dict[str, Any]:
    """A frame: its picture, where it was taken, where its corners are drawn, what it read.

    ``camera`` is in shares of the picture from its edge: ``u = x / z * camera[0] + camera[2]``.
    """
    camera = shot.camera
    pixels = np.array([(0, 0), (camera.width, 0), (camera.width, camera.height),
                       (0, camera.height)]) - 0.5  # fmt: skip
    rays = np.c_[
        (pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy, np.ones(4)
    ]
    return {
        "label": shot.label,
        "image": webp_uri(shot.image, 78),
        "eye": _rounded(shot.pose.position_m),
        "corners": _rounded(shot.pose.apply(rays * FRAME_M)),
        "pose": np.round(shot.pose.world_from_camera[:3], 5).tolist(),
        "camera": [
            camera.fx / camera.width,
            camera.fy / camera.height,
            (camera.cx + 0.5) / camera.width,
            (camera.cy + 0.5) / camera.height,
        ],
        "size": [] if shot.depth_m is None else [*shot.depth_m.shape[::-1]],
        "depth": None if shot.depth_m is None else parts.add(_depth_bytes(shot.depth_m)),
    }


def _depth_bytes(depth_m: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Depth in steps of :data:`DEPTH_STEP_M`; what is farther than a byte reaches is no reading."""
    steps = np.round(depth_m / DEPTH_STEP_M)
    return np.where(steps <= 255, steps, 0).astype(np.uint8)


def _rounded(values: Array) -> Any:
    """Millimetres are fine enough for what is drawn as lines."""
    return np.round(values.astype(np.float64), 3).tolist()


def _extent(stage: Stage) -> tuple[Array, Array]:
    points = [one.mesh.vertices_m for one in stage.surfaces]
    low = np.min([p.min(axis=0) for p in points], axis=0)
    return low.astype(np.float64), np.max([p.max(axis=0) for p in points], axis=0)


def _from_above(low: Array, high: Array) -> Standpoint:
    middle, size = 0.5 * (low + high), float(np.linalg.norm(high - low))
    eye = middle + np.array([0.35, -0.75, 0.9]) * size
    return Standpoint(
        (float(eye[0]), float(eye[1]), float(eye[2])),
        (float(middle[0]), float(middle[1]), float(middle[2])),
    )


def _corners(view: RoomView, low: Array, high: Array) -> Array:
    """What must be in the picture at first: the room below its ceiling."""
    if view.interior is not None:
        inside = view.interior
        cells = np.argwhere(inside.depth_m >= 0) * inside.cell_m + inside.corner_m
        if len(cells):
            edge = 64
            turns = np.arange(edge) * (2 * math.pi / edge)
            # The farthest cell each way: the room's hull, in few points.
            ways = np.stack([np.cos(turns), np.sin(turns)])
            rim = cells[np.unique((cells @ ways).argmax(axis=0))]
            return np.concatenate(
                [np.c_[rim, np.full(len(rim), z)] for z in (inside.floor_m, inside.top_m)]
            )
    return np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1])
                     for z in (low[2], high[2])])  # fmt: skip
