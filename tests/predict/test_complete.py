"""Frames to a completed surface: with an oracle instead of a network, on a plane seen in part."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "scene"))
from sights import looking, wall_frame

from crossvox.core.artifact import Stopwatch
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.predict import complete as module
from crossvox.predict.complete import Completion, compact, complete_scene
from crossvox.predict.params import CompletionParams
from crossvox.predict.threshold import shown_again
from crossvox.scene.params import EvidenceParams, TsdfParams
from crossvox.scene.tsdf.complete import LearntField, completed_mesh
from crossvox.scene.tsdf.volume import fuse

Array = NDArray[Any]

TILT = np.array([0.12, -0.07, 1.0]) / np.linalg.norm([0.12, -0.07, 1.0])
EVIDENCE = EvidenceParams(band_voxels=6.0)
PATCH_M = 0.2
"""How far above the plane the patch floats: beyond what is fused, within the band."""


@pytest.fixture(autouse=True)
def a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The few frames of these tests all show the same, and pass for frames of a walk."""
    monkeypatch.setattr(module, "shown_again", lambda near, frames: 0.3)


def plane_frames(count: int = 2) -> list[Frame]:
    places = [(0.1, 0.0, 1.1), (-0.1, 0.15, 1.0), (0.0, -0.1, 1.05)]
    return [
        replace(
            wall_frame(number, looking(place, (0.0, 0.0, 0.0)), TILT, 0.0),
            rgb=np.full((60, 80, 3), 90 + number, np.uint8),
        )
        for number, place in enumerate(places[:count])
    ]


def oracle(frames: list[Frame], patch: bool = False) -> Callable[[Array], Array]:
    """Knows the plane everywhere; may see a patch in front of it that is not there."""
    grid = VoxelGrid.around(fuse(frames).mesh().vertices_m, 0.05, 12)
    at = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    height = at @ TILT
    distance = height.copy()
    if patch:
        above = (np.abs(at[..., :2]) < 0.2).all(axis=-1) & (height > 0.1)
        distance[above] = height[above] - PATCH_M
    sure = 3 + 0.5 * at[..., 0]
    said = np.stack([np.clip(distance / 0.3, -1, 1), sure + 0.2, sure]).astype(np.float32)

    def answer(channels: Array) -> Array:
        assert channels.shape == (6, *grid.shape)
        assert channels.dtype == np.float32
        return said

    return answer


def done(frames: list[Frame], patch: bool = False, **params: Any) -> Completion:
    return complete_scene(
        oracle(frames, patch),
        lambda: frames,
        0.05,
        EVIDENCE,
        CompletionParams(**params),
        TsdfParams(),
        Stopwatch(),
    )


def same(one: Mesh, other: Mesh) -> None:
    for name in ("vertices_m", "faces", "colors", "completed", "confidence"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b, name)


def test_without_completion_it_is_fusion() -> None:
    frames = plane_frames()
    made = done(frames, completion="none")
    same(made.mesh, fuse(frames).mesh())
    assert made.mesh is made.fused
    assert (made.culled, made.frames, made.least_confidence) == (0, 2, 1)


def test_what_was_not_seen_is_added() -> None:
    frames = plane_frames()
    made = done(frames)
    same(made.fused, fuse(frames).mesh())
    assert made.mesh.completed is not None
    assert made.mesh.completed.any()
    np.testing.assert_allclose(made.mesh.vertices_m.astype(float) @ TILT, 0, atol=0.02)
    reach = np.abs(made.mesh.vertices_m[:, :2]).max()
    assert reach > np.abs(made.fused.vertices_m[:, :2]).max() + 0.3
    measured = {row.tobytes() for row in made.mesh.vertices_m[~made.mesh.completed]}
    assert {row.tobytes() for row in made.fused.vertices_m} <= measured
    assert made.culled == 0
    assert made.confidence.shape == made.seen.shape == made.grid.shape
    assert 0.35 <= made.least_confidence < 1


def test_a_camera_that_stands_still_adds_what_there_is_and_no_scan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "shown_again", shown_again)
    frames = plane_frames()
    with monkeypatch.context() as patched:
        patched.delattr(module, "safe_confidence")
        made = done(frames, completion="safe")
    assert made.again > 0.75
    assert made.least_confidence == 1
    assert made.uncompleted
    # The needed confidence is not asked for voxel by voxel; the surface is what it would leave.
    same(made.mesh, _nothing_sure(frames, made))
    assert not done(frames, completion="full").uncompleted
    # Frames that read nothing show nothing new.
    blind = [replace(frame, depth_m=0 * frame.depth_m) for frame in frames]  # type: ignore[operator]
    assert done([*frames, *blind]).again == made.again
    assert done(frames[:1]).again == 1
    safe, full = made.mesh, done(frames, completion="full").mesh
    assert safe.completed is not None
    assert not safe.completed.any()
    assert full.completed is not None
    assert full.completed.any()


def _nothing_sure(frames: list[Frame], made: Completion) -> Mesh:
    """What completion leaves of the fused surface where no confidence is enough."""
    shape = made.grid.shape
    nothing = np.zeros(shape, np.float32)
    field = LearntField(made.grid, nothing, nothing, np.zeros(shape, bool), nothing + 1)
    return completed_mesh(fuse(frames), field, 1.0)


