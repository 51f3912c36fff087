"""Classes in colour, their errors, and how much of a surface each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import class_areas, face_pick
from crossvox.report.pictures.colors import Color

Array = NDArray[Any]

RIGHT: Color = (168, 172, 178)

WRONG: Color = (214, 40, 34)

UNANNOTATED: Color = (58, 61, 68)

ERROR_KEY = (("right", RIGHT), ("wrong", WRONG), ("unannotated", UNANNOTATED))
"""How errors of classes are coloured."""


UNLABELLED_NAME = "no label"
"""What stands in legends for surface without a class."""


def class_name(label: int, names: Sequence[str] = NYU40.names) -> str:
    """What a reader sees of a class; where no name is told, as for the truth's, NYU40's own."""
    if label == NYU40.ignore_id:
        return UNLABELLED_NAME
    return (names[label] if label < len(names) else "") or NYU40.names[label]


def class_colors(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label table's colours ``(V, 3)``; dark grey where nobody annotated."""
    table = NYU40.colors.copy()
    table[NYU40.ignore_id] = UNANNOTATED
    return table[np.minimum(labels, len(table) - 1)]


def class_error_colors(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Right vertices grey, wrong ones red, unannotated ones dark: ``(V, 3)``."""
    state = np.where(truth == NYU40.ignore_id, 2, (truth != predicted).astype(np.int64))
    return np.array([color for _, color in ERROR_KEY], dtype=np.uint8)[state]


def without_label(mesh: Mesh) -> NDArray[np.bool_]:
    """Which faces have no label, ``(F,)`` bool."""
    if mesh.labels is None:
        return np.ones(len(mesh.faces), dtype=bool)
    return np.asarray(face_pick(mesh.faces, mesh.labels) == NYU40.ignore_id)


def class_shares(mesh: Mesh) -> dict[int, float]:
    """Share of the area by NYU40 id, the largest first; empty without labels."""
    areas = {} if mesh.labels is None else class_areas(mesh)
    total = sum(areas.values()) or 1.0
    return {label: area / total for label, area in areas.items()}


def present_classes(shares: Iterable[Mapping[int, float]]) -> list[int]:
    """NYU40 ids that any of the surfaces shows: by the largest share first, unannotated last.

    Args:
        shares: of each surface, see :func:`class_shares`.
    """
    most: dict[int, float] = {}
    for found in shares:
        for label, share in found.items():
            most[label] = max(most.get(label, 0.0), share)
    return sorted(most, key=lambda label: (label == NYU40.ignore_id, -most[label]))
