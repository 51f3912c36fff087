"""Small things: books, lamps, plants, crockery, boxes, and what hangs on walls."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.materials import (
    Material,
    clock_face,
    hsv,
    screen,
    shade,
    whiteboard_scribble,
)
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def _between(s: Style, low: float, high: float) -> float:
    return float(s.rng.uniform(low, high))


def books_row(s: Style, length: float, depth: float, height: float) -> Model:
    """Books standing side by side from x = 0 to ``length``; the last ones may lean."""
    m = Model("book")
    x = 0.0
    paper = s.paint((0.9, 0.87, 0.78))
    base = min(_between(s, 0.19, 0.27), height)
    while True:
        thick = _between(s, 0.016, 0.05)
        if x + thick > length:
            break
        h = min(base * _between(s, 0.82, 1.12), height)
        d = min(_between(s, 0.14, 0.22), depth)
        push = depth - d - _between(s, 0.0, 0.05)
        cover = s.book_cover()
        at = (x + thick / 2, max(push, 0.0) + d / 2, 0.0)
        m.add(sh.box((thick - 0.002, d, h), 0.11, without="dt"), cover, at=at)
        m.add(
            sh.box((thick - 0.002, d, 0.001), 0.11, without="d"),
            paper,
            at=(at[0], at[1], h - 0.006),
        )
        if s.rng.random() < 0.5:
            band = s.paint(s.quiet(0.7, 0.95))
            m.add(sh.patch((thick / 2 - 0.001, d / 2 + 0.001, h * 0.7), (-thick + 0.002, 0, 0),
                           (0, 0, h * 0.12), 0.1), band, at=(at[0], at[1], 0))  # fmt: skip
        x += thick
    if not m.parts:
        m.add(sh.box((length * 0.9, min(0.2, depth), min(0.03, height)), 0.11), s.book_cover(),
              at=(length / 2, depth / 2, 0))  # fmt: skip
    return m


def book_pile(s: Style) -> Model:
    """A few books lying on each other."""
    m = Model("book")
    z = 0.0
    for _ in range(int(s.rng.integers(1, 5))):
        w, d, h = _between(s, 0.14, 0.2), _between(s, 0.19, 0.26), _between(s, 0.015, 0.04)
        turn = _between(s, -0.3, 0.3)
        cover = s.book_cover()
        m.add(sh.box((w, d, h), 0.1).turned(turn), cover, at=(0, 0, z))
        z += h + 0.001
    return m


def table_lamp(s: Style) -> Model:
    """A lamp with a turned foot and a cloth shade."""
    m = Model("lamp")
    h = _between(s, 0.34, 0.52)
    foot = s.front() if s.rng.random() < 0.5 else s.paint(s.color(0.4, 0.9), 0.4)
    r = _between(s, 0.055, 0.085)
    if s.rng.random() < 0.6:
        profile = [(r, 0), (r, 0.012), (r * 0.35, 0.03), (r * 0.8, h * 0.2), (r * 0.95, h * 0.32),
                   (r * 0.4, h * 0.48), (0.012, h * 0.55), (0.01, h * 0.66)]  # fmt: skip
    else:
        profile = [(r, 0), (r, 0.015), (0.012, 0.02), (0.012, h * 0.66)]
    m.add(sh.lathe(profile, s.spacing, segments=20), foot)
    top, low = r * _between(s, 0.9, 1.5), r * _between(s, 1.7, 2.2)
    shade_color = (0.95, 0.9, 0.78) if s.rng.random() < 0.7 else s.color(0.6, 0.95)
    lit = _between(s, 0.3, 1.4) if s.rng.random() < 0.6 else 0.0
    cloth = s.book.add(Material("fabric", shade_color, shade(shade_color, 0.85), glow=lit))
    _lamp_shade(m, low, top, h * 0.58, h, cloth, s.spacing)
    return m


def _lamp_shade(
    m: Model, low: float, top: float, z0: float, z1: float, cloth: int, spacing: float
) -> None:
    outer = sh.lathe([(low, z0), (top, z1)], spacing, segments=28)
    m.add(outer, cloth)
    inner = sh.lathe([(low - 0.004, z0), (top - 0.004, z1)], spacing, segments=28)
    m.add(sh.Shape(inner.points, -inner.normals, inner.coords, inner.faces[:, ::-1]), cloth)


def floor_lamp(s: Style) -> Model:
    """A standing lamp."""
    m = Model("floor lamp")
    h = _between(s, 1.45, 1.75)
    r = 0.14
    metal = s.black if s.rng.random() < 0.5 else s.chrome
    m.add(
        sh.lathe([(r, 0), (r, 0.02), (0.02, 0.035), (0, 0.036)], s.spacing), metal, at=(0, 0.2, 0)
    )
    m.add(sh.tube([(0, 0.2, 0.03), (0, 0.2, h - 0.1)], 0.013, 0.1), metal)
    lit = _between(s, 0.6, 1.8) if s.rng.random() < 0.7 else 0.0
    cloth = s.book.add(Material("fabric", (0.95, 0.9, 0.8), (0.85, 0.78, 0.66), glow=lit))
    part = Model("floor lamp")
    _lamp_shade(
        part, _between(s, 0.18, 0.22), _between(s, 0.11, 0.17), h - 0.3, h, cloth, s.spacing
    )
    for piece in part.parts:
        m.add(piece.shape, cloth, at=(0, 0.2, 0))
    return m


def ceiling_lamp(s: Style, drop: float) -> tuple[Model, float]:
    """A lamp under the ceiling (z = 0 is the ceiling) and how far below it shines from."""
    m = Model("ceiling lamp")
    glow = s.glow((1.0, 0.95, 0.85), 2.6)
    if drop > 0.1:
        m.add(sh.tube([(0, 0, 0), (0, 0, -drop)], 0.005, 0.2, segments=5), s.black)
        m.add(sh.cylinder(0.05, 0.03, 0.05, segments=12), s.black, at=(0, 0, -0.03))
        if s.rng.random() < 0.5:
            profile = [
                (0.0, -0.18),
                (0.07, -0.17),
                (0.125, -0.1),
                (0.11, -0.03),
                (0.05, 0.0),
                (0, 0),
            ]
            m.add(sh.lathe(profile, s.spacing, segments=24), glow, at=(0, 0, -drop))
        else:
            hood = s.paint(s.color(0.3, 0.9), 0.3)
            _lamp_shade(m, 0.21, 0.05, -drop - 0.14, -drop, hood, s.spacing)
            m.add(sh.lathe([(0, -0.05), (0.04, -0.035), (0.04, 0), (0, 0.02)], s.spacing), glow,
                  at=(0, 0, -drop - 0.06))  # fmt: skip
        return m, drop + 0.25
    r = _between(s, 0.16, 0.26)
    m.add(
        sh.lathe([(0, -0.11), (r * 0.6, -0.1), (r, -0.045), (r, 0)], s.spacing, segments=28), glow
    )
    return m, 0.2


def plant(s: Style, height: float) -> Model:
    """A pot plant with drooping leaves or a small bush."""
    m = Model("plant")
    r = float(np.clip(height * 0.16, 0.05, 0.17))
    pot_color = (0.72, 0.4, 0.28) if s.rng.random() < 0.5 else s.quiet(0.5, 0.95)
    pot_height = r * 1.7
    pot = [
        (r * 0.72, 0),
        (r, pot_height * 0.85),
        (r * 1.08, pot_height * 0.86),
        (r * 1.08, pot_height),
        (r * 0.92, pot_height),
        (r * 0.9, pot_height - 0.02),
        (0, pot_height - 0.02),
    ]
    m.add(sh.lathe(pot, s.spacing, segments=20), s.paint(pot_color, 0.15), at=(0, 0, 0))
    leaf = s.leaf()
    count = int(s.rng.integers(9, 20))
    crown = height - pot_height
    wide = _between(s, 0.16, 0.34)
    for number in range(count):
        yaw = number * 2.4 + _between(s, -0.3, 0.3)
        rise = crown * _between(s, 0.55, 1.0)
        reach = min(crown * _between(s, 0.25, 0.7), r * 2.6)
        u, v = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-1, 1, 5), indexing="ij")
        half = wide * reach * np.sin(np.pi * np.clip(u * 0.97 + 0.02, 0, 1)) ** 0.8
        along = reach * u
        up = pot_height + rise * np.sin(u * np.pi * _between(s, 0.5, 0.72))
        grid = np.stack([along, v * half, up + 0.15 * half * (1 - v**2)], -1)
        m.add(sh.sheet(grid).turned(yaw), leaf)
    return m


def _vessel(s: Style, category: str, profile: list[tuple[float, float]], material: int) -> Model:
    m = Model(category)
    m.add(sh.lathe(profile, 0.03, segments=16), material)
    return m


def cup(s: Style) -> Model:
    """A mug with a handle."""
    r, h = 0.04, 0.095
    m = _vessel(
        s,
        "cup",
        [(0, 0), (r * 0.9, 0), (r, 0.01), (r, h), (r - 0.005, h), (r - 0.006, 0.012), (0, 0.01)],
        s.paint(s.color(0.4, 0.95), 0.4),
    )
    ring = [
        (r + 0.022 * np.cos(a), 0, h * 0.52 + 0.028 * np.sin(a)) for a in np.linspace(-1.9, 1.9, 9)
    ]
    m.add(sh.tube(ring, 0.005, 0.1, segments=6), m.parts[0].material)
    return m


def bowl(s: Style) -> Model:
    """A bowl, sometimes with fruit."""
    r = _between(s, 0.09, 0.14)
    m = _vessel(
        s,
        "bowl",
        [
            (0, 0),
            (r * 0.4, 0),
            (r * 0.45, 0.01),
            (r * 0.85, r * 0.3),
            (r, r * 0.55),
            (r - 0.006, r * 0.55),
            (r * 0.8, r * 0.32),
            (0, 0.02),
        ],
        s.paint(s.quiet(0.5, 0.95), 0.35),
    )
    if s.rng.random() < 0.6:
        for k in range(4):
            f = r * 0.33
            ball = sh.lathe(
                [(0, 0), (f * 0.7, f * 0.3), (f, f), (f * 0.7, f * 1.7), (0, f * 2)], 0.03
            )
            fruit = s.paint(hsv(_between(s, 0.0, 0.25), 0.8, 0.85), 0.2)
            m.add(
                ball, fruit, at=(r * 0.42 * np.cos(k * 1.6), r * 0.42 * np.sin(k * 1.6), r * 0.25)
            )
    return m


def bottle(s: Style) -> Model:
    """A bottle."""
    r, h = _between(s, 0.03, 0.042), _between(s, 0.2, 0.31)
    color = hsv(float(s.rng.choice([0.3, 0.08, 0.55, 0.0])), 0.6, _between(s, 0.25, 0.8))
    return _vessel(
        s,
        "bottle",
        [(0, 0), (r, 0), (r, h * 0.6), (r * 0.35, h * 0.78), (r * 0.35, h), (0, h)],
        s.paint(color, 0.6),
    )


def vase(s: Style) -> Model:
    """A vase, sometimes with flowers."""
    r, h = _between(s, 0.05, 0.08), _between(s, 0.15, 0.28)
    m = _vessel(
        s,
        "vase",
        [
            (0, 0),
            (r * 0.6, 0),
            (r, h * 0.4),
            (r * 0.8, h * 0.65),
            (r * 0.4, h * 0.85),
            (r * 0.55, h),
            (r * 0.45, h),
            (0, h * 0.9),
        ],
        s.paint(s.color(0.4, 0.95), 0.5),
    )
    if s.rng.random() < 0.5:
        petal = s.paint(hsv(float(s.rng.random()), 0.6, 0.95))
        stem = s.leaf()
        for k in range(6):
            tip = (0.09 * np.cos(k * 1.05), 0.09 * np.sin(k * 1.05), h + _between(s, 0.1, 0.17))
            m.add(sh.tube([(0, 0, h * 0.9), tip], 0.004, 0.1, segments=5), stem)
            m.add(
                sh.lathe([(0, -0.02), (0.028, 0), (0.02, 0.018), (0, 0.015)], 0.03, segments=8),
                petal,
                at=tip,
            )
    return m


def kettle(s: Style) -> Model:
    """A kettle with spout and handle."""
    m = Model("kettle")
    shell = s.steel if s.rng.random() < 0.5 else s.paint(s.color(0.3, 0.9), 0.5)
    m.add(
        sh.lathe(
            [
                (0, 0),
                (0.085, 0),
                (0.085, 0.03),
                (0.07, 0.16),
                (0.05, 0.19),
                (0.012, 0.2),
                (0.012, 0.22),
                (0, 0.222),
            ],
            0.03,
            segments=20,
        ),
        shell,
    )
    m.add(
        sh.tube([(0.06, 0, 0.11), (0.1, 0, 0.14), (0.12, 0, 0.175)], [0.02, 0.014, 0.01], 0.04),
        shell,
    )
    m.add(
        sh.tube(
            [(-0.05, 0, 0.19), (-0.12, 0, 0.18), (-0.125, 0, 0.08), (-0.078, 0, 0.04)], 0.01, 0.05
        ),
        s.black,
    )
    return m


def microwave(s: Style) -> Model:
    """A microwave oven."""
    m = Model("microwave")
    w, d, h = 0.48, 0.34, 0.28
    shell = s.steel if s.rng.random() < 0.5 else s.paint((0.9, 0.9, 0.89), 0.3)
    m.add(sh.rounded_box((w, d, h), 0.01, s.spacing, steps=1), shell)
    m.add(
        sh.patch(
            (w / 2 - 0.13, d / 2 + 0.002, 0.04), (-w + 0.17, 0, 0), (0, 0, h - 0.08), s.spacing
        ),
        s.glass(),
    )
    m.add(
        sh.patch((w / 2 - 0.015, d / 2 + 0.002, 0.03), (-0.09, 0, 0), (0, 0, h - 0.06), s.spacing),
        s.black,
    )
    x = w / 2 - 0.12
    m.add(
        sh.tube(
            [
                (x, d / 2, 0.05),
                (x, d / 2 + 0.03, 0.05),
                (x, d / 2 + 0.03, h - 0.05),
                (x, d / 2, h - 0.05),
            ],
            0.007,
            0.1,
            segments=6,
        ),
        s.chrome,
    )
    return m


def laptop(s: Style) -> Model:
    """An open laptop; the screen looks towards +y."""
    m = Model("laptop")
    w, d = 0.34, 0.23
    m.add(sh.rounded_box((w, d, 0.016), 0.006, s.spacing, steps=1), s.steel)
    m.add(
        sh.patch((-w / 2 + 0.03, -0.07, 0.0175), (w - 0.06, 0, 0), (0, 0.12, 0), s.spacing), s.black
    )
    lid = [
        sh.rounded_box((w, 0.01, d), 0.004, s.spacing, steps=1),
        sh.patch(
            (w / 2 - 0.012, 0.006, 0.012),
            (-w + 0.024, 0, 0),
            (0, 0, d - 0.024),
            s.spacing,
            image=True,
        ),
    ]
    image = s.book.add_image(screen(s.rng), glow=0.5, gloss=0.2, dark_return=0.35)
    for shape, material in zip(lid, (s.steel, image), strict=True):
        m.add(shape.turned(0.3, "x"), material, at=(0, -d / 2 + 0.005, 0.012))
    return m


def keyboard(s: Style) -> Model:
    """A keyboard with rows of keys."""
    m = Model("keyboard")
    m.add(sh.rounded_box((0.43, 0.14, 0.018), 0.006, s.spacing, steps=1), s.black)
    keys = s.gray if s.rng.random() < 0.5 else s.white
    for row in range(4):
        for left, width in ((-0.2, 0.28), (0.11, 0.085)):
            m.add(sh.box((width, 0.022, 0.006), 0.06, without="d"), keys,
                  at=(left + width / 2, -0.045 + 0.03 * row, 0.018))  # fmt: skip
    return m


def mouse(s: Style) -> Model:
    """A computer mouse."""
    m = Model("mouse")
    rings = [
        Ring(0.03, 0.05, 0),
        Ring(0.031, 0.052, 0.012),
        Ring(0.022, 0.04, 0.03),
        Ring(0, 0, 0.036),
    ]
    m.add(sh.loft(rings, 0.03, segments=16, crease=80), s.black)
    return m


def papers(s: Style) -> Model:
    """A few loose sheets."""
    m = Model("paper")
    white = s.paint((0.95, 0.95, 0.93))
    for number in range(int(s.rng.integers(1, 4))):
        sheet = sh.box((0.21, 0.297, 0.002), 0.11).turned(_between(s, -0.4, 0.4))
        m.add(
            sheet, white, at=(_between(s, -0.03, 0.03), _between(s, -0.03, 0.03), 0.0025 * number)
        )
    return m


def carton(s: Style, size: float) -> Model:
    """A cardboard box, closed or open with flaps."""
    m = Model("box")
    w, d, h = (
        size * _between(s, 0.8, 1.3),
        size * _between(s, 0.7, 1.0),
        size * _between(s, 0.5, 1.0),
    )
    brown = (0.72, 0.56, 0.38) if s.rng.random() < 0.75 else s.color(0.5, 0.9)
    card = s.book.add(Material("fabric", brown, shade(brown, 0.85)))
    tape = s.paint(shade(brown, 1.2), 0.3)
    open_top = size > 0.25 and s.rng.random() < 0.45
    m.add(sh.box((w, d, h), s.spacing, without="t" if open_top else ""), card)
    if open_top:
        inner = sh.box((w - 0.01, d - 0.01, h - 0.01), s.spacing, without="td")
        m.add(
            sh.Shape(inner.points, -inner.normals, inner.coords, inner.faces[:, ::-1]),
            card,
            at=(0, 0, 0.01),
        )
        m.add(
            sh.patch((-w / 2, -d / 2, h * 0.4), (w, 0, 0), (0, d, 0), s.spacing), s.paint(s.color())
        )
        for sign in (-1, 1):
            flap = sh.box((0.005, d, w * 0.42), s.spacing).turned(sign * _between(s, 0.5, 1.2), "y")
            m.add(flap, card, at=(sign * w / 2, 0, h))
    else:
        m.add(sh.box((0.06, d + 0.002, h + 0.002), s.spacing), tape)
    return m


def backpack(s: Style) -> Model:
    """A rucksack leaning back, with a front pocket and straps."""
    m = Model("backpack")
    cloth = s.fabric(s.color(0.2, 0.7))
    rings = [
        Ring(0.14, 0.08, 0, 3),
        Ring(0.165, 0.1, 0.04, 3),
        Ring(0.165, 0.1, 0.26, 3),
        Ring(0.14, 0.085, 0.38, 2.6),
        Ring(0.07, 0.04, 0.44, 2.4),
        Ring(0, 0, 0.45, 2),
    ]
    m.add(sh.loft(rings, s.spacing, crease=80), cloth)
    m.add(
        sh.rounded_box((0.24, 0.06, 0.18), 0.025, s.spacing),
        s.fabric(s.color(0.2, 0.7)),
        at=(0, 0.1, 0.04),
    )
    for sign in (-1, 1):
        path = [(sign * 0.07, -0.08, 0.4), (sign * 0.09, -0.14, 0.3), (sign * 0.1, -0.1, 0.05)]
        m.add(sh.tube(path, 0.013, 0.06), s.black)
    m.add(
        sh.tube([(-0.03, 0, 0.44), (0, 0, 0.48), (0.03, 0, 0.44)], 0.009, 0.05, segments=6), s.black
    )
    return m


def trash_can(s: Style) -> Model:
    """A waste bin, open or with a domed lid."""
    m = Model("trash can")
    r, h = _between(s, 0.12, 0.17), _between(s, 0.28, 0.6)
    shell = s.steel if s.rng.random() < 0.4 else s.paint(s.color(0.2, 0.8), 0.2)
    if h > 0.42:
        profile = [(r, 0), (r, h * 0.86), (r * 1.03, h * 0.865), (r * 0.8, h * 0.96), (0, h)]
        m.add(sh.lathe(profile, s.spacing), shell)
        m.add(sh.box((0.07, 0.06, 0.02), 0.1), s.black, at=(0, r + 0.01, 0.02))
    else:
        profile = [(0, 0), (r * 0.8, 0), (r, h), (r - 0.008, h), (r * 0.8 - 0.008, 0.02), (0, 0.02)]
        m.add(sh.lathe(profile, s.spacing), shell)
        for k in range(3):
            ball = sh.lathe([(0, 0), (0.05, 0.03), (0.045, 0.07), (0, 0.1)], 0.04, segments=8)
            m.add(ball, s.white, "trash can", at=(0.05 * np.cos(k * 2), 0.05 * np.sin(k * 2), 0.06))
    return m


def toilet_roll(s: Style) -> Model:
    """A paper roll on a holder; hangs on a wall."""
    m = Model("toilet paper")
    m.add(
        sh.cylinder(0.055, 0.1, 0.05, segments=20).turned(np.pi / 2, "y"),
        s.white,
        at=(-0.05, 0.08, 0),
    )
    m.add(sh.patch((0.05, 0.136, 0), (-0.1, 0, 0), (0, 0, -0.12), 0.04).moved(0, 0, 0), s.white)
    m.add(
        sh.tube([(-0.07, 0.0, 0.02), (-0.07, 0.08, 0), (0.07, 0.08, 0)], 0.006, 0.05, segments=6),
        s.chrome,
    )
    return m


def small_thing(s: Style, wide: float, high: float) -> Model:
    """Some small thing that fits a shelf."""
    makers = [vase, bowl, cup, bottle, book_pile]
    for _ in range(4):
        draw = int(s.rng.integers(len(makers) + 2))
        if draw < len(makers):
            thing = makers[draw](s)
        elif draw == len(makers):
            thing = carton(s, 0.15)
        else:
            thing = plant(s, min(high, 0.3))
        low, top = thing.bounds()
        if top[2] <= high and top[0] - low[0] <= wide * 1.6:
            return thing
    return cup(s)


# -- things on walls: z = 0 is the lower edge, they hang at a height given where they are placed --


def picture(s: Style, w: float, h: float) -> Model:
    """A framed picture with a mount, or a bare poster."""
    if s.rng.random() < 0.25:
        m = Model("poster")
        m.add(sh.box((w, 0.004, h), s.spacing, without="b"), s.white, at=(0, 0.002, 0))
        m.add(_upright(w - 0.01, h - 0.01, 0.006, 0.005, s), s.picture())
        return m
    m = Model("picture")
    frame = s.front() if s.rng.random() < 0.6 else s.black
    edge = _between(s, 0.02, 0.05)
    _frame(s, m, w, h, edge, 0.025, frame)
    m.add(
        sh.box((w - 0.01, 0.012, h - 0.01), s.spacing, without="b"), s.white, at=(0, 0.006, 0.005)
    )
    mount = edge + (_between(s, 0.02, 0.07) if s.rng.random() < 0.6 else 0.0)
    m.add(_upright(w - 2 * mount, h - 2 * mount, 0.0135, mount, s), s.picture())
    return m


def _upright(w: float, h: float, y: float, z: float, s: Style) -> sh.Shape:
    """An image patch that looks towards +y, x of the image running to the viewer's right."""
    return sh.patch((w / 2, y, z), (-w, 0, 0), (0, 0, h), s.spacing, image=True)


