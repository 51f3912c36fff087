"""Instances: which vertices are one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.objects.boxes import STRAIGHT, Box, box_around
from crossvox.objects.kinds import KINDS, Kind
from crossvox.objects.patches import connected, connected_over_faces, ordered
from crossvox.objects.split import split
from crossvox.objects.surface import Surface

Array = NDArray[Any]

BACKED_STRAIGHT = 1.15
"""As ``STRAIGHT``, of what stands with its back at walls: often two sides of it are all that was
seen, and the least rectangle around two sides is askew."""

_SPECK_M2 = 0.002
"""Patches with less surface than this belong to no object, and join none."""


@dataclass(frozen=True, eq=False)
class Instance:
    """Vertices that are one thing.

    Attributes:
        label: NYU40 id.
        members: vertex numbers.
        area: of its surface, m2.
        box: around what was seen of it.
    """

    label: int
    members: NDArray[np.int64]
    area: float
    box: Box


def find_instances(surface: Surface, main_angle: float) -> list[Instance]:
    """Group the vertices of each class into things.

    Patches are what hangs together over the surface or small gaps; a patch with necks is split,
    parts near to each other are joined, and what is too small for its class is left out.

    Args:
        surface: the labelled surface.
        main_angle: main direction of the room, radians.

    Returns:
        By class, the largest first.
    """
    things = np.isin(surface.labels, [*KINDS]) & (surface.area > 0)
    chosen = np.flatnonzero(things)
    if not len(chosen):
        return []
    patch = _patches(surface, chosen)
    by_class: dict[int, list[Instance]] = {}
    for own in ordered(patch):
        members = chosen[own]
        label = int(surface.labels[members[0]])
        if surface.area[members].sum() < _SPECK_M2:
            continue
        pieces = split(surface.points[members], surface.area[members], KINDS[label], main_angle)
        for piece in ordered(pieces):
            by_class.setdefault(label, []).append(
                _instance(surface, label, members[piece], main_angle)
            )
    found = []
    for label in sorted(by_class):
        kind = KINDS[label]
        joined = _joined(surface, by_class[label], kind, main_angle)
        found += [one for one in joined if _large_enough(one, kind)]
    return found


def _patches(surface: Surface, chosen: Array) -> NDArray[np.int64]:
    """What hangs together, of one class: over small gaps, or over the surface alone."""
    labels = surface.labels[chosen]
    single = np.isin(labels, [label for label, kind in KINDS.items() if kind.single])
    patch = np.zeros(len(chosen), dtype=np.int64)
    patch[~single] = connected(surface.points[chosen[~single]], labels[~single])
    own = connected_over_faces(surface.faces, surface.labels, chosen[single])
    patch[single] = own + patch.max(initial=-1) + 1
    return np.unique(patch, return_inverse=True)[1].reshape(-1)


def _instance(surface: Surface, label: int, members: Array, main_angle: float) -> Instance:
    area = surface.area[members]
    straight = BACKED_STRAIGHT if KINDS[label].backed else STRAIGHT
    box = box_around(surface.points[members], area, main_angle, straight)
    return Instance(label, members, float(area.sum()), box)


def _large_enough(one: Instance, kind: Kind) -> bool:
    return one.area >= kind.smallest_m2 and float(one.box.size_m.max()) >= kind.shortest_m


def _joined(
    surface: Surface, parts: list[Instance], kind: Kind, main_angle: float
) -> list[Instance]:
    """Parts of one class with those joined that are one thing: the smaller to the larger."""
    parts = sorted(parts, key=lambda one: -one.area)
    kept: list[Instance] = []
    for part in parts:
        for place, host in enumerate(kept):
            if not _belongs(surface, part, host, kind):
                continue
            members = np.concatenate([host.members, part.members])
            both = _instance(surface, host.label, members, main_angle)
            larger = both.box.size_m.max() > kind.longest_m
            deeper = both.box.size_m[1] > max(kind.deepest_m, host.box.size_m[1] + 0.1)
            if not (larger or deeper) or _inside(surface, part, host):
                kept[place] = both
                break
        else:
            kept.append(part)
    return kept


def _inside(surface: Surface, part: Instance, host: Instance) -> bool:
    held = host.box.holds(surface.points[part.members], 0.05, 0.05)
    return float(held.mean()) > 0.8


def _belongs(surface: Surface, part: Instance, host: Instance, kind: Kind) -> bool:
    """Whether a part is of a larger one: nearly in its box, and no thing of its own beside it."""
    apart = float(np.hypot(*(part.box.center_m - host.box.center_m)[:2]))
    reach = float(np.hypot(*part.box.size_m[:2]) + np.hypot(*host.box.size_m[:2])) / 2
    if apart > reach + 2 * kind.gap_m:  # most pairs: nothing more is asked of them
        return False
    points, area = surface.points[part.members], surface.area[part.members]
    near = host.box.holds(points, kind.gap_m, max(kind.above_m, kind.gap_m))
    share = float(area[near].sum()) / part.area
    if kind.above_m:  # a foot, a pole: also what reaches far down, if it begins near enough
        over = host.box.holds(points, min(kind.gap_m, 0.12), np.inf)
        between = max(host.box.low_m - part.box.high_m, part.box.low_m - host.box.high_m)
        if between <= kind.above_m:
            share = max(share, float(area[over].sum()) / part.area)
    alone = _large_enough(part, kind)
    return share > (0.7 if alone else 0.4)
