"""One name, one capture: a data folder never takes another capture for one that it holds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from crossvox.capture.rooms import RoomsParams
from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import ArtifactError
from crossvox.flow.progress import Silent
from crossvox.flow.runner import Runner
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms

SMALL = PrepareParams(frame_skip=2, width=64, height=48, surface="tsdf")


@pytest.fixture(scope="module")
def sens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two captures of different rooms."""
    out = tmp_path_factory.mktemp("names")
    write_rooms(out, RoomsParams(count=2, frames=4, width=64, height=48, spacing_m=0.2))
    first, second = (out / f"scene000{n}_00" / f"scene000{n}_00.sens" for n in range(2))
    return first, second


def put(file: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    shutil.copy2(file, folder / "room.sens")
    return folder


def test_another_capture_of_the_same_name_is_refused(
    sens: tuple[Path, Path], tmp_path: Path
) -> None:
    first, second = put(sens[0], tmp_path / "r1"), put(sens[1], tmp_path / "r2")
    prepare(first, tmp_path / "data", SMALL)
    before = (tmp_path / "data" / "room" / "manifest.json").read_bytes()
    with pytest.raises(ArtifactError, match="called room like"):
        prepare(second, tmp_path / "data", SMALL)
    assert (tmp_path / "data" / "room" / "manifest.json").read_bytes() == before


def test_a_capture_that_was_moved_is_kept_and_one_that_changed_is_made_anew(
    sens: tuple[Path, Path], tmp_path: Path
) -> None:
    first = put(sens[0], tmp_path / "r1")
    prepare(first, tmp_path / "data", SMALL)
    moved = first.rename(tmp_path / "elsewhere")
    assert [o.status for o in prepare(moved, tmp_path / "data", SMALL).scenes] == ["kept"]
    back = moved.rename(tmp_path / "r1")
    shutil.copy(sens[1], back / "room.sens")
    assert [o.status for o in prepare(back, tmp_path / "data", SMALL).scenes] == ["made"]


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_rooms_that_are_not_made_yet_are_told(sens: tuple[Path, Path], tmp_path: Path) -> None:
    raw = Path(shutil.copytree(sens[0].parents[1], tmp_path / "raw"))
    heard = Heard()
    prepare(raw, tmp_path / "data", SMALL, runner=Runner(progress=heard))
    assert not [line for line in heard.lines if "not made yet" in line]
    # As if the rooms had been interrupted before the second was made.
    told = read_manifest(raw)
    shutil.rmtree(raw / "scene0001_00")
    write_manifest(raw, replace(told, items={"scene0000_00": told.items["scene0000_00"]}))
    prepare(raw, tmp_path / "some", SMALL, runner=Runner(progress=heard))
    assert f"1 scenes of {raw} are not made yet: scene0001_00; " in "\n".join(heard.lines)
