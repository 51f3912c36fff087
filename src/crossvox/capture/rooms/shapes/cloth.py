"""Hanging cloth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.shapes.surface import Shape, sheet, steps_of

Array = NDArray[Any]


def drape(
    width: float,
    height: float,
    spacing: float,
    *,
    waves: float,
    amplitude: float,
    phase: float = 0.0,
    gather: float = 0.0,
) -> Shape:
    """A hanging cloth with folds, from z = 0 to ``height``, facing +y, centred in x.

    Args:
        width, height: metres.
        spacing: largest edge.
        waves: folds across the width.
        amplitude: depth of the folds at the bottom, metres.
        phase: shifts the folds.
        gather: how much narrower the cloth is at mid height (a tie), share of the width.
    """
    columns = max(steps_of(width, spacing), int(waves * 8)) + 1
    rows = steps_of(height, spacing * 1.5) + 1
    u, v = np.meshgrid(np.linspace(1, 0, columns), np.linspace(0, 1, rows), indexing="ij")
    narrow = 1 - gather * np.exp(-(((v - 0.45) / 0.18) ** 2))
    x = (u - 0.5) * width * narrow
    fold = 2 * np.pi * waves * u + phase + 0.5 * np.sin(2 * np.pi * u * 1.7 + phase)
    y = amplitude * (1 - 0.45 * v) * np.sin(fold + 0.6 * np.sin(3 * v + phase))
    points = np.stack([x, y, v * height], -1)
    # Rows run over -x, columns over +z: (-x) x (+z) = +y, towards the viewer.
    coords = np.stack([u * width, v * height], -1)
    return sheet(points, coords=coords)
