"""What is kept is checked: names and sizes always, content where it is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from walls import PREDICT, SMALL, TRAIN, command


@pytest.fixture(scope="module")
def home(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house, to be damaged."""
    home = tmp_path_factory.mktemp("home")
    for name in ("raw", "data", "run", "pred"):
        shutil.copytree(house / name, home / name)
    for labels in (home / "data").glob("*/label"):
        shutil.rmtree(labels)  # somebody else's
    command("rooms", home / "rooms", *ROOMS)
    return home


ROOMS = ("--count", "1", "--frames", "2", "--width", "64", "--height", "48")

RUN = (
    *("train", "reconstruct", "--preset", "thesis", "data", "run"),
    *(*TRAIN, "--scenes", "scene0000_00"),
)

FOLDERS = {
    "prepare": ("data/scene0001_00/volume.npz", ["prepare", "raw", "data", *SMALL]),
    "rooms": ("rooms/scene0000_00/scene0000_00.sens", ["rooms", "rooms", *ROOMS]),
    "predict": (
        "pred/scene0000_01/volume.npz",
        ["predict", "run", "data", "pred", *PREDICT, "--scenes", "all"],
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_damaged_is_told_and_made_again(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    file, words = FOLDERS[name]
    scene, whole = (home / file).parent.name, (home / file).read_bytes()
    (home / file).write_bytes(whole[:-1])
    command(*words)
    assert f"{scene} is damaged and is made anew: {Path(file).name} has" in capsys.readouterr().err
    assert (home / file).read_bytes() == whole
    (home / file).write_bytes(whole[:-1] + b"x")
    command(*words)
    assert "damaged" not in capsys.readouterr().err
    command(*words, "--verify")
    assert f"{Path(file).name} has changed" in capsys.readouterr().err
    assert (home / file).read_bytes() == whole


def test_a_damaged_run_is_told_and_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hours of training are not thrown away by rule."""
    monkeypatch.chdir(home)
    file = home / "run" / "last" / "network.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    command(*RUN)
    command(*RUN, "--verify", code=2)
    assert "network.safetensors has changed" in capsys.readouterr().err
    file.unlink()
    command(*RUN, code=2)
    assert "network.safetensors is gone" in capsys.readouterr().err
    file.write_bytes(whole)
    command(*RUN, "--verify")


@pytest.mark.filterwarnings("ignore:.*is written anew")
@pytest.mark.parametrize("damaged", [None, b"", b'{"task": 1}'], ids=["gone", "empty", "wrong"])
def test_the_record_of_a_finished_run_comes_back(
    damaged: bytes | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest tells the same; without the record nobody could take the run."""
    monkeypatch.chdir(home)
    record = home / "run" / "params.json"
    whole = json.loads(record.read_text())
    if damaged is None:
        record.unlink()
    else:
        record.write_bytes(damaged)
    command(*RUN)
    assert json.loads(record.read_text()) == whole
