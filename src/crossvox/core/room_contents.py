"""What a room holds: objects with boxes, walls, doors and windows, outline; ``objects.json``.

The file is the dataclasses below as JSON, field by field. All lengths are metres in the world of
the mesh, z up; numbers of objects are those of ``Mesh.objects``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import write_json
from crossvox.core.checks import ParamsError, expect
from crossvox.core.labels import NYU40_NAMES
from crossvox.core.params import read_as

OBJECTS_FILE = "objects.json"

TRUE_OBJECTS = "true_objects.json"
"""Name of the same file in a prepared scene whose contents are known."""

VERSION = 1

OpeningKind = Literal["door", "window"]
"""What may be in a wall."""

Point2 = tuple[float, float]
Point3 = tuple[float, float, float]


def _finite(what: str, values: Iterable[float]) -> None:
    listed = [*values]
    expect(
        all(math.isfinite(value) for value in listed),
        given=f"{what} {listed}",
        needed="finite numbers",
        do="make the file anew",
        error=ParamsError,
    )


@dataclass(frozen=True)
class RoomObject:
    """A thing in the room, in an upright box.

    Attributes:
        number: from 1; the value of ``Mesh.objects`` at its vertices.
        class_name: its class, for example ``chair``.
        class_id: NYU40 id of the class.
        confidence: how sure the class is, 0 to 1.
        center_m: ``(x, y, z)`` of the middle of its box.
        size_m: of the box along its own axes; the third is the height, along z.
        yaw_deg: turn of the box's first axis from x towards y; the same box comes back after 180.
        area_m2: of its surface in the mesh.
        vertices: of the mesh that belong to it; 0 where no mesh belongs to the file.

    Raises:
        ParamsError: a value that no object has.
    """

    number: int
    class_name: str
    class_id: int
    confidence: float
    center_m: Point3
    size_m: Point3
    yaw_deg: float
    area_m2: float
    vertices: int

    def __post_init__(self) -> None:
        _finite(f"object {self.number} with center_m, size_m, yaw_deg, area_m2",
                (*self.center_m, *self.size_m, self.yaw_deg, self.area_m2))  # fmt: skip
        expect(
            self.number >= 1
            and 1 <= self.class_id < len(NYU40_NAMES)
            and 0 <= self.confidence <= 1
            and min(self.size_m) >= 0
            and self.area_m2 >= 0
            and self.vertices >= 0,
            given=f"object {self.number} of class {self.class_id}, confidence {self.confidence}, "
            f"size {self.size_m}, {self.area_m2} m2, {self.vertices} vertices",
            needed=f"a number from 1, a class from 1 to {len(NYU40_NAMES) - 1}, a confidence from "
            f"0 to 1, no negative size, area or count",
            do="make the file anew",
            error=ParamsError,
        )

    @property
    def corners_m(self) -> NDArray[np.float64]:
        """Corners of its box in plan, ``(4, 2)``, anticlockwise."""
        yaw = math.radians(self.yaw_deg)
        along = np.array([math.cos(yaw), math.sin(yaw)]) * self.size_m[0] / 2
        across = np.array([-math.sin(yaw), math.cos(yaw)]) * self.size_m[1] / 2
        middle = np.array(self.center_m[:2])
        return np.array([middle - along - across, middle + along - across,
                         middle + along + across, middle - along + across])  # fmt: skip

    @property
    def heights_m(self) -> tuple[float, float]:
        """z of its box's bottom and top."""
        half = self.size_m[2] / 2
        return self.center_m[2] - half, self.center_m[2] + half


@dataclass(frozen=True)
class Wall:
    """A straight piece of wall, in plan; seen from inside the room it runs from right to left.

    Attributes:
        from_m: ``(x, y)`` where it begins.
        to_m: ``(x, y)`` where it ends.
        height_m: how high it stands over the floor, as far as it was seen.

    Raises:
        ParamsError: a value that is no finite number, or a negative height.
    """

    from_m: Point2
    to_m: Point2
    height_m: float

    def __post_init__(self) -> None:
        _finite("a wall of", (*self.from_m, *self.to_m, self.height_m))
        expect(
            self.height_m >= 0,
            given=f"a wall {self.height_m} m high",
            needed="a height of 0 or more",
            do="make the file anew",
            error=ParamsError,
        )

    @property
    def length_m(self) -> float:
        """From its beginning to its end."""
        return math.dist(self.from_m, self.to_m)


