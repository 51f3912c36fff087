"""Scores beside the fusion of the frames: a floor, a half of which is fused, and plates over it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.artifact import Manifest, plain, read_manifest, write_manifest
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ArtifactError, CaptureError, ShapeError
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh, Score
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.protocols import score_meshes, score_surfaces
from crossvox.evaluate.score import evaluate_reconstruction, score_pair
from crossvox.metrics import (
    FusedDistances,
    SurfaceDistances,
    fusion_scores,
    seen_free_scores,
    surface_errors,
    surface_scores,
)
from crossvox.recipes.evaluate import score

NO_MESH = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))


def plate(x: tuple[float, float], z_m: float = 0.0, y: tuple[float, float] = (0, 1)) -> Mesh:
    corners = [(x[0], y[0], z_m), (x[1], y[0], z_m), (x[1], y[1], z_m), (x[0], y[1], z_m)]
    return Mesh(np.array(corners, np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    vertices = np.concatenate([mesh.vertices_m for mesh in meshes])
    return Mesh(vertices, np.concatenate(faces).astype(np.int32))


FLOOR, HALF = plate((0, 2)), plate((0, 1))
LEARNT = joined(HALF, plate((1, 1.5)), plate((1.5, 2), 0.5))
"""What is fused; of the rest one half right, the other half a metre above the floor."""


def from_above(reading_m: float = 2.0, *, size: int = 100, x: float = 1.0) -> Frame:
    """A camera two metres over the middle of the floor that sees all of it, looking down."""
    camera = Intrinsics(size * 0.6, size * 0.6, size / 2 - 0.5, size / 2 - 0.5, size, size)
    matrix = np.diag([1.0, -1.0, -1.0, 1.0])
    matrix[:3, 3] = (x, 0.5, 2.0)
    return Frame(0, camera, Pose(matrix), depth_m=np.full((size, size), reading_m, np.float32))


def named(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


class TestPoints:
    """Exact, point by point."""

    distances = SurfaceDistances(
        to_reference_m=np.array([0.0, 0.01, 0.06, 0.0, 0.5]),
        to_predicted_m=np.array([0.0, 0.1, 0.02, 0.7]),
    )
    fused = FusedDistances(
        predicted_m=np.array([0.0, 0.049, 0.0, 0.05, 2.0]),
        reference_m=np.array([0.01, 0.02, 0.05, np.inf]),
    )

    def test_each_part_is_scored_by_itself(self) -> None:
        found = fusion_scores(self.distances, self.fused, "surface")
        assert [(s.name, s.value, s.support, s.of) for s in found] == [
            ("Acc measured", pytest.approx(0.07 / 3), 3, "measured predicted points"),
            ("Comp measured", 0.05, 2, "measured reference points"),
            ("Prec measured", pytest.approx(2 / 3), 3, "measured predicted points"),
            ("Recall measured", 0.5, 2, "measured reference points"),
            ("Acc unmeasured", 0.25, 2, "unmeasured predicted points"),
            ("Comp unmeasured", pytest.approx(0.36), 2, "unmeasured reference points"),
            ("Prec unmeasured", 0.5, 2, "unmeasured predicted points"),
            ("Recall unmeasured", 0.5, 2, "unmeasured reference points"),
        ]
        assert all(score.reading and score.protocol == "surface" for score in found)
        beside = {score.name for score in found if score.place == "beside"}
        assert beside == {"Prec unmeasured", "Recall unmeasured"}

    def test_parts_weighted_by_their_points_are_the_whole(self) -> None:
        found = named(fusion_scores(self.distances, self.fused, "surface"))
        whole = named(surface_scores(surface_errors(self.distances), "surface"))
        for name in ("Acc", "Comp", "Prec", "Recall"):
            parts = [found[f"{name} {part}"] for part in ("measured", "unmeasured")]
            count = sum(part.support for part in parts)
            assert count == whole[name].support
            mean = sum(part.value * part.support for part in parts) / count
            assert mean == pytest.approx(whole[name].value)

    def test_what_has_no_points_is_undefined(self) -> None:
        nothing = SurfaceDistances(np.zeros(0), np.full(4, np.inf))
        fused = FusedDistances(np.zeros(0), self.fused.reference_m)
        found = named(fusion_scores(nothing, fused, "surface"))
        for part in ("measured", "unmeasured"):
            assert math.isnan(found[f"Acc {part}"].value)
            assert math.isnan(found[f"Prec {part}"].value)
            assert math.isnan(found[f"Comp {part}"].value)
            assert (found[f"Recall {part}"].value, found[f"Recall {part}"].support) == (0, 2)
            assert found[f"Prec {part}"].support == 0

    def test_distances_of_other_points_are_refused(self) -> None:
        fused = replace(self.fused, predicted_m=np.zeros(3))
        with pytest.raises(ShapeError, match="5 and 4 points, to the fused surface of 3 and 4"):
            fusion_scores(self.distances, fused, "surface")

    def test_seen_free_share(self) -> None:
        free = np.array([True, False, False, True, False])
        whole, added = seen_free_scores(free, self.fused.unmeasured, "surface")
        assert (whole.value, whole.support, whole.of) == (0.4, 5, "predicted points")
        assert (added.value, added.support, added.of) == (0.5, 2, "unmeasured predicted points")
        assert not whole.higher_is_better
        (alone,) = seen_free_scores(free[:4], None, "surface")
        assert alone.value == 0.5
        for one in seen_free_scores(free[:0], np.zeros(0, bool), "surface"):
            assert math.isnan(one.value)
            assert one.support == 0

    def test_two_centimetres_beside_five(self) -> None:
        errors = surface_errors(self.distances)
        found = named(surface_scores(errors, "surface", self.distances))
        assert (found["Prec"].value, found["Prec 2 cm"].value) == (0.6, 0.6)
        assert (found["Recall"].value, found["Recall 2 cm"].value) == (0.5, 0.25)
        assert found["F-score 2 cm"].value == pytest.approx(2 * 0.6 * 0.25 / 0.85)
        assert (found["Recall 2 cm"].support, found["Prec 2 cm"].support) == (4, 5)
        assert (found["F-score"].place, found["F-score 2 cm"].place) == ("main", "beside")


class TestSurfaces:
    """Floor and plates, sampled: shares are those of areas, to within a row of points."""

    def test_what_fusion_misses_and_what_is_added(self) -> None:
        found = named(score_surfaces({"": LEARNT}, FLOOR, fused=HALF)[""])
        # What lies up to 5 cm beyond the edge of the fused half counts as measured.
        assert found["Recall measured"].value == 1
        assert found["Prec measured"].value == 1
        assert found["Comp measured"].value < 0.01
        assert found["Recall unmeasured"].value == pytest.approx(0.5 / 0.95, abs=0.025)
        assert found["Prec unmeasured"].value == pytest.approx(0.45 / 0.95, abs=0.025)
        assert found["Acc unmeasured"].value == pytest.approx(0.5 * 0.5 / 0.95, abs=0.015)
        # A point x m beyond the right plate is that far from it, or half a metre from the other.
        assert 0.05 < found["Comp unmeasured"].value < 0.25
        assert found["Recall unmeasured"].support == pytest.approx(0.95 / 0.02**2, rel=0.06)

    def test_fusion_itself_adds_nothing(self) -> None:
        both = score_surfaces({"learnt": LEARNT, "tsdf": HALF}, FLOOR, fused=HALF)
        tsdf = named(both["tsdf"])
        assert math.isnan(tsdf["Prec unmeasured"].value)
        assert tsdf["Prec unmeasured"].support == 0
        assert tsdf["Recall unmeasured"].value == 0
        assert tsdf["Recall measured"].value == 1

    def test_it_does_not_matter_whether_fusion_is_one_of_the_methods(self) -> None:
        both = score_surfaces({"learnt": LEARNT, "tsdf": HALF}, FLOOR, fused=HALF)
        again = Mesh(HALF.vertices_m, HALF.faces)
        for name, mesh in (("learnt", LEARNT), ("tsdf", again)):
            alone = score_surfaces({"": mesh}, FLOOR, fused=HALF)[""]
            assert [plain(one) for one in both[name]] == [plain(one) for one in alone]

    def test_without_fusion_and_frames_the_scores_are_those_of_two_meshes(self) -> None:
        bare = score_meshes(LEARNT, FLOOR)
        full = score_surfaces({"": LEARNT}, FLOOR, fused=HALF, frames=[from_above()])[""]
        assert full[: len(bare)] == bare
        assert {s.name for s in bare}.isdisjoint({"Seen-free", "Recall unmeasured"})
        beside = score_surfaces({"": LEARNT}, FLOOR, frames=[from_above()])[""]
        assert "Seen-free unmeasured" not in named(beside)

    def test_a_fusion_without_surface_leaves_all_unmeasured(self) -> None:
        found = named(score_surfaces({"": LEARNT}, FLOOR, fused=NO_MESH)[""])
        assert found["Recall unmeasured"].value == found["Recall"].value
        assert found["Prec unmeasured"].value == found["Prec"].value
        assert math.isnan(found["Recall measured"].value)

    def test_what_hangs_in_free_space_needs_two_frames(self) -> None:
        def share(frames: list[Frame]) -> float:
            return named(score_surfaces({"": LEARNT}, FLOOR, frames=frames)[""])["Seen-free"].value

        assert math.isnan(share([]))
        assert share([from_above()]) == 0
        assert share([from_above(), from_above(x=1.1)]) == pytest.approx(0.25, abs=0.01)
        # Nothing was read below: two frames say no more than one.
        assert share([from_above(), from_above(0.0)]) == 0
        assert share([from_above(1.52), from_above(1.52)]) == 0

    def test_of_what_is_added_half_hangs_in_free_space(self) -> None:
        frames = [from_above(), from_above()]
        found = named(score_surfaces({"": LEARNT}, FLOOR, fused=HALF, frames=frames)[""])
        assert found["Seen-free unmeasured"].value == pytest.approx(0.5 / 0.95, abs=0.025)
        assert found["Seen-free unmeasured"].support == found["Prec unmeasured"].support
        none = named(score_surfaces({"": LEARNT}, FLOOR, fused=HALF, frames=[])[""])
        assert math.isnan(none["Seen-free unmeasured"].value)


def write_scene(folder: Path, readings_m: tuple[float, ...] = (2.0, 2.0, 0.0)) -> None:
    """A prepared scene: the floor, and frames that see all of it from above."""
    for number, reading_m in enumerate(readings_m):
        frame = from_above(reading_m, size=64)
        assert frame.depth_m is not None
        assert frame.pose is not None
        gray = np.full((64, 64, 3), 128, np.uint8)
        write_bytes(folder / "color" / f"{number}.jpg", encode_jpeg(gray))
        depth_mm = np.rint(frame.depth_m * 1000).astype(np.uint16)
        write_bytes(folder / "depth" / f"{number}.png", encode_png(depth_mm))
        (folder / "pose").mkdir(exist_ok=True)
        np.savetxt(folder / "pose" / f"{number}.txt", frame.pose.world_from_camera)
    intrinsic = np.eye(4)
    intrinsic[:3, :3] = from_above(size=64).camera.matrix
    np.savetxt(folder / "intrinsic.txt", intrinsic)
    write_ply(folder / f"{folder.name}.ply", FLOOR)
    write_manifest(folder, Manifest("prepare-scene", notes={"surface": "mesh"}))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A predicted scene and its fusion, and one that has none."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    for scene in ("a", "b"):
        write_scene(data / scene)
        write_ply(pred / scene / "mesh.ply", LEARNT)
        write_manifest(pred / scene, Manifest("predict-scene", notes={"coverage": 1.0}))
    write_ply(pred / "a" / "tsdf.ply", HALF)
    write_manifest(pred, Manifest("predict", items={"a": "", "b": ""}))
    return pred, data


def use_frames(folder: Path, told: object) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, notes={**manifest.notes, "frame_ids": told}))


class TestScenes:
    def test_scores_of_a_scene_are_those_of_its_meshes_and_frames(
        self, folders: tuple[Path, Path]
    ) -> None:
        pred, data = folders
        found = evaluate_reconstruction(pred, data, methods=["learnt", "tsdf"])
        frames = [from_above(size=64)] * 2
        expected = score_surfaces({"": LEARNT}, FLOOR, fused=HALF, frames=frames)[""]
        assert found.scenes["a"]["learnt"][: len(expected)] == expected
        assert named(expected)["Seen-free"].value == pytest.approx(0.25, abs=0.01)
        written = json.loads((pred / "scores.surface.json").read_text())
        rows = {row["name"]: row for row in written["scenes"]["a"]["tsdf"]}
        assert rows["Prec unmeasured"]["value"] is None
        assert rows["Prec unmeasured"]["support"] == 0
        assert rows["Recall unmeasured"]["reading"].startswith("Coverage of what fusion misses")

    def test_without_fusion_that_is_told(self, folders: tuple[Path, Path]) -> None:
        pred, data = folders
        found = evaluate_reconstruction(pred, data, methods=["learnt"])
        names = {s.name for s in found.scenes["b"]["learnt"]}
        assert "Recall unmeasured" not in names
        assert {"Seen-free", "F-score 2 cm"} <= names
        assert any(
            "1 of 2 scenes have no TSDF surface of their frames (tsdf.ply)" in note
            and note.endswith(": b")
            for note in found.notes
        )
        mean = named(found.mean["learnt"])["Recall unmeasured"]
        assert (mean.support, mean.details) == (1, {"undefined": 1})

    def test_only_frames_that_were_predicted_from_count(self, folders: tuple[Path, Path]) -> None:
        pred, data = folders
        shares = {}
        for told in ([0], [0, 1], [0, 2], []):
            use_frames(pred / "a", told)
            found = evaluate_reconstruction(pred, data, methods=["learnt"])
            shares[tuple(told)] = named(found.scenes["a"]["learnt"])["Seen-free"].value
        assert shares[0, 1] == pytest.approx(0.25, abs=0.01)
        assert shares[0,] == shares[0, 2] == 0
        assert math.isnan(shares[()])

    @pytest.mark.parametrize(
        ("told", "text"),
        [
            ("all", "frame_ids all; needed: a list of whole numbers"),
            ([0, "1"], "needed: a list of whole numbers"),
            ([0, True], "needed: a list of whole numbers"),
            ([0, 7], r"predicted from frame \[7\] that .* lacks"),
        ],
    )
    def test_frames_that_make_no_sense_are_refused(
        self, folders: tuple[Path, Path], told: object, text: str
    ) -> None:
        pred, data = folders
        use_frames(pred / "a", told)
        with pytest.raises(ArtifactError, match=text):
            evaluate_reconstruction(pred, data, methods=["learnt"])


class TestTwoFiles:
    def test_a_capture_is_fused_and_scored_beside(self, tmp_path: Path) -> None:
        write_scene(tmp_path / "capture")
        write_ply(tmp_path / "made.ply", LEARNT)
        write_ply(tmp_path / "true.ply", FLOOR)
        arguments = tmp_path / "made.ply", tmp_path / "true.ply"
        found = score(*arguments, frames=tmp_path / "capture")
        alone = score(*arguments)
        assert found[: len(alone)] == alone
        by_name = named(found)
        assert by_name["Seen-free"].value == pytest.approx(0.25, abs=0.01)
        # Its frames see the whole floor: what was put over it is all that was added.
        assert by_name["Prec unmeasured"].value == 0
        assert by_name["Prec unmeasured"].support == pytest.approx(0.5 / 0.02**2, rel=0.1)
        assert by_name["Recall measured"].support > 0.9 * 2 / 0.02**2

    def test_a_capture_without_frames_that_can_be_fused_is_refused(self, tmp_path: Path) -> None:
        for name in ("made", "true"):
            write_ply(tmp_path / f"{name}.ply", FLOOR)
        lost = replace(from_above(), pose=None)
        with pytest.raises(CaptureError, match="none has a pose and depth"):
            score_pair(tmp_path / "made.ply", tmp_path / "true.ply", frames=[lost])
