"""The page of a comparison: answers, pictures over each other, differences, other parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossvox.core.methods import LEARNT, REFERENCE
from crossvox.flow.folder import expect_own_page
from crossvox.metrics.statistics import LEVEL
from crossvox.report.class_colors import class_colors, without_label
from crossvox.report.embed import NOISY, webp_uri
from crossvox.report.environment import environment
from crossvox.report.folders import predicted_scenes
from crossvox.report.page.compare import Compared, Side, compare, read_sides
from crossvox.report.page.compare_tables import (
    by_room,
    cautions,
    differences_table,
    differing,
    lead_texts,
    parts,
)
from crossvox.report.page.files_out import (
    FIGURES,
    TABLES,
    begin_page,
    write_files,
    write_text,
)
from crossvox.report.page.legends import legend
from crossvox.report.page.origins import versions
from crossvox.report.page.renderings import Seen, scale, sights_of
from crossvox.report.page.write import PageReport
from crossvox.report.params import ReportParams
from crossvox.report.pictures.colors import ERROR_MAP, error_colors
from crossvox.report.pictures.viewpoint import birdseye_view
from crossvox.report.rooms import Room, read_compared
from crossvox.report.values import once


@dataclass(frozen=True)
class ComparisonReport:
    """What was found, and where it is shown.

    Attributes:
        differences: of every score that all folders have.
        page: with tables and drawings beside it.
    """

    differences: tuple[Compared, ...]
    page: PageReport

    @property
    def room(self) -> Path | None:
        """Of the folders compared, the first, where it shows rooms."""
        return self.page.room


def write_compare_page(
    folders: Sequence[Path],
    out: Path,
    params: ReportParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ComparisonReport:
    """Compare runs or predictions, each with the first, and write a page about it.

    Args:
        folders: runs, predictions or scans that were scored, the one to compare with first.
        out: an ``.html`` file, or a folder that gets ``index.html``.
        params: title, and how many rooms get pictures.
        progress: called with (rooms done, rooms in all).

    Raises:
        ParamsError: fewer than two folders, or one twice.
        ArtifactError: one is no run and no prediction, holds no scores, or none that the others
            have; or the place of the page is taken.
    """
    params = params or ReportParams()
    is_file = out.suffix.lower() in (".html", ".htm")
    page = out if is_file else out / "index.html"
    places = {kind: f"{page.stem}-{kind}" if is_file else kind for kind in (FIGURES, TABLES)}
    for folder in places.values() if is_file else (".",):
        expect_own_page(page, page.parent / folder)
    sides = read_sides(folders)
    found = compare(sides)
    names = [one for one in predicted_scenes(sides[0].sources) if _all_have(one, sides)]
    pictured = names[: params.max_scenes]
    scenes = []
    for position, name in enumerate(pictured, 1):
        scenes.append(_scene(name, sides, params))
        if progress is not None:
            progress(position, len(pictured))
    table, drawing = differences_table(found), by_room(sides, found)
    values = {
        "title": params.title or f"{', '.join(s.name for s in sides[:-1])} and {sides[-1].name}",
        "lead": lead_texts(found),
        "sides": [{"name": side.name, "scores": len(side.scores)} for side in sides],
        "cautions": cautions(sides, found),
        "level": f"{LEVEL:.0%}",
        "scenes": scenes,
        "parts": parts(sides, found),
        "out": table,
        "by_room": drawing,
        "differing": differing(sides),
        "error_scale": scale(ERROR_MAP),
        "error_reach_m": params.error_reach_m,
        "places": places,
        "versions": versions(),
        "made": datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
    }
    begin_page(page)
    written = write_files(
        page.parent / places[FIGURES],
        page.parent / places[TABLES],
        [drawing] if drawing else [],
        [table],
    )
    write_text(page, environment().get_template("compare.html.j2").render(values))
    missing = tuple(once(line for side in sides for line in side.sources.missing))
    size = page.stat().st_size
    room = Path(folders[0]) if pictured else None
    told = PageReport(page, size, tuple(written), tuple(names), tuple(pictured), missing, room)
    return ComparisonReport(tuple(found), told)


def _all_have(name: str, sides: Sequence[Side]) -> bool:
    return all((side.folder / name).is_dir() for side in sides)


def _scene(name: str, sides: Sequence[Side], params: ReportParams) -> dict[str, Any]:
    """One room as every folder has it, all from one point of view."""
    rooms: list[Room] = []
    for side in sides:
        known = any(REFERENCE in room.meshes for room in rooms)
        rooms.append(read_compared(name, side.sources, reference=not known))
    width = params.picture_width_px
    best = next((room.best for room in rooms if room.best is not None), None)
    if best is None:
        return {"name": name, "groups": [], "legend": []}
    sight = sights_of([birdseye_view(best, (width, round(width * 0.72)))])[0]
    seen = Seen()

    def item(side: str, text: str, data: str, what: str) -> dict[str, Any]:
        found = {"method": side, "text": text, "data": data, "alt": f"{name}, {side}, {what}"}
        position = next((n for n, one in enumerate(sides) if one.name == side), 2)
        return found | ({"side": ("left", "right")[position]} if position < 2 else {})

    shapes, classes, distances = [], [], []
    labels: list[int] = []
    reference = next((r.meshes[REFERENCE] for r in rooms if REFERENCE in r.meshes), None)
    for side, room in zip(sides, rooms, strict=True):
        mesh = _own(room)
        if mesh is not None:
            painter, shown = seen.of(mesh, sight)
            data = webp_uri(painter.shade(sight, shown))
            shapes.append(item(side.name, room.surface_text(LEARNT), data, "from above"))
            if reference is not None:
                colors = error_colors(mesh, reference, params.error_reach_m)
                data = webp_uri(seen.code(sight, mesh, colors), NOISY)
                distances.append(item(side.name, "by distance to the reference", data, "distances"))
        if room.shown_classes is not None and room.shown_classes[0] != REFERENCE:
            labelled = room.shown_classes[1]
            assert labelled.labels is not None
            data = seen.coded(
                sight, labelled, class_colors(labelled.labels), without_label(labelled)
            )
            classes.append(item(side.name, "its classes", data, "classes"))
            labels += [int(label) for label in set(labelled.labels.tolist())]
    if reference is not None:
        painter, shown = seen.of(reference, sight)
        text = "what the others are measured against"
        data = webp_uri(painter.shade(sight, shown))
        shapes.append(item(rooms[0].origin, text, data, "from above"))
    for one in (*classes, *distances):
        one.pop("side", None) if shapes else None
    groups = (("Surfaces", shapes), ("Classes", classes), ("Distances", distances))
    return {
        "name": name,
        "groups": [(title, pictures) for title, pictures in groups if pictures],
        "legend": legend(sorted(set(labels)), _class_names(rooms)),
    }


def _class_names(rooms: Sequence[Room]) -> list[str]:
    """What classes are called by id: each name once that any folder with classes has for it."""
    named = [room.names for room in rooms if room.shown_classes is not None]
    return [
        " / ".join(once(name for name in called if name)) for called in zip(*named, strict=True)
    ]


def _own(room: Room) -> Any:
    """The surface that a folder is about: the learnt one, else the first."""
    return room.meshes.get(LEARNT) or next(
        (mesh for method, mesh in room.meshes.items() if method != REFERENCE), None
    )
