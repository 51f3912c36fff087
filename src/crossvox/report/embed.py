"""Pictures as text that a page holds itself."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.doors.images import encode_jpeg, encode_webp, resize_color

Array = NDArray[Any]


def data_uri(kind: str, data: bytes) -> str:
    """Encoded data as an address, for example of kind ``image/webp``."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


QUALITY, FINE, NOISY = 65, 70, 54
"""Of rendered pictures: most of them; those shown large; and those whose colours change from vertex
to vertex, which would take most room. 7 more look the same, and a page is a twentieth larger."""


def webp_uri(image: NDArray[np.uint8], quality: int = QUALITY) -> str:
    """``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA as an address."""
    return data_uri("image/webp", encode_webp(image, quality))


def jpeg_uri(image: NDArray[np.uint8], quality: int = 86) -> str:
    """``(H, W, 3)`` RGB as an address."""
    return data_uri("image/jpeg", encode_jpeg(image, quality))


def within(image: Array, width: int) -> Array:
    """The image no wider than ``width``."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return image if image.shape[1] <= width else resize_color(image, (width, height))


def css_color(color: Any) -> str:
    """Three numbers from 0 to 255 as CSS."""
    red, green, blue = (int(value) for value in color)
    return f"rgb({red},{green},{blue})"
