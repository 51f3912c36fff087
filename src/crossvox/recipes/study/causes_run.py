"""How gains are told apart: parts of rooms, counts of cells, and the causes that they tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import digest, read_json, read_manifest, write_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.methods import CLASS_MESHES, LEARNT, METHOD_FILES
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.classes import label_confidence
from crossvox.evaluate.part_counts import Counts, count_classes, count_surface, has_classes
from crossvox.evaluate.parts import read_parts, scene_parts, write_parts
from crossvox.evaluate.predicted import predicted_scenes
from crossvox.evaluate.references import (
    read_labelled,
    reference_labels,
    scene_folder,
)
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input
from crossvox.metrics.nearest import PointSet
from crossvox.metrics.statistics import LEVEL
from crossvox.recipes.study.causes import (
    CAUSES,
    CountCell,
    CountedCells,
    PartsOfRoom,
    PartsOfRooms,
    Sight,
)
from crossvox.samples.source import load_source
from crossvox.study.arms import RECONSTRUCT
from crossvox.study.causes import KINDS, CountedCell, causes_of
from crossvox.study.counts import pack, unpack
from crossvox.study.transfer import Cause, Contrast

PARTS, ROOMS = "parts.npz", "rooms"


@dataclass(frozen=True)
class PredictedCell:
    """Predictions of an arm by seed, or of a baseline.

    Attributes:
        name: of the arm or baseline.
        folders: prediction folders by seed; of a baseline one.
        method: which surface in them.
        baseline: whether it knows no seed.
    """

    name: str
    folders: Mapping[int, Path]
    method: str = LEARNT
    baseline: bool = False

    @property
    def items(self) -> dict[str, int]:
        """Seed by the name of what is kept of it."""
        return {
            self.name if self.baseline else f"{self.name}.seed-{seed}": seed
            for seed in self.folders
        }


@dataclass(frozen=True)
class PredictedTarget:
    """Everything that was predicted for one target.

    Attributes:
        task: reconstruct or segment3d.
        data: data folder of the rooms.
        sight: how predictions look at them.
        cells: by name.
    """

    task: str
    data: Path
    sight: Sight
    cells: Mapping[str, PredictedCell]


def causes(
    out: Path,
    targets: Mapping[str, PredictedTarget],
    contrasts: Sequence[Contrast],
    *,
    level: float = LEVEL,
    workers: int = 1,
    runner: Runner | None = None,
) -> tuple[Cause, ...]:
    """Tell contrasts apart by part of a room; what was counted before is kept.

    Args:
        out: folder of the study; counts lie in ``OUT/causes``.
        targets: what was predicted, by target; others are left out.
        contrasts: those of which either cell was not predicted are left out.
        level: how often intervals shall hold the truth.
        workers: cells counted at once.
        runner: who makes it; its choice is among cells.

    Raises:
        CrossvoxError: nothing could be counted.
    """
    runner = runner or Runner()
    found: list[Cause] = []
    for name, target in targets.items():
        asked = [c for c in contrasts if c.target == name and {c.arm, c.control} <= {*target.cells}]
        if target.task not in KINDS or not asked:
            continue
        folder = count_target(out, name, target, _cells(target, asked), workers, runner)
        for contrast in asked:
            # Counts of two cells at a time are in memory.
            pair = [
                _counted(folder, target.cells[cell]) for cell in (contrast.arm, contrast.control)
            ]
            try:
                found += causes_of(contrast, target.task, pair[0], pair[1], level)
            except ArtifactError as error:
                runner.progress.say(f"left out: {error}")
    return tuple(found)


def _cells(target: PredictedTarget, contrasts: Iterable[Contrast]) -> list[PredictedCell]:
    names = dict.fromkeys(name for c in contrasts for name in (c.arm, c.control))
    return [target.cells[name] for name in names]


def count_target(
    out: Path,
    name: str,
    target: PredictedTarget,
    cells: Sequence[PredictedCell],
    workers: int,
    runner: Runner,
) -> Path:
    """Count cells of a target where that is not done; the folder of their counts.

    Args:
        out: folder of the study.
        name: of the target.
        target: what was predicted for it.
        cells: those that are counted.
        workers: cells counted at once.
        runner: who makes it.
    """
    names = sorted({room for cell in cells for f in cell.folders.values() for room in _rooms(f)})
    rooms = out / CAUSES / ROOMS / digest(target.sight)
    parts = {
        room: PartsOfRoom(Input.folder(scene_folder(target.data, room)), target.sight)
        for room in names
    }
    everything_by(runner).make_all(
        PartsOfRooms(target.sight), parts, rooms, workers=workers, label="rooms"
    )
    given = Input(rooms, digest({room: read_manifest(rooms / room).digest for room in names}))
    stages = {
        item: CountCell(
            _prediction(cell.folders[seed]), given, target.task, cell.method, target.data
        )
        for cell in cells
        for item, seed in cell.items.items()
    }
    folder = out / CAUSES / name
    collection = CountedCells(target.task, Input(rooms, digest(target.sight)))
    runner.make_all(collection, stages, folder, workers=workers, label="cells")
    return folder


def everything_by(runner: Runner) -> Runner:
    """A runner without a choice: whichever cells it is, they need what is made of all rooms."""
    found = Runner(runner.progress, backend=runner.backend, memory=runner.memory, dry=runner.dry)
    found.plan = runner.plan
    return found


def _rooms(prediction: Path) -> list[str]:
    return predicted_scenes(prediction)


def _prediction(folder: Path) -> Input:
    """A folder of predicted rooms, whether or not it lists them."""
    made = {room: read_manifest(folder / room).digest for room in _rooms(folder)}
    return Input(folder, digest(made))


def make_parts(stage: PartsOfRoom, work: Work) -> Mapping[str, Any]:
    """Write the parts of a room into ``work.out``."""
    sight, folder = stage.sight, stage.scene.path
    with work.watch("load views"):
        source = load_source(folder, sight.views)
    with work.watch("parts"):
        parts = scene_parts(source, folder, sight.shape, sight.stride, sight.views.max_views)
    write_parts(work.out / PARTS, parts)
    return {"points": len(parts.points_m), "labelled": has_classes(parts)}


def count_cell(stage: CountCell, work: Work) -> Mapping[str, Any]:
    """Write the counts of a cell's rooms into ``work.out``, room by room."""
    counted = 0
    for room in _rooms(stage.prediction.path):
        with work.watch("count"):
            counts = _count_room(stage, room)
        if counts is not None:
            write_json(work.out / f"{room}.json", pack({room: counts}))
            counted += 1
    expect(
        counted > 0,
        given=f"{stage.prediction.path}, none of whose rooms has labels",
        needed="rooms with labels to tell classes apart",
        do="leave this target out",
        error=ArtifactError,
    )
    return {"rooms": counted}


