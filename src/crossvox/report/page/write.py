"""Write the page."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossvox.core.artifact import replacing
from crossvox.core.threads import cores
from crossvox.flow.folder import PAGE_MARK, expect_own_page
from crossvox.report.environment import environment
from crossvox.report.folders import predicted_scenes, prepared_scenes
from crossvox.report.page.class_scores import ClassScores, read_class_scores
from crossvox.report.page.curve import curve_records
from crossvox.report.page.legends import error_legend
from crossvox.report.page.origins import origins, versions
from crossvox.report.page.renderings import scale
from crossvox.report.page.runs import run_record
from crossvox.report.page.scene import scene_record
from crossvox.report.page.sentences import facts, lead_texts, title_text
from crossvox.report.page.studies import study_record
from crossvox.report.page.surface_scores import SurfaceScores, by_scene, read_surface_scores
from crossvox.report.page.tables import class_part, surface_table
from crossvox.report.page.times import stage_times
from crossvox.report.params import ReportParams
from crossvox.report.pictures.colors import DEPTH_MAP, ERROR_MAP, NOTHING
from crossvox.report.sources import Sources, gather
from crossvox.report.values import once


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
    """

    page: Path
    size_bytes: int
    beside: tuple[Path, ...]
    scenes: tuple[str, ...]
    pictured: tuple[str, ...]
    missing: tuple[str, ...]


def write_page(
    artifacts: Sequence[Path],
    out: Path,
    params: ReportParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PageReport:
    """Write one self-contained page about run, prediction, data and scan folders.

    Links in the manifests are followed to the folders that an artifact was made from; what is no
    longer there is named on the page. The page itself needs no other file; 3D views and GLB files
    lie in a folder beside it.

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
    side = page.parent / (f"{page.stem}-scenes" if is_file else "scenes")
    expect_own_page(page, side if is_file else out)
    scores, classes = read_surface_scores(sources), read_class_scores(sources)
    names = _scene_names(sources, scores, classes)
    pictured = names[: params.max_scenes]
    advance = _counter(2 * len(pictured) + len(sources.runs) + 1, progress)
    written: list[Path] = []
    if not page.exists():
        _write(page, f"{PAGE_MARK}<p>This page is being written.</p>\n")
    scenes = [
        scene_record(name, sources, side, params, written, advance, f"../{page.name}")
        for name in pictured
    ]
    runs = []
    for run in sources.runs:
        runs.append(run_record(run, sources))
        advance()
    html = _html(sources, params, scores, classes, names, scenes, runs)
    _write(page, html)
    advance()
    return PageReport(
        page,
        page.stat().st_size,
        tuple(written),
        tuple(names),
        tuple(pictured),
        tuple(once(sources.missing)),
    )


def _write(page: Path, html: str) -> None:
    with replacing(page) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _counter(total: int, progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    """What is called after each piece of work."""
    done = itertools.count(1)

    def advance() -> None:
        if progress is not None:
            progress(next(done), total)

    return advance


def _html(
    sources: Sources,
    params: ReportParams,
    scores: Sequence[SurfaceScores],
    classes: Sequence[ClassScores],
    names: Sequence[str],
    scenes: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
) -> str:
    """The page as text. What is missing is asked for last: all others add to it."""
    found = (study_record(folder, sources) for folder in sources.studies)
    studies = [study for study in found if study is not None]
    curves = curve_records(sources)
    labelled = any((scene["hero"] or {}).get("is_truth") is False for scene in scenes)
    values = {
        "title": params.title or title_text(sources, names, labelled),
        "lead": lead_texts(scores, classes, [*studies, *curves], names, sources, runs, scenes),
        "facts": facts(scores, classes, names, runs, scenes),
        "classes": [class_part(entry) for entry in classes],
        "studies": studies,
        "curves": curves,
        "error_legend": error_legend(),
        "scenes": scenes,
        "unpictured": names[len(scenes) :],
        "runs": runs,
        "tables": [surface_table(entry, sources) for entry in scores],
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
    page = environment().get_template("page.html.j2")
    return page.render(values, missing=once(sources.missing))


def _scene_names(
    sources: Sources, scores: Sequence[SurfaceScores], classes: Sequence[ClassScores]
) -> list[str]:
    """Predicted scenes; without a prediction the held-out, then the other prepared scenes."""
    names = predicted_scenes(sources)
    names += [scene for entry in scores for scene in entry.scenes]
    names += [scene for entry in classes for scene in entry.scenes]
    return once(names or prepared_scenes(sources))
