"""Opening a prepared scene, and keeping its views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import ArtifactError, CaptureError, ShapeError
from crossvox.core.frame import fit_nearest
from crossvox.core.grid import VoxelGrid
from crossvox.doors.images import fit_color
from crossvox.samples import source as source_module
from crossvox.samples.source import VIEWS_FILE, SceneSource, load_source
from crossvox.views.params import ViewParams
from crossvox.views.visibility import view_fit


def same_views(a: SceneSource, b: SceneSource) -> bool:
    names = ("frame_ids", "start", "voxel", "pixel")
    return all(np.array_equal(getattr(a.views, n), getattr(b.views, n)) for n in names)


def test_a_prepared_scene_has_the_views_of_its_frames(
    prepared: Path, room: SceneSource, view_params: ViewParams
) -> None:
    seen: list[tuple[int, int]] = []
    loaded = load_source(prepared, view_params, progress=lambda *done: seen.append(done))
    assert loaded.name == "box"
    assert loaded.volume is not None
    assert loaded.grid == room.grid
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
    assert (prepared / VIEWS_FILE).is_file()

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
    (prepared / VIEWS_FILE).write_bytes((prepared / VIEWS_FILE).read_bytes()[:500])
    assert same_views(load_source(prepared, view_params), first)
    pose = np.loadtxt(prepared / "pose" / "0.txt")
    pose[0, 3] += 0.2
    np.savetxt(prepared / "pose" / "0.txt", pose)
    assert not same_views(load_source(prepared, view_params), first)
    assert not list(prepared.glob(".*.part*"))


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
