"""Greedy cover: the slow twin, ties, reference selections, pairs of a sub-volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.camera import ImageFit, Intrinsics
from crossvox.core.checks import ParamsError
from crossvox.core.frame import fit_nearest
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneViews
from crossvox.views.params import ViewParams
from crossvox.views.select import chunk_pixels, select_many, select_views
from crossvox.views.visibility import visible_through

CAMERA = Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48)


def views_of(sets: list[np.ndarray], shape: tuple[int, int, int], seed: int = 0) -> SceneViews:
    rng = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    voxel = np.concatenate([np.zeros(0, np.int32), *sets]).astype(np.int32)
    pixel = rng.integers(0, 64 * 48, len(voxel)).astype(np.int32)
    ids = np.arange(len(sets), dtype=np.int32) * 10 + 3
    return SceneViews(VoxelGrid(shape, 0.05, (0.0, 0.0, 0.0)), CAMERA, ids, start, voxel, pixel)


def random_views(seed: int) -> SceneViews:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(3, 12, 3))
    count = int(np.prod(shape))
    sets = [
        np.sort(rng.choice(count, size=int(rng.integers(0, count // 2 + 1)), replace=False))
        for _ in range(int(rng.integers(1, 9)))
    ]
    return views_of(sets, shape, seed)


def frame_pairs(views: SceneViews, frame: int) -> list[tuple[int, int]]:
    part = slice(views.start[frame], views.start[frame + 1])
    return list(zip(views.voxel[part].tolist(), views.pixel[part].tolist(), strict=True))


def in_box(
    views: SceneViews, start: tuple[int, int, int], shape: tuple[int, int, int], voxel: int
) -> int | None:
    index = np.array(np.unravel_index(voxel, views.grid.shape)) - start
    if (index < 0).any() or (index >= shape).any():
        return None
    return int(np.ravel_multi_index(tuple(index), shape))


def slow_cover(
    views: SceneViews, start: tuple[int, int, int], shape: tuple[int, int, int], most: int
) -> tuple[list[int], list[int], int]:
    sets = []
    for frame in range(len(views.frame_ids)):
        cut = (in_box(views, start, shape, voxel) for voxel, _ in frame_pairs(views, frame))
        sets.append({voxel for voxel in cut if voxel is not None})
    chosen, gains, covered = [], [], set()
    for _ in range(most):
        gain = [len(seen - covered) for seen in sets]
        best = gain.index(max(gain))
        if gain[best] == 0:
            break
        chosen.append(int(views.frame_ids[best]))
        gains.append(gain[best])
        covered |= sets[best]
    return chosen, gains, len(set().union(*sets))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_selection_equals_the_slow_cover(seed: int) -> None:
    views = random_views(seed)
    rng = np.random.default_rng(seed + 1)
    shape = tuple(int(n) for n in rng.integers(1, 10, 3))
    starts = [tuple(int(n) for n in rng.integers(-6, 12, 3)) for _ in range(5)]
    most = int(rng.integers(1, 7))
    for start, found in zip(starts, select_many(views, starts, shape, most), strict=True):
        chosen, gains, visible = slow_cover(views, start, shape, most)
        assert found.frame_ids == tuple(chosen)
        assert found.gains == tuple(gains)
        assert found.covered == sum(gains)
        assert found.visible == visible
        assert found == select_views(views, start, shape, most)


def test_ties_go_to_the_first_frame_and_it_stops_at_no_gain() -> None:
    views = views_of([np.arange(4), np.arange(4, 8), np.arange(2, 6)], (2, 2, 2))
    found = select_views(views, (0, 0, 0), (2, 2, 2), 5)
    assert found.frame_ids == (3, 13)
    assert found.gains == (4, 4)
    assert (found.covered, found.visible) == (8, 8)
    assert select_views(views, (5, 5, 5), (2, 2, 2), 5).frame_ids == ()


def test_many_starts_agree_with_single_ones_and_report_progress() -> None:
    views = random_views(11)
    starts = [(i, j, 0) for i in range(-2, 8) for j in range(-2, 4)]
    seen: list[tuple[int, int]] = []
    found = select_many(views, starts, (3, 3, 3), 4, lambda *done: seen.append(done))
    assert found == [select_views(views, start, (3, 3, 3), 4) for start in starts]
    assert seen[-1] == (len(starts), len(starts))
    assert select_many(views, [], (3, 3, 3), 4) == []


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_chunk_pixels_are_the_pairs_inside_the_box(seed: int) -> None:
    views = random_views(seed)
    rng = np.random.default_rng(seed + 1)
    shape = tuple(int(n) for n in rng.integers(1, 10, 3))
    start = tuple(int(n) for n in rng.integers(-6, 12, 3))
    order = rng.permutation(len(views.frame_ids))[:4]
    found = chunk_pixels(views, start, shape, views.frame_ids[order].tolist())
    wanted = [
        (in_box(views, start, shape, voxel), pixel, slot)
        for slot, frame in enumerate(order)
        for voxel, pixel in frame_pairs(views, frame)
        if in_box(views, start, shape, voxel) is not None
    ]
    pairs = list(zip(found.voxel.tolist(), found.pixel.tolist(), found.view.tolist(), strict=True))
    assert sorted(pairs) == sorted(wanted)
    assert found.voxel.dtype == found.pixel.dtype == found.view.dtype == np.int64


def test_no_frames_give_no_pairs_and_unknown_ones_an_error() -> None:
    views = random_views(5)
    assert len(chunk_pixels(views, (0, 0, 0), (4, 4, 4), ()).voxel) == 0
    with pytest.raises(ParamsError, match=r"given: frame \[4\] .* do: make the sample index anew"):
        chunk_pixels(views, (0, 0, 0), (4, 4, 4), (3, 4))
    with pytest.raises(ParamsError, match="at least one"):
        select_views(views, (0, 0, 0), (4, 4, 4), 0)


@pytest.mark.realdata
def test_reference_selections_and_coverages(golden: Path) -> None:
    cases = np.load(golden / "g2_nearest_images.npz", allow_pickle=False)
    shape = (32, 32, 64)
    params = ViewParams(width=328, height=256, geometry="thesis")
    camera = Intrinsics.from_matrix(cases["K"], params.size)
    fit = ImageFit.centre_crop((320, 240), params.size)
    depths = [fit_nearest(d, fit).astype(np.float32) / 1000 for d in cases["depth_mm_320x240"]]
    cameras_from_world = np.linalg.inv(cases["poses"].astype(float))
    for prefix in ("", "test_"):
        for number, grid_from_world in enumerate(cases[prefix + "world_to_grid"]):
            world_from_grid = np.linalg.inv(grid_from_world.astype(float))
            sets = [
                visible_through(matrix @ world_from_grid, shape, depth, camera, params)[0]
                for matrix, depth in zip(cameras_from_world, depths, strict=True)
            ]
            views = views_of(sets, shape)
            found = select_views(views, (0, 0, 0), shape, 5)
            wanted = [int(n) for n in cases[prefix + "selected_index"][number] if n >= 0]
            assert [(frame - 3) // 10 for frame in found.frame_ids] == wanted
            if not prefix:
                np.testing.assert_array_equal(
                    np.diff(views.start), cases["coverage_voxels"][number]
                )
