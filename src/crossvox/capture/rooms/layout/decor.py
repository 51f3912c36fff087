"""What makes a furnished room look lived in: curtains, pictures, plants, lamps that are on."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms.clutter.curtains import blinds, curtains
from crossvox.capture.rooms.clutter.floor import carton, plant
from crossvox.capture.rooms.clutter.walls import clock, picture, radiator
from crossvox.capture.rooms.layout.kind import happens
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.layout.room import Lamp
from crossvox.capture.rooms.model import Model, block_of
from crossvox.capture.rooms.shapes import rotation


def decorate(place: Placer) -> None:
    """Everything that is added once the furniture stands."""
    _dress_windows(place)
    _hang_pictures(place)
    _fill_corners(place)
    _light_lamps(place)


def _dress_windows(place: Placer) -> None:
    """Curtains or blinds and a radiator at windows."""
    s, rng = place.s, place.rng
    for number, t, w, z0, z1 in place.windows:
        wall = place.walls[number]
        x, y = wall.point(t, 0.002)
        if happens(rng, place.kind.blinds):
            if rng.random() < 0.6:
                slats = blinds(s, w + 0.06, z1 - z0 + 0.06)
                _hang(place, slats, (x, y, z0 - 0.02), wall.yaw)
        elif rng.random() < 0.85:
            top = min(z1 + 0.12, place.height - 0.04)
            for low in (0.03, max(z0 - 0.25, 0.3)):
                cloth = curtains(s, w, top - low, floor=low < 0.1)
                if _hang(place, cloth, (x, y, low), wall.yaw):
                    break
        if rng.random() < 0.6 and z0 > 0.7:
            place.put(radiator(s, min(w, 1.0)), (x, y, 0.02), wall.yaw, 0.01)


def _hang(place: Placer, model: Model, at: tuple[float, float, float], yaw: float) -> bool:
    """Hang something before a window, whose own free space it may fill."""
    block = block_of(model, at, yaw)
    if not place.inside(block):
        return False
    if any(
        block.overlaps(other, 0.01)
        for other in place.room.blocks
        if other.solid or other.half[1] > 0.3
    ):
        return False
    place.take(model, at, yaw, block)
    return True


def _hang_pictures(place: Placer) -> None:
    """Pictures at eye height where walls are free."""
    s, rng = place.s, place.rng
    for _ in range(int(rng.integers(*place.kind.pictures))):
        w = s.between(0.3, 0.9)
        h = w * float(rng.choice([0.7, 1.0, 1.35]))
        place.at_wall(picture(s, w, h), z=s.between(1.5, 1.65) - h / 2, out=0.002, gap=0.06)
    if rng.random() < 0.3 and place.kind.clock:
        place.at_wall(clock(s), z=1.75, out=0.002)


def _fill_corners(place: Placer) -> None:
    """Plants and odd boxes."""
    s, rng = place.s, place.rng
    if place.kind.plants:
        for _ in range(int(rng.integers(0, 3))):
            model = plant(s, s.between(0.5, 1.3))
            low, _ = model.bounds()
            place.at_wall(model, out=0.03 - float(low[1]), corner=True, tries=5)
    if rng.random() < 0.35:
        place.anywhere(carton(s, 0.33), wall=True)


def _light_lamps(place: Placer) -> None:
    """Lamps that are on shine."""
    for placed in place.room.placed:
        matrix, at = rotation(placed.yaw), np.asarray(placed.at)
        seen: set[tuple[float, ...]] = set()
        for part in placed.model.parts:
            material = place.room.book.materials[part.material]
            if part.category not in ("lamp", "floor lamp") or material.glow <= 0:
                continue
            points = part.shape.points @ matrix.T + at
            middle = points.mean(axis=0)
            key = tuple(np.round(middle, 1).tolist())
            if key in seen:
                continue
            seen.add(key)
            x, y, z = middle.tolist()
            reach = float(np.linalg.norm(points - middle, axis=1).max()) + 0.03
            place.room.lamps.append(Lamp((x, y, z), (1.0, 0.86, 0.66), 0.22 * material.glow, reach))
