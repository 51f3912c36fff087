"""Scoring a prediction folder: files in, one JSON out, nothing vanishes in silence."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from crossvox.core.artifact import Manifest, plain, write_manifest
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError
from crossvox.core.grid import VoxelGrid
from crossvox.core.kept import files_stay
from crossvox.core.volume import Batch, Mesh, SceneVolume
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.meshes import write_ply
from crossvox.doors.raycast import Raycaster
from crossvox.evaluate.score import evaluate_reconstruction, score_pair
from crossvox.predict.params import PredictParams
from crossvox.predict.surface import mask_mesh, probability_mesh
from crossvox.predict.windows import predict_scene
from crossvox.samples.source import load_source
from crossvox.scene.store import write_volume
from crossvox.views.params import ViewParams

CAMERA = Intrinsics(35.0, 35.0, 19.5, 14.5, 40, 30)
SURFACE = ["Acc", "Comp", "Prec", "Recall", "F-score", "F-score 2 cm", "Prec 2 cm", "Recall 2 cm"]
PARTS = ("measured", "unmeasured")
APART = [f"{name} {part}" for part in PARTS for name in ("Acc", "Comp", "Prec", "Recall")]
DEPTH = ["AbsRel", "AbsDiff", "SqRel", "RMSE"]


def box(scale: float = 1.0) -> Mesh:
    mesh = trimesh.creation.box(np.array([1.6, 1.2, 1.0]) * scale)
    return Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))


def write_scene(folder: Path, *, surface: str = "mesh", depth: bool = True) -> None:
    """A prepared scene: the box from inside, three frames, the last one without a pose."""
    mesh = box()
    caster = Raycaster(mesh)
    for number in range(3):
        matrix = trimesh.transformations.euler_matrix(0.4, 1.3 * number, 0.0)
        depth_m = caster.depth(CAMERA, Pose(matrix)) * depth
        gray = np.full((30, 40, 3), 128, np.uint8)
        write_bytes(folder / "color" / f"{number}.jpg", encode_jpeg(gray))
        depth_mm = np.rint(depth_m * 1000).astype(np.uint16)
        write_bytes(folder / "depth" / f"{number}.png", encode_png(depth_mm))
        (folder / "pose").mkdir(exist_ok=True)
        stored = np.full((4, 4), -np.inf) if number == 2 else matrix
        np.savetxt(folder / "pose" / f"{number}.txt", stored)
    intrinsic = np.eye(4)
    intrinsic[:3, :3] = CAMERA.matrix
    np.savetxt(folder / "intrinsic.txt", intrinsic)
    write_ply(folder / f"{folder.name}.ply", mesh)
    grid = VoxelGrid.around(mesh.vertices_m, 0.05, margin=1)
    at = np.abs(grid.to_world(np.indices(grid.shape).transpose(1, 2, 3, 0)))
    half = np.array([0.8, 0.6, 0.5])
    occupied = (at < half + 0.026).all(-1) & ~(at < half - 0.024).all(-1)
    observed, labels = np.ones(grid.shape, bool), np.zeros(grid.shape, np.uint8)
    write_volume(folder / "volume.npz", SceneVolume(grid, occupied, observed, labels))
    write_manifest(folder, Manifest("prepare-scene", notes={"surface": surface}))


def write_prediction(folder: Path, meshes: dict[str, Mesh], coverage: float | None = 1.0) -> None:
    for name, mesh in meshes.items():
        write_ply(folder / name, mesh)
    notes = {} if coverage is None else {"coverage": coverage, "windows": 3}
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder, Manifest("predict-scene", notes=notes))


def value(scores: list, name: str) -> float:
    return next(score["value"] for score in scores if score["name"] == name)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two scenes; the learnt mesh is right in one and too large in the other."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    write_scene(data / "a")
    write_scene(data / "b")
    write_scene(data / "never_predicted")
    write_prediction(pred / "a", {"mesh.ply": box(), "mask_only.ply": box(1.3)})
    write_prediction(
        pred / "b", {"mesh.ply": box(1.3), "mask_only.ply": box(1.3), "tsdf.ply": box()}, 0.75
    )
    write_manifest(pred, Manifest("predict"))
    return pred, data


def test_every_scene_and_method_is_scored_and_written(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    steps: list[tuple[int, int]] = []
    evaluation = evaluate_reconstruction(
        pred, data, progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(n, 5) for n in range(1, 6)]
    written = json.loads((pred / "scores.surface.json").read_text())
    assert written["protocol"] == evaluation.protocol == "surface"
    assert {scene: sorted(methods) for scene, methods in written["scenes"].items()} == {
        "a": ["learnt", "mask_only"],
        "b": ["learnt", "mask_only", "tsdf"],
    }
    right, wrong = written["scenes"]["a"]["learnt"], written["scenes"]["b"]["learnt"]
    assert [score["name"] for score in right][:13] == [*SURFACE, "Seen-free", *DEPTH]
    free = ["Seen-free", "Seen-free unmeasured"]
    assert [score["name"] for score in wrong][:22] == [*SURFACE, *APART, *free, *DEPTH]
    assert value(right, "F-score") == 1
    assert value(right, "AbsDiff") < 0.0006  # stored in whole millimetres
    assert value(right, "Comp2D") == 1
    assert value(wrong, "Prec") == 0
    assert value(wrong, "AbsRel") > 0.2
    for name in ("F-score", "AbsRel"):
        mean = next(score for score in written["mean"]["learnt"] if score["name"] == name)
        both = (value(right, name), value(wrong, name))
        assert mean["value"] == pytest.approx(sum(both) / 2)
        assert (mean["support"], mean["of"]) == (2, "scenes")
    assert next(iter(written["mean"]["tsdf"]))["support"] == 1
    learnt = {score["name"] for score in written["mean"]["learnt"]}
    for scores in written["mean"].values():
        assert {score["name"] for score in scores} == learnt


def test_what_is_true_of_a_scene_is_read_once_where_files_stay(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    anew = evaluate_reconstruction(pred, data)
    with files_stay():
        first = evaluate_reconstruction(pred, data)
        for scene in ("a", "b"):
            shutil.rmtree(data / scene / "pose")
            shutil.rmtree(data / scene / "depth")
            (data / scene / f"{scene}.ply").unlink()
        again = evaluate_reconstruction(pred, data)
    assert plain(anew) == plain(first) == plain(again)
    with pytest.raises(ArtifactError, match="reference"):
        evaluate_reconstruction(pred, data)


def test_what_is_missing_is_told(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    evaluation = evaluate_reconstruction(pred, data)
    assert evaluation.missing == {"tsdf": ["a"]}
    assert evaluation.coverage == {"a": 1.0, "b": 0.75}
    notes = "\n".join(evaluation.notes)
    assert "TSDF fusion is not scored in 1 of 2 scenes: a" in notes
    assert "b: only 75.0% of the windows" in notes
    assert "a: 1 frames without a valid pose" in notes
    assert "a: only" not in notes
    written = json.loads((pred / "scores.surface.json").read_text())
    assert written["missing"] == {"tsdf": ["a"]}
    assert written["coverage"] == {"a": 1.0, "b": 0.75}
    assert written["notes"] == list(evaluation.notes)


def test_thesis_reference_is_the_scene_volume(folders: tuple[Path, Path]) -> None:
    """The shell of voxels has two sides: what follows one of them is complete but for the other."""
    pred, data = folders
    evaluation = evaluate_reconstruction(pred, data, "thesis", methods=["learnt"])
    assert (pred / "scores.thesis.json").is_file()
    assert set(evaluation.mean) == {"learnt"}
    scores = {score.name: score.value for score in evaluation.scenes["a"]["learnt"]}
    assert scores["Acc"] < 0.05  # only the eight corners of the box are compared
    assert scores["Recall"] < 0.2
    (data / "a" / "a.ply").unlink()  # not looked at
    evaluate_reconstruction(pred, data, "thesis", methods=["learnt"])
    (data / "a" / "volume.npz").unlink()
    with pytest.raises(ArtifactError, match=r"volume\.npz"):
        evaluate_reconstruction(pred, data, "thesis", methods=["learnt"])


def test_scene_without_a_reference_is_named(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    write_prediction(pred / "stranger", {"mesh.ply": box()})
    with pytest.raises(ArtifactError, match="stranger"):
        evaluate_reconstruction(pred, data)
    assert not (pred / "scores.surface.json").exists()


def test_scene_whose_surface_is_gone_is_named(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    (data / "b" / "b.ply").unlink()
    with pytest.raises(ArtifactError, match="scene b without a reference surface"):
        evaluate_reconstruction(pred, data)
    write_ply(data / "b" / "b.ply", replace(box(), faces=np.zeros((0, 3), np.int32)))
    with pytest.raises(ArtifactError, match=r"b\.ply without any face"):
        evaluate_reconstruction(pred, data)


def test_one_scene_may_be_passed_as_data(tmp_path: Path) -> None:
    write_scene(tmp_path / "data" / "a")
    write_prediction(tmp_path / "pred" / "a", {"mesh.ply": box()})
    evaluation = evaluate_reconstruction(tmp_path / "pred", tmp_path / "data" / "a")
    assert list(evaluation.scenes) == ["a"]
    assert evaluation.missing == {"mask_only": ["a"], "tsdf": ["a"]}
    assert set(evaluation.mean) == {"learnt"}


def test_empty_prediction_and_blind_frames_count(tmp_path: Path) -> None:
    """NaN is written as null, and the scene stays."""
    write_scene(tmp_path / "data" / "a", depth=False)
    empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    write_prediction(tmp_path / "pred" / "a", {"mesh.ply": empty}, coverage=None)
    evaluation = evaluate_reconstruction(tmp_path / "pred", tmp_path / "data")
    mean = {score.name: score for score in evaluation.mean["learnt"]}
    assert mean["F-score"].value == 0
    assert math.isnan(mean["Acc"].value)
    assert math.isnan(mean["AbsRel"].value)
    assert mean["AbsRel"].support == 0
    assert any("does not tell its coverage" in note for note in evaluation.notes)
    written = json.loads((tmp_path / "pred" / "scores.surface.json").read_text())
    assert value(written["mean"]["learnt"], "Acc") is None
    assert written["coverage"] == {"a": None}


def test_fused_reference_is_told_apart(tmp_path: Path) -> None:
    write_scene(tmp_path / "data" / "a", surface="tsdf")
    write_prediction(tmp_path / "pred" / "a", {"mesh.ply": box(), "tsdf.ply": box()})
    evaluation = evaluate_reconstruction(tmp_path / "pred", tmp_path / "data")
    assert set(evaluation.mean) == set(evaluation.scenes["a"]) == {"learnt"}
    assert evaluation.missing == {"mask_only": ["a"]}
    assert any("itself the TSDF fusion" in note for note in evaluation.notes)
    by_mesh = {score.name: score.value for score in evaluation.mean["learnt"]}
    assert by_mesh["Recall measured"] == 1, "measured surface is still told apart"
    with pytest.raises(ParamsError, match=r"method tsdf, of scenes whose reference.*learnt"):
        evaluate_reconstruction(tmp_path / "pred", tmp_path / "data", methods=["tsdf"])


def test_what_holds_no_prediction_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, data = folders
    for path in (tmp_path / "nothing", data / "a" / "color"):
        with pytest.raises(ArtifactError, match="no predicted scene"):
            evaluate_reconstruction(path, data)
    for methods in ([], ["learned"]):
        with pytest.raises(ParamsError, match="learnt, mask_only, tsdf"):
            evaluate_reconstruction(pred, data, methods=methods)
    with pytest.raises(ParamsError, match="surface, thesis"):
        evaluate_reconstruction(pred, data, "mine")  # type: ignore[arg-type]
    (pred / "b" / "tsdf.ply").unlink()
    with pytest.raises(ArtifactError, match=r"no mesh of tsdf.*tsdf\.ply"):
        evaluate_reconstruction(pred, data, methods=["tsdf"])


def test_damaged_mesh_is_named(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    file = pred / "b" / "mesh.ply"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CaptureError, match=r"mesh\.ply"):
        evaluate_reconstruction(pred, data)


def test_two_files_are_scored(tmp_path: Path) -> None:
    write_ply(tmp_path / "one.ply", box())
    write_ply(tmp_path / "other.ply", box(1.02))
    scores = {
        score.name: score for score in score_pair(tmp_path / "one.ply", tmp_path / "other.ply")
    }
    assert scores["F-score"].value > 0.99
    assert 0.001 < scores["Acc"].value < 0.02
    with pytest.raises(CaptureError, match=r"nothing\.ply"):
        score_pair(tmp_path / "nothing.ply", tmp_path / "other.ply")
    with pytest.raises(ParamsError, match="protocol"):
        score_pair(tmp_path / "one.ply", tmp_path / "other.ply", "mine")  # type: ignore[arg-type]


def test_predicted_scene_is_scored_from_its_files(tmp_path: Path) -> None:
    """From a prepared folder over windows and meshes to scores, with a network that copies."""

    def copy_mask(batch: Batch) -> torch.Tensor:
        answer = torch.zeros(batch.occupied.shape)
        answer.view(len(answer), -1)[batch.sample, batch.voxel] = 1
        return answer

    data, pred = tmp_path / "data", tmp_path / "pred"
    write_scene(data / "a")
    views = ViewParams(width=40, height=30, near_m=0.1, max_views=2)
    source = load_source(data / "a", views)
    params = PredictParams(stride=(8, 8, 8))
    prediction = predict_scene(copy_mask, source, params, (16, 16, 16), views)
    learnt, mask = probability_mesh(prediction), mask_mesh(prediction)
    assert learnt.colors is not None
    assert np.abs(learnt.colors.astype(int) - 128).max() <= 2
    write_prediction(
        pred / "a", {"mesh.ply": learnt, "mask_only.ply": mask}, prediction.notes["coverage"]
    )
    evaluation = evaluate_reconstruction(pred, data)
    scores = {score.name: score.value for score in evaluation.scenes["a"]["learnt"]}
    # Frames of 40 x 30 pixels leave gaps between the voxels they see.
    assert scores["Prec"] > 0.9
    assert scores["AbsRel"] < 0.05
    assert scores["Recall"] < 0.9
    for ours, theirs in zip(evaluation.mean["learnt"], evaluation.mean["mask_only"], strict=True):
        assert ours.value == pytest.approx(theirs.value, abs=0.01)
    assert evaluation.coverage == {"a": 1.0}
