"""The controls that the documentation shows are cells of a design, and set what is said of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from crossvox.recipes.study.features import FEATURES
from crossvox.recipes.study.targets import Bound, bound, run_of
from crossvox.samples.label_budget import labelled_rooms
from crossvox.samples.params import LabelParams
from crossvox.study.arms import Arm
from crossvox.study.design_file import parse_design

PAGE = Path(__file__).resolve().parents[2] / "docs" / "study.md"


def shown() -> tuple[dict[str, Bound], dict[str, Arm]]:
    """The design that stands under the heading of the controls, and its cells by name."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Controls\n")[2]
    block = re.search(r"(?:^    .*\n)+", text, re.MULTILINE)
    assert block is not None
    record = {"name": "controls", "title": "Do they?", **yaml.safe_load(block.group())}
    found = bound(parse_design(yaml.safe_dump(record)))
    return found, {arm.name: arm for one in found.values() for arm in one.arms}


def test_each_control_lifts_and_shows_what_is_said() -> None:
    targets, cells = shown()
    assert {arm.features.partition(":")[0] for arm in cells.values()} <= {"", *FEATURES}
    for name, features in (("shuffled", "shuffled"), ("batch-norms", "bn"), ("crossfit",) * 2):
        assert cells[name].features == features
        assert not cells[name].sets
    params = targets["reconstruct"].params
    runs = {name: run_of(cells[name], params) for name in ("wrong-views", "seen-only", "random")}
    assert runs["wrong-views"].input.frames == "wrong"
    assert runs["seen-only"].task.lifted == "nothing"
    assert runs["random"] == params.run
    for target, name in (("reconstruct", "segmentation-long"), ("segment3d", "scratch-long")):
        shared = targets[target].params
        assert run_of(cells[name], shared).train.steps == 2 * shared.run.train.steps


def test_source_and_target_learn_from_other_rooms() -> None:
    _, cells = shown()
    rooms = [f"scene{number:04d}_00" for number in range(10)]
    source, target, control = (
        set(labelled_rooms(rooms, LabelParams(half=cells[name].sets["sources.labels.half"]), 0))
        for name in ("source-half", "other-rooms", "scratch-half")
    )
    assert len(source) == len(target) == 5
    assert not source & target
    assert control == target
    assert cells["other-rooms"].start == "reconstruct/source-half"
    assert {cells[name].features for name in ("source-half", "other-rooms", "scratch-half")} == {
        "segment2d:first"
    }
