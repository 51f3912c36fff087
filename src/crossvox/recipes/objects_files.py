"""The files that tell what a room holds: ``objects.json``, ``floorplan.svg``, ``floorplan.dxf``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossvox.core.room_contents import OBJECTS_FILE, RoomContents
from crossvox.core.volume import Mesh
from crossvox.doors.dxf import can_write_dxf, write_dxf
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.flow.runner import Work
from crossvox.objects import find_contents
from crossvox.objects.floor_plan import floor_plan
from crossvox.objects.plan_svg import write_svg

PLAN_SVG, PLAN_DXF, MESH = "floorplan.svg", "floorplan.dxf", "mesh.ply"


def write_objects(mesh: Mesh, folder: Path) -> tuple[Mesh, RoomContents, tuple[str, ...]]:
    """Find what a room holds, and write it.

    Args:
        mesh: labelled surface, metres, z up.
        folder: receives ``objects.json``, ``floorplan.svg`` and ``floorplan.dxf``.

    Returns:
        The mesh with ``objects``, the contents, and the names of the files that were written: the
        DXF file is left out where its library is missing.
    """
    found, contents = find_contents(mesh)
    contents.write(folder / OBJECTS_FILE)
    drawing = floor_plan(contents)
    write_svg(folder / PLAN_SVG, drawing)
    if not can_write_dxf():
        return found, contents, (OBJECTS_FILE, PLAN_SVG)
    write_dxf(folder / PLAN_DXF, drawing)
    return found, contents, (OBJECTS_FILE, PLAN_SVG, PLAN_DXF)


def find_in_file(path: Path, work: Work) -> Mapping[str, Any]:
    """Write what a labelled mesh holds, and the mesh with its objects, into ``work.out``.

    Returns:
        Notes: counts and remarks.
    """
    remarks: list[str] = []
    with work.watch("read"):
        mesh = read_mesh(path, remarks)
    with work.watch("find and draw"):
        found, contents, files = write_objects(mesh, work.out)
    with work.watch("write"):
        write_ply(work.out / MESH, found)
    remarks += contents.remarks
    if PLAN_DXF not in files:
        remarks.append(f"no {PLAN_DXF}: the library ezdxf is not installed (pip install ezdxf)")
    kinds = [one.kind for one in contents.openings]
    return {
        "objects": contents.counts,
        "walls": len(contents.walls),
        "doors": kinds.count("door"),
        "windows": kinds.count("window"),
        "area_m2": round(contents.area_m2, 3),
        "height_m": None if contents.height_m is None else round(contents.height_m, 3),
        "remarks": remarks,
        "files": [*files, MESH],
    }
