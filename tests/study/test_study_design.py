"""Designs: what a YAML file says, what is crossed, and what is refused before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crossvox.cli import main
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError
from crossvox.recipes.study.targets import bound
from crossvox.recipes.study.transfer import PRESETS, find_design, preset_names
from crossvox.study.design import Design, Factors, crossed
from crossvox.study.design_file import design_text, parse_design, read_design
from crossvox.study.overrides import Of


def text(**changes: Any) -> str:
    record: dict[str, Any] = {
        "name": "small",
        "title": "Does one help the other?",
        "seeds": 2,
        "params": {"run.train.steps": 2, "run.train.batch-size": 2},
        "targets": {
            "reconstruct": {"cells": ["rgb", "segmentation"]},
            "segment3d": {
                "cells": [
                    "scratch",
                    {"name": "from-reconstruction", "start": "reconstruct/segmentation"},
                ]
            },
        },
        "contrasts": [
            {
                "name": "first",
                "target": "segment3d",
                "arm": "from-reconstruction",
                "control": "scratch",
                "question": "Does it?",
            }
        ],
    }
    return yaml.safe_dump({**record, **changes}, sort_keys=False)


def target(**changes: Any) -> dict[str, Any]:
    return {"targets": {"reconstruct": {"cells": ["rgb"], **changes}}, "contrasts": []}


def test_a_design_is_read_and_written_back() -> None:
    design = parse_design(text(margins={"F-score": 0.01}, level=0.9))
    assert parse_design(design_text(design)) == design
    assert (design.seeds, design.level, design.margins) == (2, 0.9, {"F-score": 0.01})
    found = bound(design)
    assert found["reconstruct"].params.run.train.steps == 2
    assert found["segment3d"].params.run.train.batch_size == 2
    scratch, start = found["segment3d"].arms
    assert (scratch.features, scratch.start, scratch.source) == ("run2d", "", "segment2d")
    assert (start.start, start.source) == ("reconstruct/segmentation", "reconstruct-features")
    assert start.sets == {"run.transfer.mode": "full"}


def test_factors_are_crossed_but_for_what_is_left_out() -> None:
    factors = {
        "source": ["segment2d", "reconstruct-features", "random"],
        "mode": ["full", "probe"],
        "share": [0.1, 1.0],
        "only": [{"share": 1.0}, {"mode": "full", "share": 0.1}],
        "except": [{"mode": "probe", "source": ["segment2d", "random"]}],
    }
    asked = {"targets": {"segment3d": {"factors": [factors]}}, "contrasts": []}
    design = parse_design(text(**asked))
    assert parse_design(design_text(design)) == design
    arms = {arm.name: arm for arm in design.cells("segment3d")}
    assert list(arms) == [
        *("segment2d-full-0.1", "segment2d-full-1", "reconstruct-features-full-0.1"),
        *("reconstruct-features-full-1", "reconstruct-features-probe-1"),
        *("random-full-0.1", "random-full-1"),
    ]
    probe = arms["reconstruct-features-probe-1"]
    assert (probe.features, probe.start) == ("run2d", "reconstruct/segmentation")
    assert probe.sets == {"run.transfer.mode": "probe"}
    few = arms["segment2d-full-0.1"]
    assert (few.share, few.start, few.features) == (0.1, "", "run2d")
    assert "10% of the rooms" in few.differs
    assert arms["random-full-1"].features == "random"


def test_a_network_that_goes_on_learning_has_the_rate_of_its_target() -> None:
    cell = {"name": "learns", "source": "imagenet", "mode": "trainable-2d"}
    (arm,) = parse_design(text(**target(cells=[cell]))).cells("reconstruct")
    assert arm.sets == {"sources.features_rate": Of("features_rate")}
    timm = {"name": "other", "source": "timm:resnet18"}
    (arm,) = parse_design(text(**target(cells=[timm]))).cells("reconstruct")
    assert arm.features == "timm:resnet18"


def test_values_have_the_types_of_their_parameters() -> None:
    cell = {"name": "wide", "like": "rgb", "sets": {"run.chunks.shape": [16, 16, 32]}}
    params = {"predict.stride": [8, 8, 8], "run.train.rate": 1}
    (one,) = bound(parse_design(text(**target(cells=[cell], params=params)))).values()
    assert one.params.predict.stride == (8, 8, 8)
    assert one.arms[0].sets == {"run.chunks.shape": (16, 16, 32)}
    assert not one.arms[0].control, "a cell like a control is none"
    long = {"name": "long", "like": "scratch", "sets": {"run.train.steps": {"of": "long_steps"}}}
    asked = {"targets": {"segment3d": {"cells": [long]}}, "contrasts": []}
    design = parse_design(text(**asked))
    assert bound(design)["segment3d"].arms[0].sets == {"run.train.steps": Of("long_steps")}
    assert parse_design(design_text(design)) == design


CONTRAST = {"name": "x", "target": "segment3d", "arm": "scratch", "question": "?"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 3}, "did you mean 'seeds'"),
        ({"seeds": 0}, "one seed or more"),
        ({"params": {"run.train.stepz": 3}}, "did you mean 'run.train.steps'"),
        (target(params={"run.train.steps": "many"}), "steps"),
        ({"targets": {"reconstrct": {}}, "contrasts": []}, "did you mean 'reconstruct'"),
        (target(cells=["rgbd"]), "did you mean 'rgb'"),
        (target(cells=["rgb", "rgb"]), "rgb twice"),
        (target(cells=[{"name": "a", "source": "imagent"}]), "did you mean 'imagenet'"),
        (target(cells=[{"name": "a", "source": "random", "mode": "probe"}]), "mode probe"),
        (target(cells=[{"name": "a", "like": "rgb", "share": 1.5}]), "share 1.5"),
        (target(cells=[{"name": "a/b", "like": "rgb"}]), "a name that a folder can have"),
        (
            target(cells=[{"name": "a", "like": "rgb", "sets": {"task.width": 1}}]),
            "begins with run.",
        ),
        (
            target(cells=[{"name": "a", "like": "rgb", "sets": {"run.task.widht": 1}}]),
            "did you mean 'task.width'",
        ),
        (
            target(cells=[{"name": "a", "like": "rgb", "start": "segment3d/scrach"}]),
            "did you mean 'scratch'",
        ),
        (target(factors=[{"source": "random", "moed": "full"}]), "did you mean 'mode'"),
        (
            target(factors=[{"source": ["random"], "except": [{"source": "random"}]}]),
            "every combination is left out",
        ),
        ({"contrasts": [{**CONTRAST, "control": "scrtch"}]}, "did you mean 'scratch'"),
        ({"contrasts": [{**CONTRAST, "controll": "scratch"}]}, "did you mean 'control'"),
        ({"contrasts": [{**CONTRAST, "control": "scratch"}] * 2}, "x twice"),
        ({"targets": [1]}, "names with values"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(CrossvoxError) as raised:
        bound(parse_design(text(**changes)))
    assert told in str(raised.value)


def test_a_start_must_have_the_same_network() -> None:
    cells = [{"name": "from-reconstruction", "start": "reconstruct/segmentation"}]
    targets = {
        "reconstruct": {"cells": ["segmentation"], "params": {"run.task.width": 4}},
        "segment3d": {"cells": cells, "params": {"run.task.width": 8}},
    }
    with pytest.raises(ParamsError, match=r"run\.task\.width 8, which starts from .* with 4"):
        bound(parse_design(text(targets=targets, contrasts=[])))
    circle = [
        {"name": "a", "like": "rgb", "start": "reconstruct/b"},
        {"name": "b", "like": "rgb", "start": "reconstruct/a"},
    ]
    with pytest.raises(ParamsError, match="go on and on"):
        bound(parse_design(text(**target(cells=circle))))


def test_a_study_that_is_called_like_its_design_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").mkdir()
    assert find_design(Path("quick")).name == "quick"


def test_no_yaml_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is no YAML"):
        parse_design("a: [")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_design(tmp_path / "none.yaml")
    with pytest.raises(ParamsError, match="did you mean 'quick'"):
        find_design(Path("quikc"))
    with pytest.raises(ParamsError, match="a text with"):
        crossed(Factors(name="{kind}"))


@pytest.mark.parametrize("preset", preset_names())
def test_presets_fit_and_tell_their_cells(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = find_design(Path(preset))
    assert design.name == preset
    assert parse_design(design_text(design)) == design
    assert [contrast for contrast in design.contrasts if contrast.named]
    assert main(["study", preset, str(tmp_path / "out"), "--dry-run"]) == 0
    shown = capsys.readouterr()
    cells = sum(len(design.cells(name)) for name in design.targets)
    assert f"{cells} cells, {design.seeds} seeds" in shown.err
    assert not (tmp_path / "out").exists()


def test_the_presets_are_those_that_are_named() -> None:
    named = ("controls", "full-cpu", "gpu", "original", "quick", "scannet-full", "scannet-thesis")
    assert preset_names() == named
    quick = read_design(PRESETS / "quick.yaml")
    assert isinstance(quick, Design)
    assert quick.seeds >= 6
    assert read_design(PRESETS / "gpu.yaml").seeds >= 10


def test_a_design_is_shown_as_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "quick", "--show"]) == 0
    assert parse_design(capsys.readouterr().out) == find_design(Path("quick"))
