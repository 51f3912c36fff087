"""A capture of any format to an exported folder or a .sens file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from crossvox.capture.params import CaptureParams
from crossvox.capture.remarks import BROKEN, FRAMES, REMARKS
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError, expect
from crossvox.core.frame import Capture
from crossvox.flow import locks
from crossvox.flow.folder import expect_apart
from crossvox.flow.runner import DryRunEnds, Planned, Runner, Work
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.commands import Flag
from crossvox.recipes.prepare import MOST_PIXELS, declared, reopened

SENS = ".sens"
LOST = "lost poses"
MARK = "crossvox convert"
"""Stands in the header of every .sens file that is written here."""


@dataclass(frozen=True)
class ConvertParams:
    """What is written of a capture.

    Attributes:
        frame_skip: take every n-th frame.
        width: image width, pixels; with --height; by default the colour images' own size.
        height: image height, pixels.

    Raises:
        ParamsError: a value makes no sense.
    """

    frame_skip: int = 1
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        size = [side for side in (self.width, self.height) if side is not None]
        expect(
            self.frame_skip >= 1
            and len(size) != 1
            and all(16 <= side <= MOST_PIXELS for side in size),
            given=f"frame skip {self.frame_skip}, width {self.width}, height {self.height}",
            needed=f"a frame skip of 1 or more, and both of --width and --height, 16 to "
            f"{MOST_PIXELS}, or none",
            do="correct --frame-skip, --width or --height",
            error=ParamsError,
        )

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, or None."""
        return None if self.width is None or self.height is None else (self.width, self.height)


@dataclass(frozen=True)
class Convert(Stage):
    """One capture, written in another format.

    Attributes:
        capture: its files.
        params: see :class:`ConvertParams`.
        label_map: class map of raw label ids; None looks for it beside the scan.
        how: how the capture departs from what its files say; None: in nothing.
        trajectory: file that its poses come from, instead of its own.
    """

    NAME = "convert"
    NUMBERS = 1

    capture: Input
    params: ConvertParams
    label_map: Input | None = None
    how: CaptureParams | None = None
    trajectory: Input | None = None

    def open(self) -> Capture:
        """The capture."""
        return reopened(self.capture, self.label_map, self.how, self.trajectory)

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write an exported folder."""
        from crossvox.capture.export import export_folder

        capture = self.open()
        report = export_folder(
            capture,
            work.out,
            frame_skip=self.params.frame_skip,
            size=self.params.size,
            progress=work.progress.step(f"{capture.name}: frames"),
        )
        return {
            FRAMES: len(report.frame_ids),
            LOST: report.lost_poses,
            BROKEN: dict(report.broken),
            REMARKS: capture.info().notes,
        }

    def size(self) -> float:
        """Frames."""
        return len(self.open()) / self.params.frame_skip


@dataclass(frozen=True)
class ConvertReport:
    """What was written.

    Attributes:
        out: the folder or file.
        kept: whether it was there already.
        frames: how many it holds.
        lost_poses: those of them without a pose, by number.
        broken: frames that cannot be used, by number: left out of a folder, blank in a file.
        remarks: what the reader of the capture had to say.
    """

    out: Path
    kept: bool
    frames: int
    lost_poses: tuple[int, ...]
    broken: dict[str, str]
    remarks: tuple[str, ...]


def convert(
    capture: Path,
    out: Path,
    params: ConvertParams | None = None,
    *,
    label_map: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    runner: Runner | None = None,
) -> ConvertReport:
    """Write a capture of any format as an exported folder, or as OUT.sens.

    Images come out upright, on one pinhole camera, with depth on its pixels in millimetres; poses
    camera-to-world, OpenCV axes. Frames without a pose are written as lost. What is there already
    from the same files and parameters is kept; what crossvox did not write is never replaced.

    Args:
        capture: a capture in any format that can be read.
        out: folder that receives color/, depth/, pose/ and intrinsic.txt, or a file that ends with
            .sens.
        params: size and number of frames.
        label_map: class map of raw label ids; by default it is looked for beside the scan.
        how: how the capture departs from what its files say.
        runner: who does it.

    Raises:
        CaptureError: the capture cannot be read.
        ArtifactError: ``out`` holds something else.
    """
    params, runner = params or ConvertParams(), runner or Runner()
    expect(
        capture.exists(),
        given=f"{capture}, which does not exist",
        needed="a capture in any format that can be read",
        do="check the path",
        error=CaptureError,
    )
    given, trajectory = declared(how)
    labels = None if label_map is None else Input.file(label_map)
    stage = Convert(Input.files(capture), params, labels, given, trajectory)
    if out.suffix.lower() == SENS:
        return _to_file(stage, out, runner)
    outcome = runner.make(stage, out)
    notes = outcome.notes
    return ConvertReport(
        out,
        outcome.status == "kept",
        notes[FRAMES],
        tuple(notes[LOST]),
        dict(notes[BROKEN]),
        tuple(notes[REMARKS]),
    )


def _to_file(stage: Convert, out: Path, runner: Runner) -> ConvertReport:
    from crossvox.capture.sens.convert import write_sens

    name = f"{MARK} {stage.manifest().identity}"
    expect_apart(out, stage.inputs)
    there = _sensor_name(out)
    expect(
        there is None or there.startswith(MARK),
        given=f"{out}, which is there and was not written by 'crossvox convert'",
        needed="a new file",
        do="name another file",
        error=ArtifactError,
    )
    if runner.dry:
        runner.plan.append(Planned(stage.NAME, out.name, "keep" if there == name else "make"))
        raise DryRunEnds
    capture = stage.open()
    remarks = capture.info().notes
    if there == name:
        frames = len(range(0, len(capture), stage.params.frame_skip))
        return ConvertReport(out, True, frames, (), {}, remarks)
    if capture.info().has_labels:
        remarks = (*remarks, "labels are not part of a .sens file: convert to a folder for them")
    out.parent.mkdir(parents=True, exist_ok=True)
    with locks.alone(out):
        report = write_sens(
            capture,
            out,
            frame_skip=stage.params.frame_skip,
            size=stage.params.size,
            sensor_name=name,
            progress=runner.progress.step(f"{capture.name}: frames"),
        )
    broken = {str(number): why for number, why in report.broken}
    return ConvertReport(out, False, report.frames, report.lost_poses, broken, remarks)


def _sensor_name(out: Path) -> str | None:
    """What the header of a .sens file says; None where nothing is there, empty where it is none."""
    from crossvox.capture.sens.reader import SensReader

    if not out.exists() and not out.is_symlink():
        return None
    try:
        return SensReader(out).header.sensor_name
    except CaptureError:
        return ""