def _frame(s: Style, m: Model, w: float, h: float, edge: float, deep: float, material: int) -> None:
    for sign in (-1, 1):
        m.add(sh.box((edge, deep, h), s.spacing, without="b"), material,
              at=(sign * (w / 2 - edge / 2), deep / 2, 0))  # fmt: skip
    for z in (0.0, h - edge):
        m.add(
            sh.box((w - 2 * edge, deep, edge), s.spacing, without="b"),
            material,
            at=(0, deep / 2, z),
        )


def mirror(s: Style, w: float, h: float) -> Model:
    """A mirror in a frame."""
    m = Model("mirror")
    glass = s.book.add(Material("mirror", (0.72, 0.75, 0.77), gloss=0.2, dark_return=0.75))
    _frame(s, m, w, h, 0.025, 0.03, s.front() if s.rng.random() < 0.6 else s.chrome)
    m.add(
        sh.patch((w / 2 - 0.01, 0.014, 0.01), (-w + 0.02, 0, 0), (0, 0, h - 0.02), s.spacing), glass
    )
    return m


def whiteboard(s: Style, w: float, h: float) -> Model:
    """A whiteboard with drawings and a tray."""
    m = Model("whiteboard")
    _frame(s, m, w, h, 0.025, 0.025, s.steel)
    face = _upright(w - 0.03, h - 0.03, 0.013, 0.015, s)
    m.add(face, s.book.add_image(whiteboard_scribble(s.rng), gloss=0.3, sharpness=40))
    m.add(sh.box((w * 0.5, 0.06, 0.015), s.spacing), s.steel, at=(0, 0.03, -0.01))
    return m


