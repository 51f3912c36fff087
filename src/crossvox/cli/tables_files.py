"""Tables of written, imported and exported files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crossvox.capture.remarks import left_out_text
from crossvox.cli.tables import EACH, shows
from crossvox.cli.terminal import Terminal
from crossvox.core.formats import in_figures

if TYPE_CHECKING:
    from crossvox.capture.rooms.params import RoomsReport
    from crossvox.recipes.convert import ConvertReport
    from crossvox.recipes.flatten import FlattenReport
    from crossvox.recipes.objects import ObjectsReport
    from crossvox.recipes.published.checkpoint import CheckpointImport
    from crossvox.recipes.published.hdf5_in import ImportReport
    from crossvox.recipes.published.hdf5_out import ExportedFile
    from crossvox.recipes.scannet import ScannetExport
    from crossvox.report.page.write import PageReport
    from crossvox.report.view.recording import RecordingReport


@shows("crossvox.capture.rooms.params:RoomsReport")
def show_rooms(report: RoomsReport, terminal: Terminal) -> None:
    """How many rooms there are."""
    kept = sum(room.skipped for room in report.rooms)
    terminal.say(f"{len(report.scenes)} rooms, {kept} of them kept")


@shows(
    "crossvox.report.view.model:ViewerReport",
    "crossvox.recipes.look:ViewEnded",
)
def show_nothing(_: object, terminal: Terminal) -> None:
    """All was said while it was done."""


@shows("crossvox.report.page.write:PageReport")
def show_page(report: PageReport, terminal: Terminal) -> None:
    """Where a page is."""
    terminal.say(f"page: {report.page}")


@shows("crossvox.report.view.recording:RecordingReport")
def show_recording(report: RecordingReport, terminal: Terminal) -> None:
    """What a recording holds; where it is was said when it was written."""
    counts = (("layer", len(report.faces)), ("frame", report.frames), ("object", report.objects))
    text = ", ".join(in_figures(count, name) for name, count in counts)
    terminal.say(f"{text}: {report.path}")


@shows("crossvox.recipes.flatten:FlattenReport")
def show_flat(report: FlattenReport, terminal: Terminal) -> None:
    """Images of each split."""
    rows = [[split, n, report.without_labels[split]] for split, n in report.images.items()]
    columns = ["split", "images", "left out: no labels"]
    terminal.table(f"Images in {report.out}", columns, rows)


@shows("crossvox.recipes.objects:ObjectsReport")
def show_objects(report: ObjectsReport, terminal: Terminal) -> None:
    """Objects by class, and the room."""
    rows = [[name, count] for name, count in report.counts.items()]
    terminal.table(f"Objects in {report.out}", ["class", "objects"], rows)
    height = "height not seen" if report.height_m is None else f"{report.height_m:.2f} m high"
    terminal.say(
        f"room: {report.area_m2:.1f} m2, {height}, {report.walls} walls, {report.doors} doors, "
        f"{report.windows} windows"
    )
    for remark in report.remarks:
        terminal.say(f"  {remark}")
    terminal.say(f"written: {', '.join(report.files)}")


@shows("crossvox.recipes.convert:ConvertReport")
def show_converted(report: ConvertReport, terminal: Terminal) -> None:
    """How many frames were written, and what is odd about them."""
    for remark in report.remarks:
        terminal.say(f"  {remark}")
    lost = f", {len(report.lost_poses)} of them without a pose" if report.lost_poses else ""
    kept = " (kept: it was there)" if report.kept else ""
    terminal.say(f"{report.frames} frames{lost}: {report.out}{kept}")
    # A file keeps a place for what cannot be used, a folder does not.
    apart = len(report.broken) if report.out.is_dir() else 0
    text = left_out_text(report.broken, report.frames + apart)
    if text:
        terminal.say(text)


@shows("crossvox.recipes.scannet:ScannetExport")
def show_scannet(report: ScannetExport, terminal: Terminal) -> None:
    """Lines of each scene's file."""
    rows = [[scene, n, report.unlabelled[scene]] for scene, n in report.vertices.items()]
    columns = ["scene", "vertices", "of them without class"]
    terminal.table(f"Per-vertex files ({report.kind}) in {report.out}", columns, rows)
    if report.left_out:
        terminal.say(f"left out, nothing to write: {', '.join(report.left_out)}")


@shows("crossvox.recipes.published.checkpoint:CheckpointImport")
def show_checkpoint(report: CheckpointImport, terminal: Terminal) -> None:
    """What a checkpoint was."""
    terminal.say(
        f"{report.architecture} with {report.classes} classes, {report.parameters:,} parameters: "
        f"{report.loaded} weights {'kept' if report.kept else 'loaded'} in {report.run} "
        f"(task {report.task}: {report.note})"
    )


@shows(f"crossvox.recipes.published.hdf5_out:ExportedFile{EACH}")
def show_exported(files: Sequence[ExportedFile], terminal: Terminal) -> None:
    """HDF5 files that were written."""
    rows = [
        [
            file.path.name,
            file.scenes,
            file.sub_volumes,
            file.lacking_views,
            file.nearly_empty,
            f"{file.bytes_each / 1000:.2f} kB",
        ]
        for file in files
    ]
    columns = ["file", "scenes", "sub-volumes", "lacking views", "nearly empty", "size each"]
    terminal.table(f"HDF5 files in {files[0].path.parent}", columns, rows)


@shows("crossvox.recipes.published.hdf5_in:ImportReport")
def show_imported(report: ImportReport, terminal: Terminal) -> None:
    """Scenes of an HDF5 file."""
    keys = (
        "volume",
        "sub_volumes",
        "turned_copies",
        "voxels_contradicting",
        "voxels_changed",
        "views_without_pose",
    )
    rows = [[scene, *(notes[key] for key in keys)] for scene, notes in report.scenes.items()]
    columns = ["scene", "volume", "read", "turned", "contradict", "change", "lost poses"]
    terminal.table(f"{report.places} sub-volumes in {report.index}", columns, rows)
