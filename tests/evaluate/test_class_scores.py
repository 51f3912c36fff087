"""Scores of labelled rooms: the vertex rule, the voxel rule, one count over the split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError, ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.core.methods import ATTRIBUTES, LEARNT, VOTES
from crossvox.core.volume import Mesh, SceneVolume, Score
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.evaluate.classes import evaluate_classes, learnt_ahead, with_intervals
from crossvox.evaluate.counts import (
    CLASSES,
    FAR_NAME,
    SceneCounts,
    added_counts,
    class_scores,
    count_vertices,
    count_voxels,
    transfer_labels,
)
from crossvox.metrics import LENIENT, STRICT, class_values, voxel_numbers, voxel_scores
from crossvox.scene.store import write_volume

GRID = VoxelGrid((6, 5, 4), 0.05, (0.0, 0.0, 0.0))
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def labelled(vertices: Any, labels: Any, faces: Any = ((0, 1, 2),)) -> Mesh:
    return Mesh(
        np.asarray(vertices, np.float32).reshape(-1, 3),
        np.asarray(faces, np.int32).reshape(-1, 3),
        None,
        np.asarray(labels, np.uint8),
    )


def cloud(random: np.random.Generator, count: int, low: int = 0) -> Mesh:
    """Scattered vertices with labels from ``low`` on; some share a place."""
    vertices = random.random((count, 3)) * 2
    vertices[: count // 4] = vertices[count // 4 : 2 * (count // 4)]
    return labelled(vertices, random.integers(low, CLASSES, count))


def volume(random: np.random.Generator, unannotated: bool = True) -> SceneVolume:
    occupied = random.random(GRID.shape) < 0.4
    labels = random.integers(0 if unannotated else 1, CLASSES, GRID.shape) * occupied
    return SceneVolume(GRID, occupied, np.ones(GRID.shape, bool), labels.astype(np.uint8))


def write_truth(folder: Path, mesh: Mesh, grid: SceneVolume | None = None) -> None:
    write_ply(folder / f"{folder.name}.ply", mesh)
    write_volume(folder / "volume.npz", grid or volume(np.random.default_rng(0)))
    write_manifest(folder, Manifest("prepare-scene"))


def write_prediction(folder: Path, meshes: dict[str, Mesh], **notes: Any) -> None:
    for name, mesh in meshes.items():
        write_ply(folder / name, mesh)
    folder.mkdir(parents=True, exist_ok=True)
    notes = {"coverage": 1.0, "majority_class": 1, **notes}
    write_manifest(folder, Manifest("predict-scene", notes=notes))


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


# --- transfer ------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seeds, st.integers(1, 40), st.integers(1, 40))
def test_transfer_equals_brute_force(random: np.random.Generator, p: int, r: int) -> None:
    predicted = labelled(random.random((p, 3)), random.integers(1, CLASSES, p), ())
    places = random.random((r, 3)).astype(np.float32)
    labels, distance_m = transfer_labels(predicted, places)
    for place, label, distance in zip(places, labels, distance_m, strict=True):
        apart = [
            sum((float(a) - float(b)) ** 2 for a, b in zip(place, other, strict=True)) ** 0.5
            for other in predicted.vertices_m
        ]
        assert distance == pytest.approx(min(apart), abs=1e-9)
        nearest = {
            int(own)
            for own, away in zip(predicted.labels, apart, strict=True)
            if away <= min(apart) + 1e-9
        }
        assert int(label) in nearest


@settings(max_examples=25)
@given(seeds, st.integers(3, 60))
def test_order_of_vertices_makes_no_difference(random: np.random.Generator, count: int) -> None:
    """On a coarse lattice many predicted vertices are equally near, or in the same place."""
    predicted = labelled(random.integers(0, 3, (count, 3)), random.integers(1, CLASSES, count), ())
    reference = labelled(
        random.integers(0, 5, (count, 3)) / 2, random.integers(0, CLASSES, count), ()
    )
    counts, taken = count_vertices(predicted, reference)
    a, b = random.permutation(count), random.permutation(count)
    again, taken_again = count_vertices(
        labelled(predicted.vertices_m[a], predicted.labels[a], ()),
        labelled(reference.vertices_m[b], reference.labels[b], ()),
    )
    np.testing.assert_array_equal(counts.vertices, again.vertices)
    np.testing.assert_array_equal(taken[b], taken_again)
    assert (counts.far, counts.labelled) == (again.far, again.labelled)


def test_a_mesh_keeps_its_own_classes_even_where_vertices_share_a_place() -> None:
    mesh = labelled([[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]], [1, 2, 5, 3])
    labels, distance_m = transfer_labels(mesh, mesh.vertices_m)
    assert labels.tolist() == [1, 2, 5, 3]
    assert not distance_m.any()


def test_nothing_predicted_is_no_class() -> None:
    labels, distance_m = transfer_labels(labelled([], [], ()), np.zeros((2, 3)))
    assert labels.tolist() == [0, 0]
    assert np.isinf(distance_m).all()
    with pytest.raises(ShapeError, match="without labels"):
        transfer_labels(Mesh(np.zeros((1, 3), np.float32), np.zeros((0, 3), np.int32)), labels)


def test_far_vertices_are_counted_among_annotated_ones() -> None:
    reference = labelled([[0, 0, 0], [0.19, 0, 0], [0.21, 0, 0], [9, 0, 0]], [1, 1, 1, 0])
    counts, taken = count_vertices(labelled([[0, 0, 0]], [1], ()), reference)
    assert (counts.far, counts.labelled) == (1, 3)
    assert taken.tolist() == [1, 1, 1, 1]


# --- voxels --------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seeds)
def test_voxel_scores_equal_their_slow_twin(random: np.random.Generator) -> None:
    truth, guess = volume(random), volume(random)
    keep = random.random(GRID.shape) < 0.6
    guess = SceneVolume(
        GRID,
        np.where(keep, truth.occupied, guess.occupied),
        guess.observed,
        np.where(keep, truth.labels, guess.labels),
    )
    pairs = []
    left_out = 0
    for at in np.ndindex(GRID.shape):
        if truth.occupied[at] and truth.labels[at] == 0:
            left_out += 1
            continue
        a = int(truth.labels[at]) if truth.occupied[at] else "free"
        b = (int(guess.labels[at]) or "nothing") if guess.occupied[at] else "free"
        pairs.append((a, b))
    counts, missed = count_voxels(guess, truth)
    assert (missed, int(counts.sum())) == (left_out, len(pairs))
    scores = by_name(voxel_scores(counts, "test"))

    def ratio(hit: int, union: int) -> float:
        return hit / union if union else float("nan")

    both = sum(a == b == "free" for a, b in pairs)
    either = sum("free" in (a, b) for a, b in pairs)
    assert scores["voxel IoU free"].value == pytest.approx(ratio(both, either), nan_ok=True)
    filled = sum("free" not in (a, b) for a, b in pairs)
    some = sum((a, b) != ("free", "free") for a, b in pairs)
    assert scores["voxel IoU occupied"].value == pytest.approx(ratio(filled, some), nan_ok=True)
    counted = [(a, b) for a, b in pairs if a == "free" or a in BENCHMARK_IDS]
    ious = []
    for c in BENCHMARK_IDS:
        union = sum(c in (a, b) for a, b in counted)
        if union:
            ious.append(sum(a == b == c for a, b in counted) / union)
    assert scores["voxel mIoU"].value == pytest.approx(np.mean(ious))
    assert scores["voxel mIoU"].details["classes"] == len(ious)
    assert scores["voxel mIoU"].support == sum(a in BENCHMARK_IDS for a, _ in pairs)


def test_free_space_taken_for_a_class_costs_that_class() -> None:
    counts = np.zeros((CLASSES, CLASSES))
    counts[1, 1], counts[0, 1], counts[0, 0] = 6, 6, 100
    numbers = voxel_numbers(counts)
    assert numbers["IoU wall"] == numbers["mIoU"] == numbers["IoU occupied"] == 0.5
    with pytest.raises(ShapeError, match=r"\(42, 42\)"):
        voxel_scores(counts, "test")


def test_other_grids_are_refused() -> None:
    one = volume(np.random.default_rng(0))
    other = replace(one, grid=replace(GRID, origin_m=(0.02, 0, 0)))
    with pytest.raises(ShapeError, match="one grid"):
        count_voxels(other, one)
    # Rounding on the way through a file is no other grid.
    count_voxels(replace(one, grid=replace(GRID, origin_m=(1e-6, 0, 0))), one)


# --- a prediction folder -------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two scenes of unlike size: right in the large one, all wrong in the small one."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    large = labelled(np.arange(30).reshape(-1, 3), [1] * 6 + [2] * 2 + [13, 0])
    small = labelled(np.arange(6).reshape(-1, 3), [1, 5], ())
    write_truth(data / "large", large)
    write_truth(data / "small", small)
    write_prediction(
        pred / "large",
        {"mesh.ply": replace(large, labels=large.labels.clip(1)), "votes.ply": large},
    )
    write_prediction(
        pred / "small",
        {"mesh.ply": replace(small, labels=np.array([5, 1], np.uint8))},
        coverage=0.5,
    )
    write_volume(pred / "large" / "classes.npz", volume(np.random.default_rng(0)))
    write_manifest(pred, Manifest("predict"))
    return pred, data


def test_one_count_over_the_split_is_no_mean_of_scenes(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    steps: list[tuple[int, int]] = []
    found = evaluate_classes(pred, data, lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    whole = by_name(found.whole["learnt"])
    # Wall: 6 hits, one missed, one invented; floor 2 of 2; chair: one missed, one invented.
    assert whole["IoU wall"].value == pytest.approx(6 / 8)
    assert whole["IoU floor"].value == 1
    assert whole["IoU chair"].value == 0
    assert whole[STRICT].value == pytest.approx((6 / 8 + 1 + 0) / 3)
    assert whole[STRICT].details["classes"] == 3
    assert (whole[STRICT].support, whole[STRICT].of) == (10, "vertices")
    assert whole["vertex accuracy"].value == pytest.approx(9 / 11)
    single = [by_name(found.scenes[s]["learnt"])[STRICT].value for s in ("large", "small")]
    assert single == [1.0, 0.0]
    assert whole[STRICT].value != pytest.approx(np.mean(single))
    assert "over the split" in whole[STRICT].protocol
    assert "over the scene" in by_name(found.scenes["small"]["learnt"])[STRICT].protocol
    assert next(iter(whole)) == STRICT
    np.testing.assert_array_equal(found.confusion["learnt"].sum(), 12)
    constant = by_name(found.whole["majority"])
    assert constant[STRICT].value == pytest.approx(7 / 10 / 3)
    assert constant["vertex accuracy"].value == pytest.approx(7 / 11)
    assert FAR_NAME not in constant


def test_everything_is_written(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    found = evaluate_classes(pred, data)
    written = json.loads((pred / "scores.classes.json").read_text())
    assert written["protocol"] == "classes"
    assert list(written["whole"]) == ["learnt", "votes_2d", "majority"]
    assert list(written["scenes"]["small"]) == ["learnt", "majority"]
    assert written["missing"] == {"votes_2d": ["small"]}
    assert np.array(written["confusion"]["learnt"]).shape == (CLASSES, CLASSES)
    assert written["confusion"]["learnt"][5][1] == 1, "rows are the reference"
    assert np.array(written["voxel_confusion"]["learnt"]).shape == (CLASSES + 1, CLASSES + 1)
    assert written["notes"] == list(found.notes)
    notes = "\n".join(found.notes)
    assert "2D votes lacks 1 of 2 scenes" in notes
    assert "Learnt: 1 of 2 scenes have no classes.npz" in notes
    assert "small: only 50.0% of the windows" in notes
    assert "Majority class: wall" in notes
    small = read_mesh(pred / "small" / "transferred.ply")
    assert small.labels is not None
    assert small.labels.tolist() == [5, 1]
    assert small.colors is not None
    np.testing.assert_array_equal(small.colors, NYU40.colors[[5, 1]])
    np.testing.assert_array_equal(
        small.vertices_m, read_mesh(data / "small" / "small.ply").vertices_m
    )
    assert not list(pred.rglob("*.part*"))


def test_truth_against_itself_is_perfect_in_every_protocol(tmp_path: Path) -> None:
    """Some of its vertices share a place with one of another class."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    for number in range(3):
        random = np.random.default_rng(number)
        mesh, grid = cloud(random, 4000), volume(random, unannotated=False)
        write_truth(data / f"s{number}", mesh, grid)
        write_prediction(pred / f"s{number}", {"mesh.ply": mesh, "votes.ply": mesh})
        for name in ("classes.npz", "votes.npz"):
            write_volume(pred / f"s{number}" / name, grid)
    found = evaluate_classes(pred, data)
    for method in ("learnt", "votes_2d"):
        for scores in (found.whole[method], *(found.scenes[s][method] for s in found.scenes)):
            named = by_name(scores)
            assert named.pop(FAR_NAME).value == 0
            assert {score.value for score in named.values()} == {1.0}
            assert {"voxel mIoU", "voxel IoU free", "voxel IoU occupied", LENIENT} <= set(named)
    assert not found.missing


