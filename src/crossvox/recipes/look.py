"""Looking at what is there: a capture, a room in 3D, a page about runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from crossvox.capture.params import CaptureParams
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.folder import expect_own_page
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.commands import Flag
from crossvox.report.params import ReportParams

if TYPE_CHECKING:
    from crossvox.capture.describe import CaptureSummary
    from crossvox.report.page.write import PageReport
    from crossvox.report.view.model import ViewerReport

FILE_FACES, LIVE_FACES = 60_000, 300_000
"""Triangles of a surface in a file and in the live view, where nothing else is asked for."""


@dataclass(frozen=True)
class ViewEnded:
    """A live view that somebody ended.

    Attributes:
        scene: what was shown.
    """

    scene: str


def info(
    capture: Path,
    *,
    label_map: Path | None = None,
    all_frames: bool = False,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    progress: Progress | None = None,
) -> CaptureSummary:
    """Tell what a capture holds, and what is broken in it.

    Args:
        capture: a capture in any format that can be read.
        label_map: class map of raw label ids; by default it is looked for beside the scan.
        all_frames: decode every frame instead of a sample spread over the capture.
        how: how the capture departs from what its files say.
        progress: who watches.
    """
    from crossvox.capture import open_capture
    from crossvox.capture.describe import describe

    opened = open_capture(capture, label_map, how)
    report = (progress or Silent()).step("frames")
    return describe(opened, report, every_frame=all_frames)


def report(
    folders: tuple[Path, ...],
    params: ReportParams | None = None,
    *,
    progress: Progress | None = None,
) -> PageReport:
    """Write one page about runs and predictions: RUN [RUN ...] OUT.

    A study of a design has a page of its own, which is written into it unless OUT is given.

    Args:
        folders: run or prediction folders, and last the page's folder or .html file.
        params: title and extent.
        progress: who watches.

    Raises:
        ParamsError: fewer than two folders.
    """
    from crossvox.report.page.transfer_report import write_transfer_page
    from crossvox.report.page.write import write_page
    from crossvox.report.sources import is_transfer

    if folders and len(folders) <= 2 and is_transfer(folders[0]):
        return write_transfer_page(*folders)
    expect(
        len(folders) >= 2,
        given=f"{len(folders)} folder",
        needed="at least one run or prediction folder and the page's folder, or the folder of a "
        "study of a design",
        do="crossvox report RUN OUT",
        error=ParamsError,
    )
    step = (progress or Silent()).step("page")
    return write_page(folders[:-1], folders[-1], params or ReportParams(), progress=step)


def view(
    path: Path,
    *,
    scene: str | None = None,
    data: Path | None = None,
    out: Path | None = None,
    port: int = 8080,
    faces: int | None = None,
    progress: Progress | None = None,
) -> ViewerReport | ViewEnded:
    """Look at a room in 3D: surfaces, classes, errors, camera path; live, or as one file.

    Args:
        path: a prediction, scan or prepared data folder, one scene of it, or a PLY mesh.
        scene: which scene; by default the first one predicted.
        data: prepared scenes, where the prediction's own are not where they were.
        out: write one HTML file that opens offline, instead of serving.
        port: where the live view is served, on this machine only; 0 takes any that is free.
        faces: triangles that a surface is thinned to; by default 60000 in a file, else 300000.
        progress: who watches.
    """
    from crossvox.report.look import open_view
    from crossvox.report.view.file import write_viewer_html
    from crossvox.report.view.live import serve

    progress = progress or Silent()
    if out is not None:
        expect_own_page(out)
    room = open_view(path, scene, data)
    for line in room.missing:
        progress.say(f"not here: {line}")
    if out is not None:
        written = write_viewer_html(room, out, max_faces=faces or FILE_FACES)
        progress.say(f"view of {room.title}: {out} ({written.size_bytes / 1e6:.1f} MB)")
        return written
    try:
        with serve(room, port=port, max_faces=faces or LIVE_FACES) as address:
            progress.say(f"view of {room.title}: {address}   (Ctrl-C ends it)")
            threading.Event().wait()
    except KeyboardInterrupt:
        progress.say("view ended")
    return ViewEnded(room.title)
