"""Sub-volumes in the published pipeline's HDF5 files, both ways. The only door to h5py.

A file holds ``n`` sub-volumes: ``x (n, X, Y, Z)`` occupancy 0 or 1, ``y (n, X, Y, Z)`` int16
labels, ``scene_id (n,)`` and ``scan_id (n,)`` (scene ``scene0012_03`` has the ids 12 and 3),
``world_to_grid (n, 4, 4)`` float32 from metres to voxels of the sub-volume, and ``frames (n, K)``
int16, the frame numbers that look at it, -1 where a view is missing. The axis order is x, y, z.

What ``y`` means differs between stages of the published pipeline, see
:data:`crossvox.samples.params.LabelConvention`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from crossvox.chunks import scene_from_chunk, turned_shape
from crossvox.core.artifact import digest, replacing
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError, expect
from crossvox.core.grid import Index3, VoxelGrid, turn
from crossvox.core.labels import BENCHMARK_IDS, NYU40_NAMES, UNANNOTATED
from crossvox.samples.params import LabelConvention

Array = NDArray[Any]

FREE_VALUE: dict[str, int] = {"continuous40": 40, "continuous20": 20, "free0": 0, "nyu40": -1}
"""Value of ``y`` in a free voxel: tells the convention of a file that does not name it."""

KEPT_OF_20 = 14
"""Benchmark classes that the published table with 20 classes knows."""

FRAME_LIMIT = 32767
"""Largest frame number that ``frames`` can hold."""

MISSING = -1
"""Frame number of a view that is missing."""

LATTICE_TOLERANCE = 0.02
"""How far, in voxels, a stored place may lie off the voxel grid (float32 noise is below 0.001)."""

COMPRESSION = 9
"""gzip level. Occupancy and labels compress three hundred times; the best level costs little."""

_NAME = re.compile(r"scene(\d{4})_(\d{2})")
_ALIAS_FROM = 9999
"""Scenes with other names get scene numbers from here downwards."""


def _tables() -> dict[str, tuple[NDArray[np.int16], NDArray[np.uint8]]]:
    """For each convention: from NYU40 id of an occupied voxel to ``y``, and back (by ``y + 1``)."""
    count = len(NYU40_NAMES)
    forth = {
        "continuous40": np.array([40, *range(count - 1)]),
        "continuous20": np.full(count, FREE_VALUE["continuous20"]),
        "free0": np.arange(count),
        "nyu40": np.arange(count),
    }
    forth["continuous20"][list(BENCHMARK_IDS[:KEPT_OF_20])] = np.arange(KEPT_OF_20)
    tables = {}
    for name, table in forth.items():
        back = np.full(count + 1, UNANNOTATED)
        back[table[1:] + 1] = np.arange(1, count)
        if name == "continuous20":
            back[1 : len(BENCHMARK_IDS) + 1] = BENCHMARK_IDS
        back[FREE_VALUE[name] + 1] = UNANNOTATED
        tables[name] = (table.astype(np.int16), back.astype(np.uint8))
    return tables


_TABLES = _tables()


def encode_labels(labels: Array, occupied: Array, convention: LabelConvention) -> NDArray[np.int16]:
    """Turn labels into ``y``.

    Args:
        labels: NYU40 ids; only those of occupied voxels matter.
        occupied: bool, same shape.
        convention: what the numbers shall mean. ``continuous20`` loses all other classes.
    """
    table, _ = _TABLES[convention]
    known = np.where(labels < len(table), labels, UNANNOTATED)
    return np.where(occupied, table[known], np.int16(FREE_VALUE[convention]))


def decode_labels(y: Array, occupied: Array, convention: LabelConvention) -> NDArray[np.uint8]:
    """Turn ``y`` into NYU40 ids of the occupied voxels; 0 = free or unannotated.

    Raises:
        ArtifactError: a number lies outside -1..40.
    """
    _, table = _TABLES[convention]
    expect(
        not y.size or (int(y.min()) >= -1 and int(y.max()) < len(table) - 1),
        given=f"labels from {y.min() if y.size else 0} to {y.max() if y.size else 0}",
        needed="numbers from -1 to 40",
        do="take a file that the published preparation, or crossvox, wrote",
        error=ArtifactError,
    )
    return np.where(occupied, table[y.astype(np.int64) + 1], np.uint8(UNANNOTATED))


def guess_convention(y: Array, occupied: Array) -> LabelConvention | None:
    """Tell the convention by what free voxels hold; None if there are no free voxels to tell by.

    Raises:
        ArtifactError: free voxels hold several numbers, or one that no convention has.
    """
    values = np.unique(y[~occupied])
    if not len(values):
        return None
    names = [name for name, value in FREE_VALUE.items() if values.tolist() == [value]]
    expect(
        len(names) == 1,
        given=f"free voxels labelled {values[:5].tolist()}",
        needed=f"one of {sorted(FREE_VALUE.values())} in all of them",
        do="name the convention with --labels",
        error=ArtifactError,
    )
    return names[0]  # type: ignore[return-value]


def scene_numbers(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """``(scene_id, scan_id)`` of each scene.

    ``scene0012_03`` gives (12, 3). Other names take free scene numbers from 9999 downwards, scan 0;
    the file remembers the names, but the published loader looks for images under the numbers.
    """
    numbers: dict[str, tuple[int, int]] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            numbers[name] = int(match[1]), int(match[2])
    taken = {scene for scene, _ in numbers.values()}
    free = (number for number in range(_ALIAS_FROM, -1, -1) if number not in taken)
    for name in names:
        if name not in numbers:
            numbers[name] = next(free), 0
    return numbers


def scene_name(scene_id: int, scan_id: int) -> str:
    """Name of a scene by its numbers."""
    return f"scene{scene_id:04d}_{scan_id:02d}"


@dataclass(frozen=True, eq=False)
class OriginalChunk:
    """One sub-volume as the file holds it, with labels in NYU40.

    Attributes:
        scene: name of its scene.
        occupied: ``(X, Y, Z)`` bool.
        labels: ``(X, Y, Z)`` uint8 NYU40 ids of the occupied voxels, 0 = free or unannotated.
        frame_ids: frames that look at it, best first; missing ones left out.
        grid_from_world: ``(4, 4)`` from metres to voxels of this (possibly turned) sub-volume.
    """

    scene: str
    occupied: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    frame_ids: tuple[int, ...]
    grid_from_world: NDArray[np.float64]


def chunk_from_world(
    grid: VoxelGrid, start: Index3, shape: Index3, quarter_turns: int = 0
) -> NDArray[np.float64]:
    """``world_to_grid`` of a sub-volume that was cut from ``grid`` and then turned.

    Args:
        grid: the scene's grid.
        start: first voxel in the scene.
        shape: the sub-volume's shape before turning.
        quarter_turns: how it was turned after cutting.
    """
    cut_from_scene = np.linalg.inv(scene_from_chunk(start, shape, quarter_turns))
    return cut_from_scene @ grid.grid_from_world


def locate(
    grid_from_world: Array, shape: Index3, grid: VoxelGrid
) -> tuple[NDArray[np.float64], int]:
    """Undo :func:`chunk_from_world`: where in a scene's grid a sub-volume was cut, and its turn.

    Args:
        grid_from_world: ``(4, 4)`` of the stored (turned) sub-volume.
        shape: its stored shape.
        grid: the scene's grid, whatever its extent.

    Returns:
        First voxel ``(3,)`` in the scene, not rounded, and quarter turns 0 to 3.

    Raises:
        ArtifactError: the transform has another voxel size, is not finite, or turns about
            anything but z in quarters.
    """
    matrix = np.asarray(grid_from_world, dtype=np.float64) @ grid.world_from_grid
    if np.isfinite(matrix).all() and np.abs(np.linalg.det(matrix)) > 0.5:
        scene_from_cut = np.linalg.inv(matrix)
        for quarter_turns in range(4):
            turned = scene_from_chunk((0, 0, 0), turned_shape(shape, quarter_turns), quarter_turns)
            if np.abs(scene_from_cut[:3, :3] - turned[:3, :3]).max() < 1e-4:
                return scene_from_cut[:3, 3] - turned[:3, 3], quarter_turns
    raise ArtifactError(
        f"given: a world_to_grid of {np.round(grid_from_world, 3).tolist()}; needed: a scale of "
        f"{1 / grid.voxel_m:g} voxels a metre and quarter turns about z; do: take a file made for "
        f"voxels of {grid.voxel_m} m"
    )


class OriginalWriter:
    """Writes sub-volumes one by one; the file appears, complete, when the block ends well.

    Args:
        path: the file.
        shape: voxels of a sub-volume.
        max_views: view slots.
        scenes: names of all scenes that will be written.
        labels: convention of ``y``; recorded in the file's attributes.

    Raises:
        ParamsError: there are more scenes than numbers.
    """

    def __init__(
        self,
        path: Path,
        shape: Index3,
        max_views: int,
        scenes: Sequence[str],
        labels: LabelConvention = "continuous40",
    ) -> None:
        expect(
            len(scenes) <= _ALIAS_FROM,
            given=f"{len(scenes)} scenes",
            needed=f"at most {_ALIAS_FROM} in one file",
            do="write several files",
            error=ParamsError,
        )
        self.path, self.shape, self.max_views, self.labels = path, shape, max_views, labels
        self.numbers = scene_numbers(scenes)
        self.count = 0
        self._rows: list[tuple[int, int, NDArray[np.float32], list[int]]] = []

    def __enter__(self) -> OriginalWriter:
        aliases = [
            [*numbers, name]
            for name, numbers in self.numbers.items()
            if scene_name(*numbers) != name
        ]
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path))
            self._file = stack.enter_context(h5py.File(temporary, "w"))
            self._file.attrs["labels"] = self.labels
            self._file.attrs["scene_names"] = json.dumps(aliases)
            self._x = self._big("x", np.float32)
            self._y = self._big("y", np.int16)
            self._open = stack.pop_all()
        return self

    def _big(self, name: str, dtype: Any) -> h5py.Dataset:
        return self._file.create_dataset(
            name,
            shape=(0, *self.shape),
            maxshape=(None, *self.shape),
            chunks=(1, *self.shape),
            dtype=dtype,
            # Few bits a voxel before gzip sees them: exact for whole numbers, and for 0 and 1.
            scaleoffset=0,
            compression="gzip",
            compression_opts=COMPRESSION,
        )

    def write(
        self,
        scene: str,
        occupied: Array,
        labels: Array,
        frame_ids: Sequence[int],
        grid_from_world: Array,
    ) -> None:
        """Append one sub-volume; see :class:`OriginalChunk`.

        Raises:
            ParamsError: a frame number is too large for the format, or there are too many frames.
        """
        expect(
            len(frame_ids) <= self.max_views
            and all(0 <= frame <= FRAME_LIMIT for frame in frame_ids),
            given=f"frames {list(frame_ids)} of {scene}",
            needed=f"at most {self.max_views}, numbered 0 to {FRAME_LIMIT} (16 bit)",
            do="prepare the scene with a shorter capture or other frame numbers",
            error=ParamsError,
        )
        for dataset in (self._x, self._y):
            dataset.resize(self.count + 1, axis=0)
        self._x[self.count] = occupied
        self._y[self.count] = encode_labels(labels, occupied, self.labels)
        frames = [*frame_ids] + [MISSING] * (self.max_views - len(frame_ids))
        matrix = np.asarray(grid_from_world, dtype=np.float32)
        self._rows.append((*self.numbers[scene], matrix, frames))
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            self._write_rows()

    def _write_rows(self) -> None:
        def column(name: str, values: list[Any], shape: tuple[int, ...], dtype: Any) -> None:
            array = np.array(values, dtype=dtype).reshape(self.count, *shape)
            self._file.create_dataset(name, data=array)

        column("scene_id", [row[0] for row in self._rows], (), np.int16)
        column("scan_id", [row[1] for row in self._rows], (), np.int16)
        column("world_to_grid", [row[2] for row in self._rows], (4, 4), np.float32)
        column("frames", [row[3] for row in self._rows], (self.max_views,), np.int16)


class OriginalFile:
    """Reads a file of sub-volumes, compressed or not, of any number type.

    May be pickled and forked: each process opens the file for itself.

    Args:
        path: the file.
        labels: convention of ``y``; "auto" takes what the file says, else what its free voxels
            tell, looked up sub-volume by sub-volume until one tells.

    Raises:
        ArtifactError: missing, damaged, or without the format's datasets; names what is wrong.
    """

    def __init__(self, path: Path, labels: LabelConvention | Literal["auto"] = "auto") -> None:
        self.path = Path(path)
        self._open_file: h5py.File | None = None
        self._process = 0
        with self._damage():
            file = self._file
            for name, rank in (("x", 4), ("y", 4), ("world_to_grid", 3), ("frames", 2)):
                self._check(name, file.get(name), rank)
            count, x, y, z = file["x"].shape
            self.shape: Index3 = (int(x), int(y), int(z))
            ids = {}
            for name in ("scene_id", "scan_id"):
                self._check(name, file.get(name), None)
                ids[name] = np.asarray(file[name][...]).reshape(-1)
            frames = np.asarray(file["frames"][...])
            matrices = np.asarray(file["world_to_grid"][...], dtype=np.float64)
            sizes = {len(frames), len(matrices), *map(len, ids.values()), file["y"].shape[0], count}
            expect(
                len(sizes) == 1
                and file["y"].shape == file["x"].shape
                and matrices.shape[1:] == (4, 4)
                and np.issubdtype(frames.dtype, np.integer),
                given=f"{self.path} with x {file['x'].shape}, y {file['y'].shape}, world_to_grid "
                f"{matrices.shape}, frames {frames.shape} {frames.dtype} and "
                f"{[len(v) for v in ids.values()]} scene and scan ids",
                needed="one row a sub-volume in each, 4x4 matrices and whole frame numbers",
                do="take a complete file",
                error=ArtifactError,
            )
            self.frames: NDArray[np.int64] = frames.astype(np.int64)
            self.world_to_grid: NDArray[np.float64] = matrices
            aliases: Mapping[tuple[int, int], str] = {
                (scene, scan): name
                for scene, scan, name in json.loads(file.attrs.get("scene_names", "[]"))
            }
            self.scenes: tuple[str, ...] = tuple(
                aliases.get((scene, scan), scene_name(scene, scan))
                for scene, scan in zip(
                    ids["scene_id"].astype(int).tolist(),
                    ids["scan_id"].astype(int).tolist(),
                    strict=True,
                )
            )
            self.labels: LabelConvention = self._convention(labels)

    def __len__(self) -> int:
        return len(self.scenes)

    @property
    def digest(self) -> str:
        """Fingerprint of names, places, frames and size; occupancy and labels are not read."""
        return digest(
            [
                self.path.stat().st_size,
                self.shape,
                self.labels,
                self.scenes,
                self.frames,
                self.world_to_grid,
            ]
        )

    def frame_ids(self, number: int) -> tuple[int, ...]:
        """Frames that look at one sub-volume; missing ones left out."""
        return tuple(frame for frame in self.frames[number].tolist() if frame >= 0)

    def chunk(self, number: int) -> OriginalChunk:
        """One sub-volume.

        Raises:
            ArtifactError: damaged, or ``x`` holds something but 0 and 1.
            IndexError: there is no such sub-volume.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"sub-volume {number} of {len(self)}")
        with self._damage():
            occupied, y = self._arrays(number)
            return OriginalChunk(
                self.scenes[number],
                occupied,
                decode_labels(y, occupied, self.labels),
                self.frame_ids(number),
                self.world_to_grid[number],
            )

    def _arrays(self, number: int) -> tuple[NDArray[np.bool_], Array]:
        x, y = self._file["x"][number], self._file["y"][number]
        occupied = x > 0.5
        expect(
            bool((x == occupied).all()),
            given=f"sub-volume {number} of {self.path}, whose x holds more than 0 and 1",
            needed="occupancy",
            do="take a file that the published preparation, or crossvox, wrote",
            error=ArtifactError,
        )
        return occupied, y

    def _convention(self, asked: LabelConvention | Literal["auto"]) -> LabelConvention:
        if asked != "auto":
            return asked
        named = self._file.attrs.get("labels")
        if named in FREE_VALUE:
            return named
        for number in range(len(self)):
            occupied, y = self._arrays(number)
            guess = guess_convention(y, occupied)
            if guess is not None:
                return guess
        return "continuous40"

    def _check(self, name: str, dataset: Any, rank: int | None) -> None:
        expect(
            isinstance(dataset, h5py.Dataset) and rank in (None, dataset.ndim),
            given=f"{self.path}, "
            + (
                f"whose {name} has shape {dataset.shape}"
                if isinstance(dataset, h5py.Dataset)
                else f"without {name}"
            ),
            needed="datasets x, y, scene_id, scan_id, world_to_grid and frames",
            do="take a file that the published preparation, or crossvox, wrote",
            error=ArtifactError,
        )

    @property
    def _file(self) -> h5py.File:
        # A handle must not cross a fork: two processes would move one file position.
        if self._open_file is None or self._process != os.getpid():
            self._open_file, self._process = h5py.File(self.path, "r"), os.getpid()
        return self._open_file

    def close(self) -> None:
        """Close the file; reading opens it again."""
        if self._open_file is not None and self._process == os.getpid():
            self._open_file.close()
        self._open_file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_open_file": None}

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Turn what goes wrong inside the file into one kind of error."""
        try:
            yield
        except CrossvoxError:
            raise
        except FileNotFoundError:
            raise ArtifactError(
                f"given: {self.path}, which does not exist; needed: an HDF5 file of sub-volumes; "
                f"do: check the path"
            ) from None
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ArtifactError(
                f"given: {self.path}, which cannot be read ({error}); needed: a complete HDF5 file "
                f"of sub-volumes; do: copy or make it again"
            ) from None


def turned(chunk: Array, quarter_turns: int) -> Array:
    """A sub-volume's array turned about z and laid out anew."""
    return np.ascontiguousarray(turn(chunk, quarter_turns))