def test_seen_voxels_are_those_where_readings_end() -> None:
    made = done(plane_frames())
    height = made.grid.to_world(np.argwhere(made.seen)) @ TILT
    assert len(height) > 200
    assert np.abs(height).max() < 0.06


def test_full_takes_the_confidence_of_any_surface_and_safe_that_of_a_scan() -> None:
    frames = plane_frames()
    safe, full = done(frames, completion="safe"), done(frames, completion="full")
    ratio = np.log(full.confidence / (1 - full.confidence))
    ratio -= np.log(safe.confidence / (1 - safe.confidence))
    np.testing.assert_allclose(ratio, 0.2, atol=1e-3)


def test_a_floor_that_is_never_reached_leaves_fusion() -> None:
    made = done(plane_frames(), safe_confidence=0.999)
    assert made.mesh.completed is not None
    assert not made.mesh.completed.any()
    np.testing.assert_array_equal(made.mesh.vertices_m, made.fused.vertices_m)
    np.testing.assert_array_equal(made.mesh.faces, made.fused.faces)


def test_a_floating_patch_that_two_frames_look_through_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = plane_frames()
    made = done(frames, patch=True)
    clean = done(frames)
    with monkeypatch.context() as patched:
        patched.setattr(module, "SEEN_FREE_FRAMES", 3)
        floating = done(frames, patch=True)

    def patch(mesh: Mesh) -> Array:
        return np.asarray(np.abs(mesh.vertices_m.astype(float) @ TILT - PATCH_M) < 0.03)

    assert floating.culled == 0
    assert patch(floating.mesh).sum() > 50
    assert made.culled >= patch(floating.mesh).sum()
    assert not patch(made.mesh).any()
    assert made.mesh.colors is not None
    assert len(np.unique(made.mesh.faces)) == len(made.mesh.vertices_m), "nothing is left over"
    assert clean.culled == 0
    alone = done(plane_frames(1), patch=True)
    assert alone.culled == 0
    assert patch(alone.mesh).any(), "one frame may err"


class Reader:
    """Counts how often its frames are read."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames, self.reads = frames, 0

    def __call__(self) -> Iterator[Frame]:
        self.reads += 1
        yield from self.frames


def test_frames_for_which_there_is_no_room_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = plane_frames(3)
    made = []
    for limit, reads in ((module.KEPT_BYTES, 1), (60_000, 3), (0, 3)):
        monkeypatch.setattr(module, "KEPT_BYTES", limit)
        reader = Reader(frames)
        made.append(
            complete_scene(
                oracle(frames, patch=True),
                reader,
                0.05,
                EVIDENCE,
                CompletionParams(),
                TsdfParams(),
                Stopwatch(),
            )
        )
        assert reader.reads == reads
    for other in made[1:]:
        same(other.mesh, made[0].mesh)
        assert other.culled == made[0].culled > 0
        np.testing.assert_array_equal(other.seen, made[0].seen)


def test_frames_that_were_read_in_part_are_all_given_next_time() -> None:
    frames = plane_frames(3)
    reader = Reader(frames)
    again = module.KeptFrames(reader)
    assert next(iter(again)) is frames[0]
    assert list(again) == frames
    assert list(again) == frames
    assert reader.reads == 2


def test_frames_are_kept_at_once_where_all_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = plane_frames(3)
    reader = Reader(frames)
    again = module.KeptFrames(reader, 3)
    assert again.keep()
    so_far = reader.reads
    assert list(again) == list(again) == frames
    assert again.keep()
    assert reader.reads == so_far
    assert frames[0].depth_m is not None
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * frames[0].depth_m.nbytes)
    given: list[Frame] = []

    def one_by_one() -> Iterator[Frame]:
        for frame in frames:
            given.append(frame)
            yield frame

    few = module.KeptFrames(one_by_one, 3)
    assert not few.keep()
    assert given == frames[:1], "the first tells that there is no room"
    assert list(few) == frames
    assert not few.keep()


@pytest.mark.parametrize("kind", ["none", "lost", "dark"])
def test_frames_that_give_no_surface_are_refused(kind: str) -> None:
    frames = plane_frames()
    given = {
        "none": [],
        "lost": [replace(frame, pose=None) for frame in frames],
        "dark": [replace(frame, depth_m=np.zeros((60, 80), np.float32)) for frame in frames],
    }[kind]
    with pytest.raises(CaptureError, match="given: 0 frames whose depth images give no surface"):
        complete_scene(
            oracle(frames),
            lambda: given,
            0.05,
            EVIDENCE,
            CompletionParams(),
            TsdfParams(),
            Stopwatch(),
        )


def test_compacting_keeps_every_face() -> None:
    mesh = done(plane_frames()).mesh
    some = replace(mesh, faces=mesh.faces[::7])
    small = compact(some)
    np.testing.assert_array_equal(small.triangles_m, some.triangles_m)
    assert small.completed is not None
    assert some.completed is not None
    np.testing.assert_array_equal(small.completed[small.faces], some.completed[some.faces])
    assert len(np.unique(small.faces)) == len(small.vertices_m) < len(mesh.vertices_m)
    assert len(compact(replace(mesh, faces=mesh.faces[:0])).vertices_m) == 0


def test_parameters_that_make_no_sense_are_refused() -> None:
    for wrong in ({"completion": "some"}, {"safe_confidence": 0.0}, {"frames": -1}):
        with pytest.raises(ParamsError):
            CompletionParams(**wrong)
