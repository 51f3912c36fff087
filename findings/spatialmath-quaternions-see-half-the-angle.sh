#!/usr/bin/env bash
# Packages: spatialmath-python 1.1.18, SciPy 1.17.1, numpy 2.4.6
# One would swear: `angdist`, the "angular distance" in radians, of two rotations is the same
#   whether they are held as matrices (`SO3`), poses (`SE3`) or `UnitQuaternion`.
# What happens: of quaternions it is half of that: turns by 10 and 50 degrees are 20 degrees apart,
#   opposite ones 90. By default it is the angle between the two as vectors of four numbers, for the
#   others that of the turn between them; all have a parameter `metric` with another default.
# Why it matters here: the error of a rotation between two trajectories is looked up in such a call
#   and compared with a table in degrees. Poses kept as quaternions are twice as good at once.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  spatialmath-python==1.1.18 scipy==1.17.1 numpy==2.4.6
cd "$room"
MPLCONFIGDIR="$room" "$room/venv/bin/python" - <<'PY'
import numpy as np
from scipy.spatial.transform import Rotation
from spatialmath import SE3, SO3, UnitQuaternion

held = True
random = Rotation.random(2, rng=0).as_matrix()
for name, first, second in (
    ("10 and 50 degrees about z", SO3.Rz(10, unit="deg"), SO3.Rz(50, unit="deg")),
    ("0 and 180 degrees about x", SO3(), SO3.Rx(180, unit="deg")),
    ("two at random", SO3(random[0]), SO3(random[1])),
):
    turn = Rotation.from_matrix(first.R).inv() * Rotation.from_matrix(second.R)
    true = np.degrees(turn.magnitude())
    found = {
        kind.__name__: np.degrees(kind(first).angdist(kind(second)))
        for kind in (SO3, SE3, UnitQuaternion)
    }
    print(f"Expected: {name}: {true:.2f} degrees by all three")
    print("Seen:", ", ".join(f"{kind} {angle:.2f}" for kind, angle in found.items()))
    held &= np.allclose([found["SO3"], found["SE3"]], true)
    held &= bool(np.isclose(found["UnitQuaternion"], true / 2))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