@dataclass(frozen=True)
class Opening:
    """A door or window in a wall.

    Attributes:
        kind: what it is.
        wall: place of its wall in ``RoomContents.walls``.
        center_m: ``(x, y, z)`` of its middle, on the line of the wall.
        width_m: along the wall.
        height_m: along z.
        sill_m: its lower edge over the floor.
        object: number of the object that it is as well; 0 for none.

    Raises:
        ParamsError: a value that no opening has.
    """

    kind: OpeningKind
    wall: int
    center_m: Point3
    width_m: float
    height_m: float
    sill_m: float
    object: int = 0

    def __post_init__(self) -> None:
        _finite(f"a {self.kind} of", (*self.center_m, self.width_m, self.height_m, self.sill_m))
        expect(
            self.wall >= 0 and min(self.width_m, self.height_m) >= 0 and self.object >= 0,
            given=f"a {self.kind} in wall {self.wall}, {self.width_m} x {self.height_m} m",
            needed="a wall from 0, no negative width or height",
            do="make the file anew",
            error=ParamsError,
        )


@dataclass(frozen=True)
class RoomContents:
    """What a room holds.

    Attributes:
        objects: things, by number; doors and windows are among them.
        walls: straight pieces of wall that were seen, along the outline where they are part of it.
        openings: doors and windows in those walls.
        outline_m: ``(x, y)`` corners of the room, anticlockwise, not closed by the first one again;
            empty where nothing tells of a room.
        outline_seen: share of the outline's length along which a wall was seen, 0 to 1; the rest
            is where the scan ends.
        floor_m: z of the floor; None where it was not seen.
        ceiling_m: z of the ceiling; None where it was not seen.
        area_m2: of the outline.
        height_m: from floor to ceiling; None where either was not seen.
        remarks: sentences for who reads the numbers: what was not seen, what does not fit.
        version: of the file's form.
        unit: of lengths.
        up: the axis that points up.

    Raises:
        ParamsError: an opening in no wall, numbers of objects that are not 1, 2, ..., a form that
            is not known, or a value that is no finite number.
    """

    objects: tuple[RoomObject, ...] = ()
    walls: tuple[Wall, ...] = ()
    openings: tuple[Opening, ...] = ()
    outline_m: tuple[Point2, ...] = ()
    outline_seen: float = 0.0
    floor_m: float | None = None
    ceiling_m: float | None = None
    area_m2: float = 0.0
    height_m: float | None = None
    remarks: tuple[str, ...] = ()
    version: int = VERSION
    unit: str = "m"
    up: str = "z"

    def __post_init__(self) -> None:
        expect(
            (self.version, self.unit, self.up) == (VERSION, "m", "z"),
            given=f"contents of a room in version {self.version}, unit {self.unit}, {self.up} up",
            needed=f"version {VERSION}, unit m, z up",
            do="make the file anew with this version",
            error=ParamsError,
        )
        known = [h for h in (self.floor_m, self.ceiling_m, self.height_m) if h is not None]
        _finite("a room with heights, area, share of outline seen, corners",
                (*known, self.area_m2, self.outline_seen, *sum(self.outline_m, ())))  # fmt: skip
        numbers = [one.number for one in self.objects]
        expect(
            numbers == [*range(1, len(numbers) + 1)],
            given=f"objects with numbers {numbers[:12]}",
            needed="1, 2, 3, ... in this order",
            do="make the file anew",
            error=ParamsError,
        )
        expect(
            all(o.wall < len(self.walls) and o.object <= len(numbers) for o in self.openings),
            given=f"openings in walls {[o.wall for o in self.openings]}, objects "
            f"{[o.object for o in self.openings]}",
            needed=f"walls below {len(self.walls)}, objects up to {len(numbers)}",
            do="make the file anew",
            error=ParamsError,
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many objects there are, by name of class, sorted."""
        names = [one.class_name for one in self.objects]
        return {name: names.count(name) for name in sorted(set(names))}

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_json(path, self)

    @classmethod
    def read(cls, path: Path) -> RoomContents:
        """Read the file.

        Raises:
            ArtifactError: missing, damaged, or with values that no room has; names file and field.
        """
        return read_as(
            path,
            cls,
            needed="the contents of a room, as 'crossvox objects' writes them",
            do="make the file anew with 'crossvox objects'",
        )
