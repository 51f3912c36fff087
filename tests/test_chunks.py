"""Drawing, tiling, cutting and turning sub-volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.chunks import (
    BoxCounts,
    ChunkDraws,
    ChunkParams,
    DrawReport,
    cut,
    scene_from_chunk,
    sliding_starts,
    turn_pixels,
    turned_shape,
)
from crossvox.core.checks import ParamsError
from crossvox.core.grid import Index3, VoxelGrid, turn
from crossvox.core.volume import SceneVolume, VoxelPixels

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
STARTS = st.tuples(*[st.integers(-12, 12)] * 3)


def random_starts(volume: SceneVolume, params: ChunkParams, rng: np.random.Generator) -> DrawReport:
    return ChunkDraws(volume, params, rng).draw(params.per_scene)


def tiled_starts(volume: SceneVolume, shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Tiles that hold an occupied voxel."""
    starts = sliding_starts(volume.grid, shape, shape)
    counts = BoxCounts(volume.occupied).count(np.array(starts), shape).tolist()
    return [start for start, count in zip(starts, counts, strict=True) if count > 0]


def stitch(
    pieces: list[np.ndarray], starts: list[tuple[int, int, int]], extent: tuple[int, int, int]
) -> np.ndarray:
    """Pieces put back at their starts; what hangs out is dropped, the rest is 0."""
    shape = pieces[0].shape
    out = np.zeros(tuple(n + size for n, size in zip(extent, shape, strict=True)), pieces[0].dtype)
    for piece, (i, j, k) in zip(pieces, starts, strict=True):
        out[i : i + shape[0], j : j + shape[1], k : k + shape[2]] = piece
    return out[: extent[0], : extent[1], : extent[2]]


def volume_of(occupied: np.ndarray, labels: np.ndarray | None = None) -> SceneVolume:
    grid = VoxelGrid(occupied.shape, 0.05, (-1.0, 2.0, 0.5))
    if labels is None:
        labels = np.zeros(occupied.shape, np.uint8)
    return SceneVolume(grid, occupied, occupied.copy(), labels)


def random_volume(seed: int, share: float = 0.1) -> SceneVolume:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 14, 3))
    occupied = rng.random(shape) < share
    return volume_of(occupied, np.where(occupied, rng.integers(0, 41, shape), 0).astype(np.uint8))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), start=STARTS, shape=SHAPES)
def test_cut_and_box_counts_equal_the_slow_loop(
    seed: int, start: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    labels = random_volume(seed).labels
    piece = cut(labels, start, shape, 99)
    assert piece.shape == shape
    inside = 0
    for index in np.ndindex(*shape):
        place = tuple(int(n) for n in np.add(start, index))
        if all(0 <= p < limit for p, limit in zip(place, labels.shape, strict=True)):
            assert piece[index] == labels[place]
            inside += int(labels[place] > 0)
        else:
            assert piece[index] == 99
    assert BoxCounts(labels > 0).count(np.array([start]), shape).tolist() == [inside]


def test_cut_is_a_copy_and_keeps_leading_axes() -> None:
    array = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3)
    piece = cut(array, (1, 1, 1), (3, 2, 1), -1)
    assert piece.shape == (2, 3, 2, 1)
    piece[:] = 0
    assert array[1, 1, 1, 1] != 0


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), shape=SHAPES)
def test_tile_then_stitch_is_the_identity(seed: int, shape: tuple[int, int, int]) -> None:
    volume = random_volume(seed)
    starts = tiled_starts(volume, shape)
    pieces = [cut(volume.labels, start, shape, 77) for start in starts]
    if starts:
        rebuilt = stitch(pieces, starts, volume.grid.shape)
        np.testing.assert_array_equal(rebuilt, volume.labels)
    occupied = sum(int(cut(volume.occupied, start, shape, fill=False).sum()) for start in starts)
    assert occupied == int(volume.occupied.sum())
    assert all(n % size == 0 for start in starts for n, size in zip(start, shape, strict=True))
    assert all(cut(volume.occupied, start, shape, fill=False).any() for start in starts)


