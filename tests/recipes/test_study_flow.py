"""A study by command: arms that differ in one thing, kept when run again, compared in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ParamsError
from crossvox.doors.meshes import read_mesh
from crossvox.networks import build_network2d
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.predict import predict
from crossvox.recipes.study.reconstruct import StudyParams, study_reconstruct
from crossvox.recipes.study.untrained import calibrate
from crossvox.study.arms import ARMS, RECONSTRUCT, Arm, register
from crossvox.train.checkpoint import load_checkpoint

TRAIN_2D = [
    *("--images.width", "128", "--images.height", "96", "--train.batch-size", "2"),
    *("--train.steps", "1", "--train.warmup-steps", "1", "--task.network", "lite"),
]  # fmt: skip
STUDY = [
    *("--run.train.steps", "2", "--run.train.batch-size", "2", "--run.train.warmup-steps", "1"),
    *("--run.task.width", "4", "--run.task.depth", "2", "--run.chunks.per-scene", "4"),
    *("--run.views.width", "128", "--run.views.height", "96", "--predict.stride", "32", "32", "64"),
    "--run.train.no-tensorboard",
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(three_rooms: Path) -> Path:
    return three_rooms


@pytest.fixture(scope="module")
def out(work: Path) -> Path:
    """Two processes' worth: two arms of two seeds, then two more arms of one."""
    out = work / "out"
    run("study", "reconstruct", work / "data", out, "--arms", "rgb", "--seeds", 2, *STUDY)
    run("study", "reconstruct", work / "data", out, "--run2d", work / "run2d",
        "--arms", "random,imagenet,rgb-matched", "--seeds", 1, *STUDY)  # fmt: skip
    return out


def test_the_file_tells_what_was_compared(work: Path, out: Path) -> None:
    record = load(out / "study.json")
    found = record["comparison"]
    arms = {arm["name"]: arm for arm in found["arms"]}
    assert list(arms) == ["rgb", "rgb-matched", "random", "imagenet", "mask_only", "tsdf"]
    assert [len(arm["seeds"]) for arm in arms.values()] == [2, 1, 1, 1, 0, 0]
    assert found["scenes"] == [(work / "data" / "val.txt").read_text().strip()]
    assert list(arms["random"]["against"]) == ["rgb", "rgb-matched", "mask_only"]
    assert {"F-score", "AbsRel", "Comp2D"} <= set(arms["rgb"]["scores"])
    assert arms["mask_only"]["scores"]["F-score"]["mean"] > 0.5
    assert arms["rgb"]["parameters"] < arms["random"]["parameters"], "the reduction is wider"
    assert arms["random"]["parameters"] == arms["rgb-matched"]["parameters"]
    assert record["identity"]["params"]["run"]["augment"]["hue"] == 0
    assert record["identity"]["run2d"] is not None
    assert len(record["results"]) == 5
    assert any("One seed" in text for text in found["cautions"])


def test_arms_share_their_sub_volumes(out: Path) -> None:
    digests = {
        run.name: {
            read_manifest(arm / run.name).parents["index"] for arm in run.parents[1].iterdir()
        }
        for run in (out / "runs" / "rgb").iterdir()
        if run.name == "seed-0"
    }
    assert [len(found) for found in digests.values()] == [1]
    assert read_manifest(out / "runs" / "rgb" / "seed-1").parents["index"] not in digests["seed-0"]
    found = load(out / "study.json")["comparison"]["indices"]
    assert set(found) == {"0", "1"}
    assert {found["0"]} == digests["seed-0"]


def test_run_again_it_keeps_what_is_finished(
    work: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*/manifest.json")}
    text = (out / "study.json").read_text()
    run("study", "reconstruct", work / "data", out, "--run2d", work / "run2d", "--arms",
        "rgb,random", "--seeds", 1, *STUDY, "--json", work / "again.json")  # fmt: skip
    report = load(work / "again.json")
    assert (report["made"], report["kept"]) == ([], ["rgb/seed-0", "random/seed-0"])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "study.json").read_text() == text
    shown = capsys.readouterr().out
    assert "rgb-matched" in shown
    assert "Mask only" in shown


