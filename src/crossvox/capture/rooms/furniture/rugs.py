"""Rugs and bath mats."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.images import rug_pattern
from crossvox.capture.rooms.materials import Material, hsv, shade
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def rug(s: Style, w: float, d: float, *, bath: bool = False) -> Model:
    """A rug or bath mat that lies flat."""
    m = Model("bath mat" if bath else "rug")
    if bath or s.rng.random() < 0.25:
        color = s.color(0.5, 0.9)
        material = s.book.add(Material("carpet", color, shade(color, 0.7)))
    else:
        material = s.book.add_image(rug_pattern(s.rng))
    thick = 0.012
    if not bath and s.rng.random() < 0.25:
        r = min(w, d) / 2
        body = sh.loft([Ring(r, r, 0), Ring(r, r, thick), Ring(0, 0, thick)], s.spacing)
        coords = body.points[:, :2] / (2 * r) + 0.5
        m.add(sh.Shape(body.points, body.normals, coords, body.faces), material, at=(0, r, 0))
        return m
    m.add(sh.patch((-w / 2, 0, thick), (w, 0, 0), (0, d, 0), s.spacing, image=True)
          if material in _image_materials(s) else
          sh.patch((-w / 2, 0, thick), (w, 0, 0), (0, d, 0), s.spacing), material)  # fmt: skip
    edge = s.paint(hsv(s.hue, 0.2, 0.5))
    m.add(sh.box((w, d, thick), s.spacing, without="td"), edge, at=(0, d / 2, 0))
    return m


def _image_materials(s: Style) -> set[int]:
    return {n for n, material in enumerate(s.book.materials) if material.kind == "image"}
