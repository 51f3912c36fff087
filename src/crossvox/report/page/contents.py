"""What a room holds: its size, its objects as a table and as CSV, its floor plan."""

from __future__ import annotations

import csv
import io
from typing import Any

from crossvox.core.formats import area_text, counted, share_text
from crossvox.core.room_contents import RoomContents, RoomObject
from crossvox.report.embed import data_uri
from crossvox.report.rooms import Room
from crossvox.report.values import csv_cell

CLOSED = 0.95
"""Share of the outline along which walls were seen, from which on the room counts as closed."""


def contents_part(room: Room) -> dict[str, Any] | None:
    """Size, objects and plan of a room; None where nobody looked for any of them."""
    contents = room.contents
    if contents is None and room.plan is None:
        return None
    return {
        "size": None if contents is None else size_sentence(contents),
        "facts": [] if contents is None else _facts(contents),
        "remarks": [] if contents is None else list(contents.remarks),
        "objects": None if contents is None or not contents.objects else _objects(contents),
        "looked": contents is not None,
        "openings": "" if contents is None else _openings(contents),
        "plan": None if room.plan is None else data_uri("image/svg+xml", room.plan),
        "plan_alt": f"{room.name}, floor plan with walls, openings and objects",
    }


def _facts(contents: RoomContents) -> list[tuple[str, str]]:
    """The numbers in large type."""
    found = []
    if contents.outline_m:
        what = "floor area" if is_closed(contents) else "floor area of the seen part"
        found.append((f"{contents.area_m2:.1f} m²", what))
    if contents.objects:
        found.append((str(len(contents.objects)), "objects"))
    return found


def is_closed(contents: RoomContents) -> bool:
    """Whether walls were seen all around, so that the outline is the room's own."""
    return bool(contents.outline_m) and contents.outline_seen >= CLOSED


def size_sentence(contents: RoomContents) -> str:
    """Area and height of a room, or of the part of it that was seen."""
    height = contents.height_m
    high = f"{height:.2f} m high" if height is not None else "height unknown: "
    if height is None:
        lost = [n for n, z in (("floor", contents.floor_m), ("ceiling", contents.ceiling_m))
                if z is None]  # fmt: skip
        high += f"{' and '.join(lost) or 'floor or ceiling'} not seen"
    if not contents.outline_m:
        return f"The outline of the room was not found; {high}."
    seen = f"walls were seen along {share_text(contents.outline_seen)} of its outline"
    if is_closed(contents):
        return f"The room: {contents.area_m2:.1f} m², {high}; {seen}."
    return (
        f"The seen part of the room: {contents.area_m2:.1f} m², {high}; {seen}, "
        "the rest is where the scan ends."
    )


def _openings(contents: RoomContents) -> str:
    """Walls, doors and windows in words."""
    kinds = [opening.kind for opening in contents.openings]
    parts = [counted(len(contents.walls), "wall")]
    parts += [counted(kinds.count(kind), kind) for kind in ("door", "window") if kind in kinds]
    return ", ".join(parts).capitalize() + "."


def _objects(contents: RoomContents) -> dict[str, Any]:
    objects = contents.objects
    groups = [
        {
            "name": name,
            "count": count,
            "rows": [_row(one) for one in objects if one.class_name == name],
        }
        for name, count in contents.counts.items()
    ]
    table = objects_csv(objects)
    return {
        "count": len(objects),
        "groups": groups,
        "csv": data_uri("text/csv;charset=utf-8", table.encode()),
    }


def _row(one: RoomObject) -> dict[str, Any]:
    """An object as texts; shares are cut, not rounded up."""
    return {
        "number": one.number,
        "size": " × ".join(f"{value:.2f}" for value in one.size_m),
        "place": ", ".join(f"{value:.2f}" for value in one.center_m),
        "turn": f"{one.yaw_deg:.0f}°",
        "area": area_text(one.area_m2),
        "confidence": share_text(one.confidence),
    }


COLUMNS = (
    "number", "class", "class_id", "confidence", "center_x_m", "center_y_m", "center_z_m",
    "size_along_m", "size_across_m", "height_m", "yaw_deg", "area_m2", "vertices",
)  # fmt: skip
"""Of the objects' CSV."""


def objects_csv(objects: tuple[RoomObject, ...]) -> str:
    """All objects as CSV (RFC 4180), one a line, with the numbers as the file has them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in objects:
        writer.writerow(
            (one.number, csv_cell(one.class_name), one.class_id, one.confidence, *one.center_m,
             *one.size_m, one.yaw_deg, one.area_m2, one.vertices)
        )  # fmt: skip
    return text.getvalue()
