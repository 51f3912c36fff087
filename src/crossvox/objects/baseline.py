"""Trivial objects, to stand beside: connected vertices of a class in boxes along the axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.core.room_contents import RoomContents, RoomObject, Wall
from crossvox.core.volume import Mesh
from crossvox.objects.kinds import CEILING, FLOOR, KINDS, WALL
from crossvox.objects.patches import connected, ordered
from crossvox.objects.surface import surface_of

_LEAST = 50
"""Vertices of a component that counts."""


def trivial_contents(mesh: Mesh) -> tuple[Mesh, RoomContents]:
    """What needs no thought: components of a class, boxes along x and y, the room as one box.

    A component is what hangs together over cells of 4 cm and has at least 50 vertices. Floor and
    ceiling lie at the mean heights of their labels; walls are the sides of the box around all that
    is labelled wall, floor or ceiling.

    Args:
        mesh: a labelled surface in metres, z up.
    """
    surface = surface_of(mesh)
    chosen = np.flatnonzero(np.isin(surface.labels, [*KINDS]))
    numbers = np.zeros(len(surface.points), dtype=np.int32)
    objects: list[RoomObject] = []
    for own in ordered(connected(surface.points[chosen], surface.labels[chosen])):
        members = chosen[own]
        if len(members) < _LEAST:
            continue
        numbers[members] = len(objects) + 1
        low, high = surface.points[members].min(axis=0), surface.points[members].max(axis=0)
        (x, y, z), (width, depth, height) = ((low + high) / 2).tolist(), (high - low).tolist()
        label = int(surface.labels[members[0]])
        objects.append(
            RoomObject(
                number=len(objects) + 1,
                class_name=NYU40.names[label],
                class_id=label,
                confidence=float(np.clip(surface.sure[members].mean(), 0, 1)),
                center_m=(x, y, z),
                size_m=(width, depth, height),
                yaw_deg=0.0,
                area_m2=float(surface.area[members].sum()),
                vertices=len(members),
            )
        )
    return replace(mesh, objects=numbers), _room(surface.points, surface.labels, tuple(objects))


def _room(points: np.ndarray, labels: np.ndarray, objects: tuple[RoomObject, ...]) -> RoomContents:
    shell = points[np.isin(labels, (WALL, FLOOR, CEILING))]
    heights = [
        float(points[labels == one, 2].mean()) if (labels == one).any() else None
        for one in (FLOOR, CEILING)
    ]
    if not len(shell):
        return RoomContents(objects=objects, floor_m=heights[0], ceiling_m=heights[1])
    (x0, y0, low), (x1, y1, high) = shell.min(axis=0).tolist(), shell.max(axis=0).tolist()
    outline = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return RoomContents(
        objects=objects,
        walls=tuple(Wall(outline[i], outline[(i + 1) % 4], high - low) for i in range(4)),
        outline_m=outline,
        outline_seen=1.0,
        floor_m=heights[0],
        ceiling_m=heights[1],
        area_m2=(x1 - x0) * (y1 - y0),
        height_m=None if None in heights else float(heights[1] or 0) - float(heights[0] or 0),
    )
