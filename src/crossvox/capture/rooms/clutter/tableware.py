"""What stands on tables and in kitchens."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.materials import hsv
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


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
    r = s.between(0.09, 0.14)
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
            fruit = s.paint(hsv(s.between(0.0, 0.25), 0.8, 0.85), 0.2)
            m.add(
                ball, fruit, at=(r * 0.42 * np.cos(k * 1.6), r * 0.42 * np.sin(k * 1.6), r * 0.25)
            )
    return m


def bottle(s: Style) -> Model:
    """A bottle."""
    r, h = s.between(0.03, 0.042), s.between(0.2, 0.31)
    color = hsv(float(s.rng.choice([0.3, 0.08, 0.55, 0.0])), 0.6, s.between(0.25, 0.8))
    return _vessel(
        s,
        "bottle",
        [(0, 0), (r, 0), (r, h * 0.6), (r * 0.35, h * 0.78), (r * 0.35, h), (0, h)],
        s.paint(color, 0.6),
    )


def vase(s: Style) -> Model:
    """A vase, sometimes with flowers."""
    r, h = s.between(0.05, 0.08), s.between(0.15, 0.28)
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
            tip = (0.09 * np.cos(k * 1.05), 0.09 * np.sin(k * 1.05), h + s.between(0.1, 0.17))
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
