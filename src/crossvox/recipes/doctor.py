"""Does a capture agree with itself? What is wrong, what cures it, which frames to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from crossvox.capture.params import CaptureParams
from crossvox.core.artifact import Manifest, write_json, write_manifest
from crossvox.core.checks import CrossvoxError, ParamsError, error_text, expect
from crossvox.flow.folder import building, expect_own
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.commands import Flag

if TYPE_CHECKING:
    from crossvox.capture.doctor.findings import Diagnosis

STAGE = "doctor"
PAGE, RECORD = "index.html", "doctor.json"


@dataclass(frozen=True)
class DoctorReport:
    """What was found in captures.

    Attributes:
        diagnoses: of each capture that could be opened.
        refused: captures that could not: path and reason.
        page: the page, where one was asked for.
        skip: lists of frames that are better left out, by capture, where there are such frames.
    """

    diagnoses: tuple[Diagnosis, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    page: Path | None = None
    skip: Mapping[str, Path] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[str, ...]:
        """Captures with a fault, or that cannot be opened: the exit code is 2 then."""
        ill = (one.name for one in self.diagnoses if one.of("fault"))
        return (*ill, *self.refused)


def doctor(
    captures: tuple[Path, ...],
    *,
    out: Path | None = None,
    label_map: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    progress: Progress | None = None,
) -> DoctorReport:
    """Hold the frames of captures against each other: what is wrong, and what to pass.

    Poses, camera, depth unit, numbering and clocks are tried in every usual other meaning where
    frames contradict each other; the one that fits is named, with its flag.

    Args:
        captures: captures in any format that can be read, or folders of such.
        out: folder for a page with pictures, doctor.json, and lists for --skip-frames (skip.txt).
        label_map: class map of raw label ids; by default it is looked for beside the scan.
        how: how the captures depart from what their files say.
        progress: who watches.

    Raises:
        CaptureError: nothing is found at a path.
        ParamsError: no capture is named.
        ArtifactError: ``out`` holds something that this command did not write.
    """
    from crossvox.capture import open_capture
    from crossvox.capture.doctor.diagnose import diagnose
    from crossvox.capture.doctor.findings import sorted_findings
    from crossvox.capture.find import find_captures
    from crossvox.recipes.doctor_world import check_world

    expect(
        len(captures) > 0,
        given="no capture",
        needed="one or more captures",
        do="crossvox doctor CAPTURE",
        error=ParamsError,
    )
    progress = progress or Silent()
    if out is not None:
        expect_own(out, STAGE)
    records: list[dict[str, Any]] = []
    found: list[Diagnosis] = []
    refused: dict[str, str] = {}
    for path in [scan for given in captures for scan in find_captures(given, how)]:
        try:
            capture = open_capture(path, label_map, how)
            watch = progress.step(f"{capture.name}: frames")
            diagnosis = diagnose(capture, progress=watch)
            if not diagnosis.of("fault"):
                more = (*diagnosis.findings, *check_world(capture))
                diagnosis = replace(diagnosis, findings=sorted_findings(more))
            if out is not None:
                from crossvox.report.doctor import doctor_record

                records.append(doctor_record(capture, diagnosis))
        except CrossvoxError as error:
            refused[str(path)] = error_text(error)
            continue
        found.append(diagnosis)
    report = DoctorReport(tuple(found), refused)
    return report if out is None else _written(report, records, out)


def _written(report: DoctorReport, records: list[dict[str, Any]], out: Path) -> DoctorReport:
    """The folder with page, record and lists."""
    from crossvox.capture.chosen import skipped_text
    from crossvox.report.doctor import doctor_page

    alone = len(report.diagnoses) == 1
    skip = {
        one.name: out / ("skip.txt" if alone else f"skip-{one.name}.txt")
        for one in report.diagnoses
        if one.skip
    }
    told = replace(report, page=out / PAGE, skip=skip)
    with building(out) as folder:
        for one in report.diagnoses:
            if one.name in skip:
                text = skipped_text(one.skip)
                (folder / skip[one.name].name).write_text(text, encoding="utf-8")
        (folder / PAGE).write_text(doctor_page(records, dict(report.refused)), encoding="utf-8")
        write_json(folder / RECORD, {"captures": report.diagnoses, "refused": report.refused})
        notes = {"captures": [one.name for one in report.diagnoses]}
        write_manifest(folder, Manifest(STAGE, {}, notes=notes))
    return told