def clock(s: Style) -> Model:
    """A round wall clock."""
    m = Model("clock")
    r = _between(s, 0.12, 0.17)
    ring = [(r * np.cos(a), 0.02, r + r * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 33)]
    m.add(sh.tube(ring, 0.014, 0.1), s.front())
    face = (
        sh.lathe([(r, 0), (0, 0.004)], s.spacing, segments=28)
        .turned(-np.pi / 2, "x")
        .moved(0, 0.015, r)
    )
    coords = np.stack([0.5 - face.points[:, 0] / (2 * r), face.points[:, 2] / (2 * r)], 1)
    m.add(sh.Shape(face.points, face.normals, coords, face.faces), s.book.add_image(clock_face()))
    return m


def wall_shelf(s: Style, w: float) -> Model:
    """A board on brackets with books and small things."""
    m = Model("wall shelf")
    wood = s.wood()
    m.add(sh.box((w, 0.22, 0.025), s.spacing), wood, at=(0, 0.11, 0.1))
    for sign in (-1, 1):
        m.add(
            sh.tube(
                [(sign * w * 0.35, 0.012, 0), (sign * w * 0.35, 0.19, 0.1)], 0.01, 0.1, segments=6
            ),
            s.black,
        )
    x = -w / 2 + 0.03
    while x < w / 2 - 0.2:
        if s.rng.random() < 0.6:
            length = _between(s, 0.15, 0.3)
            m.put(books_row(s, min(length, w / 2 - x), 0.19, 0.26), (x, 0.01, 0.125))
            x += length + 0.05
        else:
            thing = small_thing(s, 0.15, 0.28)
            low, high = thing.bounds()
            m.put(thing, (x - float(low[0]), 0.11 - float(low[1] + high[1]) / 2, 0.125))
            x += float(high[0] - low[0]) + 0.06
    return m


