"""The benchmark's per-vertex files: written, read back, scored as its script does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.cli import main
from crossvox.core.artifact import Manifest, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError, ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.evaluate.classes import evaluate_classes
from crossvox.evaluate.scannet import (
    benchmark_scores,
    evaluate_scannet,
    read_vertex_labels,
    write_vertex_labels,
)
from crossvox.metrics import STRICT, confusion
from crossvox.recipes.scannet import export_scannet
from crossvox.scene.store import write_volume

COUNT = 300
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def mesh_of(random: np.random.Generator, labels: Any) -> Mesh:
    vertices = random.random((len(labels), 3)).astype(np.float32)
    return Mesh(vertices, np.array([[0, 1, 2]], np.int32), None, np.asarray(labels, np.uint8))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two prepared scenes and their prediction, right on about two thirds."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    empty = np.zeros((2, 2, 2), bool)
    nothing = SceneVolume(VoxelGrid((2, 2, 2), 0.05, (0, 0, 0)), empty, empty, empty.view(np.uint8))
    random = np.random.default_rng(3)
    for scene in ("scene0001_00", "scene0002_01"):
        truth = mesh_of(random, random.integers(0, 41, COUNT))
        write_ply(data / scene / f"{scene}.ply", truth)
        write_volume(data / scene / "volume.npz", nothing)
        right = random.random(COUNT) < 0.6
        labels = np.where(right, truth.labels, random.integers(1, 41, COUNT)).clip(1)
        best = np.where(np.isin(labels, BENCHMARK_IDS), labels, random.choice(BENCHMARK_IDS, COUNT))
        (pred / scene).mkdir(parents=True)
        np.savez_compressed(
            pred / scene / "on_scan.npz",
            label=labels.astype(np.uint8),
            benchmark_label=best.astype(np.uint8),
        )
        write_ply(pred / scene / "mesh.ply", replace(truth, labels=best.astype(np.uint8)))
        notes = {"coverage": 1.0, "majority_class": 2}
        write_manifest(pred / scene, Manifest("predict-scene", notes=notes))
    write_manifest(pred, Manifest("predict"))
    (data / "val.txt").write_text("scene0002_01\n")
    write_manifest(data, Manifest("prepare"))
    return pred, data


def benchmark_twin(truth: Any, guess: Any) -> dict[int, float]:
    """ScanNet's rule, told plainly: IoU by class, NaN where there is nothing to count."""
    unknown = 40  # the largest valid id + 1
    counts = [[0] * 41 for _ in range(41)]
    for real, found in zip(truth.tolist(), guess.tolist(), strict=True):
        if real in BENCHMARK_IDS:
            counts[real][found if found in BENCHMARK_IDS else unknown] += 1
    ious = {}
    for c in BENCHMARK_IDS:
        hit = counts[c][c]
        missed = sum(counts[c]) - hit
        invented = sum(counts[other][c] for other in BENCHMARK_IDS if other != c)
        whole = hit + missed + invented
        ious[c] = hit / whole if whole else float("nan")
    return ious


@settings(max_examples=25)
@given(seeds, st.integers(0, 400), st.sampled_from([3, 14, 41]))
def test_scores_follow_the_benchmarks_rule(
    random: np.random.Generator, count: int, classes: int
) -> None:
    truth, guess = random.integers(0, classes, count), random.integers(0, classes, count)
    scores = {s.name: s.value for s in benchmark_scores(confusion(truth, guess, 41), "split")}
    twin = benchmark_twin(truth, guess)
    for c, value in twin.items():
        assert scores[f"IoU {NYU40.names[c]}"] == pytest.approx(value, nan_ok=True)
    defined = [value for value in twin.values() if value == value]
    mean = sum(defined) / len(defined) if defined else float("nan")
    assert scores[STRICT] == pytest.approx(mean, nan_ok=True)
    assert len(scores) == 1 + len(BENCHMARK_IDS)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 40), max_size=60))
def test_files_hold_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int]
) -> None:
    path = tmp_path_factory.mktemp("files") / "scene0000_00.txt"
    write_vertex_labels(path, np.array(labels, np.int64))
    assert path.read_text().splitlines() == [str(label) for label in labels]
    found = read_vertex_labels(path, len(labels))
    assert found.dtype == np.uint8
    assert found.tolist() == labels


