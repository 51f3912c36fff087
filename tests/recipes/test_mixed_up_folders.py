"""What one command wrote is given to another that cannot use it: the error names what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from walls import command, state

from crossvox.core.artifact import Manifest, write_manifest


def test_folders_in_another_order_are_told(
    house: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, run, pred = house / "data", house / "run", house / "pred"
    before = state(data), state(run), state(pred)
    for words, told in (
        (("predict", data, run, tmp_path / "x"), f"{data} holds no run"),
        (("evaluate", "reconstruct", data, pred), "holds what 'prepare-scene' wrote"),
        (("evaluate", "segment3d", data, pred), "holds what 'prepare-scene' wrote"),
        (("evaluate", "reconstruct", run, data), "holds what 'checkpoint' wrote"),
        (("models", run), "which has no card"),
        (("objects", pred, tmp_path / "x"), f"{pred}, a folder; needed: a labelled mesh"),
        (("evaluate", "frames", run, data, data), "holds what 'prepare' wrote"),
    ):
        capsys.readouterr()
        command(*words, code=2)
        assert told in " ".join(capsys.readouterr().err.split())
    assert (state(data), state(run), state(pred)) == before


def test_a_folder_whose_scenes_all_failed_shows_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path, Manifest("prepare"))
    command("view", tmp_path, "--out", tmp_path / "room.html", code=2)
    assert "which holds no scene" in " ".join(capsys.readouterr().err.split())


def test_data_that_holds_nothing_out_say_how_to_train(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("manifest.json", "train.txt", "scene0000_00"):
        (data / name).symlink_to(house / "data" / name)
    (data / "train.txt").unlink()
    (data / "train.txt").write_text("scene0000_00\n")
    (data / "val.txt").touch()
    command("train", "reconstruct", "--preset", "thesis", data, tmp_path / "run", code=2)
    assert "--validation-scenes none" in " ".join(capsys.readouterr().err.split())
