"""The two protocols: sampling by area, vertices as published, depth by ray casting."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.artifact import plain
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import CaptureError, ParamsError, ShapeError
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh
from crossvox.doors.raycast import Raycaster
from crossvox.evaluate.protocols import (
    PROTOCOLS,
    check_protocol,
    depth_camera,
    score_depth,
    score_depths,
    score_meshes,
    score_surfaces,
    surface_points,
)
from crossvox.evaluate.sampling import sample_surface
from crossvox.metrics import depth_errors

CAMERA = Intrinsics(70.0, 70.0, 39.5, 29.5, 80, 60)
NO_MESH = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))


def to_mesh(mesh: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32))


def box(size: tuple[float, float, float] = (2.0, 1.5, 1.0)) -> trimesh.Trimesh:
    return trimesh.creation.box(size)


def by_name(scores: Any) -> dict[str, float]:
    return {score.name: score.value for score in scores}


# --- points --------------------------------------------------------------------------------------


def test_points_lie_on_the_surface_and_are_repeatable() -> None:
    mesh = to_mesh(box())
    points = sample_surface(mesh, 0.02)
    off = np.abs(np.abs(points) - [1.0, 0.75, 0.5])
    np.testing.assert_allclose(off.min(axis=1), 0, atol=1e-6)
    assert (np.abs(points) <= np.array([1.0, 0.75, 0.5]) + 1e-6).all()
    np.testing.assert_array_equal(points, sample_surface(mesh, 0.02))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_every_triangle_gets_its_share(seed: int, faces: int) -> None:
    """Distinct planes z = face number, so that a point tells its triangle."""
    random = np.random.default_rng(seed)
    corners = random.random((faces, 3, 3)) * random.random((faces, 1, 1))
    corners[..., 2] = np.arange(faces)[:, None]
    vertices = corners.reshape(-1, 3).astype(np.float32)
    mesh = Mesh(vertices, np.arange(3 * faces, dtype=np.int32).reshape(-1, 3))
    area = trimesh.Trimesh(vertices, mesh.faces, process=False).area_faces
    points = sample_surface(mesh, 0.03)
    assert len(points) == np.ceil(area.sum() / 0.03**2)
    found = np.bincount(np.rint(points[:, 2]).astype(int), minlength=faces)
    # A jittered step may lie across a triangle's border on either side.
    assert np.abs(found - area / area.sum() * len(points)).max() <= 2


def test_points_are_spread_evenly_inside_a_triangle() -> None:
    triangle = Mesh(
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32)
    )
    points = sample_surface(triangle, 0.005)
    np.testing.assert_allclose(points.mean(0), [1 / 3, 1 / 3, 0], atol=2e-3)
    cells, counts = np.unique(np.floor(points[:, :2] * 10).astype(int), axis=0, return_counts=True)
    whole = cells.sum(axis=1) < 9
    assert whole.sum() == 45
    # 400 points a cell; independent draws would stray by 20, and by 60 somewhere.
    assert np.abs(counts[whole] - 400).max() < 20


def test_triangles_without_area_get_no_points() -> None:
    flat = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]], np.float32)
    line, triangle = [0, 1, 2], [0, 1, 3]
    for faces in ([line, triangle], [triangle, line], [line, triangle, line]):
        points = sample_surface(Mesh(flat, np.array(faces, np.int32)), 0.05)
        assert len(points) == 200
        assert points[:, 0].max() <= 1
    assert sample_surface(Mesh(flat, np.array([line], np.int32))).shape == (0, 3)
    assert sample_surface(NO_MESH).shape == (0, 3)


def test_number_of_points_is_bounded() -> None:
    assert len(sample_surface(to_mesh(box()), 0.001, most=500)) == 500
    with pytest.raises(ParamsError, match="positive"):
        sample_surface(to_mesh(box()), 0.0)


# --- 3D scores -----------------------------------------------------------------------------------


def test_a_mesh_against_itself_is_perfect() -> None:
    mesh = to_mesh(box())
    for protocol in ("surface", "thesis"):
        scores = by_name(score_meshes(mesh, mesh, protocol))
        assert scores["F-score"] == scores["Prec"] == scores["Recall"] == 1
        assert scores["Acc"] == scores["Comp"] == 0


def test_triangle_density_matters_to_the_thesis_alone() -> None:
    """One wall cut finely must not count for more than the same wall cut coarsely."""
    coarse = box()
    one_side = np.flatnonzero(coarse.face_normals[:, 2] > 0.9)
    fine = coarse
    for _ in range(4):
        one_side = np.flatnonzero(fine.face_normals[:, 2] > 0.9)
        fine = fine.subdivide(face_index=one_side)
    shifted = box((2.0, 1.5, 1.08))  # top and bottom 4 cm out, sides in place
    ours = [by_name(score_meshes(to_mesh(m), to_mesh(shifted))) for m in (coarse, fine)]
    for name, value in ours[0].items():
        assert ours[1][name] == pytest.approx(value, abs=2e-3)
    theirs = [len(surface_points(to_mesh(m), "thesis")) for m in (coarse, fine)]
    assert theirs[0] == 8
    assert theirs[1] > 100


def test_a_shift_is_measured_in_metres() -> None:
    mesh = to_mesh(box((10.0, 10.0, 0.01)))
    for shift, f_score in ((0.03, 1.0), (0.2, 0.0)):
        moved = replace(mesh, vertices_m=mesh.vertices_m + np.float32([0, 0, shift]))
        scores = score_meshes(moved, mesh)
        assert by_name(scores)["Acc"] == pytest.approx(shift - 0.005, abs=0.006)
        assert by_name(scores)["F-score"] == pytest.approx(f_score, abs=0.01)
        assert {score.unit for score in scores} == {"m", "ratio"}
        assert {score.protocol for score in scores} == {"surface"}


def test_missing_half_lowers_recall_alone() -> None:
    whole = box()
    half = whole.submesh([np.flatnonzero(whole.triangles_center[:, 2] > -0.49)], append=True)
    scores = by_name(score_meshes(to_mesh(half), to_mesh(whole)))
    assert scores["Prec"] == 1
    bottom = 3.0 / whole.area
    assert scores["Recall"] == pytest.approx(1 - bottom, abs=0.04)


def test_empty_prediction_scores_zero_and_empty_reference_is_refused() -> None:
    for protocol in ("surface", "thesis"):
        scores = by_name(score_meshes(NO_MESH, to_mesh(box()), protocol))
        assert scores["F-score"] == 0
        assert np.isnan(scores["Acc"])
        with pytest.raises(ShapeError, match="reference"):
            score_meshes(to_mesh(box()), NO_MESH, protocol)


def test_unknown_protocol_is_refused() -> None:
    with pytest.raises(ParamsError, match="surface, thesis"):
        check_protocol("vertices")


@pytest.mark.realdata
def test_thesis_protocol_gives_the_published_scores(golden: Path) -> None:
    case = json.loads((golden / "g5_reconstruction.json").read_text())["metrics3d"]
    names = ("Accuracy", "Completeness", "Precision", "Recall", "F1_score")
    scores = score_meshes(
        read_mesh(golden / "g3_crop_vh_clean_2.ply"), read_mesh(golden / "g5_gt_mesh.ply"), "thesis"
    )
    for score, name in zip(scores[:5], names, strict=True):
        assert score.value == pytest.approx(case[name], rel=1e-9)


# --- depth ---------------------------------------------------------------------------------------


class RoomCapture:
    """A box seen from inside, four frames, number 1 without a pose."""

    def __init__(self, lost: tuple[int, ...] = (1,), depth: bool = True) -> None:
        self.mesh = to_mesh(box())
        self.lost, self.depth = lost, depth

    name = "room"
    frame_ids = (0, 5, 10, 15)

    def __len__(self) -> int:
        return 4

    def info(self) -> CaptureInfo:
        return CaptureInfo("test", CAMERA, CAMERA, "same camera", False)

    def camera(self, size: Any = None) -> Intrinsics:
        return CAMERA

    def pose(self, index: int) -> Pose | None:
        if index in self.lost:
            return None
        turn = trimesh.transformations.euler_matrix(0.3 * index, 1.4 * index, 0.2)
        turn[:3, 3] = (0.1 * index, 0.05, -0.1)
        return Pose(turn)

    def frame(self, index: int, size: Any = None, parts: Parts = ALL_PARTS) -> Frame:
        assert not parts.rgb
        assert not parts.labels
        pose = self.pose(index)
        assert pose is not None, "a lost frame was read"
        depth = Raycaster(self.mesh).depth(CAMERA, pose) if self.depth else None
        return Frame(self.frame_ids[index], CAMERA, pose, None, depth)


def test_true_mesh_has_no_depth_error() -> None:
    capture, steps = RoomCapture(), []
    found = score_depth(
        capture.mesh, capture, progress=lambda done, total: steps.append((done, total))
    )
    assert found.frame_ids == (0, 10, 15)
    assert found.lost == 1
    assert steps == [(1, 3), (2, 3), (3, 3)]
    scores = by_name(found.scores)
    assert scores["AbsRel"] == scores["RMSE"] == 0
    assert scores["delta < 1.25"] == scores["Comp2D"] == 1
    assert {score.support for score in found.scores} == {3}


def test_scaled_room_has_the_error_of_its_scale() -> None:
    """Seen from the origin, a room twice as large is twice as far."""
    capture = RoomCapture(lost=(1, 2, 3))
    matrix = np.eye(4)
    capture.pose = lambda index: None if index else Pose(matrix)  # type: ignore[method-assign]
    larger = replace(capture.mesh, vertices_m=capture.mesh.vertices_m * np.float32(1.2))
    scores = by_name(score_depth(larger, capture).scores)
    assert scores["AbsRel"] == pytest.approx(0.2, rel=1e-5)
    assert scores["LogRMSE"] == pytest.approx(np.log(1.2), rel=1e-5)
    assert scores["delta < 1.25"] == 1


def test_frames_stay_in_order_beside_their_errors() -> None:
    capture = RoomCapture()
    rough = replace(capture.mesh, vertices_m=capture.mesh.vertices_m * np.float32(1.1))
    found = score_depth(rough, capture)
    for frame_id, errors in zip(found.frame_ids, found.errors, strict=True):
        index = capture.frame_ids.index(frame_id)
        pose = capture.pose(index)
        assert pose is not None
        depth = capture.frame(index, parts=Parts(False, True, False)).depth_m
        assert depth is not None
        assert errors == depth_errors(Raycaster(rough).depth(CAMERA, pose), depth)


def test_empty_mesh_is_nan_with_nothing_complete() -> None:
    scores = {score.name: score for score in score_depth(NO_MESH, RoomCapture()).scores}
    assert np.isnan(scores["AbsRel"].value)
    assert scores["AbsRel"].details["undefined"] == 3
    assert scores["Comp2D"].value == 0


def test_thesis_depth_is_rendered_at_its_own_size_and_camera() -> None:
    camera = Intrinsics(290.0, 291.0, 159.7, 119.4, 320, 240)
    fit, rendered = depth_camera(camera, "thesis")
    assert rendered.size == (328, 256)
    assert fit.resized == (341, 256)
    assert rendered.cx == pytest.approx(159.7 * 327 / 319)
    fit, rendered = depth_camera(camera, "surface")
    assert rendered == camera
    capture = RoomCapture()
    scores = by_name(score_depth(capture.mesh, capture, "thesis").scores)
    assert scores["AbsRel"] < 0.02
    assert scores["Comp2D"] == 1


def test_capture_without_poses_or_depth_is_refused() -> None:
    with pytest.raises(CaptureError, match="none has a valid pose"):
        score_depth(to_mesh(box()), RoomCapture(lost=(0, 1, 2, 3)))
    with pytest.raises(CaptureError, match="frame 0 of room without depth"):
        score_depth(to_mesh(box()), RoomCapture(depth=False))


@pytest.mark.realdata
def test_published_renderings_are_close_to_ours(golden: Path) -> None:
    """They come from a rasteriser whose pixels lie half a pixel off in x and one in y."""
    case = json.loads((golden / "g5_reconstruction.json").read_text())
    images = np.load(golden / "g5_depth.npz")
    camera = Intrinsics.from_matrix(np.array(case["K"]), (328, 256))
    caster = Raycaster(read_mesh(golden / "g3_crop_vh_clean_2.ply"))
    for number in case["depth_frames"]:
        pose, theirs = Pose(images[f"pose_{number}"]), images[f"pred_{number}"]
        ours = caster.depth(camera, pose)
        off = caster.depth(replace(camera, cx=camera.cx - 0.5, cy=camera.cy - 1.0), pose)
        both = (ours > 0) & (theirs > 0) & (off > 0)
        assert np.median(np.abs(ours - theirs)[both]) < 0.006
        assert np.median(np.abs(off - theirs)[both]) < 0.0015
        assert (ours > 0).mean() == pytest.approx((theirs > 0).mean(), abs=0.005)


def test_a_surface_in_millimetres_is_refused_before_it_is_sampled() -> None:
    room = to_mesh(box())
    large = Mesh(room.vertices_m * 1000, room.faces)
    for pair in ((large, room), (room, large)):
        for protocol in PROTOCOLS:
            with pytest.raises(ParamsError, match=r"needed: metres, at most 1000 .*millimetres"):
                score_meshes(*pair, protocol)


def test_a_stray_vertex_without_a_face_does_not_count() -> None:
    room = to_mesh(box())
    stray = Mesh(np.concatenate([room.vertices_m, [[9e5, 0, 0]]]).astype(np.float32), room.faces)
    assert score_meshes(stray, room) == score_meshes(room, room)
    with pytest.raises(ParamsError, match="stray points"):
        score_meshes(stray, room, "thesis")


def test_a_triangle_that_reaches_far_is_scored_all_the_same() -> None:
    room = to_mesh(box())
    far = np.concatenate([room.vertices_m, [[500, 0, 0], [500, 1, 0], [0, 0, 0]]])
    count = len(room.vertices_m)
    faces = np.concatenate([room.faces, [[count, count + 1, count + 2]]])
    scores = by_name(score_meshes(Mesh(far.astype(np.float32), faces.astype(np.int32)), room))
    assert scores["Acc"] > 50
    assert scores["Recall"] > 0.9


def test_several_surfaces_are_scored_as_one_by_one() -> None:
    capture = RoomCapture()
    meshes = {"room": capture.mesh, "box": to_mesh(box()), "nothing": NO_MESH}
    together = score_surfaces(meshes, capture.mesh)
    depths = score_depths(meshes, capture)
    for name, mesh in meshes.items():
        np.testing.assert_equal(
            [plain(score) for score in together[name]],
            [plain(score) for score in score_meshes(mesh, capture.mesh)],
        )
        alone = score_depth(mesh, capture)
        assert depths[name].frame_ids == alone.frame_ids
        np.testing.assert_equal(
            [plain(score) for score in depths[name].scores],
            [plain(score) for score in alone.scores],
        )
