"""Materials: what a surface looks like. Patterns are computed from surface coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]

KINDS = (
    "plain", "wood", "planks", "tiles", "fabric", "stripes", "dots", "brick", "stone", "carpet",
    "image", "glow", "mirror", "plaid", "leather", "metal", "diamonds", "leaf",
)  # fmt: skip
"""Patterns by number; :mod:`crossvox.capture.rooms.texture` computes them."""

IMAGE_PX = 96
"""Edge of the square images in the atlas, pixels."""


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        kind: pattern, one of :data:`KINDS`.
        color: main colour, sRGB from 0 to 1.
        second: second colour of the pattern.
        scale_m: size of the pattern (tile, stripe, board width).
        gloss: strength of highlights, 0 to 1.
        sharpness: exponent of highlights, below 256.
        dark_return: how badly a depth sensor reads it, 0 to 1 (glass, screens, chrome).
        image: number of the atlas image, for kind ``image``.
        glow: emitted light, for lamps and windows.
    """

    kind: str = "plain"
    color: Color = (0.8, 0.8, 0.8)
    second: Color = (0.5, 0.5, 0.5)
    scale_m: float = 0.1
    gloss: float = 0.0
    sharpness: int = 20
    dark_return: float = 0.0
    image: int = 0
    glow: float = 0.0


@dataclass
class MaterialBook:
    """All materials and images of one room."""

    materials: list[Material] = field(default_factory=list)
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    _known: dict[Material, int] = field(default_factory=dict)

    def add(self, material: Material) -> int:
        """Number of a material; equal materials share one."""
        if material not in self._known:
            self._known[material] = len(self.materials)
            self.materials.append(material)
        return self._known[material]

    def add_image(self, image: NDArray[np.uint8], **options: Any) -> int:
        """Number of a new material that shows ``image (IMAGE_PX, IMAGE_PX, 3)`` sRGB."""
        self.images.append(image)
        return self.add(Material("image", image=len(self.images) - 1, **options))

    def table(self) -> NDArray[np.float32]:
        """One row a material: kind, linear colour, linear second colour, scale, gloss, sharpness,
        dark return, image, glow; ``(M, 13)`` float32."""
        rows = [
            (
                KINDS.index(material.kind),
                *linear(material.color),
                *linear(material.second),
                material.scale_m,
                material.gloss,
                material.sharpness,
                material.dark_return,
                material.image,
                material.glow,
            )
            for material in self.materials
        ]
        return np.array(rows, dtype=np.float32)

    def atlas(self) -> NDArray[np.float32]:
        """All images in linear light, ``(K, IMAGE_PX, IMAGE_PX, 3)`` float32, K at least 1."""
        if not self.images:
            return np.zeros((1, IMAGE_PX, IMAGE_PX, 3), dtype=np.float32)
        return ((np.stack(self.images) / 255.0) ** 2.2).astype(np.float32)


def linear(color: Color) -> Color:
    """sRGB from 0 to 1 to linear light."""
    r, g, b = (float(min(max(value, 0.0), 1.0)) ** 2.2 for value in color)
    return r, g, b


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Colour from hue (turns), saturation and value."""
    channel = np.clip(np.abs(((hue * 6 + np.array([0, 4, 2])) % 6) - 3) - 1, 0, 1)
    r, g, b = (value * (1 - saturation + saturation * channel)).tolist()
    return r, g, b


def shade(color: Color, factor: float) -> Color:
    """A lighter or darker colour."""
    r, g, b = (min(max(value * factor, 0.0), 1.0) for value in color)
    return r, g, b
