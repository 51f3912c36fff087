"""Opening a prepared scene, and keeping its views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ArtifactError, CaptureError, ShapeError
from crossvox.core.frame import fit_nearest
from crossvox.core.grid import VoxelGrid
from crossvox.core.params import from_plain
from crossvox.core.volume import SceneViews
from crossvox.doors.images import fit_color
from crossvox.samples import source as source_module
from crossvox.samples.kept_views import VIEWS_FOLDER, read_views, views_digest, write_views
from crossvox.samples.source import SceneSource, load_source
from crossvox.views.params import ViewParams
from crossvox.views.visibility import view_fit


def same_views(a: SceneSource, b: SceneSource) -> bool:
    names = ("frame_ids", "start", "voxel", "pixel")
    return all(np.array_equal(getattr(a.views, n), getattr(b.views, n)) for n in names)


def test_views_are_those_of_a_record_without_later_fields(
    room: SceneSource, tmp_path: Path
) -> None:
    """Msgspec 0.22 leaves fields that a record lacks to the class: ``vars`` does not tell them."""
    read = from_plain(ViewParams, {"width": 64, "height": 48})
    made = ViewParams(width=64, height=48)
    assert read == made
    one, other = (views_digest(tmp_path, room.grid, room.capture, p) for p in (read, made))
    assert one == other


def test_a_prepared_scene_has_the_views_of_its_frames(
    prepared: Path, room: SceneSource, view_params: ViewParams
) -> None:
    seen: list[tuple[int, int]] = []
    loaded = load_source(prepared, view_params, progress=lambda *done: seen.append(done))
    assert loaded.name == "box"
    assert loaded.volume is not None
    assert loaded.grid == room.grid
    pairs, frames = len(loaded.views.voxel), len(loaded.views.frame_ids)
    assert loaded.bytes == 8 * pairs + 12 * frames + 8 + 3 * loaded.grid.count
    assert loaded.views.camera == room.views.camera
    assert loaded.views.frame_ids.tolist() == [n * 10 for n in range(12) if n != 4]
    assert seen[-1][1] == 12
    # Depth on disk is in whole millimetres: a few voxels at the edge of the tolerance may differ.
    shared = len(np.intersect1d(loaded.views.voxel, room.views.voxel))
    assert shared > 0.98 * len(np.unique(room.views.voxel))


def test_views_are_kept_and_used_again(
    prepared: Path, view_params: ViewParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_source(prepared, view_params)
    assert len(list((prepared / VIEWS_FOLDER).iterdir())) == 1

    def never(*_: object) -> None:
        raise AssertionError("views were made again")

    monkeypatch.setattr(source_module, "scene_views", never)
    again = load_source(prepared, replace(view_params, max_views=1))
    assert same_views(first, again)
    assert again.views.camera == first.views.camera
    for other in (
        replace(view_params, far_m=2.0),
        replace(view_params, geometry="thesis"),
        replace(view_params, width=60),
    ):
        with pytest.raises(AssertionError, match="made again"):
            load_source(prepared, other)
    with pytest.raises(AssertionError, match="made again"):
        load_source(prepared, view_params, cache=False)


def test_other_params_poses_or_damage_make_them_anew(
    prepared: Path, view_params: ViewParams
) -> None:
    first = load_source(prepared, view_params)
    near = load_source(prepared, replace(view_params, far_m=0.8))
    assert len(near.views.voxel) < len(first.views.voxel)
    assert same_views(load_source(prepared, view_params), first)
    for file in (prepared / VIEWS_FOLDER).iterdir():
        file.write_bytes(file.read_bytes()[:500])
    assert same_views(load_source(prepared, view_params), first)
    pose = np.loadtxt(prepared / "pose" / "0.txt")
    pose[0, 3] += 0.2
    np.savetxt(prepared / "pose" / "0.txt", pose)
    assert not same_views(load_source(prepared, view_params), first)
    assert not list(prepared.rglob(".*.part*"))


def test_two_ways_to_look_do_not_take_turns(
    prepared: Path, view_params: ViewParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (view_params, replace(view_params, far_m=0.8))
    first = [load_source(prepared, way) for way in ways]
    files = {file: file.stat().st_mtime_ns for file in (prepared / VIEWS_FOLDER).iterdir()}
    assert len(files) == 2

    def never(*_: object) -> None:
        raise AssertionError("views were made again")

    monkeypatch.setattr(source_module, "scene_views", never)
    for way, own in zip(ways * 2, first * 2, strict=True):
        assert same_views(load_source(prepared, way), own)
    assert files == {f: f.stat().st_mtime_ns for f in (prepared / VIEWS_FOLDER).iterdir()}


def test_other_depth_means_other_views(prepared: Path, view_params: ViewParams) -> None:
    first = load_source(prepared, view_params)
    one, other = (prepared / "depth" / f"{n}.png" for n in (0, 30))
    one.write_bytes(other.read_bytes())
    assert not same_views(load_source(prepared, view_params), first)


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    prepared: Path, view_params: ViewParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_source(prepared, view_params, cache=False)
    before = sorted(prepared.rglob("*"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.warns(UserWarning, match=r"views.*cannot be written \(Permission denied\)"):
        found = load_source(prepared, view_params)
    assert same_views(found, expected)
    assert sorted(prepared.rglob("*")) == before


def test_images_come_at_the_view_size(room: SceneSource, view_params: ViewParams) -> None:
    frame = room.capture.frame(2)
    assert frame.rgb is not None
    image = room.image(20, view_params)
    assert image.shape == (3, 60, 64)
    assert image.dtype == np.uint8
    fit, _ = view_fit(frame.camera, view_params)
    np.testing.assert_array_equal(image, fit_color(frame.rgb, fit).transpose(2, 0, 1))
    thesis = ViewParams(width=50, height=41, geometry="thesis")
    fit, _ = view_fit(frame.camera, thesis)
    nearest = fit_nearest(frame.rgb, fit).transpose(2, 0, 1)
    np.testing.assert_array_equal(room.image(20, thesis), nearest)


def test_errors(room: SceneSource, view_params: ViewParams, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="frame 21 of box"):
        room.image(21, view_params)
    other = replace(room.views, grid=VoxelGrid((3, 3, 3), 0.05, (0.0, 0.0, 0.0)))
    with pytest.raises(ShapeError, match="needed: one grid"):
        SceneSource("box", room.volume, other, room.capture)
    with pytest.raises(ArtifactError, match=r"volume\.npz, which does not exist"):
        load_source(tmp_path / "nothing", view_params)


@pytest.mark.parametrize(
    "change",
    [
        {"voxel": np.array([1, 2, 1 << 30], np.int32)},
        {"pixel": np.array([-1, 2, 3], np.int32)},
        {"start": np.array([0, 3, 2, 3], np.int64)},
        {"lens": np.ones(2)},
        {"size": np.ones((2, 2))},
        {"frame_ids": np.ones(3)},
    ],
)
def test_kept_views_that_name_places_outside_are_not_used(
    tmp_path: Path, change: dict[str, np.ndarray]
) -> None:
    grid = VoxelGrid((4, 3, 5), 0.05, (0.0, 0.0, 0.0))
    numbers = np.array([1, 2, 3], np.int32)
    views = SceneViews(
        grid,
        Intrinsics(14, 14, 7.5, 5.5, 16, 12),
        numbers,
        np.array([0, 1, 2, 3]),
        numbers,
        numbers,
    )
    path = tmp_path / "views" / "kept.npz"
    write_views(path, views, "key")
    assert read_views(path, "key", grid) is not None
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, **change})
    assert read_views(path, "key", grid) is None
