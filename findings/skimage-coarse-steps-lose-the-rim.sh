#!/usr/bin/env bash
# Packages: scikit-image 0.26.0, numpy 2.4.6
# One would swear: with `step_size` marching cubes looks at every n-th value and still covers the
#   volume: the surface gets coarser, not less.
# What happens: cubes that do not fit whole before the end of an axis are left out, on the far side
#   alone. Of a closed box in a volume of 32 values an axis, three of six sides are missing at a step
#   of 2 or 4, and the mesh is open. With 33 values nothing is lost.
# Why it matters here: coarse previews of a room lose ceiling and two walls, or a floor where the
#   axis points down, by the size of the grid and not by what is in it.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  scikit-image==0.26.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from skimage.measure import marching_cubes


def ends(count, step):
    """Smallest and largest vertex of a box 1.94 m wide, and how many edges have one triangle."""
    places = np.linspace(-1, 1, count)
    axes = np.meshgrid(places, places, places, indexing="ij")
    distance_m = np.max(np.abs(axes), axis=0) - 0.97
    spacing = (places[1] - places[0],) * 3
    vertices, faces, _, _ = marching_cubes(distance_m, 0.0, spacing=spacing, step_size=step)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    once = int((np.unique(edges, axis=0, return_counts=True)[1] == 1).sum())
    return vertices.min() - 1, vertices.max() - 1, once


print("Expected: a box from -0.97 to 0.97, closed, with any step.")
found = {(count, step): ends(count, step) for count in (32, 33) for step in (1, 2, 4)}
for (count, step), (low, high, once) in found.items():
    print(f"Seen: {count} values, step {step}: {low:.3f} to {high:.3f}, {once} open edges")
close = all(one[2] == 0 and abs(one[1] - 0.97) < 0.01 for key, one in found.items() if key[0] == 33)
cut = [found[32, step] for step in (2, 4)]
held = close and found[32, 1][2] == 0 and all(one[2] > 0 and one[1] < 0.94 for one in cut)
held &= all(abs(one[0] + 0.97) < 0.01 for one in found.values()) and found[32, 4][1] < 0.81
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
