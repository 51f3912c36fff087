"""The published pipeline's occupancy grids, ``SCENE_occ_grid.pth``, read without running them.

These files are pickles, and a pickle is a program. The reader here knows arrays, tensors, numbers,
text, lists and dictionaries; whatever else a file asks for is refused before anything is called.
Not even numpy's or torch's own functions run on what the file says: their names stand for small
stand-ins that only take notes, and arrays are made from the noted bytes.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import NYU40_NAMES, UNANNOTATED
from crossvox.core.volume import SceneVolume

Array = NDArray[Any]

VOXEL_M = 0.05
"""Edge length that the format implies where ``translation`` and ``start_ndx`` cannot tell it."""

_KINDS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8", "b1"}
"""Number types that an array may have."""

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
"""torch's storages of plain numbers."""


def read_occ_grid(path: Path) -> SceneVolume:
    """Read an occupancy grid of the published pipeline.

    Keys ``x (X, Y, Z)`` occupancy, ``y (X, Y, Z)`` labels (-1 free, 0 unannotated, 1..40 NYU40),
    ``translation (3,)`` metres, the centre of voxel (0, 0, 0), and ``start_ndx (3,)``, the same in
    voxels. Written by ``torch.save`` or by ``pickle``, with arrays or tensors.

    Returns:
        The volume. ``observed`` is False everywhere: the file does not tell.

    Raises:
        ArtifactError: missing, damaged, asks for anything but arrays, or holds another thing;
            nothing in it was executed.
    """
    try:
        record = _load(path)
        if not isinstance(record, dict) or not {"x", "y", "translation"} <= set(record):
            raise ValueError("it holds no dictionary with x, y and translation")
        return _volume(record)
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: an occupancy grid; do: check the path"
        ) from None
    except (CrossvoxError, *_DAMAGE) as error:
        raise ArtifactError(
            f"given: {path}, which is not read ({error}); needed: a pickled dictionary of arrays "
            f"x, y, translation and start_ndx, and nothing that runs; do: take the file that the "
            f"published preparation wrote"
        ) from None


_DAMAGE = (
    pickle.UnpicklingError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    RuntimeError,
    zipfile.BadZipFile,
)
"""What a damaged or hostile file can make the reader raise."""


def _volume(record: dict[str, Any]) -> SceneVolume:
    x, y = _array(record["x"]), _array(record["y"])
    translation = _array(record["translation"]).astype(np.float64).reshape(-1)
    if x.ndim != 3 or x.shape != y.shape or translation.shape != (3,):
        raise ValueError(f"x {x.shape}, y {y.shape}, translation {translation.shape}")
    occupied = x > 0
    if not (x == occupied).all():
        raise ValueError("x holds more than 0 and 1")
    if y.dtype.kind not in "iu" or y.min() < -1:
        raise ValueError(f"y is {y.dtype} from {y.min()}, not label numbers from -1")
    labels = np.where(occupied & (y > 0) & (y < len(NYU40_NAMES)), y, UNANNOTATED)
    sx, sy, sz = x.shape
    ox, oy, oz = translation.tolist()
    return SceneVolume(
        VoxelGrid((sx, sy, sz), _voxel_m(record, translation), (ox, oy, oz)),
        occupied=np.ascontiguousarray(occupied),
        observed=np.zeros(x.shape, dtype=bool),
        labels=np.ascontiguousarray(labels, dtype=np.uint8),
    )


def _voxel_m(record: dict[str, Any], translation: Array) -> float:
    """Metres a voxel: the same place in metres and in voxels tells."""
    if "start_ndx" not in record:
        return VOXEL_M
    start = _array(record["start_ndx"]).astype(np.float64).reshape(3)
    if not (np.isfinite(start).all() and np.isfinite(translation).all()):
        raise ValueError("translation or start_ndx is not finite")
    if not start.any():
        return VOXEL_M
    voxel_m = round(float(np.abs(translation).sum() / np.abs(start).sum()), 6)
    if np.abs(start * voxel_m - translation).max() > 1e-3 * voxel_m:
        raise ValueError(f"translation {translation} m is not start_ndx {start} voxels")
    return voxel_m


def _array(value: Any) -> Array:
    if isinstance(value, _ArrayNote):
        return value.array()
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
        return np.array(value, dtype=np.float64)
    if isinstance(value, list | tuple):
        return np.array([_array(v) for v in value])
    raise ValueError(f"a {type(value).__name__} where an array belongs")


@dataclass
class _TypeNote:
    """What a file says about a number type."""

    name: Any = None
    order: Any = "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        name = str(self.name).lstrip("<>|=")
        if name not in _KINDS or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"an array of type {self.name!r}")
        return np.dtype(("<" if self.order == "=" else str(self.order)) + name)


@dataclass
class _ArrayNote:
    """What a file says about an array."""

    shape: Any = None
    kind: Any = None
    fortran: Any = False
    raw: Any = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, self.fortran, self.raw = state

    def array(self) -> Array:
        """The array, made here from shape, type and bytes."""
        if not isinstance(self.kind, _TypeNote) or not isinstance(self.raw, bytes | bytearray):
            raise ValueError("an array without type or bytes")
        shape = tuple(int(length) for length in self.shape)
        dtype = self.kind.dtype
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(self.raw):
            raise ValueError(f"an array of shape {shape} in {len(self.raw)} bytes")
        order = "F" if self.fortran else "C"
        return np.frombuffer(self.raw, dtype).reshape(shape, order=order)  # type: ignore[call-overload]


