"""How sure the labels of a surface are: in colour, and as shares of its area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.formats import share_text
from crossvox.core.labels import UNANNOTATED as NO_LABEL
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import DOUBTFUL, doubtful_share
from crossvox.report.class_colors import class_shares
from crossvox.report.pictures.colors import color_map

CONFIDENCE_MAP = "cividis"
"""From doubt (dark blue) to certainty (yellow); told apart by every kind of colour vision."""

CONFIDENCE_TEXTS = {
    True: "probability that the class is right, calibrated",
    False: "how likely the class is by what labels the frames, not calibrated",
    None: "how likely the class is",
}
"""What a confidence of labels is, in words, by whether it is calibrated; None: nobody tells."""


@dataclass(frozen=True)
class Doubt:
    """How much of a labelled surface is not to be relied on.

    Attributes:
        unlabelled: share of the area without any label.
        doubtful: of the rest, the share whose label is doubtful; None where nobody tells.
    """

    unlabelled: float
    doubtful: float | None

    @classmethod
    def of(cls, mesh: Mesh) -> Doubt:
        """Count a surface with labels."""
        return cls(class_shares(mesh).get(NO_LABEL, 0.0), doubtful_share(mesh))

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
            return f"{first}; none of the labels is less likely than {DOUBTFUL:.0%}."
        of = "of the rest" if self.unlabelled > 0 else "of it"
        return (
            f"{first}; {share_text(self.doubtful)} {of} has one that is doubtful (less likely than "
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
