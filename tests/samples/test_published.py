"""The published pipeline's HDF5 files: labels, places, and what is written is read."""

from __future__ import annotations

import errno
import io
import json
import pickle
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.chunks import cut
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import BENCHMARK_IDS
from crossvox.core.volume import SceneVolume
from crossvox.samples.params import LabelConvention
from crossvox.samples.published.apart import expect_survived
from crossvox.samples.published.labels import (
    FREE_VALUE,
    decode_labels,
    encode_labels,
    guess_convention,
)
from crossvox.samples.published.places import chunk_from_world, locate, scene_numbers, turned
from crossvox.samples.published.reader import OriginalFile
from crossvox.samples.published.writer import OriginalWriter

SHAPE = (32, 32, 64)
CONVENTIONS: tuple[LabelConvention, ...] = get_args(LabelConvention)


def scene(seed: int = 0) -> SceneVolume:
    """A floor, a wall and clutter, a tenth of them unannotated."""
    rng = np.random.default_rng(seed)
    grid = VoxelGrid((48, 40, 50), 0.05, (-1.25, 0.4, -0.1))
    occupied = np.zeros(grid.shape, dtype=bool)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    occupied[:, :, 2], labels[:, :, 2] = True, 2
    occupied[5, :, 2:40], labels[5, :, 2:40] = True, 1
    for _ in range(40):
        x, y, z = rng.integers(0, (40, 32, 30))
        occupied[x : x + 6, y : y + 6, z + 4] = True
        labels[x : x + 6, y : y + 6, z + 4] = rng.integers(1, 41)
    labels[rng.random(grid.shape) < 0.1] = 0
    return SceneVolume(grid, occupied, np.ones_like(occupied), np.where(occupied, labels, 0))


def write(
    path: Path,
    volume: SceneVolume,
    starts: list[Any],
    turns: tuple[int, ...] = (0,),
    **options: Any,
) -> None:
    with OriginalWriter(path, SHAPE, 5, ["scene0012_03"], **options) as writer:
        for number, start in enumerate(starts):
            for turn in turns:
                writer.write(
                    "scene0012_03",
                    turned(cut(volume.occupied, start, SHAPE, False), turn),
                    turned(cut(volume.labels, start, SHAPE, 0), turn),
                    (10 * number, 10 * number + 20)[: 1 + number % 2],
                    chunk_from_world(volume.grid, start, SHAPE, turn),
                )


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_labels_come_back_in_every_convention(convention: LabelConvention) -> None:
    volume = scene()
    y = encode_labels(volume.labels, volume.occupied, convention)
    assert y.dtype == np.int16
    assert (y[~volume.occupied] == FREE_VALUE[convention]).all()
    back = decode_labels(y, volume.occupied, convention)
    expected = volume.labels
    if convention == "continuous20":
        expected = np.where(np.isin(expected, BENCHMARK_IDS[:14]), expected, 0)
    np.testing.assert_array_equal(back, expected)
    assert guess_convention(y, volume.occupied) == convention


def test_walls_do_not_become_free_space() -> None:
    wall = np.array([[[1]]], dtype=np.uint8)
    there = np.ones((1, 1, 1), dtype=bool)
    values = {name: encode_labels(wall, there, name).item() for name in CONVENTIONS}
    assert values == {"continuous40": 0, "continuous20": 0, "free0": 1, "nyu40": 1}


def test_label_tables_are_the_published_ones(published: Path) -> None:
    table = json.loads((published / "label_tables.json").read_text())
    table = {name: np.array(values) for name, values in table.items()}
    labels, occupied = np.maximum(table["nyu"], 0), table["nyu"] >= 0
    np.testing.assert_array_equal(encode_labels(labels, occupied, "continuous40"), table["to40"])
    np.testing.assert_array_equal(encode_labels(labels, occupied, "continuous20"), table["to20"])


