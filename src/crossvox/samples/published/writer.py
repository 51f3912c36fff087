"""Sub-volumes into a file of the published pipeline; :mod:`crossvox.samples.published.reader` says
what it holds."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.samples.params import LabelConvention
from crossvox.samples.published.labels import encode_labels
from crossvox.samples.published.places import ALIAS_FROM, scene_name, scene_numbers
from crossvox.samples.published.reader import MISSING

Array = NDArray[Any]

FRAME_LIMIT = 32767
"""Largest frame number that ``frames`` can hold."""

COMPRESSION = 9
"""gzip level. Occupancy and labels compress three hundred times; the best level costs little."""


_raw_write = io.FileIO.write


class _Disk(io.FileIO):
    """A file that takes what no disk takes any more, and remembers what went wrong.

    The HDF5 library writes when a file is closed, too, and ends the process where that fails: it
    is told that all went well, and the file is thrown away.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None
        self._path = path

    def write(self, data: Any) -> int:
        """Write all of it, or remember why not."""
        view, done = memoryview(data).cast("B"), 0
        while done < len(view) and self.error is None:
            try:
                done += _raw_write(self, view[done:]) or 0
            except OSError as error:
                self.error = OSError(error.errno, error.strerror, str(self._path))
        return len(view)

    def expect_written(self) -> None:
        """Raise what went wrong so far."""
        if self.error is not None:
            raise self.error


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
            len(scenes) <= ALIAS_FROM,
            given=f"{len(scenes)} scenes",
            needed=f"at most {ALIAS_FROM} in one file",
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
            self._disk = stack.enter_context(_Disk(temporary))
            self._file = stack.enter_context(h5py.File(self._disk, "w"))
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
            OSError: the disk is full, or fails.
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
        self._disk.expect_written()

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
            self._file.close()
            self._disk.expect_written()

    def _write_rows(self) -> None:
        def column(name: str, values: list[Any], shape: tuple[int, ...], dtype: Any) -> None:
            array = np.array(values, dtype=dtype).reshape(self.count, *shape)
            self._file.create_dataset(name, data=array)

        column("scene_id", [row[0] for row in self._rows], (), np.int16)
        column("scan_id", [row[1] for row in self._rows], (), np.int16)
        column("world_to_grid", [row[2] for row in self._rows], (4, 4), np.float32)
        column("frames", [row[3] for row in self._rows], (self.max_views,), np.int16)
