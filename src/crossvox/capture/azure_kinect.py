"""Recordings of the Azure Kinect (``.mkv``): told, not read.

Colour, depth and the factory's calibration lie in one Matroska file, depth in its own camera of a
wide lens. Open3D's reader brings depth onto the colour image and writes a folder that is read here.
"""

from __future__ import annotations

from pathlib import Path

from crossvox.capture.reader import Opening, Reader
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture


def _claims(path: Path) -> str | None:
    return path.name if path.suffix.lower() == ".mkv" else None


def _refuse(path: Path, how: Opening) -> Capture:
    """Say what to do instead.

    Raises:
        CaptureError: always.
    """
    raise CaptureError(
        f"given: {path}, a video file as the Azure Kinect records; needed: images with depth in a "
        f"folder; do: write one by Open3D (examples/python/reconstruction_system/sensors/"
        f"azure_kinect_mkv_reader.py --input {path.name} --output FOLDER) and pass FOLDER; such "
        f"recordings have no poses: track them by crossvox track FOLDER poses.txt"
    )


READER = Reader("a folder that Open3D writes of an .mkv file (Azure Kinect)", _claims, _refuse)
