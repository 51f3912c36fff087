"""Arrays that follow from a scene, kept beside its views: a folder that appears whole.

``NAME.npy`` an array, and ``kept.json`` with their shapes and whatever belongs to them. They are
mapped into memory when they are read: what a data set of many scenes holds need not fit there.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import plain, write_json
from crossvox.core.checks import CrossvoxError
from crossvox.core.params import read_as

RECORD = "kept.json"

Array = NDArray[Any]


class Record(Protocol):
    """What ``kept.json`` holds: a dataclass."""

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Shape of each array, by name."""
        ...


R = TypeVar("R", bound=Record)


def shapes_of(arrays: Mapping[str, Array]) -> dict[str, list[int]]:
    """As a record tells them."""
    return {name: list(array.shape) for name, array in arrays.items()}


def keep_arrays(folder: Path, arrays: Mapping[str, Array], record: Record) -> None:
    """Write arrays and their record in the place of what was kept there.

    Raises:
        OSError: it cannot be written; nothing is left then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    made.mkdir()
    try:
        for name, array in arrays.items():
            np.save(made / f"{name}.npy", array)
        write_json(made / RECORD, plain(record))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def read_arrays(
    folder: Path, record: type[R], types: Mapping[str, Any]
) -> tuple[R, dict[str, Array]] | None:
    """The record and the arrays that were kept; None where there are none, or they are damaged.

    Args:
        folder: where they are.
        record: dataclass of the record.
        types: of the numbers in each array, by name.
    """
    try:
        told = read_as(folder / RECORD, record, needed="arrays that were kept", do="go on")
        arrays: dict[str, Array] = {}
        for name, shape in told.shapes.items():
            # Not np.load: that takes a file for an archive, or for nothing, by its first bytes.
            array = np.lib.format.open_memmap(folder / f"{name}.npy", mode="r")
            if list(array.shape) != shape or array.dtype != types[name]:
                return None
            arrays[name] = array
        return told, arrays
    except (CrossvoxError, OSError, ValueError, KeyError):
        return None