@pytest.mark.realdata
def test_a_published_grid_goes_out_and_comes_back(golden: Path, tmp_path: Path) -> None:
    record = np.load(golden / "g3_occ_grid.npz")
    labels = np.maximum(record["label_nyu40"], 0).astype(np.uint8)
    x, y, z = record["translation"].tolist()
    grid = VoxelGrid(record["occ"].shape, 0.05, (x, y, z))
    volume = SceneVolume(grid, record["occ"], np.ones_like(record["occ"]), labels)
    write(tmp_path / "a.hdf5", volume, [(3, 7, 0)])
    with h5py.File(tmp_path / "a.hdf5") as file:
        published = cut(record["label_continuous40"], (3, 7, 0), SHAPE, 40)
        np.testing.assert_array_equal(file["y"][0], published)
        # A sub-volume's matrix is the scene's, less the first voxel.
        np.testing.assert_allclose(file["world_to_grid"][0, :3, 3], [17, -30, 30], atol=1e-5)
        np.testing.assert_allclose(np.diag(file["world_to_grid"][0]), [20, 20, 20, 1])


@pytest.mark.realdata
def test_published_matrices_lie_on_the_voxels_of_their_scene(golden: Path) -> None:
    matrices = np.load(golden / "g2_nearest_images.npz")["world_to_grid"]
    lattice = VoxelGrid((1, 1, 1), 0.05, (0.0, 0.0, 0.0))
    for matrix in matrices:
        start, turns = locate(matrix, SHAPE, lattice)
        assert turns == 0
        np.testing.assert_allclose(start, -matrix[:3, 3], atol=1e-4)


starts = st.tuples(*[st.integers(-60, 400)] * 3)


@given(starts, st.integers(0, 3), st.sampled_from([0.05, 0.1, 0.04]))
@settings(max_examples=30)
def test_a_place_is_told_by_its_matrix(start: Any, turns: int, voxel_m: float) -> None:
    grid = VoxelGrid((5, 6, 7), voxel_m, (-12.35, 3.1, 0.77))
    stored = chunk_from_world(grid, start, (16, 24, 8), turns).astype(np.float32)
    shape = (24, 16, 8) if turns % 2 else (16, 24, 8)
    found, quarter_turns = locate(stored, shape, grid)
    assert quarter_turns == turns
    np.testing.assert_allclose(found, start, atol=5e-3)


@given(st.integers(0, 3), st.integers(0, 1000))
@settings(max_examples=20)
def test_matrix_and_content_turn_together(turns: int, seed: int) -> None:
    volume, start = scene(), (7, 5, 0)
    chunk = turned(cut(volume.occupied, start, SHAPE, False), turns)
    matrix = chunk_from_world(volume.grid, start, SHAPE, turns)
    voxel = np.random.default_rng(seed).integers((7, 5, 0), (39, 37, 50), size=(50, 3))
    world = volume.grid.to_world(voxel)
    i, j, k = np.rint(world @ matrix[:3, :3].T + matrix[:3, 3]).astype(int).T
    np.testing.assert_array_equal(chunk[i, j, k], volume.occupied[tuple(voxel.T)])


def test_what_is_written_has_the_published_layout(tmp_path: Path) -> None:
    volume, path = scene(), tmp_path / "a.hdf5"
    write(path, volume, [(0, 0, 0), (10, 8, 0), (30, 20, 4)], turns=(0, 1, 2, 3))
    with h5py.File(path) as file:
        layout = {name: (data.shape, data.dtype.str) for name, data in file.items()}
        assert layout == {
            "x": ((12, *SHAPE), "<f4"),
            "y": ((12, *SHAPE), "<i2"),
            "scene_id": ((12,), "<i2"),
            "scan_id": ((12,), "<i2"),
            "world_to_grid": ((12, 4, 4), "<f4"),
            "frames": ((12, 5), "<i2"),
        }
        assert file["x"].chunks == file["y"].chunks == (1, *SHAPE)
        assert file["x"].compression == file["y"].compression == "gzip"
        assert np.unique(file["x"][:]).tolist() == [0, 1]
        assert set(file["scene_id"][:]) == {12}
        assert set(file["scan_id"][:]) == {3}
        assert file["frames"][4].tolist() == [10, 30, -1, -1, -1]
        stored = sum(file[name].id.get_chunk_info(n).size for name in ("x", "y") for n in range(12))
        assert stored / 12 < 3000


