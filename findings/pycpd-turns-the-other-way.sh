#!/usr/bin/env bash
# Packages: pycpd 2.0.0, numpy 2.4.6
# One would swear: the scale, rotation and translation (s, R, t) that `RigidRegistration.register`
#   returns move a point y to s R y + t, as in the paper that it implements (Myronenko and Song 2010).
# What happens: R is to be multiplied from the right, s y R + t: it is the transpose, and so the
#   inverse, of the paper's. For points turned by 20 degrees about z, R yaws by -20. The moved points
#   that are returned beside it are right. With `AffineRegistration` it is the same.
# Why it matters here: the pose is what one registers scans for. Put into a 4x4 matrix it turns the
#   scan away by twice the angle, and nothing but a look at the result tells.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pycpd==2.0.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from pycpd import AffineRegistration, RigidRegistration

rng = np.random.default_rng(0)
points = rng.uniform(0, 1, (300, 3)) * [4.0, 3.0, 2.5]
points[np.arange(300), rng.integers(0, 3, 300)] = 0
yaw = np.radians(20)
turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
wanted = points @ turn.T + [0.1, 0.2, 0.0]  # turn y + t, for each point y
held = True
for name, method in (("rigid", RigidRegistration), ("affine", AffineRegistration)):
    moved, told = method(X=wanted, Y=points, max_iterations=200).register()
    scale, matrix, shift = told if len(told) == 3 else (1.0, *told)
    found = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    column = float(np.linalg.norm(scale * points @ matrix.T + shift - wanted, axis=1).mean())
    beside = float(np.linalg.norm(moved - wanted, axis=1).mean())
    print(f"Expected: {name}: yaw 20.0 degrees, s R y + t 0.000 m from the points, moved 0.000 m")
    print(f"Seen: yaw {found:.1f} degrees, s R y + t {column:.3f} m, moved {beside:.3f} m")
    held &= abs(found + 20) < 0.1 and column > 0.5 and beside < 0.01
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
