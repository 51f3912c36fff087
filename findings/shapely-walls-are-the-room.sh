#!/usr/bin/env bash
# Packages: Shapely 2.2.0 (GEOS 3.14.1), numpy 2.4.6
# One would swear: the one-sided buffer of the outline of a room, 10 cm wide, is the wall: a band
#   around the room, or within it by the other sign.
# What happens: it is a full polygon without a hole: to the inner side the room less the band, to
#   the outer side the room itself, as if nothing had been asked. The walls of 1.4 m2 of a room of
#   4 x 3 m have areas of 10.6 and 12 m2. Open outlines are right: two or three sides of the room,
#   and all four with the gap of a door.
# Why it matters here: walls drawn as lines get their thickness so. Their area, and the points that
#   lie in them, are those of the room; the outcome is valid, and its sign and size do not tell.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  shapely==2.2.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
from shapely.geometry import LineString, Point

WALL_M = 0.1
corners = [(0, 0), (4, 0), (4, 3), (0, 3)]  # counter-clockwise: the room is on the left
middle = Point(2, 1.5)
outlines = {
    "two sides": (corners[:3], 7 * WALL_M - WALL_M**2, 7 * WALL_M + WALL_M**2),
    "three sides": (corners, 11 * WALL_M - 2 * WALL_M**2, 11 * WALL_M + 2 * WALL_M**2),
    "all but a door": ([*corners, (0, 0.8)], 1.28, 1.35),
    "closed": ([*corners, (0, 0)], 14 * WALL_M - 4 * WALL_M**2, 14 * WALL_M + 4 * WALL_M**2),
}
found = {}
for name, (line, inner, outer) in outlines.items():
    for side, width, true in (("inner", WALL_M, inner), ("outer", -WALL_M, outer)):
        band = LineString(line).buffer(width, single_sided=True, join_style="mitre")
        found[name, side] = band.area - true, band.contains(middle), band.is_valid
        print(f"Expected: {name}, {side}: about {true:.2f} m2, middle of the room inside: False")
        print(f"Seen: {band.area:.2f} m2, middle of the room inside: {found[name, side][1]}")
room_m2 = {"inner": 3.8 * 2.8, "outer": 12.0}
held = all(valid for _, _, valid in found.values())
for (name, side), (excess, inside, _) in found.items():
    if name == "closed":
        inner, outer = outlines[name][1:]
        true = inner if side == "inner" else outer
        held &= abs(true + excess - room_m2[side]) < 1e-6 and inside
    else:
        held &= abs(excess) < 0.03 and not inside
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
