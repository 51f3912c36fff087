"""2D segmentation by command: train, evaluate, flatten; resume; what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.cli import main
from crossvox.core.artifact import Manifest, file_digest, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CheckpointError, ParamsError
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.doors.images import encode_jpeg, encode_png, read_color, write_bytes
from crossvox.flow.progress import Watch
from crossvox.flow.runner import Runner
from crossvox.recipes.calibrate import read_calibration
from crossvox.recipes.image_run import load_segment2d, read_segment2d_run
from crossvox.recipes.images import find_images
from crossvox.recipes.label_pictures import picture_strip
from crossvox.recipes.labels import LabelSource, label_source
from crossvox.recipes.predict_label import is_calibrated
from crossvox.recipes.segment2d import ImageSource, evaluate_segment2d
from crossvox.recipes.trained import run2d_input
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.chosen import chosen

TRAIN = [
    *("--images.width", "64", "--images.height", "48", "--train.batch-size", "2"),
    *("--train.steps", "4", "--train.validate-every", "2", "--train.warmup-steps", "1"),
    *("--task.network", "enet"),
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def frame(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Wall above floor, a chair somewhere; colours tell which, with some noise."""
    rng = np.random.default_rng(seed)
    labels = np.full((96, 128), 1, np.uint8)
    labels[rng.integers(40, 60) :] = 2
    left, top = rng.integers(10, 80), rng.integers(30, 60)
    labels[top : top + 25, left : left + 25] = 5
    labels[:4] = 0
    rgb = NYU40.colors[labels].astype(int) + rng.integers(-20, 20, (96, 128, 3))
    return rgb.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training scenes and one for validation, as far as 2D training looks at them."""
    data = tmp_path_factory.mktemp("segment2d") / "data"
    for scene in range(3):
        folder = data / f"scene{scene:04d}_00"
        for number in (0, 10, 20, 30):
            rgb, labels = frame(scene * 10 + number)
            write_bytes(folder / "color" / f"{number}.jpg", encode_jpeg(rgb))
            if number != 30:
                write_bytes(folder / "label" / f"{number}.png", encode_png(labels))
        write_bytes(folder / "volume.npz", b"not read here")
    write_bytes(data / "train.txt", b"scene0000_00\nscene0001_00\n")
    write_bytes(data / "val.txt", b"scene0002_00\n")
    write_manifest(data, Manifest("prepare"))
    return data


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    out = data.parent / "run"
    run("train", "segment2d", data, out, *TRAIN, "--json", data.parent / "train.json")
    return out


@pytest.fixture(scope="module")
def flat(data: Path) -> Path:
    run("flatten", data, data.parent / "flat", "--json", data.parent / "flatten.json")
    return data.parent / "flat"


def test_a_run_records_weights_and_baseline(trained: Path) -> None:
    recipe = load(trained / "params.json")["recipe"]
    shares = np.array(recipe["class_shares"])
    assert shares.sum() == pytest.approx(1)
    assert set(np.flatnonzero(shares)) == {0, 1, 2, 5}
    np.testing.assert_allclose(recipe["class_weights"], 1 / np.log(1.2 + shares))
    assert recipe["majority_class"] == ("wall" if shares[1] > shares[2] else "floor")
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    scores = [line["scores"] for line in lines if line["split"] == "validation"]
    assert len(scores) == 2
    assert {"mIoU strict", "mIoU strict (majority class)", "mIoU lenient"} <= set(scores[0])
    assert load(trained.parent / "train.json")["stopped_by"] == "steps"
    assert len(list((trained / "pictures").iterdir())) == 3


def test_links_are_relative_and_no_path_is_recorded(trained: Path, data: Path) -> None:
    assert read_manifest(trained).links == {"data": "../data"}
    assert str(data) not in (trained / "params.json").read_text()


def test_a_run_is_read_back(trained: Path) -> None:
    record = read_segment2d_run(trained)
    assert record.params.task.network == "enet"
    assert record.params.images.size == (64, 48)
    assert list(record.task.shares) == load(trained / "params.json")["recipe"]["class_shares"]
    _, network = load_segment2d(trained, "last")
    assert not network.training
    weights = load_checkpoint(trained / "last").network
    assert all(np.array_equal(v.numpy(), weights[n]) for n, v in network.state_dict().items())


def test_interrupted_and_resumed_it_is_the_same(
    data: Path, trained: Path, tmp_path: Path, watching: Callable[[Watch], Runner]
) -> None:
    from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d

    params = read_segment2d_run(trained).params
    assert isinstance(params, Segment2dRunParams)

    class Stop(Exception):
        pass

    def stop(state: Any) -> None:
        if state.step == 3:
            raise Stop

    with pytest.raises(Stop):
        train_segment2d(data, tmp_path / "run", params, runner=watching(stop))
    report = train_segment2d(data, tmp_path / "run", params)
    assert report.resumed_from == 2
    once, again = (load_checkpoint(folder / "last") for folder in (trained, tmp_path / "run"))
    assert all(np.array_equal(v, again.network[n]) for n, v in once.network.items())


def test_a_run_starts_from_the_weights_of_another(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = [*TRAIN, "--train.steps", 1, "--train.rate", 1e-12, "--train.weight-decay", 0]
    out = tmp_path / "again"
    run("train", "segment2d", data, out, *still, "--from", trained, "--checkpoint", "last")
    before, after = load_checkpoint(trained / "last").network, load_checkpoint(out / "last").network
    learnt = {name for name, _ in load_segment2d(out, "last")[1].named_parameters()}
    assert learnt <= before.keys() == after.keys()
    for name in learnt:
        np.testing.assert_allclose(after[name], before[name], atol=1e-9, err_msg=name)
    record = load(out / "params.json")
    assert record["parents"]["start"] == file_digest(trained / "last" / "network.safetensors")
    assert record["learnt_from"] == ["scene0000_00", "scene0001_00"]
    assert (out / read_manifest(out).links["start"]).resolve() == trained.resolve()
    # Run again it is kept; from other weights it is another run.
    capsys.readouterr()
    run("train", "segment2d", data, out, *still, "--from", trained, "--checkpoint", "last")
    run("train", "segment2d", data, out, *still, code=2)
    assert "start" in capsys.readouterr().err
    # A start of another network is refused before anything is written.
    lite = [*still, "--task.network", "lite", "--task.depth"]
    run("train", "segment2d", data, tmp_path / "x", *lite, "--from", trained, code=2)
    error = capsys.readouterr().err
    assert "whose network is enet, without depth; this one is lite, with" in error
    assert "--task.network enet, without --task.depth" in error
    run("train", "segment2d", data, tmp_path / "x", *still, "--from", "default3d", code=2)
    assert "segment2d" in capsys.readouterr().err
    run("train", "segment2d", data, tmp_path / "x", *still, "--checkpoint", "last", code=2)
    assert "--checkpoint last without --from" in capsys.readouterr().err
    free = ["--preset", "free2d", "--from", "default2d"]
    with pytest.raises(SystemExit):
        run("train", "segment2d", data, tmp_path / "x", *free)
    assert "--from" in capsys.readouterr().err, "from nothing means from no terms of others"
    assert not (tmp_path / "x").exists()


def test_scenes_that_the_start_has_learnt_from_are_told(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["--scenes", "val", "--validation-scenes", "scene0000_00", "--train.steps", 1]
    run("train", "segment2d", data, tmp_path / "run", *TRAIN, *other, "--from", trained)
    assert "1 of 1 validation scenes are not held out" in capsys.readouterr().err
    for scenes, seen in (("scene0000_00", ["scene0000_00"]), ("val", ["scene0002_00"])):
        out = tmp_path / scenes
        run("evaluate", "segment2d", tmp_path / "run", data, "--scenes", scenes, "--out", out)
        assert load(out / "scores.json")["seen"] == seen
        assert f"learnt from them: {seen[0]}" in capsys.readouterr().err
    run("evaluate", "segment2d", trained, data, "--out", tmp_path / "unseen")
    assert load(tmp_path / "unseen" / "scores.json")["seen"] == []
    assert "not held out" not in capsys.readouterr().err


def test_evaluation_scores_at_the_labels_size_and_draws(trained: Path, data: Path) -> None:
    out = data.parent / "evaluation"
    run("evaluate", "segment2d", trained, data, "--out", out, "--pictures", 2,
        "--json", data.parent / "evaluation.json")  # fmt: skip
    record = load(out / "scores.json")
    assert record["images"] == 3
    assert record["left_out"]["images without labels"] == 1
    assert np.sum(record["confusion"]) == 3 * 96 * 128
    scores = {score["name"]: score for score in record["scores"]}
    truth = np.array(record["confusion"]).sum(axis=1)
    majority = read_segment2d_run(trained).task.majority
    baseline = scores["mIoU strict (majority class)"]["value"]
    assert baseline == pytest.approx(truth[majority] / truth[1:].sum() / 3)
    assert "full size of their labels" in scores["mIoU strict"]["protocol"]
    pictures = sorted((out / "pictures").iterdir())
    assert len(pictures) == 2
    assert read_color(pictures[0]).shape == (96, 4 * 128 + 6, 3)
    assert read_manifest(out).notes["mIoU strict"] == scores["mIoU strict"]["value"]
    assert str(data) not in (out / "scores.json").read_text()


def test_both_rulers_stand_beside_their_baselines_and_the_protocol_tells_of_flips(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, list[object]] = {
        "own": ["--checkpoint", "last"],
        "flip": ["--flip"],
        "heights": ["--shown-heights", 48, 96],
        "benchmark": ["--classes", "benchmark20"],
    }
    for name, words in asked.items():
        run(
            "evaluate",
            "segment2d",
            trained,
            data,
            "--out",
            tmp_path / name,
            "--pictures",
            0,
            *words,
        )
    told = " ".join(capsys.readouterr().err.split())
    assert "answers among the 20 benchmark classes alone" in told
    records = {name: load(tmp_path / name / "scores.json") for name in asked}
    found = {
        name: {score["name"]: score for score in record["scores"]}
        for name, record in records.items()
    }
    rulers = ("mIoU strict", "mIoU 40 classes", "pixel accuracy", "mean class accuracy")
    for score in (*rulers, "frequency-weighted IoU"):
        assert f"{score} (majority class)" in found["own"]
        assert "mirror image" in found["flip"][score]["protocol"]
        assert "mirror" not in found["own"][score]["protocol"]
        assert "shown at" not in found["own"][score]["protocol"]
        assert "shown at heights of 48 and 96" in found["heights"][score]["protocol"]
    assert records["own"]["checkpoint"] == "last"
    assert records["own"]["groups"] == ""  # three images are too few
    assert "low" not in found["own"]["mIoU strict"]["details"]
    assert len({json.dumps(record["confusion"]) for record in records.values()}) == 4
    # Of the benchmark's own classes: no other answer, and no score of all 40.
    among = found["benchmark"]
    assert "answers among the 20 benchmark classes" in among["mIoU strict"]["protocol"]
    assert not {"mIoU 40 classes", "mean class accuracy", "frequency-weighted IoU"} & {*among}
    counts = np.array(records["benchmark"]["confusion"])
    others = [number for number in range(41) if number not in BENCHMARK_IDS]
    assert counts[:, others].sum() == 0
    assert counts[others[1:]].sum() == 0
    rows = np.array(records["own"]["confusion"]).sum(axis=1)
    assert np.array_equal(np.delete(counts.sum(axis=1), others), np.delete(rows, others))
    assert among["mIoU strict"]["value"] == among["mIoU lenient"]["value"]
    # The same folder is made anew for other weights, and kept for the same.
    run("evaluate", "segment2d", trained, data, "--out", tmp_path / "own", "--pictures", 0)
    assert load(tmp_path / "own" / "scores.json")["checkpoint"] == "best"


def test_scores_of_another_way_do_not_replace_those_of_the_run(trained: Path, data: Path) -> None:
    words = ("evaluate", "segment2d", trained, data, "--pictures", 0)
    run(*words)
    own = (trained / "evaluation" / "scores.json").read_bytes()
    for name, asked in {
        "evaluation_flip": ["--flip"],
        "evaluation_48_96": ["--shown-heights", 96, 48],
        "evaluation_flip_48_benchmark20": [
            *("--flip", "--shown-heights", 48, "--classes", "benchmark20")
        ],
    }.items():
        run(*words, *asked)
        assert (trained / "evaluation" / "scores.json").read_bytes() == own
        shutil.rmtree(trained / name)
    shutil.rmtree(trained / "evaluation")


def test_scores_of_other_images_do_not_replace_those_of_the_run(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluate", "segment2d", trained, data, "--pictures", 0)
    run(*words)
    own = (trained / "evaluation" / "scores.json").read_bytes()
    for name, asked in {
        "evaluation_last": ["--checkpoint", "last"],
        "evaluation_all": ["--scenes", "all"],
        "evaluation_flip_last_train": ["--flip", "--checkpoint", "last", "--scenes", "train"],
        "evaluation_scenes": ["--scenes", "scene0000_00"],
    }.items():
        run(*words, *asked)
        assert (trained / name / "scores.json").is_file()
        assert (trained / "evaluation" / "scores.json").read_bytes() == own
        if name != "evaluation_scenes":
            shutil.rmtree(trained / name)
    capsys.readouterr()
    others = ("--scenes", "scene0000_00,scene0002_00")
    for more in ((), ("--dry-run",)):
        run(*words, *others, *more, code=2)
        told = " ".join(capsys.readouterr().err.split())
        assert "evaluation_scenes, which holds scores of other images" in told
    run(*words, *others, "--out", tmp_path / "out")
    # What auto takes is the run's own, asked for by name or not.
    run(*words, "--checkpoint", chosen(trained))
    assert (trained / "evaluation" / "scores.json").read_bytes() == own
    assert sorted(path.name for path in trained.glob("evaluation*")) == [
        "evaluation",
        "evaluation_scenes",
    ]
    for folder in trained.glob("evaluation*"):
        shutil.rmtree(folder)


def test_ten_images_have_intervals(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_wall(task: Any, network: Any, image: Any, size: Any, **_: Any) -> Any:
        return np.ones(size, np.uint8)

    monkeypatch.setattr("crossvox.recipes.evaluate_images.predict_labels", all_wall)
    for number in range(10):
        rgb, labels = frame(number)
        write_bytes(tmp_path / "images" / f"{number}.png", encode_png(rgb))
        write_bytes(tmp_path / "labels" / f"{number}.png", encode_png(labels))
    found = evaluate_segment2d(
        trained,
        images=tmp_path / "images",
        labels=tmp_path / "labels",
        out=tmp_path / "out",
        pictures=0,
    )
    assert found.groups == "10 images"
    for score in found.scores:
        if score.name in ("mIoU strict", "pixel accuracy", "IoU wall"):
            low, high = score.details["low"], score.details["high"]
            assert low <= score.value <= high
            assert low < high
            assert "bootstrap of 10 images" in score.protocol
        if "majority" in score.name:
            assert "low" not in score.details


def test_a_run_with_an_average_is_taken_by_it(data: Path, tmp_path: Path) -> None:
    run("train", "segment2d", data, tmp_path / "run", *TRAIN, "--train.average", 0.9)
    notes = read_manifest(tmp_path / "run").notes
    assert notes["monitor"] == "mIoU present"
    assert notes["monitored_classes"] == ["wall", "floor", "chair"]
    own = {score["name"]: score["value"] for score in notes["best_scores"]}["mIoU present"]
    averaged = notes["average_scores"]["mIoU present"]
    taken = chosen(tmp_path / "run")
    assert taken == ("average" if averaged >= own else "best")
    digests = {name: run2d_input(tmp_path / "run", name) for name in ("auto", "average", "best")}
    assert digests["auto"] == digests[taken]
    assert digests["average"].digest != digests["best"].digest
    with pytest.raises(CheckpointError, match="has no 'average' checkpoint"):
        run2d_input(data.parent / "run", "average")


def test_any_folder_pair_is_scored_and_trained_from(
    trained: Path, flat: Path, tmp_path: Path
) -> None:
    images, labels = flat / "images" / "trainset", flat / "labels" / "trainset"
    pair = ["--images", images, "--labels", labels]
    run("evaluate", "segment2d", trained, *pair, "--out", tmp_path / "out")
    assert load(tmp_path / "out" / "scores.json")["images"] == 6
    run("train", "segment2d", tmp_path / "run", *pair, *TRAIN, "--validation-share", 0.5)
    record = load(tmp_path / "run" / "params.json")
    assert record["samples"] == {"train": 3, "validation": 3}
    assert "held out" in record["recipe"]["split"]


def test_a_network_that_reads_depth_is_trained_from_folders_and_rooms_beside(
    data: Path, flat: Path, tmp_path: Path
) -> None:
    images, labels = flat / "images" / "trainset", flat / "labels" / "trainset"
    depths = tmp_path / "depths"
    for path in images.iterdir():
        value = np.full((48, 64), 60, np.uint8)
        write_bytes(depths / f"{path.stem}.png", encode_png(value))
    pair = ["--images", images, "--labels", labels, "--depths", depths]
    camera = ["--depth-images.units-per-m", 30, "--depth-images.size", 128, 96,
              "--depth-images.focal", 100, 100, "--depth-images.centre", 63.5, 47.5]  # fmt: skip
    small = [word for word in TRAIN if word not in ("--task.network", "enet")]
    run("train", "segment2d", tmp_path / "run", *pair, *camera, *small, "--task.depth",
        "--task.weights", "none", "--beside", data, "--beside-share", 0.25,
        "--validation-share", 0.5)  # fmt: skip
    record = load(tmp_path / "run" / "params.json")
    assert record["samples"] == {"train": 4, "validation": 3}
    assert record["scenes"]["train"] == ["scene0000_00", "scene0001_00"]
    assert "images beside" in record["parents"]
    _, network = load_segment2d(tmp_path / "run")
    assert network.reads_depth
    run("evaluate", "segment2d", tmp_path / "run", *pair, "--out", tmp_path / "with")
    run("evaluate", "segment2d", tmp_path / "run", *pair[:4], "--out", tmp_path / "without")
    run("evaluate", "segment2d", tmp_path / "run", *pair, *camera, "--out", tmp_path / "told")
    told, with_it, without = (
        load(tmp_path / out / "scores.json")["confusion"] for out in ("told", "with", "without")
    )
    assert told == with_it, "the run knows what the numbers of its depth images mean"
    assert with_it != without
    run("evaluate", "segment2d", tmp_path / "run", *pair[:4], "--out", tmp_path / "with")
    assert load(tmp_path / "with" / "scores.json")["confusion"] == without, "it is made again"


def test_flat_folders_hold_the_frames_and_train_the_same(
    data: Path, flat: Path, trained: Path, tmp_path: Path
) -> None:
    report = load(data.parent / "flatten.json")
    assert report["images"] == {"train": 6, "val": 3}
    assert report["without_labels"] == {"train": 2, "val": 1}
    name = "scene0001_00_20"
    copied = (flat / "images" / "trainset" / f"{name}.jpg").read_bytes()
    assert copied == (data / "scene0001_00" / "color" / "20.jpg").read_bytes()
    assert (flat / "labels" / "valset" / "scene0002_00_0.png").is_file()
    run("train", "segment2d", flat, tmp_path / "run", *TRAIN)
    once, again = (load_checkpoint(folder / "last") for folder in (trained, tmp_path / "run"))
    assert all(np.array_equal(v, again.network[n]) for n, v in once.network.items())
    split = find_images(ImageSource(images=flat / "images", labels=flat / "labels"))
    assert split.split == "folders trainset and valset"
    assert (len(split.training), len(split.validation)) == (6, 3)


def test_foreign_folders_are_not_replaced(trained: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ArtifactError, match="did not write"):
        evaluate_segment2d(trained, data, out=tmp_path)
    with pytest.raises(ArtifactError, match="which holds what 'train"):
        evaluate_segment2d(trained, data, out=trained)
    run("flatten", data, tmp_path, code=2)
    assert (tmp_path / "mine.txt").is_file()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["train", "segment2d", "run"], "either a data folder"),
        (["train", "segment2d", "run", "--images", "x"], "either a data folder"),
        (["train", "segment2d", "nodata", "run"], "nodata"),
        (["train", "segment2d", "a", "b", "c"], "3 folders"),
        (["train", "segment2d", "run", "--images", "x", "--labels", "y"], "x, which is no folder"),
        (["evaluate", "segment2d", "norun", "--images", "x", "--labels", "y"], "run norun"),
        (["flatten", "nodata", "out"], "nodata"),
    ],
)
def test_bad_input_is_named(
    words: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run(*words, code=2)
    error = capsys.readouterr().err
    assert text in error
    assert "needed:" in error
    assert not (tmp_path / "run").exists()


def test_other_runs_and_unknown_networks_are_refused(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", "segment2d", data, trained, *TRAIN, "--task.weighting", "even", code=2)
    assert "weighting" in capsys.readouterr().err
    run("train", "segment2d", data, tmp_path / "run", "--task.network", "resnet", code=2)
    assert (
        "one of lite, lite1, lite2, enet, deeplab, projection, smp, timm, both (smp:"
        in capsys.readouterr().err
    )
    scene = data / "scene0000_00"
    with pytest.raises(ParamsError, match="a share between 0 and 1"):
        find_images(ImageSource(images=scene / "color", labels=scene / "label"), 1.0)


def test_a_strip_shows_what_is_wrong() -> None:
    truth = np.array([[1, 1, 0, 25]], np.uint8)
    predicted = np.array([[1, 2, 2, 2]], np.uint8)
    strip = picture_strip(np.full((1, 4, 3), 100, np.uint8), truth, predicted)
    assert strip.shape == (1, 22, 3)
    np.testing.assert_array_equal(strip[0, 6:10], NYU40.colors[truth[0]])
    np.testing.assert_array_equal(strip[0, 12:16], NYU40.colors[predicted[0]])
    right, wrong, unannotated, outside = strip[0, 18:]
    assert right[0] == right[1] == right[2] > 0
    assert wrong[0] > 200 > wrong[1]
    assert not unannotated.any()
    assert 0 < outside[0] < wrong[0]


def test_a_run_is_told_how_sure_it_may_be(trained: Path, data: Path, tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(trained, copied)
    plain_input = label_source(copied, None, None).images
    assert plain_input is not None
    assert not is_calibrated(LabelSource(images=run2d_input(copied)))
    run("calibrate", copied, data, "--scenes", "all", "--json", tmp_path / "told.json")
    found = read_calibration(copied)
    assert is_calibrated(LabelSource(images=run2d_input(copied)))
    assert found is not None
    assert 0.05 <= found.temperature <= 20
    assert found.images == 9
    assert found.likelihood_after <= found.likelihood_before + 1e-3
    assert 0 <= found.error_after <= 1
    assert load(tmp_path / "told.json")["temperature"] == found.temperature
    # What labels by it is another input: predictions are made again.
    told_input = label_source(copied, None, None).images
    assert told_input is not None
    assert told_input.digest != plain_input.digest
    (copied / "calibration.json").write_text('{"temperature": "warm"}')
    with pytest.raises(ArtifactError, match="calibrate the run again"):
        read_calibration(copied)
