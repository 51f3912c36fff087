"""Scene volumes on disk: what is written is read; damage is named."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.checks import ArtifactError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneVolume
from crossvox.scene.store import read_volume, write_volume


def made_up(shape: tuple[int, int, int], seed: int = 0) -> SceneVolume:
    rng = np.random.default_rng(seed)
    grid = VoxelGrid(shape, 0.05, (-1.0, 0.1 + 0.2, 1e-17))
    occupied = rng.random(shape) < 0.3
    labels = np.where(occupied, rng.integers(0, 41, shape), 0).astype(np.uint8)
    return SceneVolume(grid, occupied, rng.random(shape) < 0.5, labels)


@settings(max_examples=20)
@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 1000))
def test_what_is_written_is_read(shape: tuple[int, int, int], seed: int) -> None:
    volume = made_up(shape, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene" / "volume.npz"
        write_volume(path, volume)
        found = read_volume(path)
        assert [item.name for item in path.parent.iterdir()] == ["volume.npz"]
    assert found.grid == volume.grid
    for name in ("occupied", "observed", "labels"):
        assert getattr(found, name).dtype == getattr(volume, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(volume, name))


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.npz", made_up((5, 6, 7)))
    write_volume(tmp_path / "b.npz", made_up((5, 6, 7)))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_masks_are_packed(tmp_path: Path) -> None:
    write_volume(tmp_path / "volume.npz", made_up((64, 64, 64)))
    with np.load(tmp_path / "volume.npz", allow_pickle=False) as data:
        assert data["occupied"].nbytes == 64**3 // 8


@settings(max_examples=30)
@given(st.floats(0, 1), st.integers(1, 255))
def test_damage_is_named_or_harmless(place: float, flip: int) -> None:
    volume = made_up((6, 5, 4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.npz"
        write_volume(path, volume)
        data = bytearray(path.read_bytes())
        cut = int(place * (len(data) - 1))
        path.write_bytes(data[:cut])
        with pytest.raises(ArtifactError, match="cannot be read in full"):
            read_volume(path)
        data[cut] ^= flip
        path.write_bytes(data)
        # Any other error than this one fails the test.
        with contextlib.suppress(ArtifactError):
            found = read_volume(path)
            np.testing.assert_array_equal(found.labels, volume.labels)
            np.testing.assert_array_equal(found.occupied, volume.occupied)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.npz, which does not exist.*prepare"):
        read_volume(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": np.array("another")}, "format 'another'"),
        ({"shape": np.array([6, 5, -4])}, r"shape \[6, 5, -4\]"),
        ({"shape": np.array([10**6, 10**6, 10**6])}, "a grid of shape"),
        ({"shape": np.array([6, 5, 40])}, "a mask of"),
        ({"labels": np.zeros((6, 5, 3), np.uint8)}, "labels of shape"),
        ({"labels": np.zeros((6, 5, 4), np.int16)}, "labels of type int16"),
        ({"voxel_m": np.array(-1.0)}, "voxels of -1.0 m"),
        ({"occupied": np.array([{"a": 1}], dtype=object)}, "cannot be read in full"),
    ],
)
def test_content_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, np.ndarray], text: str
) -> None:
    path = tmp_path / "volume.npz"
    write_volume(path, made_up((6, 5, 4)))
    with np.load(path) as data:
        content = dict(data)
    np.savez(path, **(content | change))
    with pytest.raises(ArtifactError, match=text):
        read_volume(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "volume.npz"
    np.savez(path, something=np.zeros(3))
    with pytest.raises(ArtifactError, match="format"):
        read_volume(path)
    path.write_text("hello")
    with pytest.raises(ArtifactError, match="cannot be read in full"):
        read_volume(path)
