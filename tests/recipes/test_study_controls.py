"""The controls that the documentation shows: each cell of its design does what is said of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_study_segment2d import PARAMS
from walls import command

from crossvox.core.artifact import read_json, read_manifest
from crossvox.flow.lineage import scene_list
from crossvox.recipes.scene_run import read_scene_run
from crossvox.recipes.study.targets import bound
from crossvox.study.design_file import parse_design
from crossvox.train.folder import read_record

PAGE = Path(__file__).resolve().parents[2] / "docs" / "study.md"


def shown() -> dict[str, Any]:
    """The targets of the design that stands under the heading of the controls."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Controls\n")[2]
    block = re.search(r"(?:^    .*\n)+", text, re.MULTILINE)
    assert block is not None
    found: dict[str, Any] = yaml.safe_load(block.group())["targets"]
    return found


def design(**targets: Any) -> str:
    params = {**PARAMS, "network_steps": 1}
    record = {"name": "controls", "title": "Do they?", "seeds": 1, "params": params}
    return yaml.safe_dump({**record, "targets": targets})


@pytest.fixture(scope="module")
def out(three_rooms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls")
    path = folder / "design.yaml"
    path.write_text(design(**shown()))
    given = ["--data", three_rooms / "data", "--run2d", three_rooms / "run2d"]
    # Those with networks from elsewhere are arms of their own, with tests of their own.
    cells = [
        f"{target}/{arm.name}"
        for target, one in bound(parse_design(path.read_text())).items()
        for arm in one.arms
        if arm.source != "imagenet"
    ]
    command("study", path, folder / "out", *given, "--cells", ",".join(cells))
    return folder / "out"


def run(out: Path, cell: str) -> Path:
    target, _, arm = cell.partition("/")
    return out / target / "runs" / arm / "seed-0"


def learnt_from(out: Path, cell: str) -> set[str]:
    """Rooms that the run itself took samples from."""
    return set(read_record(run(out, cell)).lineage.scenes)


def test_what_is_lifted_is_what_the_control_says(out: Path) -> None:
    lifted = {
        "shuffled": "shuffled", "batch-norms": "bn", "crossfit": "crossfit",
        "rgb-matched": "projection", "random": "random",
    }  # fmt: skip
    networks = {path.name: path for path in (out / "store" / "networks").iterdir()}
    taken = {}
    for cell, name in lifted.items():
        parent = read_manifest(run(out, f"reconstruct/{cell}")).parents["features"]
        assert name in networks
        taken[cell] = parent
    taken["segmentation-long"] = read_manifest(run(out, "reconstruct/segmentation-long")).parents[
        "features"
    ]
    assert len(set(taken.values())) == len(taken), "each lifts something of its own"


def test_what_is_shown_and_how_long_is_what_the_control_says(out: Path) -> None:
    params = {
        cell: read_scene_run(run(out, f"reconstruct/{cell}")).params
        for cell in ("wrong-views", "seen-only", "segmentation-long", "random")
    }
    assert params["wrong-views"].input.frames == "wrong"
    assert params["seen-only"].task.lifted == "nothing"
    assert params["seen-only"].task.in_channels == 1
    assert params["segmentation-long"].train.steps == 2 * params["random"].train.steps == 4


def test_source_and_target_learn_from_other_rooms(out: Path, three_rooms: Path) -> None:
    train = set(scene_list(three_rooms / "data", "train"))
    start = run(out, "reconstruct/source-half")
    source = set(read_record(start).recipe["scenes"])
    target = set(read_record(run(out, "segment3d/other-rooms")).recipe["scenes"])
    assert source
    assert target
    assert not source & target
    assert source | target == train
    assert read_json(run(out, "segment3d/other-rooms") / "transfer.json")["source"]
    control = set(read_record(run(out, "segment3d/scratch-half")).recipe["scenes"])
    assert control == target
