#!/usr/bin/env bash
# Packages: gpytoolbox 0.3.8, numpy 2.4.6
# One would swear: `rotation_matrix_from_vectors`, whose result "will always be a pure rotation
#   matrix", gives half a turn for two opposite vectors.
# What happens: for exactly opposite vectors in space it gives -1 times the identity, which is no
#   rotation: its determinant is -1. All is mirrored at the origin: a room of 24 cubic metres has
#   -24. A thousandth of a degree beside it is a rotation.
# Why it matters here: a scan whose camera looked down the axis is set upright by the vector of
#   gravity, and (0, 0, -1) to (0, 0, 1), y down to y up, is the commonest pair there is. The floor
#   is below as it should be, while left and right are exchanged and faces look inwards.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  gpytoolbox==0.3.8 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from gpytoolbox import regular_cube_mesh, rotation_matrix_from_vectors


def volume(vertices, tetrahedra):
    """With its sign, m3."""
    edges = vertices[tetrahedra[:, 1:]] - vertices[tetrahedra[:, :1]]
    return float(np.linalg.det(edges).sum() / 6)


vertices, tetrahedra = regular_cube_mesh(3)
size = np.array([4.0, 3.0, 2.0])
before = volume(vertices * size, tetrahedra)
up = np.array([0.0, 0.0, 1.0])
held = True
for name, down, mirrored in (
    ("exactly opposite", np.array([0.0, 0.0, -1.0]), True),
    ("opposite, of length 9.81", np.array([0.0, 0.0, -9.81]), True),
    ("a thousandth of a degree beside it", np.array([np.radians(0.001), 0.0, -1.0]), False),
):
    turn = rotation_matrix_from_vectors(down, up)
    after = volume(vertices * size @ turn.T, tetrahedra)
    aligned = float(turn @ down @ up / np.linalg.norm(down))
    print(f"Expected: {name}: determinant 1, volume {before:.1f}, aligned")
    print(f"Seen: determinant {np.linalg.det(turn):.3f}, volume {after:.1f}, cosine {aligned:.3f}")
    held &= bool(abs(after / before - (-1 if mirrored else 1)) < 1e-6 and aligned > 0.999)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