def test_other_parameters_are_refused(
    work: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("study", "reconstruct", work / "data", out, "--arms", "rgb", *STUDY, "--run.train.rate",
        "0.1", code=2)  # fmt: skip
    assert "params.run.train.rate: 0.003 there, 0.1 asked" in capsys.readouterr().err
    with pytest.raises(ParamsError, match="arms random without a 2D run"):
        study_reconstruct(work / "data", work / "other", arms="random")
    with pytest.raises(ParamsError, match="correct --seeds"):
        study_reconstruct(work / "data", work / "other", arms="rgb", seeds=0)


def test_missing_imagenet_weights_are_told_before_anything_is_trained(
    work: Path, tmp_path: Path
) -> None:
    enet = [word if word != "lite" else "enet" for word in TRAIN_2D]
    run("train", "segment2d", work / "data", tmp_path / "enet", *enet)
    with pytest.raises(ParamsError, match="arm imagenet for the 2D network enet"):
        study_reconstruct(work / "data", tmp_path / "out", run2d=tmp_path / "enet")
    assert not (tmp_path / "out" / "runs").exists()


def test_untrained_networks_are_what_they_are_called(work: Path, out: Path) -> None:
    _, matched = load_segment2d(out / "networks" / "projection" / "seed-0")
    assert (matched.feature_channels, matched.feature_stride) == (128, 8)
    assert type(matched).__name__ == "Projection"
    _, pretrained = load_segment2d(out / "networks" / "imagenet" / "seed-0")
    _, random = load_segment2d(out / "networks" / "random" / "seed-0")
    fresh = build_network2d("lite", 41).state_dict()
    for name, value in pretrained.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, fresh[name]), name
    assert not torch.equal(random.encoder.conv_stem.weight, fresh["encoder.conv_stem.weight"])
    notes = read_manifest(out / "networks" / "random" / "seed-0").notes
    few = read_manifest(out / "networks" / "imagenet" / "seed-0").notes
    set_on_images = "batch_norms_set_on_training_images"
    assert notes[set_on_images] > few[set_on_images] > 0
    # What the reconstruction lifts is this network, bit for bit.
    run = load_checkpoint(out / "runs" / "random" / "seed-0" / "last").network
    for name, value in random.state_dict().items():
        assert torch.equal(value, run[f"image_network.{name}"])


def test_mask_only_is_what_a_prediction_would_give(work: Path, out: Path, tmp_path: Path) -> None:
    from crossvox.core.params import from_plain

    params = from_plain(StudyParams, load(out / "params.json")["params"])
    predict(out / "runs" / "random" / "seed-0", work / "data", tmp_path / "pred", params.predict)
    (scene,) = load(out / "study.json")["comparison"]["scenes"]
    for file in ("mask_only.ply", "tsdf.ply"):
        ours = read_mesh(out / "baselines" / scene / file)
        theirs = read_mesh(tmp_path / "pred" / scene / file)
        np.testing.assert_array_equal(ours.vertices_m, theirs.vertices_m)
        np.testing.assert_array_equal(ours.faces, theirs.faces)


