"""Tables and desks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import add_front, add_legs
from crossvox.capture.rooms.model import Model, Top
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def table(s: Style, category: str = "dining table", width: float = 0.0) -> Model:
    """A table: round or rectangular top, apron, legs or a pillar."""
    low = category in ("coffee table", "end table")
    small = category == "end table"
    wood = s.front() if s.rng.random() < 0.8 else s.stone()
    height = s.between(0.36, 0.48) if low else s.between(0.72, 0.77)
    if small:
        height = s.between(0.45, 0.6)
    m = Model(category)
    round_top = s.rng.random() < (0.45 if width <= 1.15 else 0.1)
    if round_top:
        r = (width / 2) or (s.between(0.2, 0.26) if small else s.between(0.35, 0.5))
        m.add(sh.loft([Ring(0, 0, 0), Ring(r - 0.008, r - 0.008, 0), Ring(r, r, 0.012),
                       Ring(r, r, 0.026), Ring(r - 0.006, r - 0.006, 0.032), Ring(0, 0, 0.032)],
                      s.spacing), wood, at=(0, r, height - 0.032))  # fmt: skip
        leg = s.wood()
        if s.rng.random() < 0.5:
            profile = [
                (r * 0.62, 0.0),
                (r * 0.6, 0.025),
                (0.07, 0.06),
                (0.035, 0.16),
                (0.05, height * 0.6),
                (0.035, height * 0.75),
                (0.07, height - 0.03),
            ]
            m.add(sh.lathe(profile, s.spacing, segments=20), leg, at=(0, r, 0))
        else:
            for k in range(4):
                a = np.pi / 4 + k * np.pi / 2
                foot = (0.85 * r * np.cos(a), r + 0.85 * r * np.sin(a), 0.0)
                top = (0.55 * r * np.cos(a), r + 0.55 * r * np.sin(a), height - 0.03)
                m.add(sh.tube([foot, top], [0.014, 0.024], s.spacing * 2), leg)
        half = r * 0.68
        m.tops.append(Top(-half, half, r - half, r + half, height))
        return m
    w = width or (s.between(0.4, 0.5) if small else s.between(0.8, 1.2))
    d = (
        s.between(0.38, 0.48)
        if small
        else (s.between(0.45, 0.65) if low else s.between(0.75, 0.95))
    )
    m.add(
        sh.rounded_box((w, d, 0.032), 0.008, s.spacing, steps=1),
        wood,
        at=(0, d / 2, height - 0.032),
    )
    m.add(sh.box((w - 0.12, d - 0.12, 0.07), s.spacing, without="td"), wood,
          at=(0, d / 2, height - 0.1))  # fmt: skip
    add_legs(s, m, w, d, height - 0.03, s.wood(), inset=0.05, thick=0.06 if not low else 0.045)
    if low and s.rng.random() < 0.5:
        m.add(sh.box((w - 0.1, d - 0.1, 0.018), s.spacing), wood, at=(0, d / 2, height * 0.35))
    m.tops.append(Top(-w / 2 + 0.04, w / 2 - 0.04, 0.04, d - 0.04, height))
    return m


def desk(s: Style) -> Model:
    """A writing desk: top, legs on one side, drawers on the other or on both."""
    w, d, h = s.between(1.15, 1.6), s.between(0.6, 0.75), s.between(0.72, 0.76)
    wood = s.front()
    m = Model("desk", front_m=0.75)
    m.add(sh.rounded_box((w, d, 0.03), 0.007, s.spacing, steps=1), wood, at=(0, d / 2, h - 0.03))
    sides = [(-1, 1), (1,), ()][int(s.rng.choice(3, p=[0.2, 0.6, 0.2]))]
    body = s.front()
    for sign in (-1, 1):
        if sign in sides:
            pw = 0.4
            x = sign * (w / 2 - pw / 2 - 0.02)
            m.add(sh.box((pw, d - 0.06, h - 0.09), s.spacing), body, at=(x, d / 2 - 0.02, 0.05))
            m.add(sh.box((pw - 0.04, d - 0.12, 0.05), 0.2, without="td"), s.black, at=(x, d / 2, 0))
            levels = np.linspace(0.06, h - 0.05, 4)
            for z0, z1 in pairwise(levels):
                add_front(s, m, x - pw / 2, x + pw / 2, float(z0), float(z1), d - 0.04, body,
                       kind="drawer")  # fmt: skip
        else:
            leg = s.steel if s.rng.random() < 0.5 else wood
            for y in (0.06, d - 0.06):
                m.add(
                    sh.box((0.05, 0.05, h - 0.03), s.spacing), leg, at=(sign * (w / 2 - 0.05), y, 0)
                )
            m.add(
                sh.box((0.04, d - 0.12, 0.04), s.spacing),
                leg,
                at=(sign * (w / 2 - 0.05), d / 2, 0.08),
            )
    m.add(sh.box((w - 0.2, 0.018, 0.3), s.spacing), wood, at=(0, 0.06, h - 0.35))
    m.tops.append(Top(-w / 2 + 0.04, w / 2 - 0.04, 0.03, d - 0.05, h))
    return m
