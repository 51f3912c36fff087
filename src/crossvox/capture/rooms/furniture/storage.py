"""Cabinets, chests and shelves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter.books import books_row
from crossvox.capture.rooms.clutter.shelf import small_thing
from crossvox.capture.rooms.furniture.parts import THIN, add_front, add_legs
from crossvox.capture.rooms.model import Model, Top
from crossvox.capture.rooms.style import Style


def night_stand(s: Style) -> Model:
    """A bedside cabinet with drawers and sometimes an open shelf."""
    w, d, h = s.between(0.4, 0.52), s.between(0.36, 0.42), s.between(0.45, 0.6)
    m = Model("nightstand")
    _carcass(s, m, w, d, h, drawers=int(s.rng.integers(1, 4)), top_over=0.012)
    return m


def dresser(s: Style) -> Model:
    """A chest of drawers in two columns."""
    w, d, h = s.between(0.9, 1.45), s.between(0.42, 0.5), s.between(0.75, 0.95)
    m = Model("dresser", front_m=0.4)
    _carcass(s, m, w, d, h, drawers=int(s.rng.integers(3, 5)), columns=2, top_over=0.015)
    return m


def _carcass(
    s: Style,
    m: Model,
    w: float,
    d: float,
    h: float,
    *,
    drawers: int = 0,
    doors: int = 0,
    columns: int = 1,
    top_over: float = 0.0,
) -> None:
    """A closed cabinet body with feet, a top, and drawers or doors on its front."""
    body, front = s.front(), s.front()
    foot = s.between(0.05, 0.14)
    if s.rng.random() < 0.5:
        add_legs(s, m, w, d, foot, s.wood(), thick=0.045)
    else:
        m.add(
            sh.box((w - 0.06, d - 0.06, foot), s.spacing, without="td"), s.black, at=(0, d / 2, 0)
        )
    m.add(sh.box((w, d - THIN, h - foot - 0.025), s.spacing), body, at=(0, (d - THIN) / 2, foot))
    m.add(sh.rounded_box((w + 2 * top_over, d + 2 * top_over, 0.026), 0.006, s.spacing, steps=1),
          body, at=(0, d / 2 + top_over, h - 0.026))  # fmt: skip
    y = d - THIN / 2
    z0, z1 = foot + 0.012, h - 0.032
    edges = np.linspace(-w / 2 + 0.012, w / 2 - 0.012, max(doors, columns, 1) + 1)
    for number, (x0, x1) in enumerate(pairwise(edges)):
        if doors:
            hinge = 1 if number % 2 == 0 else -1
            add_front(s, m, float(x0), float(x1), z0, z1, y, front, kind="door", hinge=hinge)
        else:
            levels = np.linspace(z0, z1, drawers + 1)
            for a, b in pairwise(levels):
                add_front(s, m, float(x0), float(x1), float(a), float(b), y, front, kind="drawer")
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))


def wardrobe(s: Style) -> Model:
    """A tall cabinet with two or three doors."""
    doors = int(s.rng.integers(2, 4))
    w, d, h = doors * s.between(0.45, 0.55), s.between(0.55, 0.62), s.between(1.9, 2.2)
    m = Model("wardrobe", front_m=0.45)
    _carcass(s, m, w, d, h, doors=doors, top_over=0.01)
    return m


def sideboard(s: Style) -> Model:
    """A low cabinet with doors."""
    doors = int(s.rng.integers(2, 5))
    w, d, h = doors * s.between(0.42, 0.5), s.between(0.4, 0.48), s.between(0.7, 0.95)
    m = Model("cabinet", front_m=0.4)
    _carcass(s, m, w, d, h, doors=doors, top_over=0.012)
    return m


def file_cabinet(s: Style) -> Model:
    """A steel cabinet for hanging files."""
    w, d, h = 0.42, s.between(0.45, 0.6), float(s.rng.choice([0.7, 1.02, 1.32]))
    m = Model("file cabinet", front_m=0.4)
    steel = s.paint(s.quiet(0.4, 0.8), 0.25)
    m.add(
        sh.rounded_box((w, d - THIN, h), 0.008, s.spacing, steps=1),
        steel,
        at=(0, (d - THIN) / 2, 0),
    )
    levels = np.linspace(0.03, h - 0.01, round(h / 0.33) + 1)
    for a, b in pairwise(levels):
        add_front(s, m, -w / 2 + 0.01, w / 2 - 0.01, float(a), float(b), d - THIN / 2, steel,
               kind="drawer")  # fmt: skip
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m


def tv_stand(s: Style) -> Model:
    """A low board for a television, with doors and open compartments."""
    w, d, h = s.between(1.2, 1.8), s.between(0.38, 0.46), s.between(0.4, 0.55)
    m = Model("tv stand", front_m=0.5)
    body, front = s.front(), s.front()
    foot = 0.08
    add_legs(s, m, w, d, foot, s.wood(), thick=0.04)
    for z in (foot, h - 0.025):
        m.add(sh.box((w, d, 0.025), s.spacing), body, at=(0, d / 2, z))
    inside = h - foot - 0.05
    edges = (-w / 2, -w / 6, w / 6, w / 2)
    for x in edges:
        at = float(np.clip(x, -w / 2 + 0.01, w / 2 - 0.01))
        m.add(
            sh.box((0.02, d, inside), s.spacing, without="td"), body, at=(at, d / 2, foot + 0.025)
        )
    m.add(sh.box((w, 0.012, inside), s.spacing), body, at=(0, 0.006, foot + 0.025))
    for number in (0, 2):
        add_front(
            s,
            m,
            edges[number] + 0.01,
            edges[number + 1] - 0.01,
            foot + 0.02,
            h - 0.02,
            d - 0.006,
            front,
            kind="door",
            hinge=1 if number == 0 else -1,
        )
    m.add(
        sh.box((w / 3 - 0.02, d - 0.03, 0.015), s.spacing),
        body,
        at=(0, d / 2, foot + inside * 0.55),
    )
    m.add(sh.rounded_box((w / 4, d * 0.6, 0.05), 0.006, s.spacing, steps=1), s.black,
          "tv stand", at=(0, d * 0.45, foot + 0.027))  # fmt: skip
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m


def bookshelf(s: Style) -> Model:
    """A bookshelf: sides, boards, back, rows of books, boxes and things between."""
    w, d = s.between(0.7, 1.1), s.between(0.26, 0.34)
    h = float(s.rng.choice([1.1, 1.8, 1.95, 2.05])) * s.between(0.95, 1.03)
    wood = s.front()
    m = Model("bookshelf", front_m=0.4)
    for sign in (-1, 1):
        m.add(sh.box((THIN, d, h), s.spacing), wood, at=(sign * (w / 2 - THIN / 2), d / 2, 0))
    m.add(sh.box((w - 2 * THIN, 0.01, h - 0.02), s.spacing, without="b"), wood, at=(0, 0.005, 0.01))
    count = max(3, round(h / s.between(0.31, 0.38)))
    levels = np.linspace(0.06, h - THIN, count + 1)
    m.add(sh.box((w - 2 * THIN, 0.02, 0.06), s.spacing), wood, at=(0, d - 0.04, 0))
    for number, z in enumerate(levels.tolist()):
        m.add(sh.box((w - 2 * THIN, d - 0.012, THIN), s.spacing), wood, at=(0, d / 2 + 0.005, z))
        if number == count:
            break
        room = levels[number + 1] - z - THIN
        x = -w / 2 + THIN + 0.008
        end = w / 2 - THIN - 0.008
        while x < end - 0.08:
            draw = s.rng.random()
            if draw < 0.78:
                length = min(s.between(0.15, w), end - x)
                m.put(books_row(s, length, d - 0.03, room - 0.02), (x, 0.015, z + THIN))
                x += length + s.between(0.0, 0.06)
            elif draw < 0.92 and end - x > 0.2 and room > 0.2:
                thing = small_thing(s, 0.16, room - 0.03)
                low, high = thing.bounds()
                m.put(
                    thing, (x - float(low[0]) + 0.01, d / 2 - float(low[1] + high[1]) / 2, z + THIN)
                )
                x += float(high[0] - low[0]) + 0.04
            else:
                x += s.between(0.05, 0.2)
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m