@pytest.mark.parametrize("convention", CONVENTIONS[:1] + CONVENTIONS[2:])
def test_what_is_written_is_read(convention: LabelConvention, tmp_path: Path) -> None:
    volume, places = scene(), [(0, 0, 0), (10, 8, 0), (30, 20, 4)]
    write(tmp_path / "a.hdf5", volume, places, turns=(0, 3), labels=convention)
    stored = pickle.loads(pickle.dumps(OriginalFile(tmp_path / "a.hdf5")))
    assert (len(stored), stored.shape, stored.labels) == (6, SHAPE, convention)
    for number in range(6):
        chunk = stored.chunk(number)
        start, turns = locate(chunk.grid_from_world, SHAPE, volume.grid)
        assert (np.rint(start).tolist(), turns) == (list(places[number // 2]), (0, 3)[number % 2])
        np.testing.assert_array_equal(
            turned(chunk.labels, -turns), cut(volume.labels, places[number // 2], SHAPE, 0)
        )
        np.testing.assert_array_equal(
            turned(chunk.occupied, -turns), cut(volume.occupied, places[number // 2], SHAPE, False)
        )
        assert chunk.scene == "scene0012_03"
        assert chunk.frame_ids == [(0,), (10, 30), (20,)][number // 2]
    with pytest.raises(IndexError):
        stored.chunk(6)
    stored.close()


def plain_file(path: Path, **changes: Any) -> SceneVolume:
    """A file as the published preparation writes it: float32, uncompressed, without remarks."""
    volume = scene()
    start = (4, 2, 0)
    occupied = cut(volume.occupied, start, SHAPE, False)
    columns: dict[str, Any] = {
        "x": occupied[None].astype(np.float32),
        "y": encode_labels(cut(volume.labels, start, SHAPE, 0), occupied, "continuous40")[None],
        "scene_id": np.array([7], dtype=np.uint16),
        "scan_id": np.array([[0]], dtype=np.uint8),
        "world_to_grid": chunk_from_world(volume.grid, start, SHAPE)[None].astype(np.float32),
        "frames": np.array([[0, 10, 20, 30, -1]], dtype=np.int16),
    }
    columns |= changes
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            if values is not None:
                file.create_dataset(name, data=values)
    return volume


def test_published_files_are_read(tmp_path: Path) -> None:
    volume = plain_file(tmp_path / "a.hdf5")
    stored = OriginalFile(tmp_path / "a.hdf5")
    chunk = stored.chunk(0)
    assert stored.scenes == ("scene0007_00",)
    assert stored.labels == "continuous40"
    assert chunk.frame_ids == (0, 10, 20, 30)
    np.testing.assert_array_equal(chunk.labels, cut(volume.labels, (4, 2, 0), SHAPE, 0))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"frames": None}, "without frames"),
        ({"x": np.zeros((1, 4))}, "whose x has shape"),
        ({"scene_id": np.array([1, 2])}, "one row a sub-volume"),
        ({"world_to_grid": np.zeros((1, 3, 4))}, "4x4 matrices"),
        ({"frames": np.zeros((1, 5))}, "whole frame numbers"),
    ],
)
def test_incomplete_files_are_refused(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    plain_file(tmp_path / "a.hdf5", **changes)
    with pytest.raises(ArtifactError, match=text):
        OriginalFile(tmp_path / "a.hdf5")


def test_odd_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    plain_file(path, x=np.full((1, *SHAPE), 0.3, np.float32))
    with pytest.raises(ArtifactError, match="more than 0 and 1"):
        OriginalFile(path)
    y = np.zeros((1, *SHAPE), np.int16)
    y[0, 0] = 40
    plain_file(path, y=y)
    with pytest.raises(ArtifactError, match="free voxels labelled"):
        OriginalFile(path)
    plain_file(path, y=np.full((1, *SHAPE), 99, np.int16))
    with pytest.raises(ArtifactError, match="from 99 to 99"):
        OriginalFile(path, labels="free0").chunk(0)
    plain_file(path, world_to_grid=np.zeros((1, 4, 4)))
    with pytest.raises(ArtifactError, match="quarter turns about z"):
        locate(OriginalFile(path).world_to_grid[0], SHAPE, scene().grid)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        OriginalFile(tmp_path / "none.hdf5")
    path = tmp_path / "a.hdf5"
    plain_file(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ArtifactError, match=r"a\.hdf5, which cannot be read"):
        OriginalFile(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    volume = scene()
    with (
        pytest.raises(ParamsError, match="16 bit"),
        OriginalWriter(tmp_path / "a.hdf5", SHAPE, 5, ["scene0000_00"]) as writer,
    ):
        cutout = cut(volume.occupied, (0, 0, 0), SHAPE, False)
        writer.write("scene0000_00", cutout, cutout.astype(np.uint8), (40000,), np.eye(4))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_at_the_end_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.hdf5"
    write(path, scene(), [(0, 0, 0)])
    before = path.read_bytes()
    monkeypatch.setattr(OriginalWriter, "_write_rows", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(path, scene(), [(0, 0, 0)] * 2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_scenes_with_other_names_keep_them(tmp_path: Path) -> None:
    assert scene_numbers(["scene9999_01", "kitchen", "scene0003_02"]) == {
        "scene9999_01": (9999, 1),
        "scene0003_02": (3, 2),
        "kitchen": (9998, 0),
    }
    volume = scene()
    with OriginalWriter(tmp_path / "a.hdf5", SHAPE, 5, ["kitchen"]) as writer:
        cutout = cut(volume.occupied, (0, 0, 0), SHAPE, False)
        writer.write("kitchen", cutout, cutout.astype(np.uint8), (), np.eye(4))
    stored = OriginalFile(tmp_path / "a.hdf5")
    assert stored.scenes == ("kitchen",)
    assert stored.frame_ids(0) == ()


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes: while sub-volumes are written, or as the file is closed."""
    from crossvox.samples.published import writer as module

    noise = np.random.default_rng(0).integers(0, 2, (16, 16, 16)).astype(bool)
    whole = io.FileIO.write
    written = 0

    def fill(path: Path, room: int) -> None:
        nonlocal written
        written = 0

        def write(self: io.FileIO, data: bytes) -> int:
            nonlocal written
            if written + len(data) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written += len(data)
            return whole(self, data)

        monkeypatch.setattr(module, "_raw_write", write)
        with module.OriginalWriter(path, (16, 16, 16), 1, ["scene0000_00"]) as file:
            for _ in range(8):
                file.write("scene0000_00", noise, noise * 1, [0], np.eye(4))

    fill(tmp_path / "whole.hdf5", 10**9)
    size = written
    for room in (0, 100, size // 2, size - 1):
        with pytest.raises(OSError, match="No space left"):
            fill(tmp_path / "full.hdf5", room)
        assert [path.name for path in tmp_path.iterdir()] == ["whole.hdf5"]
    fill(tmp_path / "again.hdf5", size)
    assert (tmp_path / "again.hdf5").read_bytes() == (tmp_path / "whole.hdf5").read_bytes()


def test_columns_and_chunks_larger_than_the_file_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    plain_file(path)
    with h5py.File(path, "r+") as file:
        del file["scene_id"]
        file.create_dataset("scene_id", shape=(1 << 33,), dtype="f4", chunks=True)
    with pytest.raises(ArtifactError, match="no more of them than the file can hold"):
        OriginalFile(path)
    plain_file(path)
    with h5py.File(path, "r+") as file:
        del file["scan_id"]
        file["scan_id"] = np.array([b"a", b"b"])
    with pytest.raises(ArtifactError, match="whose scan_id has shape"):
        OriginalFile(path)


def test_a_file_on_which_its_reader_dies_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.hdf5"
    file.write_bytes(b"anything")
    expect_survived(file, "")
    expect_survived(file)  # no HDF5 file: for whoever reads it next to say
    with pytest.raises(
        ArtifactError, match=r"a\.hdf5, on which the HDF5 library crashed \(SIGSEGV"
    ):
        expect_survived(file, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
