"""What frames say about voxels: counts and distances against a slow twin, colours, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sights import SMALL, looking, wall_frame

from crossvox.core.checks import ParamsError
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.scene.evidence import CHANNELS, COLOR_CHANNELS, Evidence, gather_evidence, measured_at
from crossvox.scene.params import EvidenceParams

Array = NDArray[Any]

GRID = VoxelGrid((22, 19, 17), 0.06, (-0.61, -0.52, -0.47))
PARAMS = EvidenceParams(band_voxels=3.0, far_m=2.2)
PLACES = ((1.6, 0.3, 0.7), (-0.9, 1.5, 0.2), (0.4, -1.7, -0.5), (0.9, 0.8, 0.5), (0.2, 0.1, 0.2))


def plane_frames(colors: bool = False) -> list[Frame]:
    """Views of a slanted plane from turned cameras, parts of the readings lost, one very near."""
    rng = np.random.default_rng(4)
    normal = np.array([0.3, 0.2, 0.9]) / np.linalg.norm([0.3, 0.2, 0.9])
    frames = []
    for number, place in enumerate(PLACES):
        target = rng.uniform(-0.3, 0.3, 3)
        pose = looking(place, (float(target[0]), float(target[1]), float(target[2])))
        frame = wall_frame(number, pose, normal, -0.1)
        assert frame.depth_m is not None
        depth = np.where(rng.random(frame.depth_m.shape) < 0.1, 0, frame.depth_m)
        depth[depth > 6] = np.nan
        rgb = rng.integers(0, 256, (*depth.shape, 3), dtype=np.uint8) if colors else None
        frames.append(replace(frame, depth_m=depth.astype(np.float32), rgb=rgb))
    return frames


def twin(frames: list[Frame], params: EvidenceParams) -> tuple[Array, Array, Array, Array, Array]:
    """Counts, sums of distances, of their squares and of colours; and where rounding decides."""
    at = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), -1)
    points = np.concatenate([GRID.to_world(at), np.ones((*GRID.shape, 1))], -1)
    counts = np.zeros((4, *GRID.shape), int)
    sums, squares = np.zeros(GRID.shape), np.zeros(GRID.shape)
    colors, unsure = np.zeros((3, *GRID.shape)), np.zeros(GRID.shape, bool)
    for frame in frames:
        assert frame.pose is not None
        assert frame.depth_m is not None
        x, y, z, _ = np.moveaxis(points @ frame.pose.camera_from_world.T, -1, 0)
        camera = frame.camera
        with np.errstate(all="ignore"):
            u, v = camera.fx * x / z + camera.cx + 0.5, camera.fy * y / z + camera.cy + 0.5
        column, row = np.floor(u), np.floor(v)
        inside = (z >= 0.05) & (z <= params.far_m + params.band_voxels * GRID.voxel_m)
        inside &= (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        column, row = (np.where(inside, value, 0).astype(int) for value in (column, row))
        depth = frame.depth_m[row, column].astype(float)
        read = inside & (depth > 0) & (depth <= params.far_m)
        before = (depth - z) / (params.band_voxels * GRID.voxel_m)
        near = read & (np.abs(before) <= 1)
        for number, where in enumerate(
            (near, read & (before > 1), read & (before < -1), inside & ~read)
        ):
            counts[number] += where
        sums += np.where(near, before, 0)
        squares += np.where(near, before**2, 0)
        if frame.rgb is not None:
            colors += np.where(near, np.moveaxis(frame.rgb[row, column], -1, 0), 0)
        with np.errstate(invalid="ignore"):
            unsure |= (np.abs(u - np.rint(u)) < 2e-3) | (np.abs(v - np.rint(v)) < 2e-3)
            unsure |= np.abs(np.abs(before) - 1) < 1e-4
            unsure |= np.abs(z - params.far_m - params.band_voxels * GRID.voxel_m) < 1e-4
            unsure |= np.abs(z - 0.05) < 1e-4
    return counts, sums, squares, colors, unsure


@pytest.mark.parametrize("far_m", [2.2, 1.4, np.inf])
def test_counts_and_distances_are_those_of_a_slow_twin(far_m: float) -> None:
    params = replace(PARAMS, far_m=far_m, colors=True)
    frames = plane_frames(colors=True)
    evidence = gather_evidence(GRID, frames, params)
    counts, sums, squares, colors, unsure = twin(frames, params)
    assert evidence.frames == len(frames)
    sure = ~unsure
    assert sure.mean() > 0.95
    channels = evidence.channels()
    assert channels.dtype == np.float32
    assert channels.shape == (len(CHANNELS) + len(COLOR_CHANNELS), *GRID.shape)
    for number in range(4):
        assert counts[number].max() > 0, "the scene has voxels of every kind"
        said = np.rint(np.expm1(channels[2 + number] * np.log(151.0))).astype(int)
        np.testing.assert_array_equal(said[sure], counts[number][sure], CHANNELS[2 + number])
    np.testing.assert_array_equal(evidence.near[sure], counts[0][sure])
    np.testing.assert_array_equal(evidence.free[sure], counts[1][sure])
    places = np.argwhere(np.ones(GRID.shape))
    views = [(f.depth_m, f.pose) for f in frames if f.depth_m is not None and f.pose is not None]
    measured = measured_at(GRID, places, views, frames[0].camera, params).reshape(GRID.shape)
    np.testing.assert_array_equal(measured[sure], counts[0][sure] > 0)
    near = np.maximum(counts[0], 1)
    mean = np.where(counts[0] > 0, sums / near, counts[1] > 0)
    np.testing.assert_allclose(channels[0][sure], mean[sure], atol=1e-4)
    variance = np.maximum(squares / near - (sums / near) ** 2, 0)
    np.testing.assert_allclose(channels[1][sure] ** 2, variance[sure], atol=1e-4)
    shade = np.where(counts[0] > 0, colors / near / 255 - 0.5, 0)
    np.testing.assert_allclose(channels[6:][:, sure], shade[:, sure], atol=1e-5)


def test_without_colours_there_are_six_channels() -> None:
    frames = plane_frames(colors=True)
    plain = gather_evidence(GRID, frames, PARAMS).channels()
    assert plain.shape[0] == len(CHANNELS) == 6
    colored = gather_evidence(GRID, frames, replace(PARAMS, colors=True)).channels()
    np.testing.assert_array_equal(colored[:6], plain)
    blind = [replace(frame, rgb=None) for frame in frames]
    nothing = gather_evidence(GRID, blind, replace(PARAMS, colors=True)).channels()
    near = nothing[2] > 0
    assert (nothing[6:][:, near] == -0.5).all()
    assert (nothing[6:][:, ~near] == 0).all()


def test_the_order_of_the_frames_does_not_matter() -> None:
    params = replace(PARAMS, colors=True)
    frames = plane_frames(colors=True)
    one = gather_evidence(GRID, frames, params).channels()
    other = gather_evidence(GRID, frames[::-1], params).channels()
    np.testing.assert_array_equal(one[2:6], other[2:6])
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = plane_frames()
    found = []
    for limit in ("1", "2"):
        monkeypatch.setenv("CROSSVOX_THREADS", limit)
        found.append(gather_evidence(GRID, frames, PARAMS).channels())
    np.testing.assert_array_equal(*found)


def test_frames_without_pose_or_depth_say_nothing() -> None:
    frame = plane_frames()[0]
    evidence = Evidence(GRID, PARAMS)
    assert not evidence.add(replace(frame, pose=None))
    assert not evidence.add(replace(frame, depth_m=None))
    assert evidence.frames == 0
    assert not evidence.channels().any()
    assert evidence.add(frame)
    assert evidence.frames == 1
    assert evidence.channels().any()


def test_a_lost_image_is_blind_and_a_camera_that_looks_away_says_nothing() -> None:
    frame = plane_frames()[0]
    assert frame.depth_m is not None
    assert frame.pose is not None
    evidence = Evidence(GRID, PARAMS)
    evidence.add(replace(frame, depth_m=np.zeros_like(frame.depth_m)))
    channels = evidence.channels()
    assert channels[5].any()
    assert not channels[:5].any()
    away = looking((3.0, 0.0, 0.0), (6.0, 0.0, 0.0))
    evidence = Evidence(GRID, PARAMS)
    evidence.add(replace(frame, pose=away))
    assert evidence.frames == 1
    assert not evidence.channels().any()


def test_columns_along_the_view_and_across_the_image_edge() -> None:
    """A camera that looks straight down: all of a column shares a pixel, or leaves the image."""
    pose = looking((0.0, 0.0, 1.5), (0.0, 0.0, 0.0))
    depth = np.full((SMALL.height, SMALL.width), 1.5, np.float32)
    grid = VoxelGrid((41, 1, 9), 0.05, (-1.0, 0.0, -0.2))
    evidence = Evidence(grid, EvidenceParams(band_voxels=2.0))
    evidence.add(Frame(0, SMALL, pose, None, depth))
    heights = grid.to_world(np.argwhere(np.ones(grid.shape)))[:, 2].reshape(grid.shape)
    channels = evidence.channels()
    inside = channels[2:6].any(axis=0)
    assert inside[20].all()
    assert not inside[0].any()
    assert not inside[-1].any()
    near = evidence.near > 0
    np.testing.assert_allclose(channels[0][near], heights[near] / 0.1, atol=1e-5)
    assert (heights[evidence.free > 0] > 0.1 - 1e-6).all()
    np.testing.assert_array_equal(inside[20:26, 0, 0], True)
    # The farther below the camera, the more of a slab is inside.
    assert (np.diff(inside[:, 0].sum(axis=0)) <= 0).all()


def test_parameters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"band_voxels=0\.2"):
        EvidenceParams(band_voxels=0.2)
    with pytest.raises(ParamsError, match="far_m=0"):
        EvidenceParams(far_m=0)
