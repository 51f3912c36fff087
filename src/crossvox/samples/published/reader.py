"""Sub-volumes from a file of the published pipeline.

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from crossvox.core import npz
from crossvox.core.artifact import digest
from crossvox.core.checks import ArtifactError, CrossvoxError, expect
from crossvox.core.grid import Index3
from crossvox.core.names import checked_name
from crossvox.samples.params import LabelConvention
from crossvox.samples.published.labels import FREE_VALUE, decode_labels, guess_convention
from crossvox.samples.published.places import scene_name

Array = NDArray[Any]

DENSEST = npz.DENSEST * 16
"""How many bytes one byte of a file stands for at most: deflate packs 1032 bytes into one, and
numbers of few bits were packed 16 into one before."""

MISSING = -1
"""Frame number of a view that is missing."""


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
            self._bytes = self.path.stat().st_size
            file = self._file
            for name, rank in (("x", 4), ("y", 4), ("world_to_grid", 3), ("frames", 2)):
                self._check(name, file.get(name), rank)
            count, x, y, z = file["x"].shape
            expect(
                8 * x * y * z <= DENSEST * self._bytes,
                given=f"{self.path} of {self._bytes} bytes with sub-volumes of {x}x{y}x{z}",
                needed="no more voxels than the file can hold",
                do="copy or make the file again",
                error=ArtifactError,
            )
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
                (scene, scan): checked_name(name, str(self.path))
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

    def _expect_stored(self, dataset: h5py.Dataset) -> None:
        """Refuse chunks that lie beyond the file: the library asks for their memory first."""
        if dataset.chunks is None or not hasattr(dataset.id, "chunk_iter"):
            return
        stray: list[int] = []

        def look(chunk: Any) -> None:
            if chunk.byte_offset + chunk.size > self._bytes:
                stray.append(chunk.size)

        dataset.id.chunk_iter(look)
        expect(
            not stray,
            given=f"{self.path} of {self._bytes} bytes with a chunk of {max(stray, default=0)}",
            needed="chunks within the file",
            do="copy or make the file again",
            error=ArtifactError,
        )

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
        kind = dataset.dtype.kind
        expect(
            kind in "biuf" and (name in ("x", "y") or dataset.nbytes <= DENSEST * self._bytes),
            given=f"{self.path} of {self._bytes} bytes, whose {name} has shape {dataset.shape} of "
            f"{dataset.dtype}",
            needed="numbers, no more of them than the file can hold",
            do="copy or make the file again",
            error=ArtifactError,
        )
        self._expect_stored(dataset)

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
        except (
            OSError,
            KeyError,
            ValueError,
            TypeError,
            RuntimeError,
            OverflowError,
            MemoryError,
        ) as error:
            raise ArtifactError(
                f"given: {self.path}, which cannot be read ({error}); needed: a complete HDF5 file "
                f"of sub-volumes; do: copy or make it again"
            ) from None
