"""Folders in ZIP files are read as the folders themselves."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trials.fuzz.captures import SAMPLES

from crossvox.capture import open_capture
from crossvox.capture.archive import PLACE
from crossvox.capture.find import find_captures
from crossvox.core.checks import CaptureError

FORMATS = ("transforms", "colmap", "replica", "open3d")


def zipped(folder: Path, to: Path, around: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, around + file.relative_to(folder).as_posix())
    return to


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE, str(tmp_path / "cache"))


@pytest.fixture(params=FORMATS)
def sample(request, tmp_path: Path) -> Path:
    return SAMPLES[request.param][0](tmp_path)


@pytest.mark.parametrize("around", ["", "export/scene/"])
def test_a_zip_file_holds_the_same(sample: Path, tmp_path: Path, around: str) -> None:
    plain = open_capture(sample)
    file = zipped(sample, tmp_path / "my scan.zip", around)
    assert find_captures(file) == [file]
    for capture in (open_capture(file), pickle.loads(pickle.dumps(open_capture(file)))):
        assert capture.name == ("scene" if around else "my_scan")
        found_info, info = capture.info(), plain.info()
        assert found_info.notes[: len(info.notes)] == info.notes
        assert replace(found_info, notes=info.notes) == info
        assert capture.frame_ids == plain.frame_ids
        for n in range(len(plain)):
            found, expected = capture.frame(n), plain.frame(n)
            np.testing.assert_array_equal(found.rgb, expected.rgb)
            np.testing.assert_array_equal(found.depth_m, expected.depth_m)
            assert found.pose is not None
            assert expected.pose is not None
            np.testing.assert_array_equal(
                found.pose.world_from_camera, expected.pose.world_from_camera
            )


def test_what_is_damaged_inside_is_named(tmp_path: Path) -> None:
    sample = SAMPLES["transforms"][0](tmp_path)
    (sample / "transforms.json").write_text("{")
    with pytest.raises(CaptureError, match=r"transforms\.json"):
        open_capture(zipped(sample, tmp_path / "s.zip"))
