#!/usr/bin/env bash
# Packages: pymeshlab 2025.7.post1, numpy 2.4.6
# One would swear: the Hausdorff distance from a mesh to another is that of its farthest point; a
#   limit on distances, if there is one, counts what lies beyond as that far.
# What happens: points farther than `maxdist` (by default half of the diagonal of the box) are left
#   out, of the largest distance and of the mean. A copy of a floor with one triangle 2 m beside it
#   is 0 from the floor, with one 0.8 m beside it 0.4. Only the number of samples, smaller than that
#   of the vertices, tells.
# Why it matters here: stray pieces far from the room are what such a score is asked for. The
#   farther off they are the better the mesh gets, and a smaller limit, set to be strict, makes it
#   perfect.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pymeshlab==2025.7.post1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pymeshlab

floor = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
halves = np.array([[0, 1, 2], [0, 2, 3]])


def measured(away_m, **how):
    """Distances to the floor from a copy with a triangle that far beside its middle."""
    stray = np.array([[0.5, 0.5, 0], [0.5, 0.6, 0], [0.6, 0.5, 0]]) + [away_m, 0, 0]
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(floor, halves))
    meshes.add_mesh(
        pymeshlab.Mesh(np.concatenate([floor, stray]), np.concatenate([halves, [[4, 5, 6]]]))
    )
    found = meshes.get_hausdorff_distance(sampledmesh=1, targetmesh=0, **how)
    return found["max"], found["mean"], found["n_samples"]


print("Expected: 0.40 at 0.8 m, 1.60 at 2 m, 9.60 at 10 m; 7 vertices.")
near, two, ten = (measured(away) for away in (0.8, 2.0, 10.0))
strict = measured(0.8, maxdist=pymeshlab.PureValue(0.1))
for name, (most, mean, count) in {
    "0.8 m": near, "2 m": two, "10 m": ten, "0.8 m, limit of 0.1 m": strict
}.items():
    print(f"Seen: {name}: at most {most:.2f}, mean {mean:.3f}, of {count} points")
held = abs(near[0] - 0.4) < 1e-6 and near[2] == 7
held &= all(most == mean == 0 and count == 4 for most, mean, count in (two, ten, strict))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
