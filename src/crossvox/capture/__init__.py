"""Captures on disk or by formula, read as posed RGB-D frames.

One file a format (:mod:`crossvox.capture.reader`); :func:`open_capture` finds the reader by what
lies on disk.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import Capture

if TYPE_CHECKING:
    from crossvox.capture.params import CaptureParams


def open_capture(
    path: Path, label_map: Path | None = None, params: CaptureParams | None = None
) -> Capture:
    """Open a capture, whatever its format.

    Args:
        path: a file or folder that one of the readers claims, for example a ``.sens`` file.
        label_map: class map from raw label ids to NYU40; only ScanNet's raw scans need one. None:
            looked for beside the scan.
        params: how it departs from what its files say.

    Returns:
        The capture, its images upright where the device tells how it was held
        (:mod:`crossvox.capture.turned`).

    Raises:
        CaptureError: the path does not exist, is none of the known formats, or is damaged.
    """
    from crossvox.capture.find import captures_within
    from crossvox.capture.formats import looked_for, reader_of
    from crossvox.capture.params import AS_STORED
    from crossvox.capture.reader import Opening
    from crossvox.capture.stored import StoredCapture
    from crossvox.capture.unknown import unknown

    path, params = Path(path), params or AS_STORED
    if not path.exists():
        raise CaptureError(
            f"given: {path}, which does not exist; needed: a file or folder with a capture; "
            "do: check the path"
        )
    reader = reader_of(path)
    if reader is not None:
        return _departed(reader.open(path, Opening(label_map, params)), params)
    scans = captures_within(path)
    if len(scans) > 1:
        raise CaptureError(
            f"given: {path}, which holds {len(scans)} captures; needed: one; do: pass one of them, "
            f"such as {scans[0]}, or prepare all of {scans[0].parent}"
        )
    if not scans:
        raise unknown(path, looked_for())
    reader = reader_of(scans[0])
    assert reader is not None
    capture = reader.open(scans[0], Opening(label_map, params))
    if isinstance(capture, StoredCapture):
        place = scans[0].relative_to(path).as_posix()
        capture.notes = (*capture.notes, f"{place} is the only capture in {path.name}")
    return _departed(capture, params)


def _departed(capture: Capture, params: CaptureParams) -> Capture:
    """What a reader opened, as the user says and upright."""
    from crossvox.capture.params import AS_STORED
    from crossvox.capture.stored import StoredCapture
    from crossvox.capture.turned import MIRRORED, MIRRORED_NOTE, upright

    orientation = 1
    if isinstance(capture, StoredCapture):
        capture.depart(params)
        orientation = capture.orientation()
        if orientation in MIRRORED and capture.info().up is None:
            capture.notes = (*capture.notes, MIRRORED_NOTE)
    else:
        expect(
            replace(params, upright=True) == AS_STORED,
            given=f"flags about files for {capture.name}, a capture that tells all by itself",
            needed="a capture in files of a format of this package",
            do="leave the flags out",
            error=CaptureError,
        )
    return upright(capture, orientation) if params.upright else capture
