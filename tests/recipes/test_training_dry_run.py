"""A dry run of a training refuses what the training would refuse, and tells which run is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from walls import PREDICT, TRAIN, TRAIN_2D, command

from crossvox.flow.runner import DryRunEnds
from crossvox.recipes.training import only_look
from crossvox.tasks.complete import Complete
from crossvox.tasks.params import CompleteParams
from crossvox.train.params import TrainParams

THESIS = ("train", "reconstruct", "--preset", "thesis", "DATA", "OUT", *TRAIN)
CLASSES = ("train", "segment3d", "DATA", "OUT", *TRAIN)
IMAGES = ("train", "segment2d", "DATA", "OUT", *TRAIN_2D)
COMPLETION = ("train", "reconstruct", "DATA", "OUT", "--validation-scenes", "none")
DEPTH = ("--task.depth",)

REFUSED: dict[str, tuple[Sequence[object], str]] = {
    "a network without depth": ((*IMAGES, *DEPTH), "unexpected keyword argument 'depth'"),
    "an encoder that is not there": (
        (*IMAGES, "--task.network", "smp:unet/nonsense"),
        "smp:unet/nonsense",
    ),
    "a network of no width": (
        (*COMPLETION, "--task.network.width", -1),
        "width=-1",
    ),
    "images from another network": (
        (*IMAGES, "--task.network", "lite", "--from", "RUN2D"),
        "whose network is enet",
    ),
    "images from a reconstruction": ((*IMAGES, "--from", "RUN"), "segment2d"),
    "a reconstruction from images": ((*THESIS, "--from", "RUN2D"), "task 'segment2d'"),
    "classes from a wider network": (
        (*CLASSES, "--from", "RUN", "--task.width", 8),
        "none fits",
    ),
    "completion from a reconstruction": (
        (*COMPLETION, "--start", "RUN"),
        "a run of another task",
    ),
}


def dry(*words: object, code: int = 0) -> None:
    command(*words, "--dry-run", code=code)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_training_would_refuse_is_refused(
    kind: str, house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, told = REFUSED[kind]
    places: dict[object, Path] = {
        "DATA": house / "data",
        "OUT": tmp_path / "out",
        "RUN": house / "run",
        "RUN2D": house / "run2d",
    }
    words = [places.get(word, word) for word in words]
    capsys.readouterr()
    dry(*words, code=2)
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def planned(path: Path) -> list[str]:
    found: list[Any] = json.loads(path.read_text())
    return [one["status"] for one in found]


@pytest.mark.parametrize("task", ["images", "scenes"])
def test_it_is_told_which_run_is_there(
    task: str, house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run, out = house / "data", tmp_path / "run", ("--json", tmp_path / "plan.json")
    words: Sequence[object] = ("train", "segment2d", data, run, *TRAIN_2D, "--scenes")
    words = (*words, "scene0001_00")
    if task == "scenes":
        words = ("train", "reconstruct", "--preset", "thesis", data, run, *TRAIN)
        words = (*words, "--scenes", "scene0000_00")
    dry(*words, *out)
    assert planned(tmp_path / "plan.json") == ["make"]
    assert not run.exists()
    shutil.copytree(house / ("run2d" if task == "images" else "run"), run)
    dry(*words, *out)
    assert planned(tmp_path / "plan.json") == ["keep"]
    capsys.readouterr()
    other = ("--train.rate", 1e-4)
    dry(*words, *other, code=2)
    assert "with other parameters" in capsys.readouterr().err
    (run / "manifest.json").unlink()
    dry(*words, *out)
    assert planned(tmp_path / "plan.json") == ["continue"]
    for change in (other, ("--task.loss-stride" if task == "images" else "--task.width", 8)):
        dry(*words, *change, code=2)
        assert "with other parameters" in capsys.readouterr().err
    # One that began from another run is another run.
    record = json.loads((run / "params.json").read_text())
    record["parents"]["start"] = "0123456789abcdef"
    (run / "params.json").write_text(json.dumps(record))
    dry(*words, code=2)
    assert "start: '0123456789abcdef' there" in capsys.readouterr().err


def test_scenes_that_were_predicted_otherwise_are_told_as_well(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("predict", house / "run", house / "data", house / "pred", "--scenes", "all")
    dry(*words, *PREDICT)
    dry(*words, "--stride", 16, 16, 8, code=2)
    assert "were made otherwise" in capsys.readouterr().err


def test_a_network_that_counts_with_its_weights_is_built_really(tmp_path: Path) -> None:
    built = []

    def build() -> None:
        built.append(torch.nn.Linear(2, 2).weight.detach().numpy().shape)

    with pytest.raises(DryRunEnds):
        only_look(
            tmp_path / "run",
            Complete(CompleteParams()),
            train=TrainParams(),
            recipe={},
            parents={},
            build=build,
        )
    assert built == [(2, 2)]