@settings(max_examples=30)
@given(data=st.data(), extent=SHAPES, shape=SHAPES)
def test_windows_cover_the_whole_grid_and_none_is_idle(
    data: st.DataObject, extent: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    stride = tuple(data.draw(st.integers(1, size)) for size in shape)
    grid = VoxelGrid(extent, 0.05, (0.0, 0.0, 0.0))
    starts = sliding_starts(grid, shape, stride)
    covered = np.zeros(extent, dtype=int)
    for i, j, k in starts:
        assert min(i, j, k) >= 0
        assert all(n < limit for n, limit in zip((i, j, k), extent, strict=True))
        covered[i : i + shape[0], j : j + shape[1], k : k + shape[2]] += 1
    assert covered.min() >= 1
    assert len(set(starts)) == len(starts)
    if stride == shape:
        assert covered.max() == 1


def test_a_grid_smaller_than_a_window_gets_one_window() -> None:
    grid = VoxelGrid((5, 32, 10), 0.05, (0.0, 0.0, 0.0))
    assert sliding_starts(grid, (32, 32, 64), (16, 16, 32)) == [(0, 0, 0)]
    grid = VoxelGrid((33, 32, 10), 0.05, (0.0, 0.0, 0.0))
    assert sliding_starts(grid, (32, 32, 64), (16, 16, 32)) == [(0, 0, 0), (16, 0, 0)]


def test_a_stride_longer_than_the_window_is_refused() -> None:
    grid = VoxelGrid((9, 9, 9), 0.05, (0.0, 0.0, 0.0))
    with pytest.raises(ParamsError, match="choose a smaller stride"):
        sliding_starts(grid, (4, 4, 4), (4, 5, 4))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), turns=st.integers(-5, 9))
def test_turned_pixels_name_the_same_voxels(seed: int, turns: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 9, 3))
    content = rng.permutation(int(np.prod(shape))).reshape(shape)
    voxel = rng.integers(0, content.size, 40)
    pixels = VoxelPixels(voxel, rng.integers(0, 99, 40), rng.integers(0, 5, 40))
    turned = turn_pixels(pixels, shape, turns)
    rotated = turn(content, turns)
    assert rotated.shape == turned_shape(shape, turns)
    np.testing.assert_array_equal(rotated.reshape(-1)[turned.voxel], content.reshape(-1)[voxel])
    np.testing.assert_array_equal(turned.pixel, pixels.pixel)
    np.testing.assert_array_equal(turned.view, pixels.view)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), turns=st.integers(0, 3))
def test_four_turns_are_the_identity(seed: int, turns: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 9, 3))
    voxel = rng.integers(0, int(np.prod(shape)), 30)
    pixels = VoxelPixels(voxel, voxel, voxel)
    turned, now = pixels, shape
    for _ in range(4):
        turned = turn_pixels(turned, now, 1)
        now = turned_shape(now, 1)
    assert now == shape
    np.testing.assert_array_equal(turned.voxel, voxel)
    back = turn_pixels(turn_pixels(pixels, shape, turns), turned_shape(shape, turns), -turns)
    np.testing.assert_array_equal(back.voxel, voxel)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), start=STARTS, turns=st.integers(0, 3))
