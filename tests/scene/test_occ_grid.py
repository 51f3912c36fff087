"""Pickled occupancy grids: arrays are read, and nothing in a file is executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.core.checks import ArtifactError
from crossvox.core.volume import SceneVolume
from crossvox.scene.occ_grid import read_occ_grid

SHAPE = (5, 4, 6)


def record() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.random(SHAPE) < 0.3
    y = np.where(x, rng.integers(0, 41, SHAPE), -1).astype(np.int16)
    start = np.array([-20.0, 23.0, -30.0])
    return {"x": x, "y": y, "translation": start * 0.05, "start_ndx": start}


def check(volume: SceneVolume, given: dict[str, Any]) -> None:
    np.testing.assert_array_equal(volume.occupied, given["x"])
    np.testing.assert_array_equal(volume.labels, np.maximum(given["y"], 0))
    assert volume.grid.voxel_m == 0.05
    np.testing.assert_allclose(volume.grid.origin_m, given["translation"])
    assert not volume.observed.any()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickled_arrays_are_read(protocol: int, tmp_path: Path) -> None:
    given = record()
    given["x"] = np.asfortranarray(given["x"])
    (tmp_path / "a.pth").write_bytes(pickle.dumps(given, protocol=protocol))
    check(read_occ_grid(tmp_path / "a.pth"), given)


def test_torch_files_are_read(tmp_path: Path) -> None:
    given = record()
    torch.save(given, tmp_path / "a.pth")
    check(read_occ_grid(tmp_path / "a.pth"), given)
    tensors = OrderedDict((name, torch.from_numpy(value)) for name, value in given.items())
    tensors["x"] = tensors["x"].float()
    tensors["y"] = torch.from_numpy(given["y"].transpose(2, 1, 0).copy()).permute(2, 1, 0)
    torch.save(tensors, tmp_path / "b.pth")
    check(read_occ_grid(tmp_path / "b.pth"), given)


def test_files_of_older_numpy_are_read(tmp_path: Path) -> None:
    given = record()
    content = pickle.dumps(given, protocol=2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in content
    (tmp_path / "a.pth").write_bytes(content)
    check(read_occ_grid(tmp_path / "a.pth"), given)


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.made),)


class Indirect(Evil):
    """The same by names that look harmless."""

    def __reduce__(self) -> Any:
        return eval, (f"__import__('os').mkdir({str(self.made)!r})",)


@pytest.mark.parametrize("kind", [Evil, Indirect])
@pytest.mark.parametrize("way", ["pickle", "torch", "torch legacy"])
def test_nothing_is_executed(kind: Any, way: str, tmp_path: Path) -> None:
    path, made = tmp_path / "a.pth", tmp_path / "made"
    given = {**record(), "translation": kind(made)}
    if way == "pickle":
        path.write_bytes(pickle.dumps(given))
    else:
        torch.save(given, path, _use_new_zipfile_serialization=way == "torch")
    with pytest.raises(ArtifactError, match=r"a\.pth, which is not read"):
        read_occ_grid(path)
    assert not made.exists()


class Meddler:
    """Tries to change a function that the reader hands out."""

    def __reduce__(self) -> Any:
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), {"f4": "U"}


def test_stand_ins_cannot_be_changed(tmp_path: Path) -> None:
    # The names alone, then the command to change what they stand for.
    content = b"cnumpy\nndarray\n}b."
    (tmp_path / "a.pth").write_bytes(b"\x80\x02" + content)
    with pytest.raises(ArtifactError, match="tries to change"):
        read_occ_grid(tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps({**record(), "x": Meddler()}))
    with pytest.raises(ArtifactError, match="not read"):
        read_occ_grid(tmp_path / "b.pth")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"x": None}, "NoneType"),
        ({"x": np.array(["a", 2], dtype=object)}, r"type 'O8'|bytes"),
        ({"y": np.zeros((2, 2, 2), np.int16)}, r"y \(2, 2, 2\)"),
        ({"y": np.full(SHAPE, 0.5)}, "not label numbers"),
        ({"y": np.full(SHAPE, -7)}, "from -7"),
        ({"x": np.full(SHAPE, 2)}, "more than 0 and 1"),
        ({"start_ndx": np.array([1.0, 2.0, 3.0])}, "is not start_ndx"),
        ({"translation": np.array([np.nan, 0, 0])}, "not finite"),
    ],
)
def test_other_content_is_refused(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(pickle.dumps({**record(), **changes}))
    with pytest.raises(ArtifactError, match=text):
        read_occ_grid(tmp_path / "a.pth")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        read_occ_grid(tmp_path / "none.pth")
    torch.save(record(), tmp_path / "a.pth")
    whole = (tmp_path / "a.pth").read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 10):
        (tmp_path / "b.pth").write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=r"b\.pth"):
            read_occ_grid(tmp_path / "b.pth")
    with zipfile.ZipFile(tmp_path / "c.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c/data.pkl", pickle.dumps([0] * 100))
    with pytest.raises(ArtifactError, match="compressed"):
        read_occ_grid(tmp_path / "c.pth")


@pytest.mark.realdata
def test_the_published_grid_lies_where_ours_does(golden: Path, tmp_path: Path) -> None:
    from crossvox.doors.meshes import read_mesh
    from crossvox.scene.voxelize import voxelize

    published = np.load(golden / "g3_occ_grid.npz")
    names = {"x": "occ", "y": "label_nyu40", "translation": "translation", "start_ndx": "start_ndx"}
    torch.save({key: published[name] for key, name in names.items()}, tmp_path / "a.pth")
    volume = read_occ_grid(tmp_path / "a.pth")
    mesh = read_mesh(golden / "g3_crop_vh_clean_2.ply")
    grid, occupied = voxelize(mesh, 0.05, rule="thesis")
    assert volume.grid.shape == grid.shape
    np.testing.assert_allclose(volume.grid.origin_m, grid.origin_m, atol=1e-9)
    np.testing.assert_array_equal(volume.occupied, occupied)


def test_a_file_that_says_to_be_larger_than_it_is_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "s_occ_grid.pth"
    path.write_bytes(b"\x80\x02X\xf0\xff\xff\xffabc.")
    with pytest.raises(ArtifactError, match="but only 4 remain"):
        read_occ_grid(path)
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")
    with pytest.raises(ArtifactError, match="puts something at place 2147483647"):
        read_occ_grid(path)
    spread = torch.zeros(1).expand(1 << 11, 1 << 11, 1 << 11)
    torch.save({**record(), "x": spread, "y": spread}, path)
    with pytest.raises(ArtifactError, match="a tensor of shape"):
        read_occ_grid(path)
