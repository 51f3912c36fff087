"""Boxes of objects over a rendered picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, project
from crossvox.core.room_contents import RoomObject
from crossvox.report.drawings.badges import Place, free_place

Array = NDArray[Any]

SIDES = ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
"""Corners of a box's sides, see :func:`box_corners`."""


def box_corners(one: RoomObject) -> NDArray[np.float64]:
    """Corners of an object's box, ``(8, 3)`` metres: four below, anticlockwise, four above them."""
    low, high = one.heights_m
    plan = one.corners_m
    return np.concatenate([np.c_[plan, np.full(4, low)], np.c_[plan, np.full(4, high)]])


def box_drawing(objects: Sequence[RoomObject], camera: Intrinsics, pose: Pose) -> Markup:
    """The edges that a camera sees of each box, and its number, as an SVG of the picture's size.

    Args:
        objects: what is drawn; boxes that reach behind the camera are left out.
        camera, pose: the picture's point of view.
    """
    taken: list[Place] = []
    drawn = [text for one in objects if (text := _box(one, camera, pose, taken))]
    return Markup(
        f'<svg class="boxes" viewBox="0 0 {camera.width} {camera.height}" aria-hidden="true" '
        f'focusable="false">{"".join(drawn)}</svg>'
    )


def _box(one: RoomObject, camera: Intrinsics, pose: Pose, taken: list[Place]) -> str:
    """The box of an object; its number keeps away from those that are there."""
    corners = box_corners(one)
    inside = pose.inverse().apply(corners)
    if (inside[:, 2] <= 0.05).any():
        return ""
    seen = project(inside, camera)[:, :2]
    edges = sorted(seen_edges(corners, pose.position_m))
    path = "".join(
        f"M{seen[a][0]:.1f} {seen[a][1]:.1f}L{seen[b][0]:.1f} {seen[b][1]:.1f}" for a, b in edges
    )
    radius = camera.width / 70
    wished = seen[4:].mean(axis=0)
    x, y = free_place((float(wished[0]), float(wished[1])), taken, 2.2 * radius)
    taken.append((x, y))
    # A light line under a dark one shows over every colour.
    return (
        f'<g data-object="{one.number}"><title>{one.number}: {escape(one.class_name)}</title>'
        f'<path class="under" d="{path}"/><path d="{path}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        f'<text x="{x:.1f}" y="{y + 0.36 * radius * 1.25:.1f}" font-size="{1.25 * radius:.1f}">'
        f"{one.number}</text></g>"
    )


def seen_edges(corners: Array, eye: Array) -> set[tuple[int, int]]:
    """Edges of the sides of a box, ``(8, 3)``, that look towards a point, as pairs of corners."""
    middle, found = corners.mean(axis=0), set()
    for side in SIDES:
        center = corners[list(side)].mean(axis=0)
        # A flat box has sides through its own middle: they count as seen.
        if (center - middle) @ (eye - center) >= 0:
            for a, b in zip(side, (*side[1:], side[0]), strict=True):
                found.add((min(a, b), max(a, b)))
    return found
