"""The only label table: NYU40, the 20 benchmark classes, their colours, raw id -> NYU40.

Ids and names after Silberman et al. 2012 / Gupta et al. 2013 (40 classes); benchmark subset and
palette as ScanNet publishes them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError
from crossvox.core.text import decoded

UNANNOTATED = 0
"""Label of pixels, vertices and occupied voxels that nobody annotated. Ignored by scores."""

NYU40_NAMES = (
    "unannotated",
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
)  # fmt: skip
"""Names by NYU40 id; id 24 is spelt as the data set spells it."""

BENCHMARK_IDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
"""NYU40 ids of the 20 classes that ScanNet's benchmark scores."""

_SCANNET_COLORS = {
    0: (0, 0, 0), 1: (174, 199, 232), 2: (152, 223, 138), 3: (31, 119, 180), 4: (255, 187, 120),
    5: (188, 189, 34), 6: (140, 86, 75), 7: (255, 152, 150), 8: (214, 39, 40), 9: (197, 176, 213),
    10: (148, 103, 189), 11: (196, 156, 148), 12: (23, 190, 207), 14: (247, 182, 210),
    16: (219, 219, 141), 24: (255, 127, 14), 28: (158, 218, 229), 33: (44, 160, 44),
    34: (112, 128, 144), 36: (227, 119, 194), 39: (82, 84, 163),
}  # fmt: skip


def _palette() -> NDArray[np.uint8]:
    """ScanNet's colours where it has any, evenly turned hues for the other ids."""
    palette = np.zeros((len(NYU40_NAMES), 3), dtype=np.uint8)
    for label in range(len(NYU40_NAMES)):
        hue = (label * 0.61803398875) % 1.0
        channel = np.abs(((hue * 6 + np.array([0, 4, 2])) % 6) - 3) - 1
        color = np.round((0.35 + 0.45 * np.clip(channel, 0, 1)) * 255)
        palette[label] = _SCANNET_COLORS.get(label, tuple(int(value) for value in color))
    palette.setflags(write=False)
    return palette


@dataclass(frozen=True, eq=False)
class LabelSpace:
    """Names, colours and subset of one set of classes.

    Attributes:
        names: by id; id 0 is "unannotated".
        colors: ``(C, 3)`` uint8.
        benchmark_ids: ids that scores are averaged over.
        ignore_id: id that no score and no loss counts.
    """

    names: tuple[str, ...]
    colors: NDArray[np.uint8]
    benchmark_ids: tuple[int, ...]
    ignore_id: int = UNANNOTATED

    def id_of(self, name: str) -> int:
        """Id of a class by its name.

        Raises:
            KeyError: no class has this name.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(
                f"no class is called {name!r}; classes: {', '.join(self.names)}"
            ) from None


NYU40 = LabelSpace(NYU40_NAMES, _palette(), BENCHMARK_IDS)


@dataclass(frozen=True, eq=False)
class RawLabelMap:
    """Raw ScanNet label ids to NYU40, as a look-up table from the original image.

    Attributes:
        table: ``(65536,)`` uint8; unknown ids map to 0.
        known: ``(65536,)`` bool, ids that the class map lists.
    """

    table: NDArray[np.uint8]
    known: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path) -> RawLabelMap:
        """Read ``scannetv2-labels.combined.tsv`` (columns ``id`` and ``nyu40id``).

        What a spreadsheet makes of it is read too: commas or semicolons between columns, other
        capitals in their names, ``3.0`` for 3, another encoding. A row without a ``nyu40id`` is
        unknown.

        Raises:
            CaptureError: the file is missing, lacks a column, or holds a value out of range.
        """
        try:
            return cls(*_read_table(path.read_bytes()))
        except FileNotFoundError:
            raise CaptureError(
                f"given: {path}, which does not exist; needed: the class map of the data set "
                f"(scannetv2-labels.combined.tsv); do: put it beside the scans or pass --label-map"
            ) from None
        except (KeyError, ValueError, AttributeError, OSError, csv.Error) as error:
            raise CaptureError(
                f"given: {path} ({type(error).__name__}: {str(error)[:200]}); needed: a table with "
                f"columns 'id' and 'nyu40id' that hold numbers; do: take the data set's own file"
            ) from None

    def apply(self, raw: NDArray[Any]) -> NDArray[np.uint8]:
        """Map an image of raw ids (any unsigned integer type) to NYU40; unknown ids become 0."""
        return self.table.take(raw)


@lru_cache(maxsize=4)
def _read_table(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Both arrays of a :class:`RawLabelMap`, not to be changed: all scans of a data set share them.

    Raises:
        KeyError: a column is missing.
        ValueError: a value is no number, or out of range.
    """
    table = np.zeros(65536, dtype=np.uint8)
    known = np.zeros(65536, dtype=bool)
    known[0] = True
    # Only numbers and names of columns count: whatever the others are encoded in.
    for row in _rows(decoded(data, fallback="latin-1")):
        if not (row["nyu40id"] or "").strip():
            continue  # one row of the data set's own file has none
        raw, nyu40 = _whole(row["id"]), _whole(row["nyu40id"])
        if not (0 <= raw < 65536 and 0 <= nyu40 < len(NYU40_NAMES)):
            raise ValueError(f"id {raw} -> nyu40id {nyu40} is out of range")
        table[raw], known[raw] = nyu40, True
    table.setflags(write=False)
    known.setflags(write=False)
    return table, known


