#!/usr/bin/env bash
# Packages: ahrs 0.4.0, numpy 2.4.6, SciPy 1.17.1
# One would swear: `ahrs.utils.angular_distance` of two rotation matrices is the angle between them,
#   as its documentation shows by the example of a quarter turn: 1.5708.
# What happens: it is 1.414 times the angle, since the norm is taken of the whole skew matrix, which
#   holds each number twice: 40 degrees are 56.6, the quarter turn of the documentation is 2.2214.
#   The same angle by quaternions, `qad`, is right.
# Why it matters here: rotation errors of a tracker or a registration are reported by this number;
#   they are 41 % too great, and those of two programs are no longer the same.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  ahrs==0.4.0 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from ahrs.utils import metrics
from scipy.spatial.transform import Rotation

start = Rotation.from_euler("xyz", [20, -30, 50], degrees=True)
held = True
for degrees in (1, 40, 90, 150):
    end = start * Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, 0.0, 0.8]))
    by_matrix = np.degrees(metrics.angular_distance(start.as_matrix(), end.as_matrix()))
    first, last = (np.roll(one.as_quat(), 1) for one in (start, end))
    by_quaternion = np.degrees(metrics.qad(first, last))
    print(f"Expected: {degrees} degrees")
    print(f"Seen: by matrices {by_matrix:.2f}, by quaternions {by_quaternion:.2f}")
    held &= bool(abs(by_matrix / degrees - np.sqrt(2)) < 1e-3)
    held &= bool(abs(by_quaternion / degrees - 1) < 1e-3)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
