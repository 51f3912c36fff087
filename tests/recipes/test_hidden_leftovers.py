"""What a killed process leaves under a hidden name counts nowhere as a scene, a run or a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from walls import command

from crossvox.capture.find import find_captures
from crossvox.evaluate.predicted import read_predicted
from crossvox.recipes.data import read_scenes
from crossvox.report.folders import predicted_scenes, prepared_scenes
from crossvox.report.sources import gather

SCENES = ["scene0000_00", "scene0000_01", "scene0001_00"]


def leave(folder: Path) -> None:
    """Copies of all that a folder holds, as if processes were killed while they wrote them."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            for ending in ("part", "old"):
                shutil.copytree(path, folder / f".{path.name}.01234567.{ending}")
        else:
            shutil.copy(path, folder / f".{path.stem}.01234567.0f0fffff.part{path.suffix}")


@pytest.fixture
def left(house: Path, tmp_path: Path) -> Path:
    """Raw scans, data and a prediction, with leftovers of everything."""
    for name in ("raw", "data", "pred"):
        shutil.copytree(house / name, tmp_path / name)
        leave(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "made by hand"])
def test_leftovers_are_no_scenes(left: Path, listed: bool) -> None:
    if not listed:
        for name in ("data", "pred"):
            (left / name / "manifest.json").unlink()
    assert [path.name for path in find_captures(left / "raw")] == SCENES
    assert [path.name for path in read_scenes(left / "data", "all")] == SCENES
    assert [scene.name for scene in read_predicted(left / "pred", left / "data")] == SCENES
    sources = gather([left / "pred", left / "data"])
    assert predicted_scenes(sources) == SCENES
    assert sorted(prepared_scenes(sources)) == SCENES


def test_leftovers_are_no_files_of_the_benchmark(left: Path, capsys: pytest.CaptureFixture) -> None:
    command("export", "scannet", left / "data", left / "labels")
    leave(left / "labels")
    command("evaluate", "scannet", left / "labels", left / "data", "--seen-scenes")
    assert "0123" not in capsys.readouterr().out
