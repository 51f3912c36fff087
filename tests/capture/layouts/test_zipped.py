"""Folders in ZIP files are read as the folders themselves."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trials.fuzz.captures import SAMPLES

from crossvox.capture import open_capture
from crossvox.capture.find import find_captures
from crossvox.capture.inside import Inside, archive_of, folders_in
from crossvox.core.checks import CaptureError

FORMATS = ("transforms", "colmap", "replica", "open3d")


def zipped(folder: Path, to: Path, around: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, around + file.relative_to(folder).as_posix())
    return to


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
        assert capture.info() == plain.info()
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
    with pytest.raises(CaptureError, match=r"s\.zip/transforms\.json"):
        open_capture(zipped(sample, tmp_path / "s.zip"))


@pytest.mark.parametrize("data", [b"", b"PK\5\6" + bytes(18), b"PK\3\4" + bytes(60)])
def test_no_zip_file_is_no_capture(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(CaptureError, match="no capture of a known format"):
        open_capture(tmp_path / "a.zip")


def test_a_place_inside_is_used_as_a_path(tmp_path: Path, make_walk: Callable) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b/c/d.txt", "text")
        archive.writestr("b/e.txt", "")
    root, inner, deepest = folders_in(file)
    assert [one.name for one in (root, inner, deepest)] == ["a", "b", "c"]
    text = deepest / "d.txt"
    assert (text.stem, text.suffix, text.parent) == ("d", ".txt", deepest)
    assert text.read_bytes() == b"text"
    assert text.stat().st_size == 4
    assert text.relative_to(root).parts == ("b", "c", "d.txt")
    assert [one.name for one in inner.iterdir()] == ["c", "e.txt"]
    assert [one.name for one in inner.glob("*.txt")] == ["e.txt"]
    assert not (root / "/etc/passwd").exists()
    with pytest.raises(CaptureError, match="does not exist"):
        (root / "x").read_bytes()
    with pytest.raises(OSError, match="No such file"):
        (root / "x").stat()
    assert isinstance(pickle.loads(pickle.dumps(text)), Inside)
    assert archive_of(file) is archive_of(file)
    with pytest.raises(CaptureError, match="do: check the path"):
        archive_of(tmp_path / "none.zip")
