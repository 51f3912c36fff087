"""Controls are cells of a design, told in the documentation, and set what is said of them."""

from __future__ import annotations

import re
from pathlib import Path

from crossvox.recipes.study.features import FEATURES
from crossvox.recipes.study.targets import Bound, bound, run_of
from crossvox.recipes.study.transfer import find_design
from crossvox.samples.label_budget import labelled_rooms
from crossvox.samples.params import LabelParams
from crossvox.study.arms import Arm

PAGE = Path(__file__).resolve().parents[2] / "docs" / "study.md"


def shown() -> tuple[dict[str, Bound], dict[str, Arm]]:
    """The design of all controls, and its cells by name."""
    found = bound(find_design(Path("controls")))
    return found, {arm.name: arm for one in found.values() for arm in one.arms}


def test_every_control_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("\n## Controls\n")[2].partition("\n## ")[0]
    _, cells = shown()
    told = set(re.findall(r"`([\w-]+)`", text))
    trained_on = {"segmentation", "scratch", "from-reconstruction"}
    trainable = {"imagenet-trainable", "segmentation-trainable"}
    assert {*cells} - trained_on - trainable - {"source-half"} <= told


def test_it_shares_its_runs_with_quick() -> None:
    quick, (controls, _) = bound(find_design(Path("quick"))), shown()
    for target in ("reconstruct", "segment3d"):
        one, other = quick[target].params, controls[target].params
        assert one.run == other.run
        assert one.predict == other.predict
    same = {arm.name: arm for arm in quick["reconstruct"].arms}["segmentation"]
    assert same in controls["reconstruct"].arms


def test_each_control_lifts_and_shows_what_is_said() -> None:
    targets, cells = shown()
    assert {arm.features.partition(":")[0] for arm in cells.values()} <= {"", *FEATURES}
    lifted = {"shuffled": "shuffled", "batch-norms": "bn:imagenet", "crossfit": "crossfit"}
    for name, features in lifted.items():
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
