#!/usr/bin/env bash
# Packages: potpourri3d 1.4.0, numpy 2.4.6, SciPy 1.17.1
# One would swear: the distance along a surface to a piece that cannot be reached on it is infinite,
#   NaN or an error.
# What happens: the heat method gives all of such a piece one distance, the mean of the distances on
#   the piece of the source, wherever it lies: a floor 1 km away is 3.02 m from a corner of one of
#   4 x 4 m, nearer than the other end of the room; seen from a corner of a mat of 1 m it is 0.77 m
#   away. The solver for points does the same. Fast marching in the same package says infinity.
# Why it matters here: a scan is many pieces, furniture and crumbs of the fusion. What asks for all
#   within 3.5 m of a point along the surface gets every one of them, and nothing looks odd.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  potpourri3d==1.4.0 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import potpourri3d


def floor(count, east):
    """Vertices and faces of a square of ``count`` x ``count`` vertices, 10 cm apart."""
    places = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), -1)
    flat = places.reshape(-1, 2) * 0.1 + [east, 0]
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower = np.column_stack([first, first + count, first + count + 1])
    upper = np.column_stack([first, first + count + 1, first + 1])
    return np.column_stack([flat, np.zeros(len(flat))]), np.concatenate([lower, upper])


def distances(here, there):
    """From the first corner, by three solvers, on the own piece and on the other."""
    vertices = np.concatenate([here[0], there[0]])
    faces = np.concatenate([here[1], there[1] + len(here[0])])
    marching = potpourri3d.MeshFastMarchingDistanceSolver(vertices, faces)
    found = {
        "heat": potpourri3d.MeshHeatMethodDistanceSolver(vertices, faces).compute_distance(0),
        "heat of points": potpourri3d.PointCloudHeatSolver(vertices).compute_distance(0),
        "fast marching": marching.compute_distance([[(0, [])]]),
    }
    size = len(here[0])
    return {name: (values[:size], values[size:]) for name, values in found.items()}


held = True
for name, count, east in (("a room", 41, 10), ("a room", 41, 1000), ("a mat", 11, 10)):
    print(f"Expected: from a corner of {name} to a floor {east} m aside there is no way")
    for solver, (own, other) in distances(floor(count, 0), floor(41, east)).items():
        print(f"Seen: {solver}: own piece to {own.max():.2f} m (mean {own.mean():.2f}),", end="")
        print(f" the other from {other.min():.2f} to {other.max():.2f} m")
        if solver == "fast marching":
            held &= bool(np.isinf(other).all())
        else:
            held &= bool(np.ptp(other) < 1e-3 and other.max() < 0.7 * own.max())
            held &= bool(abs(other.mean() - own.mean()) < 0.01)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
