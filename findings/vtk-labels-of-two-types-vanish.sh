#!/usr/bin/env bash
# Packages: PyVista 0.49.1 (VTK 9.7.2), numpy 2.4.6
# One would swear: two rooms that both have `label` on each point and `object` on each face still
#   have them when they are one mesh: an array is kept where all inputs have it, as the page says.
# What happens: it is kept if its type is the same as well. Labels of `uint8` beside `int32`, of
#   `int32` beside `int64`, heights of `float32` beside `float64`: the array is gone, of both rooms,
#   without a warning. So it is for meshes, clouds and grids, by `merge`, `+`, `append_polydata` and
#   `MultiBlock.combine`. An array of the same name and type beside it stays.
# Why it matters here: one room comes from a file with labels of bytes, the next from numpy, whose
#   integers have 64 bits. The geometry of the whole flat is right, and what follows sees a scan
#   that nobody labelled.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyvista==0.49.1 vtk==9.7.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import warnings

import numpy as np
import pyvista as pv

warnings.simplefilter("error")  # a warning would be a word
MAKE = {
    "meshes": lambda x_m: pv.Cube(center=(x_m, 0, 0)).triangulate(),
    "clouds": lambda x_m: pv.PolyData(pv.Cube(center=(x_m, 0, 0)).points),
    "grids": lambda x_m: pv.ImageData(
        dimensions=(3, 3, 3), origin=(x_m, 0, 0)
    ).cast_to_unstructured_grid(),
}
JOIN = {
    "merge": lambda a, b: a.merge(b),
    "+": lambda a, b: a + b,
    "append_polydata": lambda a, b: a.append_polydata(b),
    "MultiBlock.combine": lambda a, b: pv.MultiBlock([a, b]).combine(),
}


def labelled(kind, x_m, label, number):
    made = MAKE[kind](x_m)
    made.clear_data()
    made.point_data["label"] = np.full(made.n_points, label, number)
    made.cell_data["object"] = np.full(made.n_cells, label, number)
    made.point_data["seen"] = np.full(made.n_points, label, np.uint8)
    return made


print("Expected: label, object and seen, with the values 5 and 7, by each way")
held = True
for kind in MAKE:
    for first, second in (
        ("uint8", "uint8"),
        ("uint8", "int32"),
        ("int32", "int64"),
        ("float32", "float64"),
    ):
        left = {}  # what is left, and the ways that leave it
        for name, join in JOIN.items():
            if kind == "grids" and name == "append_polydata":
                continue
            a, b = labelled(kind, 0, 5, first), labelled(kind, 9, 7, second)
            whole = join(a, b)
            kept = {array: np.unique(whole[array]).tolist() for array in whole.array_names}
            left.setdefault(", ".join(sorted(kept)), []).append(name)
            names = {"label", "object", "seen"} if first == second else {"seen"}
            held &= kept == dict.fromkeys(names, [5, 7])
            held &= whole.n_points == a.n_points + b.n_points
        for arrays, ways in left.items():
            print(f"Seen: {kind}, {first} and {second}: {arrays} by {', '.join(ways)}")
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
