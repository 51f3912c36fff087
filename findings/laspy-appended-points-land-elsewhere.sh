#!/usr/bin/env bash
# Packages: laspy 2.7.0, numpy 2.4.6
# One would swear: points appended to a LAS file lie where they lay, or are refused, as points of
#   another format are.
# What happens: `append_points` adds the stored integers as they are and leaves what they are
#   counted in and from to the file: points at 1000.5 m, kept in half metres from 1000 m, are at
#   0.01 m in a file in centimetres. Nothing is said. `write_points` of the same library gives the
#   same points the scale and offset of the file.
# Why it matters here: scans come in tiles and stations, each with its own offset, and are joined by
#   appending one to the other. Tiles that begin each at its own corner all land in the same corner,
#   as dense as real walls; the bounds in the header agree with it.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check laspy==2.7.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import laspy
import numpy as np


def tile(x, scale, offset):
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = np.full(3, scale), np.full(3, offset)
    points = laspy.LasData(header)
    points.x = points.y = points.z = np.array(x)
    return points


first = tile([1.0, 2.0], 0.01, 0.0)
held = True
for name, second, lands in (
    ("the same scale and offset", tile([1000.5, 1001.0], 0.01, 0.0), [1000.5, 1001.0]),
    ("another offset", tile([1000.5, 1001.0], 0.01, 1000.0), [0.5, 1.0]),
    ("another scale and offset", tile([1000.5, 1001.0], 0.5, 1000.0), [0.01, 0.02]),
):
    given = np.array(second.x)
    with laspy.open("written.las", mode="w", header=first.header) as file:
        file.write_points(first.points)
        file.write_points(second.points)
    first.write("appended.las")
    with laspy.open("appended.las", mode="a") as file:
        file.append_points(second.points)
    written, appended = (laspy.read(path) for path in ("written.las", "appended.las"))
    print(f"Expected: {name}: {given.tolist()} m, or an error")
    print(f"Seen: written {np.array(written.x[2:]).round(3).tolist()} m", end=", ")
    print(f"appended {np.array(appended.x[2:]).round(3).tolist()} m,", end=" ")
    print(f"bounds to {appended.header.maxs[0]:.2f} m")
    held &= np.allclose(given, [1000.5, 1001.0]) and np.allclose(written.x[2:], given)
    held &= np.allclose(appended.x[2:], lands)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