def _rows(text: str) -> csv.DictReader[str]:
    """Rows of a table, by names of columns in small letters."""
    head, _, rest = text.partition("\n")
    delimiter = max("\t,;", key=head.count)
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    lacking = {"id", "nyu40id"} - {*names}
    if lacking:
        raise KeyError(f"no column {' and none '.join(sorted(lacking))}")
    return csv.DictReader(io.StringIO(rest, newline=""), names, delimiter=delimiter)


def _whole(text: str) -> int:
    """A whole number, be it written as ``3.0``."""
    value = float(text)
    if not value.is_integer():
        raise ValueError(f"{text!r} is no whole number")
    return int(value)


def nyu40_of_vertices(
    ids: NDArray[Any], class_map: RawLabelMap | None, source: str
) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """Label ids of a file of vertices as NYU40.

    Some of ScanNet's files hold a few ids that are none of NYU40's; others hold raw ids throughout.
    A file counts as raw if an id exceeds 255, or most annotated vertices have an id beyond 40.

    Args:
        ids: ``(V,)`` ids, any number type; what is negative or no number is unannotated.
        class_map: table for raw ids, None if there is none.
        source: the file, for the error text.

    Returns:
        ``(V,)`` NYU40 ids, and the number of vertices by id that is neither NYU40's nor in the
        table: they are unannotated.

    Raises:
        CaptureError: the ids are raw ones and there is no table.
    """
    whole = np.nan_to_num(np.asarray(ids, dtype=np.float64), nan=0, posinf=65535, neginf=0)
    whole = np.clip(whole, 0, 65535).astype(np.int64)
    beyond = whole >= len(NYU40_NAMES)
    raw = bool((whole > 255).any()) or 2 * int(beyond.sum()) > int((whole > 0).sum())
    if raw and class_map is None:
        raise CaptureError(
            f"given: {source} with vertex label {whole.max()}, a raw id of the data set; "
            f"needed: NYU40 ids (0 to {len(NYU40_NAMES) - 1}), or the class map "
            f"scannetv2-labels.combined.tsv; do: put it beside the scans or pass --label-map"
        )
    if raw and class_map is not None:
        labels, strange = class_map.apply(whole), whole[~class_map.known[whole]]
    else:
        labels, strange = np.where(beyond, UNANNOTATED, whole).astype(np.uint8), whole[beyond]
    found, counts = np.unique(strange, return_counts=True)
    return labels, dict(zip(found.tolist(), counts.tolist(), strict=True))
