"""What the label numbers of the published pipeline mean; they differ between its stages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.labels import BENCHMARK_IDS, NYU40_NAMES, UNANNOTATED
from crossvox.samples.params import LabelConvention

Array = NDArray[Any]

FREE_VALUE: dict[str, int] = {"continuous40": 40, "continuous20": 20, "free0": 0, "nyu40": -1}
"""Value of ``y`` in a free voxel: tells the convention of a file that does not name it."""

KEPT_OF_20 = 14
"""Benchmark classes that the published table with 20 classes knows."""


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