def towel_rail(s: Style, w: float) -> Model:
    """A rail with one or two towels over it."""
    m = Model("towel")
    m.add(
        sh.tube(
            [(-w / 2, 0, 0.62), (-w / 2, 0.075, 0.62), (w / 2, 0.075, 0.62), (w / 2, 0, 0.62)],
            0.009,
            0.1,
        ),
        s.chrome,
        "towel",
    )
    x, cloth_width = -w / 2 + 0.03, min(_between(s, 0.28, 0.4), w - 0.06)
    while x + cloth_width < w / 2:
        cloth = s.fabric()
        for y, length in ((0.091, _between(s, 0.45, 0.6)), (0.06, _between(s, 0.3, 0.5))):
            hang = sh.drape(
                cloth_width, length, s.spacing, waves=1.5, amplitude=0.006, phase=_between(s, 0, 6)
            )
            m.add(hang, cloth, at=(x + cloth_width / 2, y, 0.625 - length))
        m.add(sh.tube([(x, 0.0755, 0.622), (x + cloth_width, 0.0755, 0.622)], 0.017, 0.06), cloth)
        x += cloth_width + 0.05
    return m


def clothes_hooks(s: Style) -> Model:
    """A board with hooks, a coat and a bag hanging from it."""
    m = Model("clothes")
    m.add(sh.box((0.7, 0.02, 0.09), s.spacing), s.wood(), "wall shelf", at=(0, 0.01, 1.0))
    for k, x in enumerate((-0.22, 0.04, 0.26)):
        m.add(
            sh.tube([(x, 0.02, 1.02), (x, 0.07, 1.0), (x, 0.075, 1.04)], 0.007, 0.05, segments=6),
            s.black,
            "wall shelf",
        )
        if k == 2 and s.rng.random() < 0.5:
            continue
        length = _between(s, 0.6, 0.95)
        wide = _between(s, 0.12, 0.16)
        rings = [
            Ring(wide * 1.1, 0.07, 1.0 - length, 2.4),
            Ring(wide, 0.065, 0.5, 2.4),
            Ring(wide * 1.05, 0.06, 0.8, 2.4),
            Ring(wide * 0.8, 0.05, 0.93, 2.2),
            Ring(0.03, 0.02, 1.0),
        ]
        coat = sh.loft(rings, s.spacing, crease=90)
        fold = 1 + 0.12 * np.sin(np.arctan2(coat.points[:, 1], coat.points[:, 0]) * 5 + k)
        points = coat.points.copy()
        points[:, :2] *= fold[:, None]
        m.add(
            sh.Shape(points, coat.normals, coat.coords, coat.faces),
            s.fabric(s.color(0.2, 0.8)),
            at=(x, 0.085, 0),
        )
    return m


