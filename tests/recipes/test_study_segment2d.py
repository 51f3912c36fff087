"""2D segmentation helped by 3D: cells rendered from 3D segmentations, in a small study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from walls import CELLS, command

from crossvox.core.checks import ParamsError
from crossvox.evaluate.rendered import OWN_NAME
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Input
from crossvox.predict.params import LabelParams
from crossvox.recipes.predict_label import image_labeller
from crossvox.recipes.study.segment2d_arms import FrameBaselines, read_frames
from crossvox.recipes.study.targets import bound
from crossvox.recipes.trained import run2d_input
from crossvox.scene.params import TsdfParams
from crossvox.study.counts import unpack
from crossvox.study.design_file import parse_design
from crossvox.views.params import ViewParams

CONTRASTS = [
    {"name": name, "target": "segment2d", "arm": arm, "control": control, "question": "Does it?"}
    for name, arm, control in (
        ("votes-over-network", "votes", "network"),
        ("segmentation-over-votes", "from-segmentation", "votes"),
    )
]
CELL = {"name": "from-segmentation", "start": "segment3d/scratch"}


def text(cells: list[Any], params: Any = None, **targets: Any) -> str:
    own = {"cells": cells, "params": params or {}}
    return yaml.safe_dump(
        {
            "name": "back",
            "title": "Does 3D help 2D?",
            "seeds": 1,
            "params": CELLS,
            "targets": {**targets, "segment2d": own},
            "contrasts": CONTRASTS if CELL in cells else [],
        }
    )


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def out(three_rooms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("back")
    path = folder / "design.yaml"
    path.write_text(text([CELL], {"frame_step": 3}, segment3d={"cells": ["scratch"]}))
    given = ["--data", three_rooms / "data", "--run2d", three_rooms / "run2d"]
    command("study", path, folder / "out", *given)
    return folder / "out"


def test_a_cell_is_rendered_from_the_3d_segmentation_it_names(out: Path, three_rooms: Path) -> None:
    seeds = [
        out / target / "{}" / arm / "seed-0"
        for target, arm in (("segment2d", "from-segmentation"), ("segment3d", "scratch"))
    ]
    for kind in ("runs", "predictions"):
        made = {Path(str(path).format(kind)).resolve() for path in seeds}
        assert len(made) == 1, "one run and one prediction for both"
        assert made.pop().parent == (out / "store" / kind).resolve()
    found = load(out / "transfer.json")
    assert [one["contrast"]["name"] for one in found["findings"]] == [
        *("votes-over-network", "segmentation-over-votes")
    ]
    assert {one["score"] for one in found["findings"]} == {"mIoU strict"}
    assert found["protocol"]["segment2d"].startswith("Protocol images")
    costs = {(one["target"], one["arm"]): one["shared"] for one in found["costs"]}
    assert costs == {("segment3d", "scratch"): 0, ("segment2d", "from-segmentation"): 1}


def test_all_answer_the_same_pixels(out: Path, three_rooms: Path) -> None:
    results = out / "segment2d" / "results"
    baselines = load(results / "baselines.json")["counts"]
    kept = {name: unpack(counts) for name, counts in baselines.items()}
    kept["cell"] = unpack(load(results / "from-segmentation" / "seed-0.json")["counts"])
    (scene,) = kept["cell"]
    frames = read_frames(out / "segment2d" / "baselines" / scene / "frames.npz")
    assert len(frames.ids) == 4, "every third of twelve"
    true = np.bincount(frames.truth.ravel(), minlength=41)
    for name, counts in kept.items():
        assert counts[scene]["pixels"].sum(axis=1).tolist() == true.tolist(), name
    annotated = true[1:].sum()
    assert kept["network"][scene]["own"] == annotated
    assert kept["votes"][scene]["own"] < 0.5 * annotated
    own = np.bincount(frames.own.ravel(), minlength=41)
    assert kept["network"][scene]["pixels"].sum(axis=0).tolist() == own.tolist()
    kinds = load(out / "transfer.json")["comparisons"]["segment2d"]["kinds"]
    assert OWN_NAME in kinds


def test_votes_are_of_frames_at_the_height_that_is_asked(
    three_rooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def labeller(*asked: Any) -> Any:
        shown.append(image_labeller(*asked).shown_height)
        return image_labeller(*asked)

    monkeypatch.setattr("crossvox.recipes.study.segment2d_arms.image_labeller", labeller)
    scene = Input.folder(min((three_rooms / "data").glob("scene*")))
    run2d, views = run2d_input(three_rooms / "run2d"), ViewParams(width=128, height=96)
    for height in (48, 64):
        label = LabelParams(shown_height=height, looks=0)
        stage = FrameBaselines(scene, run2d, views, TsdfParams(), label, 6)
        Runner().make(stage, tmp_path / str(height))
    assert shown == [48, 64]


def test_it_is_bound_to_the_parameters_of_what_it_is_rendered_from() -> None:
    targets = {"segment3d": {"params": {"start_steps": 7, "run.task.width": 8}, "cells": ["probe"]}}
    cells = [{"name": "back", "start": "segment3d/probe"}, "rendered"]
    found = bound(parse_design(text(cells, **targets)))
    shared, own = found["segment3d"].params, found["segment2d"].params
    assert (own.start_steps, own.run, own.predict) == (7, shared.run, shared.predict)
    assert own.frame_step == 4
    back, scratch = found["segment2d"].arms
    assert back.differs == "Labels of segment3d/probe, rendered back into the frames."
    assert scratch.start == "segment3d/scratch"
    assert {arm.mode for arm in found["segment2d"].arms} == {"rendered"}
    assert not back.sets
    alone = bound(parse_design(text([CELL])))
    assert set(alone) == {"segment2d", "segment3d"}


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([{**CELL, "mode": "full"}], "a cell that starts from segment3d/ARM alone"),
        ([{**CELL, "share": 0.5}], "which tells mode, labels and values"),
        ([{**CELL, "sets": {"run.train.steps": 3}}], "1 values of its own"),
        ([{"name": "a", "start": "reconstruct/rgb"}], "start 'reconstruct/rgb'"),
        ([{**CELL, "start": "segment3d/scrach"}], "did you mean 'scratch'"),
        (["renderd"], "did you mean 'rendered'"),
    ],
)
def test_cells_that_nothing_is_rendered_from_are_refused(cells: list[Any], told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        bound(parse_design(text(cells)))


def test_what_is_trained_is_not_rendered() -> None:
    cells = [{"name": "a", "start": "reconstruct/rgb", "mode": "rendered"}]
    with pytest.raises(ParamsError, match="make it a cell of segment2d"):
        bound(parse_design(text(["rendered"], segment3d={"cells": cells})))
    with pytest.raises(ParamsError, match="set it under params of segment3d"):
        bound(parse_design(text(["rendered"], {"run.task.width": 8}, segment3d={"cells": []})))
    with pytest.raises(ParamsError, match="1 or more"):
        bound(parse_design(text(["rendered"], {"frame_step": 0})))
