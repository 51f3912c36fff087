"""What holds a room together: one set of woods, paints, cloths and metals, drawn by chance."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import images
from crossvox.capture.rooms.materials import Color, Material, MaterialBook, hsv, shade

_WOODS: tuple[Color, ...] = (
    (0.78, 0.60, 0.40), (0.62, 0.42, 0.26), (0.42, 0.26, 0.16), (0.86, 0.74, 0.56),
    (0.55, 0.33, 0.20), (0.30, 0.20, 0.14), (0.72, 0.52, 0.34),
)  # fmt: skip


class Style:
    """Draws materials that fit together.

    Args:
        rng: source of chance.
        spacing_m: triangle edge that shapes are made with.
    """

    def __init__(self, rng: np.random.Generator, spacing_m: float) -> None:
        self.rng = rng
        self.book = MaterialBook()
        self.spacing = spacing_m
        self.hue = float(rng.random())
        woods = rng.permutation(len(_WOODS))
        self._woods = [_WOODS[int(number)] for number in woods[:3]]
        self.white = self.paint((0.92, 0.91, 0.88), 0.15)
        self.ceramic = self.book.add(
            Material("plain", (0.94, 0.94, 0.93), gloss=0.55, sharpness=60, dark_return=0.1)
        )
        self.chrome = self.book.add(
            Material("metal", (0.72, 0.73, 0.75), gloss=1.0, sharpness=40, dark_return=0.45)
        )
        self.steel = self.book.add(
            Material("metal", (0.62, 0.63, 0.65), gloss=0.5, sharpness=25, dark_return=0.25)
        )
        self.black = self.book.add(
            Material("plain", (0.07, 0.07, 0.08), gloss=0.25, sharpness=30, dark_return=0.1)
        )
        self.gray = self.paint((0.5, 0.5, 0.52), 0.1)
        self.trim = self.paint((0.93, 0.92, 0.89), 0.2) if rng.random() < 0.7 else self.wood(0)

    def between(self, low: float, high: float) -> float:
        """A number from a range."""
        return float(self.rng.uniform(low, high))

    def color(self, low: float = 0.3, high: float = 0.9) -> Color:
        """A colour near the room's hue or opposite to it."""
        rng = self.rng
        hue = self.hue + rng.choice([0.0, 0.06, -0.07, 0.5, 0.33]) + rng.normal(0, 0.02)
        return hsv(float(hue) % 1, float(rng.beta(2, 2.4) * 0.75), float(rng.uniform(low, high)))

    def quiet(self, low: float = 0.75, high: float = 0.95) -> Color:
        """A pale or greyish colour."""
        rng = self.rng
        return hsv(float(rng.random()), float(rng.uniform(0, 0.22)), float(rng.uniform(low, high)))

    def wood(self, number: int | None = None) -> int:
        """One of the room's woods."""
        if number is None:
            number = int(self.rng.integers(len(self._woods)))
        color = self._woods[number % len(self._woods)]
        return self.book.add(Material("wood", color, shade(color, 0.62), gloss=0.12, sharpness=18))

    def front(self) -> int:
        """A surface for furniture: mostly wood, sometimes lacquer."""
        if self.rng.random() < 0.62:
            return self.wood()
        return self.paint(self.quiet() if self.rng.random() < 0.8 else self.color(), 0.2)

    def paint(self, color: Color, gloss: float = 0.0) -> int:
        """A plain colour."""
        return self.book.add(Material("plain", color, gloss=gloss, sharpness=25))

    def fabric(self, color: Color | None = None) -> int:
        """Cloth: plain, checked, striped or with a print."""
        rng = self.rng
        color = color or self.color()
        kind = str(rng.choice(["fabric", "fabric", "fabric", "plaid", "stripes", "diamonds"]))
        second = shade(color, 0.6) if rng.random() < 0.5 else shade(color, 1.5)
        scale = float(rng.uniform(0.05, 0.16))
        return self.book.add(Material(kind, color, second, scale_m=scale))

    def upholstery(self) -> int:
        """Cover of sofas and chairs."""
        rng = self.rng
        color = self.color(0.2, 0.8) if rng.random() < 0.6 else self.quiet(0.3, 0.85)
        if rng.random() < 0.25:
            return self.book.add(
                Material("leather", color, shade(color, 0.55), gloss=0.3, sharpness=14)
            )
        return self.book.add(Material("fabric", color, shade(color, 0.55)))

    def book_cover(self) -> int:
        """The back of a book."""
        rng = self.rng
        number = int(rng.integers(24))
        color = hsv(number * 0.137 % 1, 0.25 + 0.06 * (number % 9), 0.25 + 0.09 * (number % 8))
        return self.paint(color, 0.08)

    def leaf(self) -> int:
        """Leaves of a plant."""
        color = hsv(float(self.rng.uniform(0.24, 0.38)), 0.6, float(self.rng.uniform(0.35, 0.6)))
        return self.book.add(Material("leaf", color, shade(color, 1.5), gloss=0.1))

    def wall(self, tiled: float) -> int:
        """Walls of a room, tiled with a probability."""
        rng = self.rng
        pale = self.quiet(0.78, 0.96) if rng.random() < 0.6 else hsv(self.hue, 0.25, 0.9)
        draw = rng.random()
        if draw < tiled:
            grout = (0.66, 0.65, 0.63)
            return self.book.add(
                Material(
                    "tiles", pale, grout, float(rng.uniform(0.1, 0.3)), gloss=0.3, sharpness=40
                )
            )
        if draw < 0.5:
            return self.paint(pale)
        if draw < 0.66:
            scale = float(rng.uniform(0.12, 0.35))
            return self.book.add(Material("stripes", pale, shade(pale, 0.88), scale))
        if draw < 0.85:
            scale = float(rng.uniform(0.12, 0.3))
            second = shade(pale, 0.82) if rng.random() < 0.6 else self.color(0.6, 0.9)
            return self.book.add(Material("dots", pale, second, scale))
        return self.book.add(Material("brick", (0.62, 0.36, 0.28), (0.72, 0.68, 0.62)))

    def floor(self, tiled: float) -> int:
        """Floor of a room, tiled with a probability."""
        rng = self.rng
        draw = rng.random()
        if draw < tiled:
            color = self.quiet(0.35, 0.9)
            scale = float(rng.uniform(0.18, 0.45))
            return self.book.add(
                Material("tiles", color, shade(color, 0.55), scale, gloss=0.25, sharpness=30)
            )
        if draw < 0.3:
            color = self.quiet(0.3, 0.75)
            return self.book.add(Material("carpet", color, shade(color, 0.7)))
        color = self._woods[int(rng.integers(3))]
        scale = float(rng.uniform(0.07, 0.16))
        return self.book.add(
            Material("planks", color, shade(color, 0.6), scale, gloss=0.15, sharpness=16)
        )

    def stone(self) -> int:
        """A worktop."""
        color = self.quiet(0.25, 0.9)
        return self.book.add(Material("stone", color, shade(color, 0.6), gloss=0.35, sharpness=40))

    def picture(self) -> int:
        """A painting, photograph or poster."""
        draw = int(self.rng.integers(4))
        maker = (images.landscape, images.abstract, images.portrait, images.poster)[draw]
        return self.book.add_image(maker(self.rng), gloss=0.12, sharpness=40)

    def glass(self) -> int:
        """A screen that is off."""
        return self.book.add(
            Material("plain", (0.03, 0.03, 0.04), gloss=0.9, sharpness=70, dark_return=0.55)
        )

    def glow(self, color: Color, strength: float) -> int:
        """Something that shines."""
        return self.book.add(Material("glow", color, glow=strength))
