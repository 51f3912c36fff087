"""Controls of an experiment: each takes away what it says, and leaves the rest as it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.chunks import ChunkParams
from crossvox.core.checks import ParamsError
from crossvox.core.grid import Index3
from crossvox.core.volume import Sample, VoxelPixels
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import training_index
from crossvox.samples.label_budget import labelled_rooms, with_points
from crossvox.samples.params import AugmentParams, InputParams, LabelParams
from crossvox.samples.rotations import Rotation, rotations
from crossvox.samples.source import SceneSource
from crossvox.views.params import ViewParams

ROOMS = tuple(f"scene{number:04d}_{part:02d}" for number in range(20) for part in range(2))
GEOMETRY = ("occupied", "observed", "labels", "inside", "view_ok")


def first_sample(
    room: SceneSource, views: ViewParams, shape: Index3, augment: AugmentParams | None = None
) -> Sample:
    index = training_index([room], ChunkParams(shape=shape, per_scene=3), views, seed=0)
    return ChunkDataset({room.name: room}, index, views, augment)[0]


def test_grey_images_hold_brightness_alone(room: SceneSource, view_params: ViewParams) -> None:
    frame = int(room.views.frame_ids[1])
    color = room.image(frame, view_params).astype(float)
    shown = replace(room, shown=InputParams(colors="grey")).image(frame, view_params)
    assert (shown[0] == shown[1]).all()
    assert (shown[0] == shown[2]).all()
    brightness = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    assert np.abs(shown[0] - brightness).max() <= 0.5 + 1e-6
    assert np.ptp(color, axis=0).max() > 50, "there was colour to be dropped"


def test_wrong_frames_change_images_and_no_geometry(
    room: SceneSource, view_params: ViewParams
) -> None:
    wrong = replace(room, shown=InputParams(frames="wrong"))
    ours, theirs = (first_sample(one, view_params, (12, 12, 16)) for one in (room, wrong))
    for name in GEOMETRY:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.lift.voxel, theirs.lift.voxel)
    np.testing.assert_array_equal(ours.lift.pixel, theirs.lift.pixel)
    assert ours.place == theirs.place
    assert not np.array_equal(ours.images, theirs.images)
    frames = room.views.frame_ids.tolist()
    shown = [wrong.shown_frame(frame) for frame in frames]
    assert sorted(shown) == sorted(frames), "every image is shown once"
    assert all(a != b for a, b in zip(frames, shown, strict=True)), "and never in its place"
    np.testing.assert_array_equal(
        wrong.image(frames[0], view_params), room.image(shown[0], view_params)
    )


@pytest.mark.parametrize(
    ("shape", "count"), [((4, 4, 4), 24), ((4, 4, 6), 8), ((6, 4, 4), 8), ((3, 4, 5), 4)]
)
def test_a_box_is_turned_onto_itself_and_never_mirrored(shape: Index3, count: int) -> None:
    found = rotations(shape)
    assert len(found) == len(set(found)) == count
    assert found[0] == Rotation()
    for one in found:
        matrix = np.zeros((3, 3))
        for axis, (source, flip) in enumerate(zip(one.axes, one.flipped, strict=True)):
            matrix[axis, source] = -1 if flip else 1
        assert round(np.linalg.det(matrix)) == 1


def test_pairs_turn_with_their_voxels() -> None:
    shape = (3, 3, 3)
    pixels = VoxelPixels(np.arange(27), np.arange(27), np.zeros(27, np.int64))
    volume = np.arange(27).reshape(shape)
    for rotation in rotations(shape):
        turned = rotation.volume(volume)
        assert np.array_equal(turned.flat[rotation.pixels(pixels, shape).voxel], np.arange(27))


def test_without_gravity_any_axis_points_up(room: SceneSource, view_params: ViewParams) -> None:
    still = AugmentParams(False, 0, 0, 0, 0, 0)
    shape = (14, 14, 14)
    index = training_index([room], ChunkParams(shape=shape, per_scene=1), view_params, seed=0)
    upright, free = (
        ChunkDataset({room.name: room}, index, view_params, augment)
        for augment in (still, replace(still, up="free"))
    )
    own = upright[0].occupied
    images = {rotation.volume(own).tobytes() for rotation in rotations(shape)}
    found = {free[epoch, 0].occupied.tobytes() for epoch in range(40)}
    assert found <= images
    assert len(found) > 10, "and not the same each time"
    sample = free[7, 0]
    assert sample.lift.voxel.size == upright[0].lift.voxel.size
    surface = sample.occupied.flat[sample.lift.voxel].mean()
    assert surface == upright[0].occupied.flat[upright[0].lift.voxel].mean()


@given(seed=st.integers(0, 50), half=st.sampled_from([None, "first", "second"]))
@settings(max_examples=30)
def test_shares_of_rooms_are_nested(seed: int, half: str | None) -> None:
    found = [
        set(labelled_rooms(ROOMS, LabelParams(share, half=half), seed))  # type: ignore[arg-type]
        for share in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
    ]
    for fewer, more in pairwise(found):
        assert fewer <= more
    spaces = [len({name[:9] for name in rooms}) for rooms in found]
    assert spaces == ([1, 1, 2, 4, 10, 20] if half is None else [1, 1, 1, 2, 5, 10])
    assert all({name[:9] + "_00", name[:9] + "_01"} <= found[1] for name in found[1])


def test_halves_share_no_room_and_are_those_of_every_seed() -> None:
    first, second = (
        [set(labelled_rooms(ROOMS, LabelParams(half=half), seed)) for seed in range(3)]  # type: ignore[arg-type]
        for half in ("first", "second")
    )
    assert not first[0] & second[0]
    assert first[0] | second[0] == set(ROOMS)
    assert first[0] == first[1] == first[2]


def test_shares_differ_by_seed_and_not_by_what_else_there_is() -> None:
    params = LabelParams(0.2)
    assert labelled_rooms(ROOMS, params, 0) != labelled_rooms(ROOMS, params, 1)
    assert labelled_rooms(ROOMS[::-1], params, 0) == labelled_rooms(ROOMS, params, 0)[::-1]


def test_points_are_nested_and_on_annotated_surface(room: SceneSource) -> None:
    assert room.volume is not None
    volume = room.volume
    found = [with_points(volume, "box", points, seed=1) for points in (20, 50, 100, 200)]
    for points, one in zip((20, 50, 100, 200), found, strict=True):
        kept = one.labels > 0
        assert int(kept.sum()) == points
        assert (volume.occupied & (volume.labels > 0))[kept].all()
        assert (one.labels[kept] == volume.labels[kept]).all()
        assert one.occupied is volume.occupied
    for fewer, more in pairwise(found):
        assert (more.labels > 0)[fewer.labels > 0].all()
    assert with_points(volume, "box", 0, 1) is volume
    other = with_points(volume, "box", 20, seed=2)
    assert not np.array_equal(other.labels, found[0].labels)
    every = with_points(volume, "box", 10**6, 1)
    np.testing.assert_array_equal(every.labels, np.where(volume.occupied, volume.labels, 0))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (LabelParams, {"share": 0.0}),
        (LabelParams, {"share": 1.1}),
        (LabelParams, {"points": -1}),
        (LabelParams, {"half": "third"}),
        (InputParams, {"colors": "sepia"}),
        (AugmentParams, {"up": "down"}),
    ],
)
def test_values_that_make_no_sense_are_refused(kind: type, values: dict[str, object]) -> None:
    with pytest.raises(ParamsError, match="needed:"):
        kind(**values)
