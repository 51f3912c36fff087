"""``--params``: from a run, from a manifest, from plain JSON; flags go on top."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossvox.cli import main
from crossvox.cli.params_file import read_params
from crossvox.cli.signature import parse
from crossvox.core.artifact import Manifest, plain, write_json, write_manifest
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.recipes.commands import COMMANDS
from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
from crossvox.train.params import TrainParams

RUN = ReconstructRunParams(train=TrainParams(steps=77, rate=0.5), validation_windows=3)


def asked(name: str, *words: object) -> dict[str, Any]:
    preset = "thesis" if name == "train reconstruct" else ""
    return parse(COMMANDS[name].load(preset), name, [str(word) for word in words]).arguments


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder, as far as its record goes."""
    record = {
        "task": {"name": "reconstruct", "params": {}},
        "train": plain(RUN.train),
        "recipe": {"params": plain(RUN), "scenes": "train"},
    }
    write_json(tmp_path / "run" / "params.json", record)
    return tmp_path / "run"


def test_a_run_gives_its_parameters_and_flags_go_on_top(run: Path) -> None:
    found = asked("train reconstruct", "data", "new", "--params", run)["params"]
    assert found == RUN
    found = asked("train reconstruct", "data", "new", "--params", run, "--train.steps", 5)["params"]
    assert (found.train.steps, found.train.rate, found.validation_windows) == (5, 0.5, 3)
    assert (
        asked("train reconstruct", "data", "new", f"--params={run / 'params.json'}")["params"]
        == RUN
    )


def test_parameters_of_another_recipe_name_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "reconstruct", "nodata", "new", "--params", str(run)]) == 2
    error = capsys.readouterr().err
    assert "CompleteRunParams" in error
    assert error.endswith("or pass --preset thesis, which takes these parameters\n")


def test_help_shows_what_the_file_gives(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "reconstruct", "--preset", "thesis", "--params", str(run), "--help"])
    assert "(default: 77)" in capsys.readouterr().out


def test_values_that_fit_only_together_may_come_from_both(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    write_json(file, {"task": {"views": 3}, "views": {"max_views": 3}})
    words = ["data", "run", "--params", file, "--task.views", 2, "--views.max-views", 2]
    assert asked("train reconstruct", *words)["params"].task.views == 2


def test_a_manifest_gives_the_parameters_of_its_stage(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest("rooms", {"count": 9, "seed": 4}))
    assert asked("rooms", "out", "--params", tmp_path)["params"].count == 9
    assert asked("rooms", "out", "--params", tmp_path / "manifest.json")["params"].seed == 4


def test_a_part_of_what_was_recorded_may_be_what_is_needed(tmp_path: Path) -> None:
    recorded = {"task": "reconstruct", "params": {"run": plain(RUN), "features_rate": 1.0}}
    write_json(tmp_path / "params.json", recorded)
    assert read_params(tmp_path, ReconstructRunParams) == RUN


def test_plain_parameters_may_leave_some_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    write_json(file, {"train": {"steps": 4}})
    found = read_params(file, Segment3dRunParams)
    assert found.train.steps == 4
    assert found.validation_windows == Segment3dRunParams().validation_windows


def test_a_command_without_parameters_of_its_own_takes_its_flags(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    write_json(file, {"protocol": "thesis"})
    assert asked("score", "a", "b", "--params", file)["protocol"] == "thesis"
    words = ["a", "b", "--params", file, "--protocol", "surface"]
    assert asked("score", *words)["protocol"] == "surface"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ({"train": {"steps": 4}, "wings": 2}, ["wings", "validation_windows"]),
        ({"train": {"stepps": 4}}, ["stepps"]),
        ({"train": {"steps": "many"}}, ["steps"]),
        ({"train": {"steps": -1}}, ["steps"]),
        ({"stage": "prepare", "params": {"frame_skip": 3}}, ["frame_skip"]),
        ({}, []),
        ([1, 2], ["no parameters"]),
    ],
)
def test_what_does_not_fit_is_named(
    content: object, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    code = main(
        ["train", "reconstruct", "--preset", "thesis", "nodata", "run", "--params", str(file)]
    )
    assert code == 2
    error = capsys.readouterr().err
    for text in [*texts, *(["mine.json"] if texts else [])]:
        assert text in error
    assert "needed:" in error


def test_a_run_on_features_is_not_repeated_without_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    write_json(file, {"task": {"features": {"network": "lite", "channels": 8, "stride": 4}}})
    assert (
        main(["train", "reconstruct", "--preset", "thesis", "data", "run", "--params", str(file)])
        == 2
    )
    assert "do: pass --features RUN2D" in capsys.readouterr().err


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="gone"):
        read_params(tmp_path / "gone", TrainParams)
    with pytest.raises(ArtifactError, match=r"without params\.json or manifest\.json"):
        read_params(tmp_path, TrainParams)
    (tmp_path / "params.json").write_text("{")
    with pytest.raises((ArtifactError, ParamsError), match=r"params\.json"):
        read_params(tmp_path, TrainParams)


def test_a_flag_of_one_or_several_choices_takes_both(tmp_path: Path) -> None:
    assert asked("score", "a", "b", "--protocol", "thesis")["protocol"] == "thesis"
    several = asked("score", "a", "b", "--protocol", "thesis", "atlas", "--thresholds", "0.1")
    assert several["protocol"] == ("thesis", "atlas")
    assert several["thresholds"] == (0.1,)
    write_json(tmp_path / "mine.json", {"protocol": ["atlas", "surface"]})
    assert asked("score", "a", "b", "--params", tmp_path / "mine.json")["protocol"] == (
        "atlas",
        "surface",
    )
