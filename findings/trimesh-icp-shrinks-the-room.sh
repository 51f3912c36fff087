#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6, SciPy 1.17.1
# One would swear: `trimesh.registration.icp` of two scans in metres moves and turns one of them.
# What happens: it scales too, and may mirror: its steps are Procrustes fits, in which both are on
#   unless they are switched off. The scan of a whole room against one of its half, 5 cm apart, is
#   shrunk to half its size, and the cost is a two-hundredth of what the right place has.
# Why it matters here: scans of different extent are the rule, and their sizes are right: the
#   answer has lost the metres, with a cost that any threshold lets pass. Two clouds of the same
#   extent come out rightly, so that a first try does not show it. `scale=False, reflection=False`
#   keeps the size.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from scipy.spatial import cKDTree
from trimesh.registration import icp, procrustes

random = np.random.default_rng(0)
count = 1500
floor = np.c_[random.random((count, 2)) * [4, 3], np.zeros(count)]
wall = np.c_[random.random(count) * 4, np.zeros(count), random.random(count) * 2.5]
end = np.c_[np.zeros(count), random.random((count, 2)) * [3, 2.5]]
room = np.concatenate([floor, wall, end])
half = room[room[:, 0] < 2]
true_cost = np.mean(cKDTree(half).query(room)[0] ** 2)

print("Expected: a rigid transform: scale 1, no mirror.")
scales, costs = {}, {}
for name, target in (("the whole room", room[::2]), ("half the room", half)):
    for kind, keywords in (("as it is", {}), ("rigid", {"scale": False, "reflection": False})):
        matrix, _, cost = icp(room + 0.05, target, max_iterations=50, threshold=1e-7, **keywords)
        scales[name, kind], costs[name, kind] = np.cbrt(np.linalg.det(matrix[:3, :3])), cost
        print(f"Seen: onto {name}, {kind}: scale {scales[name, kind]:.3f}, cost {cost:.4f}")
print(f"Seen: the right place has a cost of {true_cost:.4f} onto half the room")
mirror, _, cost = procrustes(room, room * [-1, 1, 1])
turned = np.linalg.det(mirror[:3, :3])
print(f"Seen: a mirrored room fits with determinant {turned:.1f} and cost {cost:.1e}")
held = abs(scales["the whole room", "as it is"] - 1) < 0.01
held &= 0.4 < scales["half the room", "as it is"] < 0.7
held &= abs(scales["half the room", "rigid"] - 1) < 1e-6
held &= costs["half the room", "as it is"] < true_cost / 50 and turned < 0 and cost < 1e-9
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
