"""Write the page."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossvox.core.threads import cores
from crossvox.flow.folder import expect_own_page
from crossvox.report.environment import environment
from crossvox.report.folders import predicted_scenes, prepared_scenes
from crossvox.report.page.class_scores import ClassScores, read_class_scores
from crossvox.report.page.curve import curve_records
from crossvox.report.page.files_out import (
    FIGURES,
    TABLES,
    FigureOut,
    begin_page,
    found_in,
    write_files,
    write_text,
)
from crossvox.report.page.legends import error_legend
from crossvox.report.page.origins import origins, versions
from crossvox.report.page.renderings import scale
from crossvox.report.page.runs import run_record
from crossvox.report.page.scene import scene_record
from crossvox.report.page.sentences import facts, lead_texts, title_text
from crossvox.report.page.studies import study_record
from crossvox.report.page.surface_scores import SurfaceScores, by_scene, read_surface_scores
from crossvox.report.page.tables import class_part, surface_table
from crossvox.report.page.tables_out import TableOut
from crossvox.report.page.times import stage_times
from crossvox.report.params import ReportParams
from crossvox.report.pictures.colors import DEPTH_MAP, ERROR_MAP, NOTHING
from crossvox.report.sources import ROOMS, Sources, gather
from crossvox.report.values import once

SCENES = "scenes"
"""Folder beside the page: 3D views."""


@dataclass(frozen=True)
class PageReport:
    """What was written.

    Attributes:
        page: the HTML file.
        size_bytes: its size.
        beside: files that it links to, beside it.
        scenes: names of all scenes found.
        pictured: scenes that got pictures.
        missing: what was linked to, or expected, and is not there; also told on the page.
        room: of the folders that the page is about, the one whose rooms 'crossvox view' shows.
    """

    page: Path
    size_bytes: int
    beside: tuple[Path, ...]
    scenes: tuple[str, ...]
    pictured: tuple[str, ...]
    missing: tuple[str, ...]
    room: Path | None = None


def write_page(
    artifacts: Sequence[Path],
    out: Path,
    params: ReportParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PageReport:
    """Write one self-contained page about run, prediction, data and scan folders.

    Links in the manifests are followed to the folders that an artifact was made from; what is no
    longer there is named on the page. The page itself needs no other file; 3D views and GLB files,
    drawings as SVG, and tables as CSV and LaTeX lie in folders beside it.

    Args:
        artifacts: folders that ``train``, ``predict``, ``prepare`` or ``scan`` wrote.
        out: an ``.html`` file, or a folder that gets ``index.html``.
        params: see :class:`crossvox.report.params.ReportParams`.
        progress: called with (pieces done, pieces in all).

    Raises:
        ArtifactError: there is no artifact, one is not such a folder, or ``out`` holds something
            that this package did not write.
        ParamsError: a parameter makes no sense.
    """
    params = params or ReportParams()
    sources = gather([Path(path) for path in artifacts])
    is_file = out.suffix.lower() in (".html", ".htm")
    page = out if is_file else out / "index.html"
    places = {
        kind: f"{page.stem}-{kind}" if is_file else kind for kind in (SCENES, FIGURES, TABLES)
    }
    for folder in places.values() if is_file else (".",):
        expect_own_page(page, page.parent / folder)
    side = page.parent / places[SCENES]
    scores, classes = read_surface_scores(sources), read_class_scores(sources)
    names = _scene_names(sources, scores, classes)
    pictured = names[: params.max_scenes]
    advance = _counter(2 * len(pictured) + len(sources.runs) + 1, progress)
    written: list[Path] = []
    begin_page(page)
    scenes = [
        scene_record(name, sources, side, params, written, advance, f"../{page.name}")
        for name in pictured
    ]
    runs = []
    for position, run in enumerate(sources.runs):
        runs.append(run_record(run, sources, position))
        advance()
    values = _values(sources, params, scores, classes, names, scenes, runs)
    written += write_files(
        page.parent / places[FIGURES],
        page.parent / places[TABLES],
        found_in(values, FigureOut),
        found_in(values, TableOut),
    )
    template = environment().get_template("page.html.j2")
    html = template.render(values, places=places, missing=once(sources.missing))
    write_text(page, html)
    advance()
    return PageReport(
        page,
        page.stat().st_size,
        tuple(written),
        tuple(names),
        tuple(pictured),
        tuple(once(sources.missing)),
        next((path for path in artifacts if pictured and sources.kind(path) in ROOMS), None),
    )


def _counter(total: int, progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    """What is called after each piece of work."""
    done = itertools.count(1)

    def advance() -> None:
        if progress is not None:
            progress(next(done), total)

    return advance


def _values(
    sources: Sources,
    params: ReportParams,
    scores: Sequence[SurfaceScores],
    classes: Sequence[ClassScores],
    names: Sequence[str],
    scenes: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """All that the page shows, but for what is missing, which all others add to."""
    found = [study_record(folder, sources, n) for n, folder in enumerate(sources.studies)]
    studies = [study for study in found if study is not None]
    curves = curve_records(sources)
    labelled = any((scene["hero"] or {}).get("is_truth") is False for scene in scenes)
    return {
        "title": params.title or title_text(sources, names, labelled),
        "lead": lead_texts(scores, classes, [*studies, *curves], names, sources, runs, scenes),
        "facts": facts(scores, classes, names, runs, scenes),
        "classes": [class_part(entry, n) for n, entry in enumerate(classes)],
        "studies": studies,
        "curves": curves,
        "error_legend": error_legend(),
        "scenes": scenes,
        "unpictured": names[len(scenes) :],
        "runs": runs,
        "tables": [surface_table(entry, sources, n) for n, entry in enumerate(scores)],
        "by_scene": by_scene(scores),
        "times": stage_times(sources),
        "origins": origins(sources),
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}, {cores()} cores",
        "made": datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
        "error_scale": scale(ERROR_MAP),
        "error_reach_m": params.error_reach_m,
        "depth_scale": scale(DEPTH_MAP),
        "nothing": f"rgb{NOTHING}",
    }


def _scene_names(
    sources: Sources, scores: Sequence[SurfaceScores], classes: Sequence[ClassScores]
) -> list[str]:
    """Predicted scenes; without a prediction the held-out, then the other prepared scenes."""
    names = predicted_scenes(sources)
    names += [scene for entry in scores for scene in entry.scenes]
    names += [scene for entry in classes for scene in entry.scenes]
    return once(names or prepared_scenes(sources))
