"""What hangs on walls: z = 0 is its lower edge, the height is given where it is placed."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter.books import books_row
from crossvox.capture.rooms.clutter.shelf import small_thing
from crossvox.capture.rooms.images import clock_face, whiteboard_scribble
from crossvox.capture.rooms.materials import Material
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def picture(s: Style, w: float, h: float) -> Model:
    """A framed picture with a mount, or a bare poster."""
    if s.rng.random() < 0.25:
        m = Model("poster")
        m.add(sh.box((w, 0.004, h), s.spacing, without="b"), s.white, at=(0, 0.002, 0))
        m.add(_upright(w - 0.01, h - 0.01, 0.006, 0.005, s), s.picture())
        return m
    m = Model("picture")
    frame = s.front() if s.rng.random() < 0.6 else s.black
    edge = s.between(0.02, 0.05)
    _frame(s, m, w, h, edge, 0.025, frame)
    m.add(
        sh.box((w - 0.01, 0.012, h - 0.01), s.spacing, without="b"), s.white, at=(0, 0.006, 0.005)
    )
    mount = edge + (s.between(0.02, 0.07) if s.rng.random() < 0.6 else 0.0)
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
    r = s.between(0.12, 0.17)
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
            length = s.between(0.15, 0.3)
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
    x, cloth_width = -w / 2 + 0.03, min(s.between(0.28, 0.4), w - 0.06)
    while x + cloth_width < w / 2:
        cloth = s.fabric()
        for y, length in ((0.091, s.between(0.45, 0.6)), (0.06, s.between(0.3, 0.5))):
            hang = sh.drape(
                cloth_width, length, s.spacing, waves=1.5, amplitude=0.006, phase=s.between(0, 6)
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
        length = s.between(0.6, 0.95)
        wide = s.between(0.12, 0.16)
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
