"""How sure the labels of a surface are: in colour, and as shares of its area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.formats import share_text
from crossvox.core.labels import UNANNOTATED as NO_LABEL
from crossvox.core.volume import Mesh
from crossvox.report.class_colors import class_shares
from crossvox.report.pictures.colors import color_map
from crossvox.report.pictures.surface import face_areas

CONFIDENCE_MAP = "cividis"
"""From doubt (dark blue) to certainty (yellow); told apart by every kind of colour vision."""

CONFIDENCE_TEXT = "probability that the class is right, calibrated"
"""What a confidence of labels is, in words."""

DOUBTFUL = 0.5
"""A label less sure than this is called doubtful: it is wrong as often as it is right."""


@dataclass(frozen=True)
class Doubt:
    """How much of a labelled surface is not to be relied on, as shares of its area.

    Attributes:
        unlabelled: without any label.
        doubtful: with a label less sure than :data:`DOUBTFUL`; None where nobody tells.
    """

    unlabelled: float
    doubtful: float | None

    @classmethod
    def of(cls, mesh: Mesh) -> Doubt:
        """Count a surface with labels."""
        doubtful = None
        if mesh.label_confidence is not None and mesh.labels is not None and len(mesh.faces):
            area = face_areas(mesh) / 3
            weak = (mesh.label_confidence < DOUBTFUL) & (mesh.labels != NO_LABEL)
            whole = float(area.sum()) * 3
            doubtful = float(weak[mesh.faces].sum(axis=1) @ area) / whole if whole > 0 else 0.0
        return cls(class_shares(mesh).get(NO_LABEL, 0.0), doubtful)

    @property
    def sentence(self) -> str:
        """Both shares in words."""
        if self.unlabelled > 0:
            first = f"{share_text(self.unlabelled).capitalize()} of the surface has no label"
        else:
            first = "All of the surface has a label"
        if self.doubtful is None:
            return f"{first}; nobody tells how sure the labels are."
        if self.doubtful == 0:
            return f"{first}; no label is less sure than {DOUBTFUL:.0%}."
        return (
            f"{first}; {share_text(self.doubtful)} has one that is doubtful (a confidence below "
            f"{DOUBTFUL:.0%})."
        )


def tells_confidence(mesh: Mesh | None) -> bool:
    """Whether a surface tells how sure its labels are."""
    return mesh is not None and mesh.labels is not None and mesh.label_confidence is not None


def confidence_colors(mesh: Mesh) -> NDArray[np.uint8]:
    """Colours ``(V, 3)`` by label confidence.

    Args:
        mesh: a surface that :func:`tells_confidence`.
    """
    values: NDArray[Any] = np.asarray(mesh.label_confidence)
    return color_map(CONFIDENCE_MAP, values)
