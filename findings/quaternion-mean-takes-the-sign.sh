#!/usr/bin/env bash
# Packages: numpy-quaternion 2024.0.13, numpy 2.4.6, SciPy 1.17.1
# One would swear: the "rotor that is closest to all R in the least-squares sense", its mean, does
#   not depend on which of the two quaternions q and -q a rotation is written as.
# What happens: the quaternions are summed as they are. Of turns by 0, 10 and 20 degrees the mean is
#   10; with the sign of the third turned over -10, which lies outside all of them. `from_rotation_
#   matrix` of the same package gives signs at random: the mean of 50 matrices within some degrees
#   of one is 10 to 80 degrees off. `optimal_alignment_in_chordal_metric` is made of it.
# Why it matters here: a camera's place on a rig, or the turn between two trajectories, is the mean
#   of many estimates that are matrices first. SciPy's mean of the same is right.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  numpy-quaternion==2024.0.13 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import quaternion
from scipy.spatial.transform import Rotation

mean = quaternion.mean_rotor_in_chordal_metric


def degrees(rotor):
    """Turn about z of a rotor."""
    return float(np.degrees(quaternion.as_rotation_vector(rotor)[2]))


turns = quaternion.from_rotation_vector(np.outer(np.radians([0, 10, 20]), [0, 0, 1]))
other = np.array([turns[0], turns[1], -turns[2]])
print("Expected: 10 degrees, however the three turns are written")
print(f"Seen: {degrees(mean(turns)):.2f}; with -q for the third {degrees(mean(other)):.2f}")
held = abs(degrees(mean(turns)) - 10) < 1e-6 and -11 < degrees(mean(other)) < -9

random = np.random.default_rng(0)
off, aligned = [], []
for yaw in (0, 40, 80, 120, 160):
    angles = np.column_stack([yaw + random.normal(0, 5, 50), random.normal(0, 5, (50, 2))])
    rotations = Rotation.from_euler("zyx", angles, degrees=True)
    rotors = quaternion.from_rotation_matrix(rotations.as_matrix())
    still = quaternion.from_rotation_vector(np.zeros((50, 3)))
    for rotor, into in (
        (mean(rotors), off),
        (quaternion.optimal_alignment_in_chordal_metric(rotors, still), aligned),
    ):
        found = Rotation.from_quat(quaternion.as_float_array(rotor), scalar_first=True)
        into.append(float(np.degrees((found * rotations.mean().inv()).magnitude())))
    print("Expected: the mean of 50 matrices, 5 degrees of noise, within a degree of SciPy's")
    print(f"Seen: at a yaw of {yaw}: {off[-1]:.1f} degrees off, as an alignment {aligned[-1]:.1f}")
held &= np.median(off) > 5 and np.allclose(off, aligned)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
