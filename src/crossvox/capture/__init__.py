"""Captures on disk or by formula, read as posed RGB-D frames.

One file a format (:mod:`crossvox.capture.reader`); :func:`open_capture` finds the reader by what
lies on disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture

if TYPE_CHECKING:
    from crossvox.capture.registration import RegistrationMode


def open_capture(
    path: Path,
    label_map: Path | None = None,
    registration: RegistrationMode = "auto",
    *,
    assume_camera: bool = False,
) -> Capture:
    """Open a capture, whatever its format.

    Args:
        path: a file or folder that one of the readers claims, for example a ``.sens`` file.
        label_map: class map from raw label ids to NYU40; only ScanNet's raw scans need one. None:
            looked for beside the scan.
        registration: ``auto`` brings depth onto the colour camera's pixel grid where the cameras
            differ; ``none`` only resizes it.
        assume_camera: open an exported folder without any camera file with ScanNet's usual camera;
            ``info().notes`` says so.

    Raises:
        CaptureError: the path does not exist, is none of the known formats, or is damaged.
    """
    from crossvox.capture.find import claimed_below
    from crossvox.capture.formats import looked_for, reader_of
    from crossvox.capture.reader import Opening

    path = Path(path)
    if not path.exists():
        raise CaptureError(
            f"given: {path}, which does not exist; needed: {looked_for()}; do: check the path"
        )
    reader = reader_of(path)
    if reader is not None:
        return reader.open(path, Opening(label_map, registration, assume_camera))
    scans = claimed_below(path)
    hint = f", one of its scans such as {scans[0]}" if scans else ""
    raise CaptureError(
        f"given: {path}, which is no capture of a known format; "
        f"needed: {looked_for()}; do: pass the scene's own file or folder{hint}"
    )
