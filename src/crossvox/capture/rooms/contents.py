"""What a generated room truly holds: its objects in boxes, walls, doors, windows, outline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.categories import nyu40_table
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.light import RoomMesh
from crossvox.capture.rooms.model import Part
from crossvox.core.camera import Pose
from crossvox.core.labels import NYU40
from crossvox.core.room_contents import (
    Opening,
    OpeningKind,
    Point2,
    RoomContents,
    RoomObject,
    Wall,
)

Array = NDArray[Any]

STRUCTURE = tuple(NYU40.id_of(name) for name in ("wall", "floor", "ceiling"))
"""Classes that are the room itself."""

_WITH_TAP = tuple(NYU40.id_of(name) for name in ("sink", "bathtub"))
"""Classes that taps are labelled as: a tap is part of what it fills."""

_KINDS: tuple[OpeningKind, ...] = ("door", "window")


@dataclass(frozen=True, eq=False)
class TrueContents:
    """Contents of a room, as built; which of its objects count is told by what frames saw.

    Attributes:
        room: all but the objects.
        things: every object, of no area, and its faces.
        area_m2: ``(F,)`` of the faces of the room's mesh.
    """

    room: RoomContents
    things: tuple[tuple[RoomObject, NDArray[np.int64]], ...]
    area_m2: NDArray[np.float64]

    @classmethod
    def of(cls, room: Room, mesh: RoomMesh, world_from_room: Pose) -> TrueContents:
        """What was built.

        A thing's box holds all of it; in plan the box is the smallest rectangle around it. A thing
        of several classes is an object of each (a counter and the cabinets under it).

        Args:
            room: the room.
            mesh: its surfaces, room coordinates.
            world_from_room: where the room lies in the scan's world; turns about z alone.
        """
        points = world_from_room.apply(mesh.points).astype(np.float64)
        plan = _plan(room, world_from_room)
        walls = tuple(
            Wall(a, b, room.height_m) for a, b in zip(plan, (*plan[1:], plan[0]), strict=True)
        )
        floor_m = float(world_from_room.position_m[2])
        turned = np.array(plan)
        crossed = turned[:, 0] * np.roll(turned[:, 1], -1) - turned[:, 1] * np.roll(
            turned[:, 0], -1
        )
        contents = RoomContents(
            objects=(),
            walls=walls,
            openings=_openings(room, walls, world_from_room, floor_m),
            outline_m=plan,
            outline_seen=1.0,
            floor_m=floor_m,
            ceiling_m=floor_m + room.height_m,
            area_m2=float(crossed.sum()) / 2,
            height_m=room.height_m,
        )
        corners = points[mesh.faces]
        spans = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area_m2 = np.linalg.norm(spans, axis=1) / 2
        return cls(contents, _things(room, mesh, corners), area_m2)

    def seen(self, seen: NDArray[np.bool_]) -> RoomContents:
        """What frames saw of it.

        Args:
            seen: ``(F,)`` faces of the mesh that some frame saw.

        Returns:
            Contents in the scan's world, with the things of which some face was seen; the area of
            an object is that of its faces that were seen.
        """
        objects: list[RoomObject] = []
        for thing, faces in self.things:
            own = faces[seen[faces]]
            if len(own):
                area_m2 = float(self.area_m2[own].sum())
                objects.append(replace(thing, number=len(objects) + 1, area_m2=area_m2))
        return replace(self.room, objects=tuple(objects))


def _plan(room: Room, world_from_room: Pose) -> tuple[Point2, ...]:
    corners = np.column_stack([room.plan, np.zeros(len(room.plan))])
    return tuple((x, y) for x, y, _ in world_from_room.apply(corners).tolist())


def _things(
    room: Room, mesh: RoomMesh, corners: Array
) -> tuple[tuple[RoomObject, NDArray[np.int64]], ...]:
    """All objects, and their faces; ``corners (F, 3, 3)`` of the mesh's faces."""
    label = nyu40_table()[mesh.raw_label].astype(np.int64)
    thing = np.where(np.isin(label, _WITH_TAP), _models(room)[mesh.thing], mesh.thing)
    key = thing.astype(np.int64) * len(NYU40.names) + label
    order = np.argsort(key, kind="stable")
    keys, first = np.unique(key[order], return_index=True)
    found: list[tuple[RoomObject, NDArray[np.int64]]] = []
    for one, faces in zip(keys.tolist(), np.split(order, first[1:]), strict=True):
        class_id = one % len(NYU40.names)
        if class_id in STRUCTURE:
            continue
        own = corners[faces].reshape(-1, 3)
        (x, y), (width, depth), yaw = cv2.minAreaRect(own[:, :2].astype(np.float32))
        if width < depth:
            width, depth, yaw = depth, width, yaw + 90
        low, high = float(own[:, 2].min()), float(own[:, 2].max())
        box = RoomObject(
            number=len(found) + 1,
            class_name=NYU40.names[class_id],
            class_id=class_id,
            confidence=1.0,
            center_m=(float(x), float(y), (low + high) / 2),
            size_m=(float(width), float(depth), high - low),
            yaw_deg=(float(yaw) + 90) % 180 - 90,
            area_m2=0.0,
            vertices=0,
        )
        found.append((box, faces))
    return tuple(found)


def _models(room: Room) -> NDArray[np.int64]:
    """First thing of the model that each thing belongs to; numbers as ``assemble`` gives them."""
    models = [room.shell, *(placed.model for placed in room.placed)]
    counts = [max((part.thing for part in model.parts), default=0) + 1 for model in models]
    return np.repeat(np.cumsum([0, *counts[:-1]]), counts)


def _openings(
    room: Room, walls: tuple[Wall, ...], world_from_room: Pose, floor_m: float
) -> tuple[Opening, ...]:
    """Doors and windows: the leaf or pane, without frame and sill."""
    largest: dict[tuple[int, str], Part] = {}
    for part in room.shell.parts:
        key = (part.thing, part.category)
        if part.category in _KINDS and (key not in largest or _face(part) > _face(largest[key])):
            largest[key] = part
    found = []
    for (_, category), part in largest.items():
        own = world_from_room.apply(part.shape.points).astype(np.float64)
        low, high = own.min(axis=0), own.max(axis=0)
        middle, width = (low + high) / 2, float(np.hypot(*(high - low)[:2]))
        number, foot = _nearest_wall(walls, middle[:2])
        kind: OpeningKind = "door" if category == "door" else "window"
        found.append(
            Opening(
                kind, number, (*foot, float(middle[2])), width, float(high[2] - low[2]),
                float(low[2]) - floor_m,
            )
        )  # fmt: skip
    return tuple(found)


def _face(part: Part) -> float:
    """Area of a part as seen from before the wall."""
    size = np.ptp(part.shape.points, axis=0)
    return float(np.hypot(size[0], size[1]) * size[2])


def _nearest_wall(walls: tuple[Wall, ...], place: Array) -> tuple[int, Point2]:
    """The wall that a place lies in, and the point of its line next to it."""
    best: tuple[float, int, Point2] = (np.inf, 0, (0.0, 0.0))
    for number, wall in enumerate(walls):
        start, end = np.array(wall.from_m), np.array(wall.to_m)
        along = (end - start) / np.linalg.norm(end - start)
        foot = start + along * np.clip((place - start) @ along, 0, wall.length_m)
        away = float(np.linalg.norm(place - foot))
        if away < best[0]:
            best = (away, number, (float(foot[0]), float(foot[1])))
    return best[1], best[2]
