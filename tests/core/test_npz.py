"""Damage to files is told apart from mistakes of the program."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import ArtifactError
from crossvox.core.grid import VoxelGrid
from crossvox.core.npz import grid_arrays, read_grid, reading_npz

HOW = {"needed": "a volume", "do": "make it anew"}


def write(path: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_cut_overwritten_and_other_files_are_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", a=np.arange(1000))
    data = path.read_bytes()
    for wrong in (b"", data[:100], data[:-30], b"x" * 500, data[:60] + b"\xff" * 9 + data[69:]):
        path.write_bytes(wrong)
        with (
            pytest.raises(ArtifactError, match=r"a\.npz, which cannot be read in full"),
            reading_npz(path, **HOW) as arrays,
        ):
            arrays["a"]
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(ArtifactError, match=r"no \.npz"), reading_npz(tmp_path / "b.npy", **HOW):
        pass
    with (
        pytest.raises(ArtifactError, match="which does not exist"),
        reading_npz(tmp_path / "c", **HOW),
    ):
        pass


def test_arrays_that_are_missing_or_do_not_fit_are_damage(tmp_path: Path) -> None:
    grid = grid_arrays(VoxelGrid((2, 3, 4), 0.05, (0.0, 0.0, 0.0)))
    for name in ("shape", "voxel_m", "origin_m"):
        path = write(tmp_path / "a.npz", **{**grid, name: np.zeros((2, 2))})
        with pytest.raises(ArtifactError, match=r"a\.npz"), reading_npz(path, **HOW) as arrays:
            read_grid(arrays)
    with (
        pytest.raises(ArtifactError, match="array 'other'"),
        reading_npz(path, **HOW) as arrays,
    ):
        arrays["other"]


@pytest.mark.parametrize("mistake", [AttributeError, TypeError, RuntimeError, MemoryError])
def test_mistakes_of_the_program_are_not_taken_for_damage(
    tmp_path: Path, mistake: type[Exception]
) -> None:
    path = write(tmp_path / "a.npz", a=np.zeros(3))
    with pytest.raises(mistake, match="ours"), reading_npz(path, **HOW):
        raise mistake("ours")


def test_an_array_that_says_to_be_larger_than_its_bytes_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", a=np.zeros(10, np.uint8))
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (8589934592,), }"
    content = b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n" + bytes(10)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
        archive.writestr("b.npy", b"x")
    with (
        pytest.raises(ArtifactError, match="8589934592 bytes, in 138"),
        reading_npz(path, **HOW) as arrays,
    ):
        arrays["a"]
    with pytest.raises(ArtifactError, match="'b' is no array"), reading_npz(path, **HOW) as arrays:
        arrays["b"]
