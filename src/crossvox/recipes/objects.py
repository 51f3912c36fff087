"""Objects, walls and a floor plan from a labelled mesh; their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.checks import CaptureError, expect
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage

if TYPE_CHECKING:
    from crossvox.evaluate.objects import ObjectsEvaluation


@dataclass(frozen=True)
class FindObjects(Stage):
    """What a labelled mesh holds."""

    NAME = "objects"
    NUMBERS = 1

    mesh: Input

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.objects_files.find_in_file`."""
        from crossvox.recipes.objects_files import find_in_file

        return find_in_file(self.mesh.path, work)


@dataclass(frozen=True)
class ObjectsReport:
    """What :func:`objects` found.

    Attributes:
        counts: objects by name of class.
        walls, doors, windows: how many.
        area_m2: of the outline.
        height_m: of the room; None where it was not seen.
        remarks: what was not seen or could not be written.
        files: what was written, in ``out``.
        out: where.
    """

    counts: dict[str, int]
    walls: int
    doors: int
    windows: int
    area_m2: float
    height_m: float | None
    remarks: tuple[str, ...]
    files: tuple[str, ...]
    out: Path


def objects(mesh: Path, out: Path, *, runner: Runner | None = None) -> ObjectsReport:
    """Find objects, walls, doors, windows and the outline of a labelled room; draw its floor plan.

    Writes OUT/objects.json, OUT/floorplan.svg, OUT/floorplan.dxf and OUT/mesh.ply, the mesh with
    the number of its object at each vertex.

    Args:
        mesh: labelled mesh (PLY with a vertex property 'label' of NYU40 ids), metres, z up, as
            'crossvox scan' and 'crossvox predict' write it.
        out: folder that receives the files; replaced as a whole.
        runner: who finds them.

    Raises:
        CaptureError: MESH is no mesh, or its labels are raw ids.
        ArtifactError: OUT holds something else.
    """
    expect(
        not mesh.is_dir(),
        given=f"{mesh}, a folder",
        needed="a labelled mesh (PLY)",
        do="name the mesh, for example PRED/SCENE/classes.ply of a labelled prediction, or "
        "OUT/room.ply of a scan",
        error=CaptureError,
    )
    notes = (runner or Runner()).make(FindObjects(Input.file(mesh)), out).notes
    return ObjectsReport(
        notes["objects"], notes["walls"], notes["doors"], notes["windows"], notes["area_m2"],
        notes["height_m"], tuple(notes["remarks"]), tuple(notes["files"]), out,
    )  # fmt: skip


def evaluate_objects(
    pred: Path, data: Path, *, seen_scenes: bool = False, progress: Progress | None = None
) -> ObjectsEvaluation:
    """Score objects, walls and outlines of labelled rooms, beside connected components.

    Args:
        pred: folder that 'crossvox predict' wrote, or any with SCENE/objects.json or SCENE.ply.
        data: prepared scenes of generated rooms, which know what they hold.
        seen_scenes: count scenes that the run learnt from as well.
        progress: who watches.
    """
    from crossvox.evaluate import objects as scored

    report = (progress or Silent()).step("scenes")
    return scored.evaluate_objects(pred, data, seen_scenes=seen_scenes, progress=report)