def _count_room(stage: CountCell, room: str) -> Counts | None:
    parts = read_parts(stage.rooms.path / room / PARTS)
    predicted, prepared = stage.prediction.path / room, scene_folder(stage.data, room)
    if stage.task == RECONSTRUCT:
        made = read_mesh(predicted / METHOD_FILES[stage.method])
        return count_surface(made, PointSet(parts.points_m), parts)
    truth = reference_labels(prepared, room)
    if truth is None:
        return None
    labelled = read_labelled(predicted / CLASS_MESHES[stage.method])
    count = len(truth.vertices_m)
    expect(
        labelled.labels is not None and all(len(g) == count for g in parts.vertices.values()),
        given=f"{predicted}, without classes, or {prepared}, which is another surface by now",
        needed="the prediction of a segment3d run of this room",
        do="predict it again",
        error=ArtifactError,
    )
    sure = label_confidence(predicted, stage.method, labelled)
    return count_classes(labelled, truth, parts, sure)


def _counted(folder: Path, cell: PredictedCell) -> CountedCell:
    """The counts of a cell that are there."""
    seeds: dict[int, dict[str, Counts]] = {}
    for item, seed in cell.items.items():
        if (folder / item).is_dir():
            rooms: dict[str, Counts] = {}
            for path in sorted((folder / item).glob("*.json")):
                if path.name != "manifest.json":
                    rooms |= unpack(read_json(path))
            seeds[seed] = rooms
    return CountedCell(cell.name, seeds, cell.baseline)
