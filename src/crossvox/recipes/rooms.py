"""Furnished rooms as complete raw scans, one folder a room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.capture.rooms.params import RoomReport, RoomsParams, RoomsReport
from crossvox.core.files import CLASS_MAP
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import scene_list
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Stage, how
from crossvox.recipes.data import enter_scenes

LISTS = "scannetv2_"
"""What the names of the lists of raw scans begin with."""


@dataclass(frozen=True)
class Rooms(Collection):
    """What all rooms of a folder have in common: what images, and the seed."""

    NAME = "rooms"

    images: Mapping[str, Any]


@dataclass(frozen=True)
class WriteRoom(Stage):
    """One room of a seed as a raw scan.

    Attributes:
        number: which one.
        images: what makes it what it is, beside its number.
        params: the same, as parameters.
    """

    NAME = "room"
    NUMBERS = 6

    number: int
    images: Mapping[str, Any]
    params: RoomsParams = how()

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.capture.rooms.write.write_room`."""
        from crossvox.capture.rooms.write import scene_name, write_room

        report = work.progress.step(f"{scene_name(self.number)}: frames")
        notes = vars(write_room(work.out, self.number, self.params, report)).copy()
        work.watch.seconds.update(notes.pop("seconds"))
        return notes

    def size(self) -> float:
        """Frames."""
        return self.params.frames


def write_rooms(
    out: Path,
    params: RoomsParams | None = None,
    *,
    workers: int = 1,
    runner: Runner | None = None,
) -> RoomsReport:
    """Write furnished rooms as complete raw scans.

    Each room is a folder with .sens, label-filt/, reference meshes, its true objects and outline,
    and a manifest; beside them lie the class map and the split lists. Rooms that are there already
    are kept, and stay in the list that somebody has moved them to.

    Args:
        out: folder that receives one raw scan a room.
        params: size, number and seed.
        workers: rooms written at once; 0 means one a core.
        runner: who makes the rooms.

    Raises:
        ArtifactError: OUT holds something else, or its lists name what is no room of it.
    """
    from crossvox.capture.rooms.categories import write_class_map
    from crossvox.capture.rooms.write import room_images, scene_name, splits

    params, runner = params or RoomsParams(), runner or Runner()
    held_out = splits(params)[1]
    listed = enter_scenes(out, lambda room: "val" if room in held_out else "train", LISTS)
    images = room_images(params)
    items = {scene_name(n): WriteRoom(n, images, params) for n in range(params.count)}

    def enter(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
        objects: Counter[str] = Counter()
        for outcome in outcomes:
            objects.update(outcome.notes.get("objects", {}))
        write_class_map(out / CLASS_MAP, objects)
        return {"rooms": len(outcomes), **listed(outcomes)}

    made = runner.make_all(Rooms(images), items, out, workers=workers, label="rooms", notes=enter)
    held_out_now = scene_list(out, "val", LISTS)
    rooms = [_report(o, held_out_now) for o in made.outcomes if o.status in ("made", "kept")]
    return RoomsReport(tuple(rooms), made.failed)


def _report(outcome: Outcome, held_out: Sequence[str]) -> RoomReport:
    notes, kept = outcome.notes, outcome.status == "kept"
    return RoomReport(
        scene=outcome.item,
        kind=notes["kind"],
        split="val" if outcome.item in held_out else "train",
        frames=int(notes["frames"]),
        lost_poses=int(notes["lost_poses"]),
        vertices=int(notes["vertices"]),
        classes=tuple(notes["classes"]),
        seconds=0.0 if kept else sum(outcome.seconds.values()),
        skipped=kept,
    )
