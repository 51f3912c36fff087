"""Surface completion from rooms to scores: training, prediction, evaluation, on two tiny rooms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.capture import open_capture
from crossvox.capture.readers.folder import FolderCapture
from crossvox.cli import main
from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.core.methods import METHOD_FILES
from crossvox.doors.meshes import read_mesh
from crossvox.flow.progress import Watch
from crossvox.flow.runner import Runner
from crossvox.metrics.completed import completed_share
from crossvox.metrics.curve import CURVE, read_curve
from crossvox.predict.params import CompletionParams
from crossvox.predict.store import read_prediction
from crossvox.recipes.complete import CompleteRunParams, complete3d
from crossvox.recipes.frames import FramesParams, evaluate_frames
from crossvox.recipes.predict_complete import chosen_frames
from crossvox.recipes.scene_run import CompleteRun, read_any_run
from crossvox.samples.depths import COMPLETE_MESH
from crossvox.scene import whole
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.chosen import chosen
from crossvox.train.folder import lineage_of

SMALL = ("--width", "96", "--height", "72")
TRAIN = (
    *("--train.steps", "3", "--train.batch-size", "1", "--train.validate-every", "2"),
    *("--train.save-every", "1", "--train.no-tensorboard", "--validation-samples", "2"),
    *("--task.network.width", "4", "--task.network.depth", "1", "--sparse.shape", "16", "16", "16"),
    *("--sparse.most", "6"),
)  # fmt: skip
FRAMES, TRAINED, HELD_OUT = 8, "scene0000_00", "scene0001_00"


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rooms, a run on one of them, a prediction of the other and its scores."""
    work = tmp_path_factory.mktemp("complete")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "_EYES", 10)
        run("rooms", work / "rooms", "--count", 2, "--seed", 3, "--frames", FRAMES,
            "--frame-step", 30, *SMALL, "--spacing-m", 0.1)  # fmt: skip
        run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
        run("train", "reconstruct", work / "data", work / "run", *TRAIN,
            "--json", work / "train.json")  # fmt: skip
    run("predict", work / "run", work / "data", work / "pred", "--json", work / "predict.json")
    return work


def test_training_notes_what_it_learnt_from_and_how_well(work: Path) -> None:
    report = load(work / "train.json")
    assert report["step"] == 3
    names = {score["name"] for score in report["scores"]}
    assert {"F1 where unmeasured", "F1 where measured (fused only)", "side", "loss"} <= names
    record = read_any_run(work / "run")
    assert isinstance(record, CompleteRun)
    assert record.params.task.network.width == 4
    assert record.params.sparse.shape == (16, 16, 16)
    assert record.task.params == record.params.task
    manifest = read_manifest(work / "run")
    assert list(manifest.learnt_from or ()) == [TRAINED]


def test_a_finished_run_reads_nothing_and_another_one_is_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from crossvox.recipes import train_complete

    monkeypatch.setattr(train_complete, "load_depths", None)
    run("train", "reconstruct", work / "data", work / "run", *TRAIN)
    monkeypatch.undo()
    capsys.readouterr()
    run("train", "reconstruct", work / "data", work / "run", *TRAIN, "--sparse.most", 5, code=2)
    assert "most" in capsys.readouterr().err


