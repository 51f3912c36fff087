"""Cloth and slats before windows and bathtubs."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


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
    side = opening * s.between(0.2, 0.32) + 0.12
    reach = opening / 2 + 0.22
    for sign in (-1, 1):
        shape = sh.drape(
            side,
            height - 0.01,
            s.spacing,
            waves=side / 0.085,
            amplitude=0.028,
            phase=s.between(0, 6),
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
    share = s.between(0.35, 0.95)
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
    shown = width * s.between(0.4, 0.75)
    sign = float(s.rng.choice([-1, 1]))
    shape = sh.drape(
        shown,
        height - 0.03,
        s.spacing,
        waves=shown / 0.12,
        amplitude=0.035,
        phase=s.between(0, 6),
    )
    m.add(shape, cloth, at=(sign * (width - shown) / 2, 0, 0))
    m.add(sh.tube([(-width / 2, 0, height), (width / 2, 0, height)], 0.012, 0.1), s.chrome)
    return m
