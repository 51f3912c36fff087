#!/usr/bin/env bash
# Packages: manifold3d 3.5.4, numpy 2.4.6
# One would swear: a cross-section made of one outline has the area of that outline, whichever way
#   round its corners are listed.
# What happens: clockwise it is empty, with an area of 0, without an error: by the default rule a
#   region counts where the outline winds around it positively. The solid that is raised from it is
#   empty too; nothing but its `status()` tells. Likewise a hole is a hole only if it is listed the
#   other way round than its outline; listed the same way, it is filled, and the status is fine.
#   `FillRule.EvenOdd` takes all of them.
# Why it matters here: outlines of rooms come from images, whose rows count downwards, and from
#   plans drawn either way: half of the rooms of a floor plan vanish from its solid.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  manifold3d==3.5.4 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from manifold3d import CrossSection, FillRule, Manifold

room = np.array([[0, 0], [4, 0], [4, 3], [0, 3]], float)
shaft = np.array([[1, 1], [2, 1], [2, 2], [1, 2]], float)
HEIGHT_M = 2.5


def measured(*outlines, **keywords):
    """Area, and volume of the room that is raised from it."""
    section = CrossSection(list(outlines), **keywords)
    solid = Manifold.extrude(section, HEIGHT_M)
    return section.area(), solid.volume(), str(solid.status())


cases = {
    "listed one way round": (room,),
    "listed the other way": (room[::-1],),
    "shaft the same way": (room, shaft),
    "shaft the other way": (room, shaft[::-1]),
}
print("Expected: 12 m2 for the room, either way round, and 11 m2 with a shaft in it.")
default = {name: measured(*outlines) for name, outlines in cases.items()}
other = {name: measured(*outlines, fillrule=FillRule.EvenOdd) for name, outlines in cases.items()}
for name in cases:
    area, volume, status = default[name]
    even_odd = other[name][0]
    print(f"Seen: {name}: {area:.0f} m2, {volume:.1f} m3, {status}; EvenOdd {even_odd:.0f} m2")
areas = [default[name][0] for name in cases]
held = bool(np.allclose(areas, [12, 0, 12, 11]))
held &= bool(np.allclose([other[name][0] for name in cases], [12, 12, 11, 11]))
held &= default["listed the other way"][1] == 0
held &= "NoError" in default["shaft the same way"][2]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