def test_a_finished_run_is_kept_without_its_data(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(work / "run", tmp_path / "run")
    words = ("train", "reconstruct", tmp_path / "data", tmp_path / "run", *TRAIN)
    capsys.readouterr()
    run(*words)
    run(*words, "--dry-run")
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("data is not there any more: run is kept by what it tells of it") == 2
    for other in (("--sparse.most", 5), ("--scenes", TRAINED), ("--start", work / "run")):
        run(*words, *other, code=2)
        assert "which holds a run with other parameters" in capsys.readouterr().err
    run(*words[:2], tmp_path / "dta", *words[3:], code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "dta, which does not exist; needed: ../data as seen from run" in told


def test_interrupted_and_resumed_it_is_the_same(
    work: Path, tmp_path: Path, watching: Callable[[Watch], Runner]
) -> None:
    record = read_any_run(work / "run")
    assert isinstance(record.params, CompleteRunParams)

    class Stop(Exception):
        pass

    def stop(state: Any) -> None:
        if state.step == 2:
            raise Stop

    with pytest.raises(Stop):
        complete3d(work / "data", tmp_path / "run", record.params, runner=watching(stop))
    report = complete3d(work / "data", tmp_path / "run", record.params)
    assert report.resumed_from in (1, 2)
    once, again = (load_checkpoint(path / "last") for path in (work / "run", tmp_path / "run"))
    assert once.network.keys() == again.network.keys()
    for name, value in once.network.items():
        assert torch.equal(value, again.network[name]), name


def test_scenes_without_their_whole_surface_are_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(work / "data", data)
    (data / TRAINED / COMPLETE_MESH).unlink()
    run("train", "reconstruct", data, tmp_path / "run", *TRAIN, code=2)
    error = capsys.readouterr().err
    assert f"{TRAINED} without {COMPLETE_MESH}" in error
    assert "--preset thesis" in error


def test_no_validation_sample_is_refused() -> None:
    with pytest.raises(ParamsError, match="given: 0 validation samples"):
        CompleteRunParams(validation_samples=0)


def test_prediction_keeps_what_was_fused_and_notes_its_frames(work: Path) -> None:
    notes = load(work / "predict.json")["scenes"][HELD_OUT]
    capture = open_capture(work / "data" / HELD_OUT)
    posed = [i for i in range(len(capture)) if capture.pose(i) is not None]
    assert notes["frame_ids"] == [capture.frame_ids[i] for i in posed]
    assert read_manifest(work / "pred" / HELD_OUT).notes["frame_ids"] == notes["frame_ids"]
    assert notes["task"] == "complete"
    folder = work / "pred" / HELD_OUT
    fused = read_mesh(folder / "tsdf.ply")
    expected = fuse(capture.frame(i) for i in posed).mesh()
    np.testing.assert_array_equal(fused.vertices_m, expected.vertices_m)
    mesh = read_mesh(folder / METHOD_FILES["learnt"])
    assert notes["vertices"] == len(mesh.vertices_m)
    assert notes["completed share of the area"] == pytest.approx(completed_share(mesh))
    there = {row.tobytes() for row in mesh.vertices_m}
    assert {row.tobytes() for row in fused.vertices_m} <= there
    volume = read_prediction(folder / "volume.npz")
    assert volume.frames == len(posed)
    assert volume.seen.any()
    assert 0 <= volume.probability.min() <= volume.probability.max() <= 1


def test_fewer_frames_and_no_completion(work: Path, tmp_path: Path) -> None:
    run("predict", work / "run", work / "data", tmp_path / "few", "--complete.frames", 3,
        "--complete.completion", "none", "--no-baselines",
        "--json", tmp_path / "few.json")  # fmt: skip
    notes = load(tmp_path / "few.json")["scenes"][HELD_OUT]
    capture = open_capture(work / "data" / HELD_OUT)
    chosen = chosen_frames(capture, 3)
    assert len(chosen) == 3
    assert notes["frame_ids"] == [capture.frame_ids[i] for i in chosen]
    assert notes["completed share of the area"] == 0
    mesh = read_mesh(tmp_path / "few" / HELD_OUT / METHOD_FILES["learnt"])
    expected = fuse((capture.frame(i) for i in chosen), TsdfParams()).mesh()
    np.testing.assert_array_equal(mesh.vertices_m, expected.vertices_m)
    assert not (tmp_path / "few" / HELD_OUT / "tsdf.ply").exists()


def test_frames_are_chosen_evenly_among_those_with_a_pose() -> None:
    class Lost:
        frame_ids = tuple(range(10))

        def __len__(self) -> int:
            return 10

        def pose(self, index: int) -> Any:
            return None if index in (0, 4) else object()

    capture: Any = Lost()
    assert chosen_frames(capture, 0) == [1, 2, 3, 5, 6, 7, 8, 9]
    assert chosen_frames(capture, 8) == chosen_frames(capture, 50) == chosen_frames(capture, 0)
    assert chosen_frames(capture, 1) == [1]
    assert chosen_frames(capture, 2) == [1, 9]
    assert chosen_frames(capture, 3) == [1, 6, 9]


def test_scores_beside_fusion(work: Path, tmp_path: Path) -> None:
    run("evaluate", "reconstruct", work / "pred", work / "data", "--json", tmp_path / "scores.json")
    scores = load(tmp_path / "scores.json")["mean"]
    assert {"learnt", "tsdf", "mask_only"} <= set(scores)


def test_fusion_that_is_the_reference_has_no_score(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(work / "data", tmp_path / "data")
    scene = tmp_path / "data" / HELD_OUT
    manifest = read_manifest(scene)
    write_manifest(scene, replace(manifest, notes={**manifest.notes, "surface": "tsdf"}))
    posed = len(chosen_frames(FolderCapture(scene), 0))
    capsys.readouterr()
    run(
        "evaluate",
        "frames",
        work / "run",
        tmp_path / "data",
        tmp_path / "out",
        "--counts",
        3,
        posed,
    )
    curve = read_curve(tmp_path / "out" / CURVE)
    some, every = curve.scores["F-score"]["tsdf"]
    assert 0 < some[0] <= 1
    assert np.isnan(every[0])
    assert not np.isnan(curve.scores["F-score"]["learnt"]).any()
    assert any("fusion of all of them has no score" in note for note in curve.notes)
    shown = capsys.readouterr()
    assert "interval" in shown.out
    assert "nan" not in shown.out + shown.err


def test_scores_over_the_number_of_frames(work: Path, tmp_path: Path) -> None:
    words = ["evaluate", "frames", work / "run", work / "data", tmp_path / "out"]
    run(*words, "--counts", 5, 3, 900, "--json", tmp_path / "report.json")
    curve = read_curve(tmp_path / "out" / CURVE)
    assert curve.frames == (3, 5), "rising, and without what no room has"
    assert curve.methods == ("learnt", "tsdf", "mask_only")
    assert curve.rooms == (HELD_OUT,)
    assert "F-score" in curve.scores
    for tables in curve.scores.values():
        assert all(table.shape == (2, 1) for table in tables.values())
    score = curve.scores["F-score"]["tsdf"]
    assert 0 < score[0, 0] < score[1, 0] <= 1, "more frames show more"
    assert any("all frames of the scene together saw" in note for note in curve.notes)
    assert not any("learnt from" in note for note in curve.notes)
    # Once more, over the first; then over something else.
    run(*words, "--counts", 3, "--scenes", "all", "--reference", "complete")
    curve = read_curve(tmp_path / "out" / CURVE)
    assert set(curve.rooms) == {TRAINED, HELD_OUT}
    assert any("also where no frame of the scene looked" in note for note in curve.notes)
    assert f"The run has learnt from {TRAINED}." in curve.notes
    (tmp_path / "out" / CURVE).write_text('{"mine": 1}')
    run(*words, "--counts", 3, code=2)
    assert load(tmp_path / "out" / CURVE) == {"mine": 1}


def test_scores_that_cannot_be_measured_are_refused(work: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(CaptureError, match=r"given: numbers of frames \(900,\)"):
        evaluate_frames(work / "run", work / "data", tmp_path / "out", FramesParams((900,)))
    shutil.copytree(work / "data", data)
    (data / HELD_OUT / COMPLETE_MESH).unlink()
    with pytest.raises(CaptureError, match=r"without complete\.ply; .*--reference scan"):
        evaluate_frames(
            work / "run", data, tmp_path / "out", FramesParams((3,), reference="complete")
        )
    wrong: Any = "nothing"
    for params in ({"counts": ()}, {"counts": (3, 0)}, {"reference": wrong}):
        with pytest.raises(ParamsError):
            FramesParams(**params)


def test_the_published_recipe_is_a_preset(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "thesis"
    run("train", "reconstruct", "--preset=thesis", work / "data", out, "--train.steps", 1,
        "--train.batch-size", 1, "--train.no-tensorboard", "--task.width", 4, "--task.depth", 1,
        "--chunks.per-scene", 1, "--chunks.shape", 16, 16, 16, "--views.width", 96,
        "--views.height", 72, "--validation-scenes", "none")  # fmt: skip
    record = read_any_run(out)
    assert not isinstance(record, CompleteRun)
    assert record.task.name == "reconstruct"
    capsys.readouterr()
    run("evaluate", "frames", out, work / "data", tmp_path / "frames", code=2)
    error = capsys.readouterr().err
    assert "a run that completes nothing; needed: " in error


def test_a_short_run_is_a_preset(work: Path, tmp_path: Path) -> None:
    quick = ("--preset", "quick3d", "--start", "")
    run("train", "reconstruct", work / "data", tmp_path / "run", *quick, *TRAIN)
    record = read_any_run(tmp_path / "run")
    assert isinstance(record, CompleteRun)
    assert record.params.train.rate == 5e-4


def test_the_amount_of_completion_changes_nothing_that_was_measured(work: Path) -> None:
    """As a whole: safe and full add to the same fused surface."""
    from crossvox.core.artifact import Stopwatch
    from crossvox.doors.devices import pick_device
    from crossvox.predict.complete import complete_scene
    from crossvox.recipes.predict_complete import frames_of
    from crossvox.recipes.trained import Completer, load_trained, run_input

    completer = load_trained(run_input(work / "run"), pick_device("cpu"))
    assert isinstance(completer, Completer)
    capture, task = open_capture(work / "data" / HELD_OUT), completer.record.task.params
    # A network that has learnt next to nothing is sure of nothing: the floor is as low.
    params = CompletionParams(full_confidence=1e-3, safe_confidence=1e-3)
    made = [
        complete_scene(
            completer,
            frames_of(capture, chosen_frames(capture, 3)),
            task.voxel_m,
            task.evidence,
            replace(params, completion=amount),
            TsdfParams(),
            Stopwatch(),
        )
        for amount in ("safe", "full")
    ]
    for one in made:
        np.testing.assert_array_equal(one.fused.vertices_m, made[0].fused.vertices_m)
        there = {row.tobytes() for row in one.mesh.vertices_m}
        assert {row.tobytes() for row in one.fused.vertices_m} <= there


def test_a_run_starts_from_another_one_of_the_same_network(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ("--start", work / "run")
    still = (*TRAIN, "--train.steps", 1, "--train.rate", 1e-12, "--train.weight-decay", 0)
    run("train", "reconstruct", work / "data", tmp_path / "run", *still, *start)
    before = load_checkpoint(work / "run" / chosen(work / "run")).network
    after = load_checkpoint(tmp_path / "run" / "last").network
    for name, weight in before.items():
        if "running" not in name and "num_batches" not in name:
            assert torch.allclose(weight, after[name], atol=1e-6), name
    assert lineage_of(tmp_path / "run").complete
    links = read_manifest(tmp_path / "run").links
    assert (tmp_path / "run" / links["start"]).resolve() == (work / "run").resolve()
    capsys.readouterr()
    swapped = ("--scenes", HELD_OUT, "--validation-scenes", TRAINED)
    run("train", "reconstruct", work / "data", tmp_path / "swapped", *still, *swapped, *start)
    assert "1 of 1 validation scenes are not held out" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "begun").mkdir()
    shutil.copy(work / "run" / "params.json", tmp_path / "begun")
    begun = ("--start", tmp_path / "begun")
    run("train", "reconstruct", work / "data", tmp_path / "x", *TRAIN, *begun, code=2)
    assert "has no checkpoint" in capsys.readouterr().err
    other = ("--task.network.width", 6)
    run("train", "reconstruct", work / "data", tmp_path / "x", *TRAIN, *other, *start, code=2)
    assert "--task" in capsys.readouterr().err
    bare = ("--checkpoint", "last")
    run("train", "reconstruct", work / "data", tmp_path / "x", *TRAIN, *bare, code=2)
    assert "--checkpoint last without --start" in capsys.readouterr().err
