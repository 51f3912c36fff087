"""Captures on disk or by formula, read as posed RGB-D frames.

One file a format; :func:`open_capture` finds the reader by what lies on disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture

if TYPE_CHECKING:
    from crossvox.capture.registration import RegistrationMode

LOOKED_FOR = (
    "a .sens file, or a folder with one (ScanNet scan)",
    "a folder with color/ and depth/ (exported or prepared)",
    "a folder with frame-NNNNNN.pose.txt files (7-Scenes)",
    "a folder with rgb.txt, depth.txt and groundtruth.txt (TUM RGB-D)",
)
"""What :func:`open_capture` looks for, in this order."""


def open_capture(
    path: Path,
    label_map: Path | None = None,
    registration: RegistrationMode = "auto",
    *,
    assume_camera: bool = False,
) -> Capture:
    """Open a capture, whatever its format.

    Args:
        path: a ``.sens`` file or a folder.
        label_map: class map from raw label ids to NYU40; only ScanNet's raw scans need one. None:
            looked for beside the scan.
        registration: ``auto`` brings depth onto the colour camera's pixel grid where the cameras
            differ; ``none`` only resizes it.

        assume_camera: open an exported folder without any camera file with ScanNet's usual camera;
            ``info().notes`` says so.

    Raises:
        CaptureError: the path does not exist, is none of the known formats, or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise CaptureError(
            f"given: {path}, which does not exist; needed: {'; '.join(LOOKED_FOR)}; "
            f"do: check the path"
        )
    if path.is_file():
        if path.suffix.lower() == ".sens":
            from crossvox.capture.scannet import ScanNetCapture

            return ScanNetCapture(path, label_map, registration)
    elif any(path.glob("*.sens")):
        from crossvox.capture.scannet import ScanNetCapture

        return ScanNetCapture(path, label_map, registration)
    else:
        reader = _folder_reader(path, registration, assume_camera)
        if reader is not None:
            return reader
    scans = [] if path.is_file() else sorted(path.glob("*/*.sens"))
    hint = f", one of its scans such as {scans[0].parent}" if scans else ""
    raise CaptureError(
        f"given: {path}, which is no capture of a known format; "
        f"needed: {'; '.join(LOOKED_FOR)}; do: pass the scene's own file or folder{hint}"
    )


def _folder_reader(
    path: Path, registration: RegistrationMode, assume_camera: bool
) -> Capture | None:
    if (path / "color").is_dir() and (path / "depth").is_dir():
        from crossvox.capture.folder import FolderCapture

        return FolderCapture(path, registration, assume_camera=assume_camera)
    if any(path.glob("frame-*.pose.txt")):
        from crossvox.capture.seven_scenes import SevenScenesCapture

        return SevenScenesCapture(path, registration=registration)
    if (path / "rgb.txt").is_file() and (path / "groundtruth.txt").is_file():
        from crossvox.capture.tum import TumCapture

        return TumCapture(path, registration=registration)
    return None
