"""Tables of what became of captures and scenes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crossvox.cli.tables import named, shows
from crossvox.cli.terminal import Terminal
from crossvox.core.formats import NONE, area_text, counted, defined, share_text
from crossvox.core.methods import UNCOMPLETED
from crossvox.flow.lineage import LEARNT_FROM

if TYPE_CHECKING:
    from crossvox.capture.describe import CaptureSummary
    from crossvox.flow.jobs import Outcome
    from crossvox.recipes.demo import DemoReport
    from crossvox.recipes.doctor import DoctorReport
    from crossvox.recipes.predict import PredictReport
    from crossvox.recipes.prepare import PrepareReport
    from crossvox.recipes.scan import ScanReport
    from crossvox.recipes.scan_room import RoomSummary
    from crossvox.recipes.single_views import SingleViewsReport
    from crossvox.recipes.track import TrackReport


MOST_BROKEN = 8
"""Broken frames that are told one by one; a JSON file of the result holds all."""

NOTHING = "no frame sees what another saw"
"""Told instead of numbers that nothing went into."""


@shows("crossvox.capture.describe:CaptureSummary", answers=True)
def show_capture(summary: CaptureSummary, terminal: Terminal) -> None:
    """What a capture holds, and what is broken in it."""
    info = summary.info
    rows: list[list[object]] = [
        ["format", info.format],
        ["frames", f"{summary.frames}, numbered {summary.first_id} to {summary.last_id}"],
        ["frames decoded here", summary.decoded],
        ["lost poses", _some(summary.lost_poses)],
        ["broken frames", _some([number for number, _ in summary.broken])],
        ["colour camera", _camera(info.color_camera)],
        ["depth camera", _camera(info.depth_camera)],
        ["registration", info.registration],
        ["depth range", _range(summary.depth_min_m, summary.depth_max_m)],
        ["depth without reading", _share(summary.depth_missing)],
        ["mesh", info.mesh.name if info.mesh else "none"],
        ["labelled mesh", info.labelled_mesh.name if info.labelled_mesh else "none"],
        ["complete mesh", info.complete_mesh.name if info.complete_mesh else "none"],
        ["frames without labels", _some(summary.without_labels) if info.has_labels else "all"],
    ]
    if summary.depth_left_out > 0:
        rows.append(["depth left out as doubtful", f"{summary.depth_left_out:.1%}"])
    if summary.unknown_raw_ids:
        rows.append(["unknown raw label ids", _some(sorted(summary.unknown_raw_ids))])
    if summary.labels:
        labels = ", ".join(f"{label.name} {label.share:.1%}" for label in summary.labels)
        rows.append(["labels", labels])
    rows += [["note", note] for note in info.notes]
    terminal.table(summary.name, ["", ""], rows)
    for number, text in summary.broken[:MOST_BROKEN]:
        terminal.say(f"frame {number} is broken: {text}")
    more = [number for number, _ in summary.broken[MOST_BROKEN:]]
    if more:
        terminal.say(f"more frames are broken: {_some(more)}")


def _range(low_m: float, high_m: float) -> str:
    return f"{low_m:.3f} to {high_m:.3f} m" if defined(low_m) else "no reading"


def _share(share: float) -> str:
    return f"{share:.1%}" if defined(share) else NONE


def _camera(camera: Any) -> str:
    size = f"{camera.width}x{camera.height}"
    return f"{size}, f {camera.fx:.2f} {camera.fy:.2f}, c {camera.cx:.2f} {camera.cy:.2f} px"


def _some(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return f"{len(numbers)}" + (f" ({shown})" if numbers else "")


@shows("crossvox.recipes.doctor:DoctorReport", answers=True)
def show_doctor(report: DoctorReport, terminal: Terminal) -> None:
    """What is wrong with captures, and what to do."""
    for one in report.diagnoses:
        rows: list[list[object]] = [["frames", one.frames]]
        seen = one.agreement
        if seen is not None:
            pairs = f"{len(seen.pairs)} pairs of frames"
            apart = f"{1000 * seen.median_m:.1f} mm apart (median of {pairs})"
            agree = f"{apart}, {seen.within:.0%} within 5 cm"
            rows += [
                ["depth and poses", agree if defined(seen.median_m) else f"{NOTHING} ({pairs})"],
                ["without any poses", f"{1000 * seen.still_m:.1f} mm"],
                [
                    "in space seen to be free",
                    f"{seen.free:.1%}" if defined(seen.free) else NOTHING,
                ],
            ]
        rows += [
            [f.severity, f"{f.text}{f' ({f.advice})' if f.advice else ''}"] for f in one.findings
        ]
        if one.sound:
            alone = "" if seen is not None else " that can be seen without two frames with poses"
            rows.append(["found", f"nothing is wrong{alone}"])
        terminal.table(one.name, ["", ""], rows)
    for path, reason in report.refused.items():
        terminal.say(f"{path} cannot be opened: {reason}")
    for name, file in report.skip.items():
        terminal.say(f"frames of {name} that are better left out: --skip-frames {file}")
    if report.page is not None:
        terminal.say(f"page: {report.page}")


@shows("crossvox.recipes.prepare:PrepareReport")
def show_prepared(report: PrepareReport, terminal: Terminal) -> None:
    """Prepared scenes, what to know of them, in which split they are, and those that failed."""
    from crossvox.capture.remarks import BROKEN, FRAMES, remarks_of

    counts = (FRAMES, "lost poses", "occupied voxels")
    split_of = {name: split for split, names in report.splits.items() for name in names}
    # Most folders have none: the names of scenes need the room.
    leaves_out = any(scene.notes.get(BROKEN) for scene in report.scenes)
    rows = [
        [
            scene.item,
            scene.status,
            split_of.get(scene.item, "none"),
            *(scene.notes.get(count, "") for count in counts),
            *([len(scene.notes.get(BROKEN) or ())] if leaves_out else []),
            f"{sum(scene.seconds.values()):.1f} s",
        ]
        for scene in report.scenes
    ]
    more = ["left out"] if leaves_out else []
    columns = ["scene", "status", "split", *counts, *more, "time"]
    terminal.table("Prepared scenes", columns, rows)
    for scene in report.scenes:
        for line in remarks_of(scene.notes):
            terminal.say(f"{scene.item}: {line}")
    _say_splits(report.splits, terminal)
    terminal.say(f"decided by {report.rule}")
    if report.on_both_sides:
        terminal.say(
            f"doubt: another scan of the same space is learnt from{named(report.on_both_sides)}: "
            f"scores there tell little of other rooms"
        )
    _say_failed(report.failed, terminal)


@shows("crossvox.recipes.single_views:SingleViewsReport")
def show_single_views(report: SingleViewsReport, terminal: Terminal) -> None:
    """How many images became scenes, in which split they are, and those that failed."""
    became = Counter(scene.status for scene in report.scenes)
    terminal.table(
        "Scenes of one view",
        ["status", "scenes"],
        [[name, became[name]] for name in sorted(became)],
    )
    _say_splits(report.splits, terminal)
    _say_failed(report.failed, terminal)


def _say_splits(splits: Mapping[str, Sequence[str]], terminal: Terminal) -> None:
    """Which scenes are in which split."""
    for split, names in splits.items():
        terminal.say(f"{split}: {counted(len(names), 'scene')}{named(names)}")


def _say_failed(failed: Sequence[Outcome], terminal: Terminal) -> None:
    """What failed, and why."""
    for scene in failed:
        terminal.say(f"failed: {scene.item}: {scene.error}")


_LEARNT = {True: "yes", False: "no", None: "not told"}


@shows("crossvox.recipes.predict:PredictReport")
def show_predicted(report: PredictReport, terminal: Terminal) -> None:
    """Predicted scenes."""
    from crossvox.recipes.predict import COMPLETED_SHARE

    # All scenes of a folder are predicted by one run.
    completes = all(COMPLETED_SHARE in notes for notes in report.scenes.values())
    rows = [
        [
            scene,
            "kept" if scene in report.kept else "made",
            share_text(notes[COMPLETED_SHARE])
            if completes
            else f"{notes['windows_predicted']} of {notes['windows']}",
            share_text(notes["coverage"]),
            f"{notes['frames_used']} of {notes['frames']}",
            notes["vertices"],
            _LEARNT[notes.get(LEARNT_FROM)],
        ]
        for scene, notes in report.scenes.items()
    ]
    part = "completed" if completes else "windows"
    columns = ["scene", "status", part, "coverage", "frames used", "vertices", LEARNT_FROM]
    terminal.table("Predicted scenes", columns, rows)
    for name, notes in report.scenes.items():
        if not notes["vertices"]:
            terminal.say(f"doubt: {name}: its mesh is empty, nothing was predicted to be surface")
        if UNCOMPLETED in notes:
            terminal.say(f"{name}: {notes[UNCOMPLETED]}")
    _say_failed(report.failed, terminal)


@shows("crossvox.recipes.scan:ScanReport")
def show_scan(report: ScanReport, terminal: Terminal) -> None:
    """What was found in a capture of one's own, how sure it is, and where it lies."""
    from crossvox.cli.tables_scores import show_evaluation

    if report.evaluation is not None:
        show_evaluation(report.evaluation, terminal)
    room = report.room
    if room.classes:
        rows = [
            [name, area_text(area), share_text(area / room.area_m2), room.objects.get(name, "")]
            for name, area in room.classes.items()
        ]
        terminal.table("Surface by class", ["class", "area", "share", "objects"], rows)
    for line in _room_lines(room):
        terminal.say(line)
    for file in (room.mesh, *room.files):
        terminal.say(f"made: {file}")
    if report.page is not None:
        terminal.say(f"page: {report.page.page}")