def test_an_empty_mesh_misses_every_vertex(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    write_ply(pred / "small" / "mesh.ply", labelled([], [], ()))
    found = evaluate_classes(pred, data)
    named = by_name(found.scenes["small"]["learnt"])
    assert named[STRICT].value == 0
    assert named["vertex accuracy"].value == 0
    assert named[FAR_NAME].value == 1
    assert by_name(found.whole["learnt"])["IoU wall"].value == pytest.approx(6 / 7)
    assert any("1 of 2 predicted meshes are empty" in note for note in found.notes)
    assert any("farther than 0.2 m" in note for note in found.notes)


def test_a_class_that_only_the_prediction_has_is_told(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    mesh = read_mesh(pred / "small" / "mesh.ply")
    write_ply(pred / "small" / "mesh.ply", replace(mesh, labels=np.array([33, 0], np.uint8)))
    found = evaluate_classes(pred, data)
    assert by_name(found.whole["learnt"])["IoU toilet"].value == 0
    notes = "\n".join(found.notes)
    assert "no reference vertex of the split: toilet" in notes
    assert "Learnt: 1 annotated vertices take no class" in notes


def test_scenes_without_labels_are_named(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    mesh = read_mesh(data / "small" / "small.ply")
    for labels in (None, np.zeros(2, np.uint8)):
        write_ply(data / "small" / "small.ply", replace(mesh, labels=labels))
        found = evaluate_classes(pred, data)
        assert found.unlabelled == ("small",)
        assert list(found.scenes) == ["large"]
        assert "1 of 2 scenes have no ground-truth labels" in found.notes[0]
        assert "small" in found.notes[0]
    write_ply(data / "large" / "large.ply", mesh)
    write_ply(data / "large" / "large.ply", replace(mesh, labels=None))
    with pytest.raises(ArtifactError, match="none of 2 predicted scenes has ground-truth"):
        evaluate_classes(pred, data)


def test_wrong_folders_are_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, data = folders
    with pytest.raises(ArtifactError, match="holds no predicted scene"):
        evaluate_classes(tmp_path / "nothing", data)
    with pytest.raises(ArtifactError, match="scene large, which was predicted but"):
        evaluate_classes(pred, tmp_path)
    mesh = read_mesh(pred / "large" / "mesh.ply")
    write_ply(pred / "large" / "mesh.ply", replace(mesh, labels=None))
    with pytest.raises(ArtifactError, match="vertices have no classes"):
        evaluate_classes(pred, data)
    write_ply(pred / "large" / "mesh.ply", replace(mesh, labels=np.full(10, 41, np.uint8)))
    with pytest.raises(CaptureError, match=r"mesh\.ply with vertex label 41"):
        evaluate_classes(pred, data)
    write_ply(pred / "large" / "mesh.ply", mesh)
    grid = replace(GRID, shape=(7, 5, 4))
    empty = np.zeros(grid.shape, bool)
    write_volume(
        pred / "large" / "classes.npz", SceneVolume(grid, empty, empty, empty.astype(np.uint8))
    )
    with pytest.raises(ArtifactError, match=r"classes\.npz on .* needed: one grid"):
        evaluate_classes(pred, data)
    write_prediction(pred / "large", {}, majority_class=77)
    (pred / "large" / "classes.npz").unlink()
    with pytest.raises(ArtifactError, match="majority_class 77"):
        evaluate_classes(pred, data)
    for path in pred.glob("*/*.ply"):
        path.unlink()
    with pytest.raises(ArtifactError, match=r"no mesh\.ply or votes\.ply"):
        evaluate_classes(pred, data)


def test_published_segmentation_scores_through_files(published: Path, tmp_path: Path) -> None:
    """Vertices in another order and a little beside their places, as a predicted mesh has them."""
    case = np.load(published / "segmentation_iou.npz")
    truth, guess = case["target"], case["pred"]
    random = np.random.default_rng(6)
    places = np.stack(np.unravel_index(np.arange(len(truth)), (40, 50, 10)), -1) * 0.1
    reference = labelled(places, truth)
    order = random.permutation(len(truth))
    beside = (places + random.uniform(-0.02, 0.02, places.shape))[order]
    write_truth(tmp_path / "data" / "s", reference)
    write_prediction(tmp_path / "pred" / "s", {"mesh.ply": labelled(beside, guess[order])})
    found = evaluate_classes(tmp_path / "pred", tmp_path / "data")
    np.testing.assert_array_equal(found.confusion["learnt"], case["conf"])
    scores = by_name(found.whole["learnt"])
    assert scores[LENIENT].value == pytest.approx(float(case["miou"]), rel=1e-12)
    assert scores[STRICT].value == pytest.approx(float(case["miou_keep_pred_ignored"]), rel=1e-12)
    assert (round(scores[LENIENT].value, 4), round(scores[STRICT].value, 4)) == (0.2016, 0.1720)


# --- how sure labels are -------------------------------------------------------------------------


def sure_cloud(random: np.random.Generator, count: int) -> Mesh:
    """Scattered labelled vertices, some of no class, which tell how sure they are."""
    mesh = cloud(random, count)
    return replace(mesh, label_confidence=random.random(count).astype(np.float32))


@settings(max_examples=25)
@given(seeds, st.integers(4, 40), st.integers(1, 60))
def test_calibration_equals_its_slow_twin(random: np.random.Generator, p: int, r: int) -> None:
    """Vertex by vertex: the nearest one's class and probability, 15 bins of equal width."""
    made = replace(sure_cloud(random, p), vertices_m=(random.random((p, 3)) * 2).astype(np.float32))
    truth = labelled(random.random((r, 3)) * 2, random.integers(0, 4, r), ())
    made = replace(made, labels=random.integers(0, 4, p).astype(np.uint8))
    counts, _ = count_vertices(made, truth, made.label_confidence)
    told: list[tuple[float, bool]] = []
    for place, label in zip(truth.vertices_m, truth.labels, strict=True):
        apart = ((made.vertices_m.astype(float) - place.astype(float)) ** 2).sum(axis=1)
        at = int(apart.argmin())
        if label and made.labels[at]:
            told.append((float(made.label_confidence[at]), bool(made.labels[at] == label)))
    scores = by_name(class_scores(counts, "scene"))
    found = scores["calibration error"]
    assert (found.support, found.of, found.unit) == (len(told), "vertices", "ratio")
    assert "over the scene" in found.protocol
    if not told:
        assert np.isnan(found.value)
        return
    error = 0.0
    for number in range(15):
        # Places are counted in thousandths first, so that counts of rooms may be added up.
        inside = [
            (p, right) for p, right in told if int((int(p * 1000) + 0.5) * 15 / 1000) == number
        ]
        if inside:
            mean, share = (sum(values) / len(inside) for values in zip(*inside, strict=True))
            error += len(inside) / len(told) * abs(mean - share)
    assert found.value == pytest.approx(error, abs=1e-6)
    likely = [right for p, right in told if p >= 0.5]
    assert found.details["mean probability"] == pytest.approx(
        sum(p for p, _ in told) / len(told), abs=1e-6
    )
    assert found.details["right"] == pytest.approx(sum(right for _, right in told) / len(told))
    assert found.details["at least 0.5"] == pytest.approx(len(likely) / len(told))
    assert found.details["right of at least 0.5"] == pytest.approx(
        sum(likely) / len(likely) if likely else float("nan"), nan_ok=True
    )


@settings(max_examples=25)
@given(seeds, st.integers(4, 60))
def test_confidence_changes_no_class_and_order_no_confidence(
    random: np.random.Generator, count: int
) -> None:
    """On a coarse lattice many vertices share a place."""
    made = replace(
        sure_cloud(random, count),
        vertices_m=random.integers(0, 3, (count, 3)).astype(np.float32),
        label_confidence=(random.integers(0, 5, count) / 4).astype(np.float32),
    )
    truth = labelled(random.integers(0, 5, (count, 3)) / 2, random.integers(0, CLASSES, count), ())
    plain, taken = count_vertices(made, truth)
    counts, same = count_vertices(made, truth, made.label_confidence)
    np.testing.assert_array_equal(taken, same)
    np.testing.assert_array_equal(plain.vertices, counts.vertices)
    assert (plain.far, plain.sure) == (counts.far, None)
    order = random.permutation(count)
    again, _ = count_vertices(
        replace(made, vertices_m=made.vertices_m[order], labels=made.labels[order]),
        truth,
        made.label_confidence[order],
    )
    np.testing.assert_array_equal(counts.sure, again.sure)


def test_calibration_is_one_count_over_the_split(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    sure = {"large": (10, 0.9), "small": (2, 0.6)}
    for scene, (count, share) in sure.items():
        mesh = read_mesh(pred / scene / "mesh.ply")
        confidence = np.full(count, share, np.float32)
        write_ply(pred / scene / "mesh.ply", replace(mesh, label_confidence=confidence))
    found = evaluate_classes(pred, data)
    # Nine annotated vertices are right, told with 0.9; two are wrong, told with 0.6.
    score = by_name(found.whole["learnt"])["calibration error"]
    assert score.value == pytest.approx((9 * 0.1 + 2 * 0.6) / 11, abs=1e-6)
    assert score.support == 11
    assert by_name(found.scenes["large"]["learnt"])["calibration error"].value == pytest.approx(
        0.1, abs=1e-6
    )
    assert "calibration error" not in by_name(found.whole["votes_2d"]), "votes tell none"
    (note,) = [note for note in found.notes if "are right" in note]
    assert note == (
        "Learnt: classes are told with 84.5% in the mean, 81.8% are right; 100% are told with "
        "50% or more, 81.8% of those are right"
    )


def test_segmentation_runs_tell_it_in_a_file_of_their_own(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    path = pred / "large" / ATTRIBUTES
    np.savez(path, confidence=np.full(10, 0.5, np.float32))
    score = by_name(evaluate_classes(pred, data).whole["learnt"])["calibration error"]
    assert (score.value, score.support) == (pytest.approx(0.5), 9)
    np.savez(path, confidence=np.full(9, 0.5, np.float32))
    others = by_name(evaluate_classes(pred, data).whole["learnt"])
    assert "calibration error" not in others, "the file is of another mesh"
    for wrong in (np.full(10, np.nan, np.float32), np.full(10, 2), np.zeros((10, 1))):
        np.savez(path, confidence=wrong)
        with pytest.raises(ArtifactError, match="a number from 0 to 1 a vertex"):
            evaluate_classes(pred, data)


def counts_of(random: np.random.Generator, right: int) -> SceneCounts:
    """100 vertices of three classes each, of which so many are right and the others ``table``."""
    vertices = np.zeros((CLASSES, CLASSES), np.int64)
    for label in (1, 2, 5):
        hits = right + int(random.integers(-5, 6))
        vertices[label, label], vertices[label, 7] = hits, 100 - hits
    return SceneCounts(vertices, 300)


def test_how_far_learnt_is_ahead_is_paired_over_scenes() -> None:
    random = np.random.default_rng(0)
    scenes = [{LEARNT: counts_of(random, 80), VOTES: counts_of(random, 60)} for _ in range(12)]
    found = learnt_ahead(scenes)[VOTES]
    whole = {
        method: class_values(sum(one[method].vertices for one in scenes), of="vertices")
        for method in (LEARNT, VOTES)
    }
    assert "mIoU strict" in found
    assert "IoU wall" not in found
    for name, one in found.items():
        assert one.value == pytest.approx(whole[LEARNT][name] - whole[VOTES][name])
        assert one.low <= one.value <= one.high
        assert one.low > 0
        assert one.scenes == 12
    # However much rooms differ, a method is not ahead of itself.
    same = learnt_ahead([{LEARNT: one[LEARNT], VOTES: one[LEARNT]} for one in scenes])[VOTES]
    assert {(one.value, one.low, one.high) for one in same.values()} == {(0.0, 0.0, 0.0)}


def test_the_interval_of_a_difference_holds_the_truth() -> None:
    """Rooms of different size and difficulty; the truth is what very many of them give."""
    random = np.random.default_rng(1)

    def room() -> dict[str, SceneCounts]:
        size, shift = int(random.integers(20, 400)), random.normal(0, 0.08, 3)
        found = {}
        for method, right in ((LEARNT, 0.75), (VOTES, 0.68)):
            vertices = np.zeros((CLASSES, CLASSES), np.int64)
            for label, own in zip((1, 2, 5), shift, strict=True):
                share = np.clip(right + own + random.normal(0, 0.04), 0.05, 0.95)
                hits = int(random.binomial(size, share))
                vertices[label, label], vertices[label, 7] = hits, size - hits
            found[method] = SceneCounts(vertices, 3 * size)
        return found

    many = [room() for _ in range(4000)]
    whole = [
        class_values(np.sum([one[method].vertices for one in many], axis=0), of="vertices")
        for method in (LEARNT, VOTES)
    ]
    truth = whole[0]["mIoU strict"] - whole[1]["mIoU strict"]
    asked = [learnt_ahead([room() for _ in range(10)])[VOTES]["mIoU strict"] for _ in range(150)]
    held = np.mean([one.low <= truth <= one.high for one in asked])
    # 0.95, within three standard errors of 150 draws.
    assert 0.89 <= held <= 1.0
    assert np.mean([one.high - one.low for one in asked]) < 0.2


def test_the_interval_of_a_score_is_of_its_own_scenes_and_holds_the_truth() -> None:
    random = np.random.default_rng(2)

    def room() -> SceneCounts:
        size, shift = int(random.integers(20, 400)), random.normal(0, 0.08, 3)
        vertices = np.zeros((CLASSES, CLASSES), np.int64)
        for label, own in zip((1, 2, 5), shift, strict=True):
            hits = int(random.binomial(size, np.clip(0.75 + own, 0.05, 0.95)))
            vertices[label, label], vertices[label, 7] = hits, size - hits
        return SceneCounts(vertices, 3 * size)

    def told(rooms: list[SceneCounts]) -> dict[str, Score]:
        return by_name(with_intervals(class_scores(added_counts(rooms), "split"), rooms))

    truth = told([room() for _ in range(4000)])["mIoU strict"].value
    asked = [told([room() for _ in range(10)])["mIoU strict"] for _ in range(150)]
    held = [one.details["low"] <= truth <= one.details["high"] for one in asked]
    # 0.95, within three standard errors of 150 draws.
    assert 0.89 <= np.mean(held) <= 1.0
    assert np.mean([one.details["high"] - one.details["low"] for one in asked]) < 0.25
    assert all(one.details["low"] <= one.value <= one.details["high"] for one in asked)
    few = told([room() for _ in range(4)])
    assert not any("low" in one.details for one in few.values())
    classes = told([room() for _ in range(10)])["IoU wall"]
    assert "low" not in classes.details


def test_of_few_scenes_it_is_not_told_how_far_learnt_is_ahead() -> None:
    random = np.random.default_rng(0)
    scenes = [{LEARNT: counts_of(random, 80), VOTES: counts_of(random, 60)} for _ in range(4)]
    assert learnt_ahead(scenes) == {}
    lacking = [*scenes, {LEARNT: counts_of(random, 80)}]
    assert learnt_ahead(lacking) == {}
    assert learnt_ahead([]) == {}


def test_a_score_without_a_number_has_no_difference() -> None:
    vertices = np.zeros((CLASSES, CLASSES), np.int64)
    vertices[40, 40] = 1  # of no benchmark class: their mIoU is not defined
    other = np.roll(vertices, 1, axis=1)  # right nowhere
    scenes = [{LEARNT: SceneCounts(vertices, 1), VOTES: SceneCounts(other, 1)}] * 10
    found = learnt_ahead(scenes)[VOTES]
    assert set(found) == {"vertex accuracy", "mIoU 40 classes"}
    assert found["vertex accuracy"].value == 1
    empty = SceneCounts(np.zeros_like(vertices), 0)
    assert learnt_ahead([{LEARNT: empty, VOTES: empty}] * 10) == {}
