"""Doors and windows, as they are built into a wall."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.images import window_view
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def door(s: Style, w: float, h: float) -> Model:
    """A closed door in its frame, set into the wall."""
    rng = s.rng
    m = Model("door")
    leaf = s.front() if rng.random() < 0.7 else s.trim
    deep = 0.05
    m.add(sh.patch((w / 2, -deep, 0), (-w, 0, 0), (0, 0, h), s.spacing), leaf)
    rows = [(0.12, 0.85), (1.0, h - 0.12)] if rng.random() < 0.7 else [(0.15, h - 0.15)]
    columns = int(rng.integers(1, 3)) if rng.random() < 0.8 else 0
    for z0, z1 in rows:
        for k in range(columns):
            each = (w - 0.12 * (columns + 1)) / columns
            x = -w / 2 + 0.12 + each / 2 + k * (each + 0.12)
            m.add(
                sh.rounded_box((each, 0.024, z1 - z0), 0.011, s.spacing, steps=1),
                leaf,
                at=(x, -deep, z0),
            )
    side = float(rng.choice([-1, 1]))
    x = side * (w / 2 - 0.07)
    m.add(sh.box((0.045, 0.008, 0.18), 0.1), s.steel, at=(x, -deep + 0.004, 0.95))
    m.add(
        sh.tube(
            [(x, -deep, 1.05), (x, -deep + 0.055, 1.05), (x - side * 0.12, -deep + 0.055, 1.05)],
            0.01,
            0.05,
        ),
        s.chrome,
    )
    m.add(
        sh.patch((-w / 2, -deep, 0.001), (w, 0, 0), (0, deep, 0), s.spacing), s.wood(), "doorframe"
    )
    edge = 0.07
    for sign in (-1, 1):
        m.add(
            sh.box((edge, 0.03, h + edge), s.spacing, without="b"),
            s.trim,
            "doorframe",
            at=(sign * (w / 2 + edge / 2), 0.008, 0),
        )
        start = (sign * w / 2, -deep if sign < 0 else 0.02, 0)
        m.add(
            sh.patch(start, (0, (deep + 0.02) * (1 if sign < 0 else -1), 0), (0, 0, h), s.spacing),
            s.trim,
            "doorframe",
        )
    m.add(sh.box((w, 0.03, edge), s.spacing, without="b"), s.trim, "doorframe", at=(0, 0.008, h))
    m.add(
        sh.patch((-w / 2, -deep, h), (0, deep + 0.02, 0), (w, 0, 0), s.spacing), s.trim, "doorframe"
    )
    return m


def window(s: Style, w: float, h: float) -> Model:
    """A window in the wall: view, panes, bars, reveal and sill; z = 0 is its lower edge."""
    rng = s.rng
    m = Model("window")
    deep = 0.12
    view = sh.patch((w / 2, -deep, 0), (-w, 0, 0), (0, 0, h), s.spacing, image=True)
    m.add(
        view,
        s.book.add_image(
            window_view(rng),
            glow=float(rng.uniform(1.6, 3.2)),
            gloss=0.35,
            sharpness=60,
            dark_return=0.7,
        ),
    )
    trim = s.trim
    bar = 0.05
    xs = [-w / 2 + bar / 2, w / 2 - bar / 2] + ([0.0] if w > 0.75 else [])
    for x in xs:
        m.add(sh.box((bar, 0.05, h), s.spacing, without="b"), trim, at=(x, -deep + 0.03, 0))
    zs = [0.0, h - bar] + ([h * 0.62] if rng.random() < 0.4 else [])
    for z in zs:
        m.add(sh.box((w, 0.045, bar), s.spacing, without="b"), trim, at=(0, -deep + 0.03, z))
    for sign in (-1, 1):
        start = (sign * w / 2, -deep if sign < 0 else 0.0, 0)
        m.add(sh.patch(start, (0, deep if sign < 0 else -deep, 0), (0, 0, h), s.spacing), s.white)
    m.add(sh.patch((-w / 2, -deep, h), (0, deep, 0), (w, 0, 0), s.spacing), s.white)
    m.add(
        sh.rounded_box((w + 0.1, deep + 0.1, 0.03), 0.01, s.spacing, steps=1),
        trim,
        at=(0, -deep / 2 + 0.04, -0.028),
    )
    return m
