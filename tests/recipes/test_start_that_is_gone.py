"""A run that has weights of its own does not need the one that it started from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from walls import TRAIN, TRAIN_2D, command

SCENES = ("--scenes", "scene0000_00")


def record_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "params.json").read_text())
    return found


def test_a_run_on_images_goes_on(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start, run = tmp_path / "start", tmp_path / "run"
    shutil.copytree(house / "run2d", start)
    held_out = ("--validation-scenes", "scene0000_00")
    words = ("train", "segment2d", house / "data", run, *TRAIN_2D, *SCENES, *held_out)
    words = (*words, "--from", start)
    command(*words)
    record = record_of(run)
    assert record["learnt_from"] == ["scene0000_00", "scene0001_00"]
    shutil.rmtree(start)
    weights = (run / "last" / "network.safetensors").read_bytes()
    for unfinished in (False, True):
        if unfinished:
            (run / "manifest.json").unlink()
        capsys.readouterr()
        command(*words)
        told = " ".join(capsys.readouterr().err.split())
        assert "start is not there any more" in told
        assert "not held out" not in told, "its scenes and those of the run are told as one"
        assert record_of(run) == record
        assert (run / "last" / "network.safetensors").read_bytes() == weights
        assert (run / "manifest.json").is_file()
    # What never began from it, or has no weights yet, cannot do without.
    shutil.rmtree(run / "last")
    (run / "manifest.json").unlink()
    for folder in (run, tmp_path / "new"):
        command(*words[:3], folder, *words[4:], code=2)
        assert "which does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["run", "files"])
def test_a_finished_run_is_kept_without_its_features(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    features, run = tmp_path / "features", tmp_path / "run"
    if kind == "run":
        shutil.copytree(house / "run2d", features)
    else:
        (features / "scene0000_00").mkdir(parents=True)
        for frame in (0, 1):
            path = features / "scene0000_00" / f"{frame}.npz"
            np.savez(path, features=np.ones((4, 6, 8), np.float32))
    words = ("train", "segment3d", house / "data", run, *TRAIN, *SCENES, "--features", features)
    command(*words)
    shutil.rmtree(features)
    _is_kept(run, words, "features", capsys)


def test_a_finished_run_is_kept_without_its_images(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, run = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(house / "data" / "scene0000_00", scene)
    images = ("--images", scene / "color", "--labels", scene / "label")
    words = ("train", "segment2d", run, *images, *TRAIN_2D[:-2])
    command(*words)
    shutil.rmtree(scene / "color")
    capsys.readouterr()
    command(*words)
    assert "color is not there any more: run is kept" in " ".join(capsys.readouterr().err.split())
    command(*words[:-1], "--labels", house / "data" / "scene0000_00" / "pose", code=2)
    assert "cannot be compared without what is gone" in " ".join(capsys.readouterr().err.split())
    command(*words, "--beside", house / "data", code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "images ../photos/color, labels ../photos/label" in told
    shutil.rmtree(scene)
    command(*words)
    told = " ".join(capsys.readouterr().err.split())
    assert f"color, {scene}/label are not there any more" in told.replace("- ", "-")
    assert "next: crossvox report" in told
    _is_kept(run, words, "color", capsys)


def test_what_is_there_is_compared_where_images_beside_are_gone(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is beside, where the others are."""
    data, beside, run = (tmp_path / name for name in ("data", "beside", "run"))
    for folder in (data, beside):
        shutil.copytree(house / "data", folder)
    words = ("train", "segment2d", data, run, *TRAIN_2D, *SCENES, "--beside", beside)
    command(*words)
    for place, other in ((beside, data), (data, beside)):
        place.rename(tmp_path / "away")
        command(*words)
        capsys.readouterr()
        command(*words[:-2], code=2)  # asked for without what joined
        label = other / "scene0000_00" / "label" / "0.png"
        label.write_bytes(label.read_bytes() + b"more")
        command(*words, code=2)
        told = " ".join(capsys.readouterr().err.split())
        which = "training images" if place is beside else "images beside"
        assert f"parents.{which}" in told
        label.write_bytes(label.read_bytes()[:-4])
        (tmp_path / "away").rename(place)


