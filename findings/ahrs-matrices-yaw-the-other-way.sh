#!/usr/bin/env bash
# Packages: ahrs 0.4.0, numpy 2.4.6, SciPy 1.17.1
# One would swear: roll, pitch and yaw of a rotation are the same angles whether it is held as a
#   matrix (`DCM.to_rpy`, `to_angles`) or as a quaternion (`Quaternion.to_angles`), and
#   `DCM(rpy=angles).to_rpy()` gives the angles back.
# What happens: the matrix gives those of the inverse rotation: a yaw of 30 degrees is -30, and roll,
#   pitch and yaw of 10, 20 and 30 are 1, -22 and -28. The constructor reads its three angles in the
#   order yaw, pitch, roll, so none of the three is found again in any order, with any sign. The
#   quaternion gives 10, 20 and 30, as SciPy does for both.
# Why it matters here: poses of a scan come as matrices; the headings and tilts made of them turn the
#   other way, and near the horizon only the sign of the yaw shows it.
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
from ahrs import DCM, Quaternion
from scipy.spatial.transform import Rotation


def whole(radians):
    return [int(round(float(np.degrees(one)))) for one in radians]


held = True
for angles, other in (([0, 0, 30], [0, 0, -30]), ([10, 20, 30], [1, -22, -28])):
    turn = Rotation.from_euler("ZYX", angles[::-1], degrees=True)
    quaternion = Quaternion(rpy=np.radians(angles))
    matrix = DCM(q=np.asarray(quaternion))
    same = np.allclose(matrix, turn.as_matrix()) and np.allclose(quaternion.to_DCM(), matrix)
    of_matrix = whole(matrix.to_rpy())
    of_quaternion = whole(quaternion.to_angles())
    print(f"Expected: roll, pitch, yaw {angles} of one rotation (equal matrices: {same})")
    print(f"Seen: of the quaternion {of_quaternion}, of the matrix {of_matrix}")
    print(f"Seen: of the transposed matrix {whole(DCM(np.array(matrix).T).to_rpy())}")
    held &= bool(same) and of_quaternion == angles and of_matrix == other
again = whole(DCM(rpy=np.radians([10, 20, 30])).to_rpy())
print("Expected: DCM(rpy=[10, 20, 30]).to_rpy() is [10, 20, 30]")
print(f"Seen: {again}")
held &= not {10, 20, 30} & {abs(one) for one in again}
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
