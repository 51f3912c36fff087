#!/usr/bin/env bash
# Packages: scikit-image 0.26.0, numpy 2.4.6 (and what scikit-image asks for)
# One would swear: if marching cubes is told the spacing of the voxels, the normals that it returns
#   stand upright on the surface that it returns.
# What happens: the vertices are put to scale, the normals are those of the unscaled grid. With
#   voxels of 5 x 5 x 2 cm the normals of a slope of 45 degrees are 23 degrees off, its triangles
#   are right. Divided by the spacing and made a unit long again they are right too.
# Why it matters here: grids of rooms are often finer in height. Shading, the angle to gravity as an
#   input and point-to-plane ICP go wrong on slopes alone: floors and walls along the axes come out
#   right, so that a look at the room shows nothing.
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

SPACING_M = np.array([0.05, 0.05, 0.02])


def unit(vectors):
    """Vectors (N, 3) of length one."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def worst(normals, true):
    """Largest angle in degrees between unit normals (N, 3) and the true one, of either sign."""
    return np.degrees(np.arccos(np.clip(np.abs(normals @ true), 0, 1))).max()


def measured(distance_m, true):
    """How far the returned normals, those of the triangles, and the mended ones are off."""
    found = marching_cubes(distance_m.astype(np.float32), 0.0, spacing=tuple(SPACING_M))
    vertices, faces, normals, _ = found
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    across = across[np.linalg.norm(across, axis=1) > 1e-8]
    return worst(normals, true), worst(unit(across), true), worst(unit(normals / SPACING_M), true)


x_m, _, z_m = np.indices((20, 20, 50)) * SPACING_M[:, None, None, None]
slope = measured((z_m - x_m) / np.sqrt(2), np.array([-1, 0, 1]) / np.sqrt(2))
floor = measured(z_m - 0.31, np.array([0, 0, 1]))
print("Expected: normals of a slope of 45 degrees and of a floor within half a degree.")
for name, (told, triangles, mended) in (("slope", slope), ("floor", floor)):
    print(f"Seen: {name}: normals are {told:.1f} degrees off, those of triangles {triangles:.1f}")
    print(f"Seen: {name}: divided by the spacing {mended:.1f}")
unscaled = np.degrees(np.arctan2(SPACING_M[0], SPACING_M[2])) - 45
held = abs(slope[0] - unscaled) < 0.5 and max(slope[1:]) < 0.5 and max(floor) < 0.5
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