@pytest.mark.parametrize(
    "kind", ["train reconstruct --preset thesis", "train segment3d", "train segment2d"]
)
def test_a_finished_run_is_kept_without_its_data(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(house / "data", data)
    words = (*kind.split(), data, run, *(TRAIN_2D if "2d" in kind else TRAIN), *SCENES)
    command(*words)
    shutil.rmtree(data)
    command(*words[:-1], "scene0001_00", code=2)
    assert "scene0000_00" in " ".join(capsys.readouterr().err.split())
    _is_kept(run, words, "data", capsys)
    assert "data, which does not exist; needed: a folder that" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_finished_run_is_kept_without_data_and_features(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features, data, run = tmp_path / "features", tmp_path / "data", tmp_path / "run"
    shutil.copytree(house / "run2d", features)
    shutil.copytree(house / "data", data)
    words = ("train", "segment3d", data, run, *TRAIN, *SCENES, "--features", features)
    command(*words)
    shutil.rmtree(data)
    command(*words)
    command(*words[:-2], code=2)  # without the features that it has learnt from
    shutil.rmtree(features)
    command(*words, "--features-rate", 0.1, code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "features.rate: 0.0 there, 0.1 asked" in told
    _is_kept(run, words, "data", capsys)


def _is_kept(
    run: Path, words: tuple[object, ...], gone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called again a run is kept; asked for otherwise, or unfinished, it is refused."""
    written = (run / "manifest.json").read_bytes()
    for more in ((), ("--dry-run",)):
        capsys.readouterr()
        command(*words, *more)
        told = " ".join(capsys.readouterr().err.split())
        assert f"{gone} is not there any more: run is kept by what it tells of it" in told or (
            f"{gone}, " in told and "are not there any more: run is kept by what it tells" in told
        )
    command(*words, "--train.rate", 0.5, code=2)
    # A path that it was not made from is a typing error, whatever is gone.
    mistyped = [f"{word}s" if Path(str(word)).name == gone else word for word in words]
    for more in ((), ("--dry-run",)):
        command(*mistyped, *more, code=2)
        assert f"{gone}s, which does not exist" in " ".join(capsys.readouterr().err.split())
    assert (run / "manifest.json").read_bytes() == written
    (run / "manifest.json").unlink()
    command(*words, code=2)


def test_a_run_on_scenes_is_kept_or_tells_what_it_needs(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start, run = tmp_path / "start", tmp_path / "run"
    shutil.copytree(house / "run", start)
    words = ("train", "segment3d", house / "data", run, *TRAIN, *SCENES, "--from", start)
    command(*words)
    shutil.rmtree(start)
    command(*words)
    command(*words[:-1], tmp_path / "strat", code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "strat, which does not exist; needed: ../start as seen from run, which that was" in told
    command(*words[:-1], tmp_path / "elsewhere" / ".." / "start")
    # A copy of it elsewhere cannot tell where the start was, but what it was called.
    shutil.copytree(run, tmp_path / "backup" / "run")
    command(*(tmp_path / "backup" / "run" if word is run else word for word in words))
    (run / "manifest.json").unlink()
    capsys.readouterr()
    command(*words, code=2)
    assert "put it back, or train in another folder" in capsys.readouterr().err


def test_a_network_of_the_package_is_never_gone(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started from one and names what is not there has mistyped it."""
    run, words = tmp_path / "run", ("train", "segment3d", house / "data")
    shipped = tmp_path / "shipped"
    shutil.copytree(house / "run", shipped / "default3d")
    command(*words, run, *TRAIN, *SCENES, "--from", shipped / "default3d")
    monkeypatch.setattr("crossvox.recipes.start.FOLDER", shipped)
    for name in ("defalt3d", tmp_path / "defalt3d"):
        capsys.readouterr()
        command(*words, run, *TRAIN, *SCENES, "--from", name, code=2)
        told = " ".join(capsys.readouterr().err.split())
        assert f"run {name}, which does not exist" in told
        assert "comes with the package" in told
