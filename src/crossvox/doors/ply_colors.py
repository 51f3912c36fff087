"""Vertex colours of PLY files as programs write them: names and number types differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = (
    ("red", "green", "blue"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("r", "g", "b"),
)
"""Names of the channels: the usual ones, of older MeshLab, of others. The first that are there."""


def colors_of(vertex: NDArray[Any]) -> tuple[NDArray[np.uint8] | None, str]:
    """Colours of a PLY file's vertices, as eight bits.

    Bytes are taken as they are. Of other number types the values tell what they mean: floats up to
    1 are shares of white; numbers up to 255 are bytes stored wider; numbers up to 65535 have
    sixteen bits.

    Args:
        vertex: structured array of the vertices.

    Returns:
        ``(V, 3)`` uint8, None if there are none that can be told; and in that case what was
        dropped, and why (empty: nothing was).
    """
    there = set(vertex.dtype.names or ())
    names = next((names for names in NAMES if there.issuperset(names)), None)
    if names is None:
        return None, ""
    values = np.stack([vertex[name] for name in names], axis=-1)
    if values.dtype == np.uint8:
        return values, ""
    told = f"colours ({', '.join(names)}) are dropped: "
    if values.dtype.kind not in "fiu":
        return None, f"{told}they are no numbers"
    if not len(values):
        return np.zeros((0, 3), np.uint8), ""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):
        return None, f"{told}values from {low:g} to {high:g} are neither 0..1, 0..255 nor 0..65535"
    white = 1 if values.dtype.kind == "f" and high <= 1 else 255 if high <= 255 else 65535
    scaled = values.astype(np.float64) * (255 / white)
    return np.round(scaled).astype(np.uint8), ""