def radiator(s: Style, w: float) -> Model:
    """A ribbed radiator."""
    m = Model("radiator")
    for x in np.linspace(-w / 2, w / 2, int(w / 0.06)):
        m.add(
            sh.rounded_box((0.045, 0.09, 0.52), 0.02, s.spacing * 1.5, steps=1),
            s.white,
            at=(float(x), 0.075, 0.1),
        )
    m.add(
        sh.tube(
            [(w / 2, 0.07, 0.12), (w / 2 + 0.07, 0.07, 0.12), (w / 2 + 0.07, 0.07, 0.0)], 0.012, 0.1
        ),
        s.chrome,
    )
    return m


def curtains(s: Style, opening: float, height: float, *, floor: bool) -> Model:
    """A pair of curtains on a rod; the gap in between shows the window.

    Args:
        s: style.
        opening: width of the window.
        height: from the curtains' lower edge to the rod.
        floor: whether they reach down to z = 0 (else z = 0 is their lower edge all the same).
    """
    m = Model("curtain")
    cloth = s.fabric(s.color(0.4, 0.9)) if s.rng.random() < 0.65 else s.fabric(s.quiet(0.7, 0.95))
    side = opening * _between(s, 0.2, 0.32) + 0.12
    reach = opening / 2 + 0.22
    for sign in (-1, 1):
        shape = sh.drape(
            side,
            height - 0.01,
            s.spacing,
            waves=side / 0.085,
            amplitude=0.028,
            phase=_between(s, 0, 6),
            gather=0.3 if floor and s.rng.random() < 0.3 else 0.0,
        )
        m.add(shape, cloth, at=(sign * (reach - side / 2), 0.14, 0.0))
    rod = s.wood() if s.rng.random() < 0.5 else s.black
    m.add(
        sh.tube([(-reach - 0.06, 0.14, height), (reach + 0.06, 0.14, height)], 0.013, 0.1),
        rod,
        "curtain rod",
    )
    for sign in (-1, 1):
        knob = sh.lathe([(0, -0.025), (0.025, 0), (0, 0.025)], 0.05, segments=10)
        m.add(knob, rod, "curtain rod", at=(sign * (reach + 0.07), 0.14, height))
        m.add(
            sh.tube(
                [(sign * reach, 0, height), (sign * reach, 0.14, height)], 0.008, 0.1, segments=6
            ),
            rod,
            "curtain rod",
        )
    return m


