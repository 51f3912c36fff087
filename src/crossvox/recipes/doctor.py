"""Does a capture agree with itself? What is wrong, what cures it, which frames to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CrossvoxError, ParamsError, error_text, expect
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.commands import Flag

if TYPE_CHECKING:
    from crossvox.capture.doctor.findings import Diagnosis


@dataclass(frozen=True)
class DoctorReport:
    """What was found in captures.

    Attributes:
        diagnoses: of each capture that could be opened.
        refused: captures that could not: path and reason.
    """

    diagnoses: tuple[Diagnosis, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[str, ...]:
        """Captures with a fault, or that cannot be opened: the exit code is 2 then."""
        ill = (one.name for one in self.diagnoses if one.of("fault"))
        return (*ill, *self.refused)


def doctor(
    captures: tuple[Path, ...],
    *,
    label_map: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    progress: Progress | None = None,
) -> DoctorReport:
    """Hold the frames of captures against each other: what is wrong, and what to pass.

    Poses, camera, depth unit, numbering and clocks are tried in every usual other meaning where
    frames contradict each other; the one that fits is named, with its flag.

    Args:
        captures: captures in any format that can be read, or folders of such.
        label_map: class map of raw label ids; by default it is looked for beside the scan.
        how: how the captures depart from what their files say.
        progress: who watches.

    Raises:
        CaptureError: nothing is found at a path.
        ParamsError: no capture is named.
    """
    from crossvox.capture import open_capture
    from crossvox.capture.doctor.diagnose import diagnose
    from crossvox.capture.find import find_captures

    expect(
        len(captures) > 0,
        given="no capture",
        needed="one or more captures",
        do="crossvox doctor CAPTURE",
        error=ParamsError,
    )
    progress = progress or Silent()
    found: list[Diagnosis] = []
    refused: dict[str, str] = {}
    for path in [scan for given in captures for scan in find_captures(given, how)]:
        try:
            capture = open_capture(path, label_map, how)
            report = progress.step(f"{capture.name}: frames")
            diagnosis = diagnose(capture, progress=report)
        except CrossvoxError as error:
            refused[str(path)] = error_text(error)
            continue
        found.append(diagnosis)
    return DoctorReport(tuple(found), refused)
