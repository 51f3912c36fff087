"""Recordings that are told what to do with."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.capture import open_capture
from crossvox.core.checks import CaptureError


def test_a_recording_is_refused_with_the_way_to_go(tmp_path: Path) -> None:
    (tmp_path / "walk.mkv").write_bytes(b"\x1a\x45\xdf\xa3")
    with pytest.raises(CaptureError, match=r"azure_kinect_mkv_reader\.py.*crossvox track FOLDER"):
        open_capture(tmp_path / "walk.mkv")
