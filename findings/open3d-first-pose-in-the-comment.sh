#!/usr/bin/env bash
# Packages: open3d-cpu 0.20.0, numpy 2.4.6
# One would swear: a trajectory that Open3D writes in the TUM format has as many poses as it was
#   given, and one that it reads and writes again keeps its times.
# What happens: the comment above the poses has no line end, so the first pose stands in the
#   comment. Of N poses every reader, its own too, finds N - 1. The times are replaced by 0, 1, 2.
# Why it matters here: poses and frames are then paired one off, which looks like a slightly worse
#   system and not like a broken file; and a tool that pairs by time finds no partner at all.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check open3d-cpu==0.20.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import open3d as o3d

START_S, COUNT = 1700000000.25, 5
with open("given.txt", "w") as stream:
    for i in range(COUNT):
        stream.write(f"{START_S + i / 30:.6f} {i} 0 0 0 0 0 1\n")

given = o3d.io.read_pinhole_camera_trajectory("given.txt")
ok = o3d.io.write_pinhole_camera_trajectory("written.txt", given)
again = o3d.io.read_pinhole_camera_trajectory("written.txt")
rows = np.loadtxt("written.txt")
with open("written.txt") as stream:
    first = stream.readline().rstrip()

print(f"Expected: {COUNT} poses, and {COUNT} again after writing, at the times they had.")
print(f"Seen: {len(given.parameters)} read, {len(again.parameters)} after writing (success: {ok})")
print(f"Seen: numpy finds {len(rows)}; the first stands at x = {rows[0, 1]:g}, time {rows[0, 0]:g}")
print(f"Seen: the first line of the file is: {first}")
held = (
    ok
    and len(given.parameters) == COUNT
    and len(again.parameters) == len(rows) == COUNT - 1
    and first.startswith("#")
    and first.endswith("1.000000")
    and rows[0, 1] == 1
    and np.array_equal(rows[:, 0], np.arange(1, COUNT))
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
