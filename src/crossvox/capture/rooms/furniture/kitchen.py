"""Fittings of kitchens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import add_front, make_basin, make_tap
from crossvox.capture.rooms.model import Model, Top
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def refrigerator(s: Style) -> Model:
    """A fridge: body, freezer door, fridge door, handles, feet."""
    w, d, h = s.between(0.58, 0.75), s.between(0.6, 0.68), s.between(1.6, 1.88)
    shell = s.steel if s.rng.random() < 0.5 else s.paint((0.93, 0.93, 0.92), 0.35)
    m = Model("refrigerator", front_m=0.5)
    m.add(sh.rounded_box((w, d - 0.07, h - 0.04), 0.012, s.spacing, steps=1), shell,
          at=(0, (d - 0.07) / 2, 0.04))  # fmt: skip
    m.add(sh.box((w - 0.04, d - 0.1, 0.045), s.spacing), s.black, at=(0, d / 2 - 0.02, 0))
    split = h * (0.66 if s.rng.random() < 0.5 else 0.38)
    for z0, z1 in ((0.05, split), (split + 0.01, h)):
        m.add(sh.rounded_box((w, 0.062, z1 - z0), 0.018, s.spacing), shell, at=(0, d - 0.035, z0))
        near_split = z1 - 0.05 if z1 == split else z0 + 0.05
        length = min(0.42, (z1 - z0) * 0.55)
        a, b = near_split, near_split + (-length if z1 == split else length)
        x = w / 2 - 0.055
        m.add(sh.tube([(x, d, a), (x, d + 0.045, a), (x, d + 0.045, b), (x, d, b)], 0.011, 0.08),
              s.steel if shell != s.steel else s.chrome)  # fmt: skip
    m.add(sh.box((0.07, 0.004, 0.02), 0.1), s.gray, at=(-w / 2 + 0.09, d - 0.003, h - 0.09))
    m.tops.append(Top(-w / 2 + 0.05, w / 2 - 0.05, 0.05, d - 0.1, h))
    return m


def counter_run(s: Style, width: float) -> Model:
    """A kitchen counter: base cabinets, worktop, sink with tap, stove, splash back."""
    d, h = 0.62, s.between(0.86, 0.93)
    top, front = s.stone() if s.rng.random() < 0.6 else s.wood(), s.front()
    m = Model("kitchen cabinet", front_m=0.8)
    m.add(sh.box((width, d - 0.09, 0.1), s.spacing), s.black, at=(0, (d - 0.09) / 2, 0))
    count = max(2, round(width / 0.6))
    edges = np.linspace(-width / 2, width / 2, count + 1)
    sink_at = int(s.rng.integers(0, count))
    stove_at = int((sink_at + s.rng.integers(1, count)) % count)
    body = h - 0.04 - 0.1
    for number, (x0, x1) in enumerate(pairwise(edges.tolist())):
        x, w = (x0 + x1) / 2, x1 - x0
        if number == stove_at:
            m.put(_stove(s, w - 0.004, d, h), (x, 0, 0))
            continue
        m.add(sh.box((w, d - 0.04, body), s.spacing, without="t" if number == sink_at else ""),
              front, at=(x, (d - 0.04) / 2, 0.1))  # fmt: skip
        y = d - 0.03
        if number == sink_at or s.rng.random() < 0.5:
            add_front(
                s, m, x0, x1, 0.1, h - 0.04, y, front, kind="door", hinge=-1 if number % 2 else 1
            )
        elif s.rng.random() < 0.5:
            add_front(s, m, x0, x1, h - 0.2, h - 0.04, y, front, kind="drawer")
            add_front(
                s, m, x0, x1, 0.1, h - 0.2, y, front, kind="door", hinge=-1 if number % 2 else 1
            )
        else:
            levels = np.linspace(0.1, h - 0.04, 4).tolist()
            for a, b in pairwise(levels):
                add_front(s, m, x0, x1, a, b, y, front, kind="drawer")
    # The worktop leaves a hole for the sink and ends at the stove.
    for number, (x0, x1) in enumerate(pairwise(edges.tolist())):
        if number == stove_at:
            continue
        x, w = (x0 + x1) / 2, x1 - x0
        if number == sink_at:
            sw, sd = w - 0.1, 0.38
            for yy, dd in ((0.05, 0.1), (d - 0.07, 0.14)):
                m.add(
                    sh.box((w, dd, 0.04), s.spacing), top, "kitchen counter", at=(x, yy, h - 0.04)
                )
            for sign in (-1, 1):
                m.add(sh.box((0.05, sd, 0.04), s.spacing), top, "kitchen counter",
                      at=(x + sign * (w / 2 - 0.025), 0.1 + sd / 2, h - 0.04))  # fmt: skip
            m.put(make_basin(s, sw / 2 + 0.012, sd / 2 + 0.012, 0.17), (x, 0.1 + sd / 2, h + 0.004))
            m.put(make_tap(s, 0.24), (x, 0.05, h))
        else:
            m.add(sh.box((w, d, 0.04), s.spacing), top, "kitchen counter", at=(x, d / 2, h - 0.04))
            m.tops.append(Top(x0 + 0.04, x1 - 0.04, 0.08, d - 0.08, h))
    m.add(sh.box((width, 0.012, 0.1), s.spacing), top, "kitchen counter", at=(0, 0.006, h))
    return m


def _stove(s: Style, w: float, d: float, h: float) -> Model:
    m = Model("stove")
    shell = s.steel if s.rng.random() < 0.5 else s.paint((0.92, 0.92, 0.91), 0.3)
    m.add(sh.box((w, d - 0.03, h), s.spacing), shell, at=(0, (d - 0.03) / 2, 0))
    m.add(sh.rounded_box((w - 0.03, 0.03, h * 0.5), 0.008, s.spacing, steps=1), shell,
          at=(0, d - 0.025, h * 0.22))  # fmt: skip
    m.add(
        sh.patch(
            (w / 2 - 0.08, d - 0.008, h * 0.3), (-w + 0.16, 0, 0), (0, 0, h * 0.28), s.spacing
        ),
        s.glass(),
    )
    m.add(sh.tube([(-w / 2 + 0.06, d - 0.01, h * 0.66), (-w / 2 + 0.06, d + 0.03, h * 0.66),
                   (w / 2 - 0.06, d + 0.03, h * 0.66), (w / 2 - 0.06, d - 0.01, h * 0.66)],
                  0.009, 0.1), s.chrome)  # fmt: skip
    for x in np.linspace(-w / 2 + 0.08, w / 2 - 0.08, 5).tolist():
        m.add(sh.cylinder(0.018, 0.025, 0.05, segments=10).turned(-np.pi / 2, "x"), s.black,
              at=(x, d - 0.032, h * 0.85))  # fmt: skip
    m.add(sh.box((w - 0.02, d - 0.06, 0.006), s.spacing), s.glass(), at=(0, d / 2 - 0.01, h))
    for x in (-w / 4, w / 4):
        for y in (d * 0.28, d * 0.7):
            r = s.between(0.065, 0.095)
            ring = [
                (x + r * np.cos(a), y + r * np.sin(a), h + 0.012)
                for a in np.linspace(0, 2 * np.pi, 17)
            ]
            m.add(sh.tube(ring, 0.007, 0.1, segments=5), s.gray)
            m.add(sh.cylinder(r * 0.5, 0.012, 0.1, segments=12), s.gray, at=(x, y, h + 0.004))
    return m


def wall_cabinets(s: Style, width: float) -> Model:
    """Upper kitchen cabinets; stands at its own height when placed."""
    d, h = 0.34, s.between(0.6, 0.75)
    front = s.front()
    m = Model("kitchen cabinet")
    count = max(1, round(width / 0.5))
    edges = np.linspace(-width / 2, width / 2, count + 1).tolist()
    m.add(sh.box((width, d - 0.03, h), s.spacing), front, at=(0, (d - 0.03) / 2, 0))
    for number, (x0, x1) in enumerate(pairwise(edges)):
        add_front(s, m, x0, x1, 0.0, h, d - 0.02, front, kind="door", hinge=-1 if number % 2 else 1)
    return m


def range_hood(s: Style) -> Model:
    """An extractor hood with its duct."""
    m = Model("range hood")
    m.add(sh.loft([Ring(0.3, 0.22, 0, 10), Ring(0.3, 0.22, 0.05, 10), Ring(0.11, 0.1, 0.25, 10),
                   Ring(0.11, 0.1, 0.75, 10)], s.spacing), s.steel, at=(0, 0.24, 0))  # fmt: skip
    m.add(sh.patch((-0.29, 0.44, 0.012), (0.58, 0, 0), (0, -0.4, 0), s.spacing), s.gray)
    return m