def blinds(s: Style, w: float, h: float) -> Model:
    """A venetian blind, partly let down from z = ``h``."""
    m = Model("blinds")
    share = _between(s, 0.35, 0.95)
    white = s.paint(s.quiet(0.8, 0.95), 0.15)
    m.add(sh.box((w, 0.05, 0.05), s.spacing), white, at=(0, 0.03, h - 0.05))
    for z in np.arange(h - 0.08, h * (1 - share), -0.045):
        slat = sh.box((w - 0.01, 0.045, 0.003), s.spacing * 2).turned(0.6, "x")
        m.add(slat, white, at=(0, 0.035, float(z)))
    return m


def shower_curtain(s: Style, width: float, height: float) -> Model:
    """A shower curtain on a rod along x; z = 0 is its lower edge."""
    m = Model("shower curtain")
    cloth = s.fabric(s.color(0.5, 0.95)) if s.rng.random() < 0.6 else s.fabric(s.quiet(0.8, 0.97))
    shown = width * _between(s, 0.4, 0.75)
    sign = float(s.rng.choice([-1, 1]))
    shape = sh.drape(
        shown,
        height - 0.03,
        s.spacing,
        waves=shown / 0.12,
        amplitude=0.035,
        phase=_between(s, 0, 6),
    )
    m.add(shape, cloth, at=(sign * (width - shown) / 2, 0, 0))
    m.add(sh.tube([(-width / 2, 0, height), (width / 2, 0, height)], 0.012, 0.1), s.chrome)
    return m


TOPS = {
    "living room": (book_pile, vase, bowl, cup, papers, table_lamp),
    "bedroom": (book_pile, cup, table_lamp, vase, bottle),
    "kitchen": (cup, bowl, bottle, kettle, cup, vase, papers),
    "bathroom": (bottle, cup, bottle, toilet_roll),
    "office": (papers, cup, book_pile, bottle),
    "study": (book_pile, papers, cup, book_pile),
    "dining room": (bowl, vase, cup, bottle),
}  # fmt: skip
"""What stands on surfaces, by kind of room."""
