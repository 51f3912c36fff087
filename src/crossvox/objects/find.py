"""From a labelled mesh to what its room holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.core.room_contents import RoomContents, RoomObject
from crossvox.core.volume import Mesh
from crossvox.objects.boxes import Box
from crossvox.objects.habits import Shell, completed_box
from crossvox.objects.instances import Instance, find_instances
from crossvox.objects.kinds import CEILING, FLOOR, KINDS, WALL
from crossvox.objects.openings import find_openings
from crossvox.objects.outline import Plan, find_plan
from crossvox.objects.surface import Surface, surface_of
from crossvox.objects.walls import level_height, unlabelled_floor, wall_evidence


def find_contents(mesh: Mesh) -> tuple[Mesh, RoomContents]:
    """Find objects, walls, doors, windows and the outline of a labelled room.

    Args:
        mesh: a surface in metres, z up, with NYU40 labels (0 = unknown); with ``label_confidence``
            where it is known.

    Returns:
        The mesh with ``objects``, and the room's contents. A mesh without labels, or without any
        surface, gives what can be told of it, which may be nothing; ``remarks`` say so.
    """
    surface = surface_of(mesh)
    floor_m, ceiling_m = level_height(surface, FLOOR), level_height(surface, CEILING)
    if floor_m is None:
        floor_m = unlabelled_floor(surface)
    if floor_m is not None and ceiling_m is not None and ceiling_m < floor_m + 1.5:
        ceiling_m = None
    evidence = wall_evidence(surface, floor_m)
    plan = find_plan(surface, evidence, floor_m, ceiling_m)
    instances = find_instances(surface, plan.angle)
    shell = Shell(plan.walls, floor_m, ceiling_m)
    numbers = np.zeros(len(surface.points), dtype=np.int32)
    objects = []
    for number, one in enumerate(instances, start=1):
        numbers[one.members] = number
        objects.append(_object(surface, one, number, completed_box(one, instances, shell)))
    contents = RoomContents(
        objects=tuple(objects),
        walls=tuple(plan.walls),
        openings=find_openings(surface, instances, plan.walls, floor_m),
        outline_m=tuple(plan.outline),
        outline_seen=plan.seen,
        floor_m=floor_m,
        ceiling_m=ceiling_m,
        area_m2=plan.areas[0] if plan.areas else 0.0,
        height_m=None if floor_m is None or ceiling_m is None else ceiling_m - floor_m,
        remarks=_remarks(surface, plan, floor_m, ceiling_m),
    )
    return replace(mesh, objects=numbers), contents


def _object(surface: Surface, one: Instance, number: int, box: Box) -> RoomObject:
    area = surface.area[one.members]
    sure = float(np.average(surface.sure[one.members], weights=area + 1e-12))
    x, y, z = (round(float(value), 4) for value in box.center_m)
    width, depth, height = (round(float(value), 4) for value in box.size_m)
    return RoomObject(
        number=number,
        class_name=NYU40.names[one.label],
        class_id=one.label,
        # A thing of which little was seen is less sure than its labels are.
        confidence=round(min(sure, 1.0) * one.area / (one.area + KINDS[one.label].smallest_m2), 4),
        center_m=(x, y, z),
        size_m=(width, depth, height),
        yaw_deg=round(float(np.degrees(box.yaw)), 2),
        area_m2=round(one.area, 4),
        vertices=len(one.members),
    )


def _remarks(
    surface: Surface, plan: Plan, floor_m: float | None, ceiling_m: float | None
) -> tuple[str, ...]:
    told = []
    if not (surface.labels > 0).any():
        told.append("the mesh has no labels: walls are what stands upright high up")
    elif not (surface.labels == WALL).any():
        told.append("nothing is labelled a wall")
    if floor_m is None:
        told.append("no floor was seen")
    if ceiling_m is None:
        told.append("no ceiling was seen: the height of the room is not known")
    if not plan.outline:
        told.append("too little of a room was seen for an outline")
    elif plan.seen < 0.85:
        told.append(
            f"walls were seen along {100 * plan.seen:.0f} % of the outline; the rest is where the "
            f"scan ends"
        )
    if len(plan.areas) > 1:
        others = " and ".join(f"{area:.1f} m2" for area in plan.areas[1:])
        told.append(
            f"{len(plan.areas)} rooms were seen; outline and area are of the largest, the "
            f"{'others have' if len(plan.areas) > 2 else 'other has'} {others}"
        )
    return tuple(told)
