"""Beds."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import add_legs, facing, pillow_shape
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def bed(s: Style, width: float | None = None) -> Model:
    """A bed: frame, legs, headboard, mattress, duvet that hangs over, pillows, a throw."""
    width = width or float(s.rng.choice([0.95, 1.4, 1.6, 1.8]))
    length = s.between(1.95, 2.1)
    base = s.between(0.2, 0.32)
    wood = s.front() if s.rng.random() < 0.7 else s.upholstery()
    sheet = s.paint(s.quiet(0.88, 0.97))
    duvet = s.fabric(s.quiet(0.6, 0.95)) if s.rng.random() < 0.5 else s.fabric()
    m = Model("bed", front_m=0.4)
    head = s.between(0.85, 1.2)
    if s.rng.random() < 0.5:
        m.add(sh.rounded_box((width + 0.08, 0.07, head), 0.03, s.spacing), wood, at=(0, 0.035, 0))
    else:
        for x in (-width / 2, width / 2):
            m.add(sh.box((0.06, 0.06, head), s.spacing), wood, at=(x, 0.035, 0))
        m.add(sh.box((width, 0.05, 0.1), s.spacing), wood, at=(0, 0.035, head - 0.12))
        slats = int(width / 0.13)
        for x in np.linspace(-width / 2 + 0.09, width / 2 - 0.09, slats):
            m.add(sh.box((0.05, 0.025, head - 0.42), 0.08), wood, at=(float(x), 0.035, 0.32))
    m.add(sh.box((width, length, 0.14), s.spacing), wood, at=(0, 0.07 + length / 2, base - 0.12))
    add_legs(s, m, width, length, base - 0.12, wood, y0=0.07, thick=0.06, kind=0)
    mattress = s.between(0.18, 0.24)
    m.add(sh.rounded_box((width - 0.03, length - 0.03, mattress), 0.05, s.spacing), sheet,
          at=(0, 0.07 + length / 2, base + 0.02))  # fmt: skip
    top = base + 0.02 + mattress
    # The duvet: a sheet over the mattress that hangs down at both sides and the foot, with folds.
    start, hang = 0.07 + 0.55, s.between(0.12, 0.26)
    across = width / 2 + hang
    u = np.linspace(-across, across, int(2 * across / s.spacing) + 1)
    v = np.linspace(0, length - 0.55 + hang, int((length - 0.55 + hang) / s.spacing) + 1)
    grid_v, grid_u = np.meshgrid(v, u, indexing="ij")
    phase = s.rng.uniform(0, 6, 4)
    soft = 0.012 * np.sin(grid_u * 7 + phase[0] + 2 * np.sin(grid_v * 3 + phase[1]))
    soft += 0.01 * np.sin(grid_v * 9 + phase[2] + 1.5 * np.sin(grid_u * 5 + phase[3]))
    over_x = np.clip(np.abs(grid_u) - width / 2, 0, None)
    over_y = np.clip(grid_v - (length - 0.55), 0, None)
    drop = np.maximum(over_x, over_y)
    ripple = 0.018 * np.sin(grid_v * 17 + phase[0]) * np.minimum(over_x * 6, 1)
    ripple_y = 0.018 * np.sin(grid_u * 17 + phase[1]) * np.minimum(over_y * 6, 1)
    x = np.clip(grid_u, -width / 2 - 0.02, width / 2 + 0.02) + np.sign(grid_u) * (
        0.025 * np.minimum(over_x * 8, 1) + ripple * (over_x > 0)
    )
    y = start + np.minimum(grid_v, length - 0.55 + 0.02) + 0.025 * np.minimum(over_y * 8, 1)
    y = y + ripple_y
    edge = np.minimum(grid_v / 0.08, 1)
    z = top + 0.012 + 0.055 * np.sqrt(edge) + soft * (drop <= 0) - np.clip(drop - 0.03, 0, None)
    z -= 0.035 * np.minimum(np.maximum(over_x, over_y) * 15, 1)
    coords = np.stack([grid_u, grid_v], -1)
    cover = sh.sheet(np.stack([x, y, z], -1)[:, ::-1], coords=coords[:, ::-1])
    m.add(facing(cover, (0, 0, 1)), duvet)
    if s.rng.random() < 0.5:
        throw_width = s.between(0.4, 0.6)
        keep = (grid_v > length - 0.55 - throw_width) & (grid_v < length - 0.55 - 0.05)
        rows = keep.any(axis=1)
        raised = np.stack([x * 1.012, y, z + 0.012], -1)[rows][:, ::-1]
        m.add(facing(sh.sheet(raised, coords=coords[rows][:, ::-1]), (0, 0, 1)), s.fabric())
    count = 1 if width < 1.2 else 2
    pillow = s.paint(s.quiet(0.85, 0.97)) if s.rng.random() < 0.6 else s.fabric()
    for number in range(count):
        at = (0.0 if count == 1 else (number - 0.5) * width * 0.49) + s.between(-0.02, 0.02)
        shape = pillow_shape(s, min(0.68, width * 0.44 if count == 2 else 0.65), 0.44, 0.15)
        lean = s.between(0.15, 0.5)
        m.add(shape.turned(-lean, "x").turned(s.between(-0.08, 0.08)), pillow, "pillow",
              at=(at, 0.32, top + 0.1), thing=m.things)  # fmt: skip
        m.things += 1
    if s.rng.random() < 0.5:
        shape = pillow_shape(s, 0.42, 0.42, 0.13).turned(-0.7, "x")
        m.add(shape, s.fabric(), "pillow", at=(s.between(-0.2, 0.2), 0.56, top + 0.17),
              thing=m.things)  # fmt: skip
        m.things += 1
    return m
