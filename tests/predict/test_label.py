"""Frames to a labelled surface: with a labeller that errs, on a plane of two halves."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from test_complete import done, plane_frames

from crossvox.core.artifact import Stopwatch
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.class_map import ClassMap
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.predict.label import label_scene, tempered
from crossvox.predict.params import LabelParams, SmoothParams
from crossvox.predict.smooth import carry, parts_by_scale, parts_of, smooth, surface_graph
from crossvox.scene.params import VoteParams
from crossvox.scene.shell import shell_of, vertex_normals

Array = NDArray[Any]
WALL, FLOOR = 1, 2


@dataclass
class Halves:
    """Left of x = 0 is wall, right of it floor; a share of the fields is told the other way."""

    wrong: float = 0.0
    classes: int = 40

    def __call__(self, frame: Frame) -> FrameLabels | None:
        if frame.id == 1:
            return None
        assert frame.depth_m is not None
        assert frame.pose is not None
        camera, depth = frame.camera, frame.depth_m
        u = (np.arange(camera.width) - camera.cx) / camera.fx
        v = (np.arange(camera.height) - camera.cy) / camera.fy
        rays = np.stack(np.broadcast_arrays(u, v[:, None], 1.0), -1)
        at = rays * depth[..., None] @ frame.pose.world_from_camera[:3, :3].T
        x = (at + frame.pose.position_m)[..., 0][1::4, 1::4]
        flipped = np.random.default_rng(frame.id).random(x.shape) < self.wrong
        said = np.full((*x.shape, self.classes), 0.2 / (self.classes - 1), np.float32)
        label = np.where((x > 0) ^ flipped, FLOOR, WALL)
        np.put_along_axis(said, label[..., None] - 1, 0.8, -1)
        return FrameLabels(said, 4)


def seen_frames() -> list[Frame]:
    """Frames of the plane, its halves dark and bright."""
    found = []
    for frame in plane_frames(3):
        said = Halves()(replace(frame, id=0))
        assert said is not None
        bright = np.kron(said.probability.argmax(-1) == FLOOR - 1, np.ones((4, 4), bool))
        rgb = np.where(bright[..., None], 220, 40).astype(np.uint8).repeat(3, -1)
        found.append(replace(frame, rgb=rgb))
    return found


def truth(mesh: Mesh) -> Array:
    return np.where(mesh.vertices_m[:, 0] > 0, FLOOR, WALL)


def test_vertices_are_labelled_and_completed_ones_with_less_certainty() -> None:
    frames = seen_frames()
    made = done(frames, completion="full")
    found = label_scene(frames, Halves(), made, LabelParams(), Stopwatch())
    assert (found.frames, found.silent) == (2, 1)
    mesh = found.mesh
    assert mesh.labels is not None
    assert mesh.label_confidence is not None
    assert mesh.completed is not None
    inner = np.abs(mesh.vertices_m[:, 0]) > 0.06
    seen = inner & ~mesh.completed
    assert (mesh.labels == truth(mesh))[seen].mean() > 0.99
    assert (mesh.labels == truth(mesh))[inner & mesh.completed].mean() > 0.9
    assert mesh.label_confidence[seen].mean() > 0.7
    assert mesh.label_confidence[mesh.completed].mean() < mesh.label_confidence[seen].mean()
    assert 0.1 < found.seen < 1
    assert found.votes is None
    assert found.fused.labels is not None
    assert (found.fused.vertices_m == made.fused.vertices_m).all()
    own = np.abs(found.fused.vertices_m[:, 0]) > 0.06
    assert (found.fused.labels == truth(found.fused))[own].mean() > 0.99


def test_smoothing_mends_what_single_fields_get_wrong() -> None:
    frames = seen_frames()
    made = done(frames)
    right = []
    for scales in ((), (0.5, 2.0)):
        params = LabelParams(smooth=SmoothParams(scales=scales))
        mesh = label_scene(frames, Halves(0.25), made, params, Stopwatch()).mesh
        assert mesh.labels is not None
        assert mesh.completed is not None
        right.append(float((mesh.labels == truth(mesh))[~mesh.completed].mean()))
    assert right[1] > right[0] + 0.02
    assert right[1] > 0.95


def test_what_is_doubtful_stays_unknown() -> None:
    frames = seen_frames()
    made = done(frames)
    whole = label_scene(frames, Halves(), made, LabelParams(), Stopwatch()).mesh
    assert whole.label_confidence is not None
    least = float(np.median(whole.label_confidence))
    some = label_scene(frames, Halves(), made, LabelParams(unknown_below=least), Stopwatch()).mesh
    assert some.labels is not None
    assert (whole.labels != 0).all()
    np.testing.assert_array_equal(some.labels == 0, whole.label_confidence < least)
    assert 0 < (some.labels == 0).mean() < 1


def test_classes_are_merged_and_networks_correct_the_votes() -> None:
    frames = seen_frames()
    made = done(frames)
    names = ("unannotated", "surface", *([""] * 39))
    both = ClassMap(names, ((1, 1), (2, 1)), strict=True)
    merged = label_scene(frames, Halves(), made, LabelParams(), Stopwatch(), classes=both).mesh
    assert merged.labels is not None
    assert (merged.labels == 1).all()

    def refine(
        grid: VoxelGrid,
        voxels: Array,
        normals: Array,
        probability: Array,
        weight: Array,
        evidence: Array,
    ) -> Array:
        assert probability.shape == (len(voxels), 40)
        assert normals.shape == (len(voxels), 3)
        assert weight.shape == (len(voxels),)
        assert evidence.shape == (6, *grid.shape)
        out = np.zeros_like(probability)
        out[:, 4] = 1
        return out

    found = label_scene(frames, Halves(), made, LabelParams(), Stopwatch(), refine=refine)
    assert found.votes is not None
    assert found.votes.labels is not None
    assert (found.mesh.labels == 5).all()
    assert set(np.unique(found.votes.labels)) == {WALL, FLOOR}
    with pytest.raises(ShapeError, match="check the network"):
        label_scene(
            frames, Halves(), made, LabelParams(), Stopwatch(), refine=lambda *_: np.zeros((1, 1))
        )


def test_a_surface_that_nobody_labels_stays_without_labels() -> None:
    frames = seen_frames()
    made = done(frames)
    found = label_scene([frames[1]], Halves(), made, LabelParams(), Stopwatch())
    assert found.mesh.labels is None
    assert found.frames == 0
    # Nor is it labelled where all that frames say is of something else: too far away to count.
    params = LabelParams(votes=VoteParams(far_m=0.1))
    found = label_scene(frames, Halves(), made, params, Stopwatch())
    assert found.mesh.labels is None
    assert (found.frames, found.silent, found.seen) == (2, 1, 0)


def strip(count: int) -> Mesh:
    """A strip of triangles along x, 0.1 m a step."""
    at = np.array([(0.1 * n, y, 0) for n in range(count) for y in (0.0, 0.1)], np.float32)
    faces = [
        face
        for n in range(count - 1)
        for face in ((2 * n, 2 * n + 2, 2 * n + 1), (2 * n + 1, 2 * n + 2, 2 * n + 3))
    ]
    return Mesh(at, np.array(faces, np.int32))


def test_classes_are_carried_along_the_surface_and_not_across_gaps() -> None:
    near, far = strip(11), strip(3)
    # The second part is nearer to the end of the first than its labelled begin is.
    moved = far.vertices_m + np.array([1.2, 0, 0], np.float32)
    mesh = Mesh(
        np.concatenate((near.vertices_m, moved)), np.concatenate((near.faces, far.faces + 22))
    )
    said = np.zeros((28, 2), np.float32)
    known = np.zeros(28, bool)
    known[[0, 1, 22]] = True
    said[[0, 1], 0] = said[22, 1] = 1
    graph = surface_graph(mesh, SmoothParams())
    distance = carry(mesh, graph, said, known, 0.5)
    assert said[:22].argmax(1).tolist() == [0] * 22
    assert said[22:].argmax(1).tolist() == [1] * 6
    assert distance[10] == pytest.approx(0.5, abs=0.08)
    assert said[10, 0] == pytest.approx(0.75, abs=0.06)
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-6)
    # A part without any label takes that of the nearest vertex in space.
    said[22:] = 0
    known[22] = False
    distance = carry(mesh, graph, said, known, 0.5)
    assert said[22:].argmax(1).tolist() == [0] * 6
    assert np.isfinite(distance).all()


def test_parts_end_at_colours_and_smoothing_stays_within_them() -> None:
    mesh = strip(21)
    said = np.zeros((42, 2), np.float32)
    said[:20, 0] = said[20:, 1] = 1
    said[[6, 7]] = 0.1, 0.9
    colors = np.full((42, 3), 40, np.uint8)
    colors[20:] = 220
    params = SmoothParams(scales=(0.5, 1.0), least_vertices=2)
    painted = replace(mesh, colors=colors)
    graph = surface_graph(painted, params)
    part = parts_of(painted, graph, 0.5, 2)
    assert part.tolist() == [part[0]] * 20 + [part[20]] * 22
    assert part[0] != part[20]
    parts = parts_by_scale(painted, graph, params)
    np.testing.assert_array_equal(parts[0], part)
    np.testing.assert_array_equal(parts[1], parts_of(painted, graph, 1.0, 2))
    out = smooth(parts, said, np.ones(42, np.float32))
    assert out.argmax(1).tolist() == [0] * 20 + [1] * 22
    np.testing.assert_allclose(out.sum(1), 1, atol=1e-5)
    # Of one colour it is one part, and the larger half is told of all.
    plain = surface_graph(mesh, params)
    assert len(np.unique(parts_of(mesh, plain, 0.5, 2))) == 1
    # Small parts go where they are most alike.
    colors[18:20] = 60
    spotted = replace(mesh, colors=colors)
    fine = parts_of(spotted, surface_graph(spotted, params), 1e-4, 3)
    assert fine[18] == fine[17] != fine[20]
    none = SmoothParams(scales=())
    assert parts_by_scale(mesh, plain, none) == ()
    np.testing.assert_array_equal(smooth((), said, np.ones(42, np.float32)), said)


def test_parts_end_at_creases() -> None:
    flat = strip(11)
    up = flat.vertices_m[:, [2, 1, 0]] + flat.vertices_m[-1] * np.array([1, 0, 0], np.float32)
    mesh = Mesh(np.concatenate((flat.vertices_m, up[2:])), np.concatenate((flat.faces, np.where(
        flat.faces < 2, flat.faces + 20, flat.faces + 20))))  # fmt: skip
    params = SmoothParams(scales=(0.05,), least_vertices=2)
    part = parts_of(mesh, surface_graph(mesh, params), 0.05, 2)
    assert len(set(part[:18].tolist())) == len(set(part[24:].tolist())) == 1
    assert part[0] != part[-1]


def test_a_shell_gives_vertices_what_lies_around_them() -> None:
    mesh = done(plane_frames()).fused
    grid = done(plane_frames()).grid
    shell = shell_of(grid, mesh)
    assert (np.diff(shell.voxels) > 0).all()
    np.testing.assert_allclose(shell.share.sum(1), 1, atol=1e-5)
    centres = grid.to_world(np.stack(np.unravel_index(shell.voxels, grid.shape), -1))
    values, weight = shell.at_vertices(centres.astype(np.float32), np.ones(len(centres)))
    np.testing.assert_allclose(values, mesh.vertices_m, atol=1e-4)
    np.testing.assert_allclose(weight, 1, atol=1e-5)
    normals = vertex_normals(mesh)
    length = np.linalg.norm(shell.normals, axis=1)
    np.testing.assert_allclose(length[length > 0], 1, atol=1e-4)
    assert (shell.normals @ normals.mean(0) > 0.9).mean() > 0.9


def test_temperatures_keep_the_label() -> None:
    said = np.array([[0.7, 0.2, 0.1]], np.float32)
    assert tempered(said, 1) == pytest.approx(said)
    soft = tempered(said, 2)
    np.testing.assert_allclose(soft, np.sqrt(said) / np.sqrt(said).sum(), rtol=1e-5)
    with pytest.raises(ParamsError, match="unknown-below"):
        LabelParams(unknown_below=2)
    with pytest.raises(ParamsError, match=r"label\.smooth"):
        SmoothParams(half_m=0)
