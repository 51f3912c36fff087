#!/usr/bin/env bash
# Packages: PyVista 0.49.1 (VTK 9.7.2), numpy 2.4.6
# One would swear: labels of the vertices, which are integers, stay labels when a mesh is cut: a
#   new vertex on the cut takes the label of one end of its edge.
# What happens: where the cut crosses the seam of two classes it takes a number in between. Of a
#   floor with the classes 2 and 9 a slanted cut makes vertices of 3, 4, 6, 7 and 8; `subdivide`
#   makes a row of 6, and `sample`, which takes labels from one mesh to the points of another, all
#   of 3 to 8. The type stays an integer. Labels of the faces stay what they were.
# Why it matters here: rooms are clipped to boxes before they are scored: seams between a floor (2)
#   and a table (9) come out as chairs and sofas, and no value looks wrong.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyvista==0.49.1 vtk==9.7.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyvista as pv

floor = pv.Plane(i_size=4, j_size=4, i_resolution=40, j_resolution=40).triangulate()
floor.point_data["label"] = np.where(floor.points[:, 0] > 0, 9, 2).astype(np.int32)
floor.cell_data["face"] = np.where(floor.cell_centers().points[:, 0] > 0, 9, 2).astype(np.int32)
random = np.random.default_rng(0)
places = pv.PolyData(np.c_[random.random((2000, 2)) * 3.8 - 1.9, np.zeros(2000)])
results = {
    "clip": floor.clip(normal=(1, 0.3, 0), origin=(0.05, 0, 0)),
    "subdivide": floor.subdivide(1, "linear"),
    "sample": places.sample(floor),
}
print("Expected: labels 2 and 9, and no others.")
held = True
for name, mesh in results.items():
    labels, counts = np.unique(mesh.point_data["label"], return_counts=True)
    new = int(counts[(labels != 2) & (labels != 9)].sum())
    print(
        f"Seen: {name}: labels {labels.tolist()} ({mesh.point_data['label'].dtype}), "
        f"{new} of {mesh.n_points} of classes that nothing has"
    )
    held &= new >= 3 and mesh.point_data["label"].dtype == np.int32
    if "face" in mesh.cell_data:
        held &= set(np.unique(mesh.cell_data["face"]).tolist()) == {2, 9}
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