def test_batch_norms_without_statistics_get_those_of_the_images() -> None:
    """Twin: with all images in one batch, what training mode would do."""
    torch.manual_seed(0)
    network = build_network2d("enet", 41)
    images = torch.randn(8, 3, 64, 64)
    asked = []

    def give() -> torch.Tensor:
        asked.append(1)
        return images

    assert calibrate(network, give) > 0
    features = network.features(images).detach()
    assert 0.1 < float(features.std()) < 10
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    hook = norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network.features(images)
    hook.remove()
    torch.testing.assert_close(norm.running_mean, seen[0].mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, seen[0].var(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert calibrate(network, give) == 0
    assert len(asked) == 1, "nothing to set, no images asked for"


def test_segmentations_are_compared_by_what_they_start_from(work: Path) -> None:
    out = work / "out3d"
    run("study", "segment3d", work / "data", out, "--run2d", work / "run2d", "--seeds", 1,
        "--arms", "scratch,probe,scratch-long,rgb-from-reconstruction", "--start-steps", 1,
        *STUDY, "--json", work / "study3d.json")  # fmt: skip
    found = load(out / "study.json")["comparison"]
    arms = {arm["name"]: arm for arm in found["arms"]}
    assert list(arms) == [
        *("scratch", "scratch-long", "probe", "rgb-from-reconstruction", "votes_2d", "majority"),
    ]
    assert found["scenes"] == (work / "data" / "val.txt").read_text().split()
    assert found["pooled"], "classes are counted over the whole split"
    gain = arms["probe"]["against"]["scratch"]["mIoU strict"]
    assert (gain["scenes"], gain["seeds"]) == (len(found["scenes"]), 1)
    record = load(out / "results" / "probe" / "seed-0.json")
    assert set(record["counts"]) == set(found["scenes"])
    assert record["counts"][found["scenes"][0]]["vertices"]["shape"] == [41, 41]
    assert any(
        "3 differences" not in text and "differences of" in text for text in found["cautions"]
    )
    assert {"mIoU strict", "voxel mIoU"} <= set(arms["votes_2d"]["scores"])
    assert list(arms["probe"]["against"]) == ["scratch", "votes_2d", "majority"]
    assert arms["probe"]["parameters"] < arms["scratch"]["parameters"]
    runs = out / "runs"
    digests = {read_manifest(run).parents["index"] for run in runs.glob("*/seed-0")}
    digests |= {read_manifest(run).parents["index"] for run in out.glob("starts/*/seed-0")}
    assert len(digests) == 1, "one set of sub-volumes for all, starts included"
    steps = {run.parent.name: read_manifest(run).notes["step"] for run in runs.glob("*/seed-0")}
    assert steps == {"scratch": 2, "probe": 2, "scratch-long": 3, "rgb-from-reconstruction": 2}
    assert sorted(path.name for path in (out / "starts").iterdir()) == ["features", "rgb"]
    transfer = load(runs / "probe" / "seed-0" / "transfer.json")
    assert transfer["mode"] == "probe"
    assert transfer["frozen"]
    assert not (runs / "scratch" / "seed-0" / "transfer.json").exists()
    scene = (work / "data" / "val.txt").read_text().strip()
    truth = np.bincount(read_mesh(work / "data" / scene / f"{scene}.ply").labels)
    majority = arms["majority"]["scores"]["vertex accuracy"]["mean"]
    notes = read_manifest(out / "baselines" / scene).notes
    share = truth[notes["majority_class"]] / truth[1:].sum()
    assert majority == pytest.approx(share)
    run("study", "segment3d", work / "data", out, "--run2d", work / "run2d", "--seeds", 1,
        "--arms", "probe", "--start-steps", 1, *STUDY, "--json", work / "study3d.json")  # fmt: skip
    assert load(work / "study3d.json")["kept"] == ["probe/seed-0"]


def test_an_arm_from_outside_is_trained(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call, as another package would make it, and the arm is chosen, trained and compared."""
    monkeypatch.setattr(ARMS, "_parts", dict(ARMS._parts))
    register(Arm("wide", "Twice as wide.", RECONSTRUCT, sets={"run.task.width": 8}))
    out = work / "outside"
    run("study", "reconstruct", work / "data", out, "--arms", "rgb,wide", "--seeds", 1, *STUDY)
    arms = {arm["name"]: arm for arm in load(out / "study.json")["comparison"]["arms"]}
    assert list(arms) == ["rgb", "wide", "mask_only", "tsdf"]
    assert arms["wide"]["parameters"] > 3 * arms["rgb"]["parameters"]
    assert list(arms["wide"]["against"]) == ["rgb", "mask_only"]


def test_a_network_that_starts_from_imagenet_learns(work: Path) -> None:
    out = work / "imagenet"
    run("study", "reconstruct", work / "data", out, "--run2d", work / "run2d", "--arms",
        "imagenet,imagenet-trainable", "--seeds", 1, *STUDY)  # fmt: skip
    assert sorted(path.name for path in (out / "networks").iterdir()) == ["imagenet"]
    arms = {arm["name"]: arm for arm in load(out / "study.json")["comparison"]["arms"]}
    assert arms["imagenet-trainable"]["parameters"] > arms["imagenet"]["parameters"]
    start = load_checkpoint(out / "networks" / "imagenet" / "seed-0" / "best").network
    for arm, learns in (("imagenet", False), ("imagenet-trainable", True)):
        found = load_checkpoint(out / "runs" / arm / "seed-0" / "last").network
        name = "encoder.conv_stem.weight"
        assert torch.equal(start[name], found[f"image_network.{name}"]) != learns


def test_baselines_are_made_as_the_study_says(work: Path) -> None:
    """TSDF parameters are the study's, as a prediction's are its own."""
    out = work / "tsdf"
    run("study", "reconstruct", work / "data", out, "--arms", "rgb", "--seeds", 1, *STUDY,
        "--tsdf.far-m", "1.5")  # fmt: skip
    assert load(out / "params.json")["params"]["tsdf"]["far_m"] == 1.5
    (scene,) = load(out / "study.json")["comparison"]["scenes"]
    assert read_manifest(out / "baselines" / scene).params["tsdf"]["far_m"] == 1.5
    whole, near = (
        read_mesh(folder / "baselines" / scene / "tsdf.ply") for folder in (work / "out", out)
    )
    assert len(near.vertices_m) < len(whole.vertices_m)


def test_held_out_scenes_that_are_learnt_from_are_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = (work / "data" / "train.txt").read_text().split()[0]
    run("study", "reconstruct", work / "data", tmp_path / "out", "--arms", "rgb", *STUDY,
        "--held-out-scenes", seen, code=2)  # fmt: skip
    assert f"of which {seen} show what is learnt from" in capsys.readouterr().err
    # The arms learn from other scenes, but the 2D run has learnt from this one.
    held = (work / "data" / "val.txt").read_text().strip()
    run("study", "segment3d", work / "data", tmp_path / "out", "--run2d", work / "run2d", *STUDY,
        "--training-scenes", held, "--held-out-scenes", seen, code=2)  # fmt: skip
    assert f"of which {seen} show what is learnt from" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