def test_the_place_in_the_world_stays_recoverable(
    seed: int, start: tuple[int, int, int], turns: int
) -> None:
    volume = random_volume(seed)
    shape = (4, 6, 5)
    positions = np.moveaxis(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")), 0, -1)
    world = volume.grid.to_world(positions + np.array(start))
    turned = np.moveaxis(turn(np.moveaxis(world, -1, 0), turns), 0, -1)
    world_from_chunk = volume.grid.world_from_grid @ scene_from_chunk(start, shape, turns)
    for index in np.ndindex(*turned.shape[:3]):
        found = world_from_chunk @ (*index, 1)
        np.testing.assert_allclose(found[:3], turned[index], atol=1e-9)


def test_draws_keep_the_bounds() -> None:
    rng = np.random.default_rng(0)
    occupied = np.zeros((60, 50, 40), dtype=bool)
    occupied[:, :, :8] = rng.random((60, 50, 8)) < 0.6
    labels = np.where(occupied, 2, 0).astype(np.uint8)
    labels[20:30, 20:30][occupied[20:30, 20:30]] = 5
    params = ChunkParams(shape=(16, 16, 16), per_scene=200)
    report = random_starts(volume_of(occupied, labels), params, np.random.default_rng(1))
    assert len(report.starts) == 200
    assert report.missing == 0
    assert report.drawn == 200 + report.too_empty + report.wall_floor
    rich = 0
    shares = []
    for start in report.starts:
        assert all(0 <= n < limit for n, limit in zip(start, occupied.shape, strict=True))
        shares.append(cut(occupied, start, params.shape, fill=False).mean())
        rich += int((cut(labels, start, params.shape, 0) == 5).any())
    assert min(shares) >= params.lowest_share
    assert report.lowest_share == pytest.approx(min(shares))
    # The other draws are the few with nothing but floor that are kept.
    assert 0.5 < rich / 200 < 1
    again = random_starts(volume_of(occupied, labels), params, np.random.default_rng(1))
    assert again == report


def test_borders_on_the_high_side_occur() -> None:
    params = ChunkParams(shape=(8, 8, 8), per_scene=300, occupied_share=0.01)
    report = random_starts(volume_of(np.ones((10, 10, 10), bool)), params, np.random.default_rng(0))
    assert len(report.starts) == 300
    assert max(start[0] for start in report.starts) == 9
    assert min(start[0] for start in report.starts) == 0


@pytest.mark.parametrize("seed", range(3))
def test_draws_like_windows_hold_what_windows_hold(seed: int) -> None:
    """A room with a floor and clutter above it: predictions see the floor in every window."""
    rng = np.random.default_rng(seed)
    occupied = np.zeros((48, 40, 20), dtype=bool)
    occupied[:, :, 0] = True
    occupied[:, :, 1:8] = rng.random((48, 40, 7)) < 0.3
    labels = np.where(occupied, 5, 0).astype(np.uint8)
    labels[:, :, 0] = 2
    volume, shape = volume_of(occupied, labels), (16, 16, 24)

    def floor_share(starts: Sequence[Index3]) -> float:
        cuts = [cut(labels, start, shape, 0) for start in starts]
        return sum(int((c == 2).sum()) for c in cuts) / sum(int((c > 0).sum()) for c in cuts)

    def drawn(placing: Literal["published", "windows"]) -> tuple[Index3, ...]:
        params = ChunkParams(shape=shape, per_scene=200, occupied_share=0.05, placing=placing)
        return random_starts(volume, params, np.random.default_rng(seed)).starts

    windows = floor_share(sliding_starts(volume.grid, shape, (8, 8, 12)))
    like = drawn("windows")
    assert floor_share(like) == pytest.approx(windows, rel=0.1)
    assert floor_share(drawn("published")) < 0.6 * windows
    assert {start[2] for start in like} == {0}
    assert min(start[0] for start in like) < 0 < max(start[0] for start in like)


def test_like_windows_every_voxel_is_drawn_evenly() -> None:
    params = ChunkParams(shape=(8, 8, 8), per_scene=4000, occupied_share=0.01, placing="windows")
    volume = volume_of(np.ones((12, 12, 6), bool))
    starts = np.array(random_starts(volume, params, np.random.default_rng(0)).starts)
    covered = [int(((starts[:, 0] <= x) & (x < starts[:, 0] + 8)).sum()) for x in range(12)]
    assert max(covered) < 1.12 * min(covered)
    assert not starts[:, 2].any()


@pytest.mark.parametrize("kind", ["empty", "thin", "wall only"])
def test_scenes_where_nothing_qualifies_end_and_say_so(kind: str) -> None:
    occupied = np.zeros((20, 20, 20), dtype=bool)
    labels = np.zeros(occupied.shape, np.uint8)
    share = 0.05
    if kind == "thin":
        occupied[3, 3, 3] = True
    if kind == "wall only":
        occupied[:] = True
        labels[:] = 1
        share = 0.0
    params = ChunkParams(shape=(8, 8, 8), per_scene=10, wall_floor_share=share, max_draws=500)
    report = random_starts(volume_of(occupied, labels), params, np.random.default_rng(0))
    assert report.starts == ()
    assert report.missing == 10
    assert report.drawn == 500
    assert np.isnan(report.lowest_share)
    refused = report.wall_floor if kind == "wall only" else report.too_empty
    assert refused > 0.1 * 500
    assert report.too_empty + report.wall_floor == 500


def test_scenes_without_labels_are_not_held_to_the_wall_and_floor_rule() -> None:
    occupied = np.random.default_rng(0).random((20, 20, 20)) < 0.5
    params = ChunkParams(shape=(8, 8, 8), per_scene=20, wall_floor_share=0.0)
    report = random_starts(volume_of(occupied), params, np.random.default_rng(0))
    assert len(report.starts) == 20
    assert report.wall_floor == 0


def test_counts_do_not_overflow() -> None:
    mask = np.ones((40, 40, 64), dtype=bool)
    assert BoxCounts(mask).count(np.zeros((1, 3)), mask.shape).tolist() == [102_400]


def test_params_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"shape": (0, 1, 1)},
        {"occupied_share": 0.1, "lowest_share": 0.2},
        {"max_draws": 0},
        {"per_scene": -1},
    ):
        with pytest.raises(ParamsError, match="do: correct --chunks"):
            ChunkParams(**wrong)  # type: ignore[arg-type]
