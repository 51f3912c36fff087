"""Predicted volumes on disk: read back as written, damage is named."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossvox.core.checks import ArtifactError
from crossvox.core.grid import VoxelGrid
from crossvox.predict.prediction import ColorVolume, ScenePrediction
from crossvox.predict.store import read_prediction, write_prediction


def some_prediction(colors: bool = True) -> ScenePrediction:
    random = np.random.default_rng(0)
    grid = VoxelGrid((5, 7, 3), 0.05, (0.1, -2.0, 3.3))
    known = random.random(grid.shape) < 0.4
    rgb = random.integers(0, 256, (*grid.shape, 3)).astype(np.uint8) * known[..., None]
    return ScenePrediction(
        grid=grid,
        probability=random.random(grid.shape).astype(np.float32),
        predicted=random.random(grid.shape) < 0.7,
        seen=known,
        colors=ColorVolume(rgb, known) if colors else None,
        windows=9,
        windows_seen=7,
        windows_predicted=7,
        voxels_seen=50,
        frames_used=4,
        frames=6,
    )


@pytest.mark.parametrize("colors", [True, False])
def test_prediction_is_read_back(tmp_path: Path, colors: bool) -> None:
    path, written = tmp_path / "scene" / "volume.npz", some_prediction(colors)
    write_prediction(path, written)
    found = read_prediction(path)
    assert found.grid == written.grid
    np.testing.assert_allclose(found.probability, written.probability, atol=3e-4)
    np.testing.assert_array_equal(found.predicted, written.predicted)
    np.testing.assert_array_equal(found.seen, written.seen)
    assert found.notes == written.notes
    assert (found.colors is not None) == colors
    if found.colors is not None and written.colors is not None:
        np.testing.assert_array_equal(found.colors.known, written.colors.known)
        np.testing.assert_array_equal(found.colors.rgb, written.colors.rgb)
    assert [item.name for item in path.parent.iterdir()] == ["volume.npz"]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nothing\.npz"):
        read_prediction(tmp_path / "nothing.npz")


def test_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "volume.npz"
    write_prediction(path, some_prediction())
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=r"volume\.npz"):
            read_prediction(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", np.int64(2)),
        ("shape", np.array([5, 7, 4])),
        ("shape", np.array([5, 7])),
        ("shape", np.array([2**20, 2**20, 2**20])),
        ("voxel_m", np.float64(-1)),
        ("origin_m", np.array([0, np.nan, 0])),
        ("probability", np.zeros((5, 7, 2), np.float16)),
        ("probability", np.full((5, 7, 3), 1.5, np.float16)),
        ("probability", np.full((5, 7, 3), np.nan, np.float16)),
        ("predicted", np.zeros(3, np.uint8)),
        ("seen", np.zeros(14, np.int64)),
        ("counts", np.zeros(4, np.int64)),
        ("rgb", np.zeros((2, 3), np.uint8)),
        ("rgb", None),
    ],
)
def test_wrong_content_is_named(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "volume.npz"
    write_prediction(path, some_prediction())
    with np.load(path) as arrays:
        content = dict(arrays)
    content[name] = np.array(value)  # None becomes an object array, which needs pickle
    np.savez_compressed(path, **content)
    with pytest.raises(ArtifactError, match=r"volume\.npz"):
        read_prediction(path)


def test_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "volume.npz"
    path.write_bytes(pickle.dumps({"schema": 1}))
    with pytest.raises(ArtifactError, match=r"volume\.npz"):
        read_prediction(path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_one_changed_byte_never_breaks_out(tmp_path: Path, at: float, flip: int) -> None:
    path = tmp_path / "volume.npz"
    write_prediction(path, some_prediction())
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= flip
    path.write_bytes(bytes(data))
    refused = ""
    try:
        found = read_prediction(path)
    except ArtifactError as error:
        refused = str(error)
    assert "volume.npz" in refused or found.probability.shape == found.grid.shape