def test_labels_that_are_no_ids_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    with pytest.raises(ParamsError, match=r"outside 0 \.\. 40"):
        write_vertex_labels(path, np.array([1, 41]))
    with pytest.raises(ShapeError, match="whole numbers"):
        write_vertex_labels(path, np.array([1.0]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1\n2\nx\n", r"line 3: 'x'"),
        ("1\n2\n41\n", r"line 3: '41'"),
        ("1\n-1\n2\n", r"line 2: '-1'"),
        ("1\n2.0\n2\n", r"line 2: '2\.0'"),
        ("1\n\n2\n", r"line 2: ''"),
        ("1 2\n3\n4\n", r"line 1: '1 2'"),
        ("1\n2\n3\n\n", r"line 4: ''"),
        ("1\n2\n", r"with 2 lines; needed: 3"),
        ("1\n2\n3\n4", r"with 4 lines; needed: 3"),
        ("", r"with 0 lines; needed: 3"),
    ],
)
def test_bad_files_are_told_by_file_and_line(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "scene0007_00.txt"
    path.write_text(text)
    with pytest.raises(CaptureError, match=rf"scene0007_00\.txt.*{found}"):
        read_vertex_labels(path, 3)


def test_files_of_others_may_end_as_they_like(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes(b"1\r\n 2\r\n39")
    assert read_vertex_labels(path, 3).tolist() == [1, 2, 39]
    path.write_bytes(b"1\n\xff\n")
    with pytest.raises(CaptureError, match="no plain text"):
        read_vertex_labels(path)
    with pytest.raises(CaptureError, match="No such file"):
        read_vertex_labels(tmp_path / "none.txt")


def test_exported_files_score_as_the_vertex_protocol_does(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    pred, data = folders
    assert export_scannet(pred, tmp_path / "out").data is None, "no link leads to it"
    write_manifest(pred, Manifest("predict", links={"data": "../data"}))
    report = export_scannet(pred, tmp_path / "out")
    assert (report.kind, report.data) == ("prediction", data)
    assert report.vertices == {"scene0001_00": COUNT, "scene0002_01": COUNT}
    assert set(report.unlabelled.values()) == {0}
    found = evaluate_scannet(tmp_path / "out", data)
    vertex = evaluate_classes(pred, data)
    for ours, theirs in (
        (found.whole, vertex.whole),
        *zip(found.scenes.values(), vertex.scenes.values(), strict=True),
    ):
        for method, twin in (("files", "learnt"), ("majority", "majority")):
            named = {s.name: (s.value, s.support) for s in theirs[twin]}
            for score in ours[method]:
                value, support = named[score.name]
                assert score.value == pytest.approx(value, rel=1e-12, nan_ok=True)
                assert score.support == support
    written = json.loads((tmp_path / "out" / "scores.scannet.json").read_text())
    assert written["protocol"] == "scannet"
    assert written["whole"]["files"][0]["name"] == STRICT
    ids = {int(line) for line in (tmp_path / "out" / "scene0001_00.txt").read_text().split()}
    assert ids <= set(BENCHMARK_IDS)


def test_all_labels_can_be_written_and_cost_what_they_should(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    pred, data = folders
    export_scannet(pred, tmp_path / "out", labels="all", scenes="scene0001_00")
    assert [path.name for path in tmp_path.glob("out/*.txt")] == ["scene0001_00.txt"]
    labels = read_vertex_labels(tmp_path / "out" / "scene0001_00.txt")
    with np.load(pred / "scene0001_00" / "on_scan.npz") as arrays:
        np.testing.assert_array_equal(labels, arrays["label"])
    truth = read_mesh(data / "scene0001_00" / "scene0001_00.ply").labels
    found = evaluate_scannet(tmp_path / "out", data)
    twin = np.nanmean(list(benchmark_twin(truth, labels).values()))
    assert found.whole["files"][0].value == pytest.approx(twin)
    assert "given none of the 20 classes and are misses" in "\n".join(found.notes)


def test_ground_truth_is_exported_likewise_and_perfect(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    _, data = folders
    report = export_scannet(data, tmp_path / "truth", scenes="val")
    assert (report.kind, list(report.vertices)) == ("ground truth", ["scene0002_01"])
    truth = read_mesh(data / "scene0002_01" / "scene0002_01.ply").labels
    np.testing.assert_array_equal(
        read_vertex_labels(tmp_path / "truth" / "scene0002_01.txt"), truth
    )
    found = evaluate_scannet(tmp_path / "truth", data)
    assert {score.value for score in found.whole["files"]} == {1.0}
    assert list(found.whole) == ["files"]
    assert "Majority class: not scored" in found.notes[-1]
    assert read_manifest(tmp_path / "truth").notes["kind"] == "ground truth"
    # Whatever was written before goes, and what others wrote stays.
    export_scannet(data, tmp_path / "truth", scenes="scene0001_00")
    assert not (tmp_path / "truth" / "scene0002_01.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("1\n")
    with pytest.raises(ArtifactError, match="did not write"):
        export_scannet(data, tmp_path / "mine")


def test_scenes_without_anything_are_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, data = folders
    (pred / "scene0001_00" / "on_scan.npz").unlink()
    assert export_scannet(pred, tmp_path / "a").left_out == ("scene0001_00",)
    path = data / "scene0001_00" / "scene0001_00.ply"
    write_ply(path, replace(read_mesh(path), labels=None))
    assert export_scannet(data, tmp_path / "b").left_out == ("scene0001_00",)
    write_vertex_labels(tmp_path / "b" / "scene0001_00.txt", np.ones(COUNT, int))
    found = evaluate_scannet(tmp_path / "b", data)
    assert found.unlabelled == ("scene0001_00",)
    assert "1 of 2 scenes have no ground-truth labels" in found.notes[0]
    with pytest.raises(ArtifactError, match="where scene9 are not predicted"):
        export_scannet(pred, tmp_path / "c", scenes="scene9")
    path = data / "scene0002_01" / "scene0002_01.ply"
    write_ply(path, replace(read_mesh(path), labels=None))
    with pytest.raises(ArtifactError, match="none with vertex labels"):
        export_scannet(data, tmp_path / "d")
    assert not (tmp_path / "d").exists()
    with pytest.raises(ArtifactError, match="none of 2 scenes has ground-truth"):
        evaluate_scannet(tmp_path / "b", data)
    with pytest.raises(ArtifactError, match=r"without any SCENE\.txt"):
        evaluate_scannet(pred, data)


def test_damaged_predictions_are_not_exported(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, data = folders
    path = pred / "scene0002_01" / "on_scan.npz"
    good, other = np.full(COUNT, 5, np.uint8), np.full(COUNT, 13, np.uint8)
    for arrays, text in (
        ({"label": good, "benchmark_label": other}, r"benchmark_label holds \[13\]"),
        ({"label": good, "benchmark_label": good[:-1]}, "shape"),
        ({"label": good}, "benchmark_label"),
        ({"label": good, "benchmark_label": good.astype(float)}, "float64"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(ArtifactError, match=rf"on_scan\.npz.*{text}"):
            export_scannet(pred, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    np.savez(path, label=good[:-1], benchmark_label=good[:-1])
    export_scannet(pred, tmp_path / "out")
    with pytest.raises(CaptureError, match=r"scene0002_01\.txt with 299 lines; needed: 300"):
        evaluate_scannet(tmp_path / "out", data)
    with pytest.raises(ParamsError, match="correct --labels"):
        export_scannet(pred, tmp_path / "out", labels="some")  # type: ignore[arg-type]


def test_commands_print_tables(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, data = folders
    out = str(tmp_path / "out")
    assert main(["export", "scannet", str(pred), out]) == 0
    assert "scene0002_01" in capsys.readouterr().out
    assert main(["evaluate", "scannet", out, str(data), "--json", str(tmp_path / "s.json")]) == 0
    printed = capsys.readouterr()
    assert f"{STRICT} " in printed.out
    assert "Majority class" in printed.out
    assert json.loads((tmp_path / "s.json").read_text())["protocol"] == "scannet"
    assert main(["evaluate", "segment3d", str(pred), str(data)]) == 0
    printed = capsys.readouterr()
    names = ("Learnt", "Majority class")
    for text in ("One count over 2 scenes", *names, "IoU shower curtain", "vertices"):
        assert text in printed.out
    assert printed.out.index(STRICT) < printed.out.index("mIoU lenient")
    assert "2D votes: not predicted" in printed.err
    (tmp_path / "out" / "scene0002_01.txt").write_text("1\nwall\n")
    assert main(["evaluate", "scannet", out, str(data)]) == 2
    assert "line 2: 'wall'" in capsys.readouterr().err
