#!/usr/bin/env bash
# Packages: pyquaternion 0.9.9, SciPy 1.17.1, numpy 2.4.6
# One would swear: `yaw_pitch_roll`, angles "following the z-y'-x'' convention", are the yaw, pitch
#   and roll that such a rotation was made of, and its yaw is where the thing heads.
# What happens: the formulas are those of the other order, x-y'-z'': the matrix is Rx Ry Rz. A thing
#   that was turned by a yaw of 40, a pitch of 30 and a roll of 20 degrees is said to have a yaw of
#   35.5, a pitch of 35.4 and a roll of -2.8. One angle alone is right, and small ones nearly so.
# Why it matters here: the heading of a camera held down by 30 degrees, of a box of an object or of
#   a robot is read from it. A level camera is right; one that heads for 0, looks down by 60 degrees
#   and is held askew by 50 has a yaw of -53. SciPy's "ZYX" is the convention that it names.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyquaternion==0.9.9 scipy==1.17.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from pyquaternion import Quaternion
from scipy.spatial.transform import Rotation


def turn(axis, degrees):
    """One turn, by the package itself."""
    return Quaternion(axis=axis, degrees=degrees)


held = True
for made in ((40, 0, 0), (0, 30, 0), (0, 0, 20), (2, 2, 2), (40, 30, 20), (0, 60, 50)):
    yaw, pitch, roll = made
    # about z, then about the new y, then about the newer x
    whole = turn((0, 0, 1), yaw) * turn((0, 1, 0), pitch) * turn((1, 0, 0), roll)
    found = np.degrees(whole.yaw_pitch_roll)
    rotation = Rotation.from_matrix(whole.rotation_matrix)
    ahead = whole.rotate((1, 0, 0))
    heading = np.degrees(np.arctan2(ahead[1], ahead[0]))
    other = rotation.as_euler("XYZ", degrees=True)[::-1]
    print(f"Expected: {made}, heading {yaw}")
    print(f"Seen: {np.round(found, 2).tolist()}; its x axis heads for {heading:.2f}")
    held &= np.allclose(rotation.as_euler("ZYX", degrees=True), made)
    held &= np.allclose(heading, yaw) and np.allclose(found, other)
    simple = sum(angle != 0 for angle in made) == 1
    held &= np.allclose(found, made, atol=0.1) == (simple or made == (2, 2, 2))
    if made == (40, 30, 20):
        held &= np.allclose(found, (35.5, 35.4, -2.8), atol=0.1)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
