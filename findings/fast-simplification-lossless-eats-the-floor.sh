#!/usr/bin/env bash
# Packages: fast-simplification 0.2.0, PyVista 0.49.1 (VTK 9.7.2), numpy 2.4.6
# One would swear: a mesh that is simplified with `lossless=True` covers what it covered; a flat
#   square of 1800 triangles is left as two.
# What happens: three triangles are left with a twenty-fifth of the area: the corners are cut off,
#   again and again. Nothing that stays in the plane counts as a loss, a rim neither. A closed box
#   is left as its 12 triangles. With a target instead, a tenth of the triangles, the square loses 3
#   % of its area at its corners; VTK's decimation to the same number loses none.
# Why it matters here: scanned rooms are open meshes, and floors, walls and door frames have rims.
#   `simplify_quadric_decimation` of trimesh is this one. Doors get wider, floors shorter, and what
#   is measured from scan to mesh, not the other way, has lost recall.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  fast-simplification==0.2.0 pyvista==0.49.1 vtk==9.7.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import fast_simplification
import numpy as np
import pyvista

CELLS = 30  # along an edge


def area(vertices, faces):
    a, b, c = np.asarray(vertices, float)[np.asarray(faces)].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


floor = pyvista.Plane(i_resolution=CELLS, j_resolution=CELLS).triangulate()
box = pyvista.Box(level=CELLS - 1).triangulate().clean()
held = True
for name, mesh, choice, share in (
    ("a floor of 1 m2, lossless", floor, {"lossless": True}, 0.04),
    ("a floor of 1 m2, a tenth", floor, {"target_reduction": 0.9}, 0.97),
    ("a closed box, lossless", box, {"lossless": True}, 1.0),
):
    before = np.asarray(mesh.points, float), mesh.faces.reshape(-1, 4)[:, 1:]
    after = fast_simplification.simplify(*before, **({"target_reduction": 0.9} | choice))
    found = area(*after) / area(*before)
    print(f"Expected: {name}: all of the area of {len(before[1])} triangles")
    print(f"Seen: {found:.4f} of it in {len(after[1])}")
    held &= abs(found - share) < 0.005
coarse = floor.decimate(0.9)
print("Expected: the floor by VTK, a tenth: all of the area")
print(f"Seen: {coarse.area:.4f} of it in {coarse.n_cells}")
held &= abs(coarse.area - 1) < 1e-6 and coarse.n_cells < 200
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