class _StandIn:
    """Stands for a function or class that a file names; the file can call it but not change it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *values: Any) -> Any:
        return self._make(*values)

    def __setstate__(self, _: Any) -> None:
        raise pickle.UnpicklingError("it tries to change what it was given; nothing was executed")


def _reconstruct(*_: Any) -> _ArrayNote:
    return _ArrayNote()


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any = "C") -> _ArrayNote:
    return _ArrayNote(shape, kind, order == "F", raw)


def _scalar(kind: Any, raw: Any) -> Any:
    return _ArrayNote((), kind, False, raw).array().item()


def _number_type(name: Any, *_: Any) -> _TypeNote:
    return _TypeNote(name)


def _latin_bytes(text: Any, coding: Any) -> bytes:
    """How older pickle protocols write bytes."""
    if not isinstance(text, str) or coding != "latin1":
        raise pickle.UnpicklingError(f"text coded as {coding!r}")
    return text.encode("latin1")


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Array:
    if not isinstance(storage, np.ndarray):
        raise ValueError("a tensor without storage")
    shape, steps = tuple(map(int, size)), tuple(map(int, stride))
    first = int(offset)
    if (
        len(shape) != len(steps)
        or min((*shape, *steps, first, 0)) < 0
        or math.prod(shape) > len(storage)
    ):
        raise ValueError(f"a tensor of shape {shape} with strides {steps}")
    last = first + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    if 0 not in shape and last >= len(storage):
        raise ValueError(f"a tensor of shape {shape} in {len(storage)} numbers")
    bytes_ = tuple(step * storage.itemsize for step in steps)
    view = np.lib.stride_tricks.as_strided(storage[first:], shape, bytes_, writeable=False)
    return np.array(view)


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _StandIn(_reconstruct),
    ("numpy", "dtype"): _StandIn(_number_type),
    ("_codecs", "encode"): _StandIn(_latin_bytes),
    ("collections", "OrderedDict"): _StandIn(OrderedDict),
    ("torch._utils", "_rebuild_tensor_v2"): _StandIn(_tensor),
    **{("torch", name): name for name in _STORAGES},
    **{
        (f"numpy.{core}.{module}", name): _StandIn(make)
        for core in ("core", "_core")
        for module, name, make in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
"""Everything that a file may name, and what stands for it."""


class _ArraysOnly(pickle.Unpickler):
    """Knows the names in :data:`_KNOWN` and no other."""

    def __init__(self, stream: BinaryIO, archive: zipfile.ZipFile | None) -> None:
        super().__init__(stream)
        self._archive = archive

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is no array; nothing was executed"
            ) from None

    def persistent_load(self, pid: Any) -> Array:
        """Bytes of a tensor, kept beside the pickle."""
        if self._archive is None or not isinstance(pid, tuple) or len(pid) < 5:
            raise pickle.UnpicklingError("it refers to data that it does not hold")
        _, storage, key, _, count = pid[:5]
        if storage not in _STORAGES:
            raise pickle.UnpicklingError(f"it holds a storage {storage!r}")
        numbers = np.frombuffer(_member(self._archive, f"data/{key}"), _STORAGES[storage])
        if len(numbers) != count:
            raise pickle.UnpicklingError("it holds a storage of another length than it says")
        return numbers


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Content of one member, looked for in the archive's own folder."""
    roots = [entry[: -len("data.pkl")] for entry in archive.namelist() if _is_pickle(entry)]
    if len(roots) != 1:
        raise pickle.UnpicklingError(f"it is an archive with {len(roots)} data.pkl")
    entry = archive.getinfo(roots[0] + name)
    # torch never compresses; a few bytes that unfold to many are no grid.
    if entry.compress_type != zipfile.ZIP_STORED:
        raise pickle.UnpicklingError("its archive is compressed")
    return archive.read(entry)


def _is_pickle(entry: str) -> bool:
    return entry == "data.pkl" or entry.endswith("/data.pkl")


def _load(path: Path) -> Any:
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            stream.seek(0)
            return _unpickled(io.BytesIO(stream.read()), None)
        with zipfile.ZipFile(stream) as archive:
            return _unpickled(io.BytesIO(_member(archive, "data.pkl")), archive)


def _unpickled(stream: BinaryIO, archive: zipfile.ZipFile | None) -> Any:
    # Read through once beforehand, for pickle asks for memory before it looks whether a text or
    # array is as long as the file says, and for a place for each number that something is put at.
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    for step, value, _ in pickletools.genops(stream):
        puts = step.name in ("PUT", "BINPUT", "LONG_BINPUT")
        if puts and not 0 <= int(value or 0) <= length:
            raise pickle.UnpicklingError(f"it puts something at place {value}")
    stream.seek(0)
    return _ArraysOnly(stream, archive).load()
