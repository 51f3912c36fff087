"""A score is added by one file: computed, written and shown without a change of this package."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.checks import ParamsError
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import write_ply
from crossvox.evaluate import score as reconstruction
from crossvox.evaluate.protocols import DepthEvaluation
from crossvox.evaluate.score import evaluate_reconstruction
from crossvox.metrics import (
    MEASURES,
    STRICT,
    Measure,
    SurfaceDistances,
    added_depth,
    confusion,
    depth_errors,
    depth_scores,
    main_scores,
    reading,
    register,
    segmentation_scores,
    voxel_scores,
)
from crossvox.report.page.write import write_page


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test adds is gone after it."""
    monkeypatch.setattr(MEASURES, "_parts", dict(MEASURES._parts))


def furthest(distances: SurfaceDistances) -> float:
    """Nine tenths of the predicted points are nearer than this, in metres."""
    return float(np.quantile(distances.to_reference_m, 0.9))


TEXT = "Nine tenths of the made surface are nearer to the true one than this."


def square(height_m: float) -> Mesh:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    corners[:, 2] = height_m
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def test_a_registered_score_is_computed_written_and_shown(
    own: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(
        Measure("Acc 90", "m", False, TEXT, "surface", of="predicted points", compute=furthest)
    )
    monkeypatch.setattr(reconstruction, "true_frames", lambda folder: None)
    none = DepthEvaluation((), (), 0, ())
    monkeypatch.setattr(
        reconstruction, "score_depths", lambda meshes, *_, **__: dict.fromkeys(meshes, none)
    )
    pred, data = tmp_path / "pred", tmp_path / "data"
    for scene, height_m in (("a", 0.03), ("b", 0.01)):
        write_ply(data / scene / f"{scene}.ply", square(0.0))
        write_manifest(data / scene, Manifest("prepare-scene"))
        write_ply(pred / scene / "mesh.ply", square(height_m))
        write_manifest(pred / scene, Manifest("predict-scene", notes={"coverage": 1.0}))
    write_manifest(pred, Manifest("predict", items={"a": "", "b": ""}))
    found = evaluate_reconstruction(pred, data)
    mean = {score.name: score for score in found.mean["learnt"]}
    assert mean["Acc 90"].value == pytest.approx(0.02, abs=1e-6)
    assert (mean["Acc 90"].reading, mean["Acc 90"].unit) == (TEXT, "m")
    written = json.loads((pred / "scores.surface.json").read_text())
    (row,) = (one for one in written["mean"]["learnt"] if one["name"] == "Acc 90")
    assert (row["reading"], row["higher_is_better"]) == (TEXT, False)
    page = write_page([pred], tmp_path / "page.html").page.read_text(encoding="utf-8")
    assert "Acc 90" in page
    assert TEXT in page


def test_scores_of_depth_classes_and_voxels_are_added_likewise(own: None) -> None:
    def worst(predicted_m: NDArray[np.float64], reference_m: NDArray[np.float64]) -> float:
        return float(np.abs(predicted_m - reference_m).max())

    def wall_first(counts: NDArray[np.float64]) -> float:
        return float(counts[1, 1])

    register(Measure("worst", "m", False, "Largest error.", "depth", "frames", compute=worst))
    register(Measure("walls", "", True, "Walls found.", "classes", compute=wall_first))
    register(Measure("wall voxels", "", True, "Walls found.", "voxels", compute=wall_first))
    seen, blind = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    frames = [(seen + 0.5, seen), (seen, blind)]
    scores = {
        score.name: score
        for score in depth_scores(
            [depth_errors(*frame) for frame in frames],
            "surface",
            [added_depth(*frame) for frame in frames],
        )
    }
    assert scores["worst"].value == 0.5
    assert (scores["worst"].support, scores["worst"].details) == (1, {"undefined": 1.0})
    labels = np.array([1, 1, 2])
    counted = segmentation_scores(confusion(labels, labels, 41), None, "all", of="vertices")
    (walls,) = (score for score in counted if score.name == "walls")
    assert (walls.value, walls.of, walls.support) == (2, "vertices", 3)
    voxels = voxel_scores(confusion(labels, labels, 42), "all")
    assert [score.value for score in voxels if score.name == "wall voxels"] == [2]


def test_every_score_tells_how_to_read_it() -> None:
    labels = np.array([1, 1, 2])
    scores = segmentation_scores(confusion(labels, labels, 41), 1, "all", of="vertices")
    assert all(score.reading for score in scores)
    single = [score for score in scores if score.class_name]
    assert [score.name for score in single] == [f"IoU {score.class_name}" for score in single]
    assert len(single) == 20
    assert reading("F-score") == "Precision and recall in one number; 1 is perfect."
    assert reading("nobody's") == ""
    importlib.import_module("crossvox.evaluate.objects")  # its measures are known once it is
    assert set(main_scores()) == {"IoU", "mIoU", "F1", "F-score", "AP 25", STRICT}
    with pytest.raises(ParamsError, match="a second score called 'F-score'"):
        register(Measure("F-score", "", True, "Mine.", "surface"))