def _room_lines(room: RoomSummary) -> Iterator[str]:
    """Sentences on a room: its size, what was completed, what is doubtful."""
    contents = room.contents
    size = f"{contents.area_m2:.1f} m2 of floor" if contents.area_m2 else "no outline"
    height = "" if contents.height_m is None else f", {contents.height_m:.2f} m high"
    yield f"room: {size}{height}; {sum(room.objects.values())} objects"
    yield from contents.remarks
    why = f": {room.uncompleted}" if room.uncompleted else ""
    yield f"{share_text(room.completed)} of the surface was completed, not measured{why}"
    if not room.classes:
        yield "nothing was labelled"
        return
    if room.unlabelled > 0:
        yield f"{share_text(room.unlabelled)} of the surface is unlabelled"
    if room.doubtful is not None:
        doubtful = share_text(room.doubtful)
        yield f"{doubtful} of the labelled surface has a class less likely than one half"


@shows("crossvox.recipes.demo:DemoReport")
def show_demo(report: DemoReport, terminal: Terminal) -> None:
    """Scores of the demo, its times and its page."""
    from crossvox.cli.tables_scores import (
        show_classes,
        show_evaluation,
        show_frames,
        show_object_scores,
    )

    show_evaluation(report.evaluation, terminal)
    if report.labels is not None:
        show_classes(report.labels, terminal)
    if report.objects is not None:
        show_object_scores(report.objects, terminal)
    show_frames(report.frames, terminal)
    rows = [[step, f"{seconds:.1f}"] for step, seconds in report.seconds.items()]
    terminal.table("Time by stage", ["stage", "seconds"], rows)
    terminal.say(f"page: {report.page.page}")


@shows("crossvox.recipes.track:TrackReport")
def show_tracked(report: TrackReport, terminal: Terminal) -> None:
    """How many frames have a pose now."""
    terminal.say(
        f"{report.trajectory}: {report.tracked} of {report.frames} frames tracked over "
        f"{report.length_m:.1f} m; pass it by --trajectory {report.trajectory}"
    )
    if report.lost:
        terminal.say(f"lost: {_some(report.lost)}")
    terminal.say("these poses are odometry: errors add up over the way")
