#!/usr/bin/env bash
# Packages: gtsam 4.3.0, numpy 2.4.6
# One would swear: poses that `writeG2o` writes and `readG2o` reads are the poses, to the last
#   digits of a double or nearly.
# What happens: every number has six digits in all. Of a northing of 5412345.678 m 5412350 is
#   left, 4.3 m off; of an easting of 355123.456 m 355123. Turns are off by less than a thousandth
#   of a degree, places in a room by micrometres.
# Why it matters here: it is the way in which pose graphs go from one program to another. Cameras
#   that stand 14 cm apart in map coordinates are read a metre apart; near the origin all looks
#   right.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  gtsam==4.3.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import gtsam
import numpy as np

turn = gtsam.Rot3.RzRyRx(0.1, 0.2, 0.3)
places = np.array(
    [
        [1.23456789, 2.3456789, 1.5],
        [355123.456, 5412345.678, 123.4],
        [355123.556, 5412345.778, 123.4],
    ]
)
written = gtsam.Values()
for number, place in enumerate(places):
    written.insert(number, gtsam.Pose3(turn, place))
gtsam.writeG2o(gtsam.NonlinearFactorGraph(), written, "poses.g2o")
read = gtsam.readG2o("poses.g2o", True)[1]
found = np.array([read.atPose3(number).translation() for number in range(len(places))])
off = np.linalg.norm(found - places, axis=1)
for place, seen, metres in zip(places, found, off, strict=True):
    print(f"Expected: {place.tolist()}")
    print(f"Seen:     {seen.tolist()}: {metres:.7f} m off")
degrees = np.degrees(np.linalg.norm(gtsam.Rot3.Logmap(turn.between(read.atPose3(0).rotation()))))
print(f"Seen: turned by {degrees:.6f} degrees")
apart = [float(np.linalg.norm(two[2] - two[1])) for two in (places, found)]
print(f"Seen: the second and third are {apart[0]:.2f} m apart, and read {apart[1]:.2f} m apart")
held = apart[0] < 0.15 and apart[1] == 1
held &= 1e-6 < off[0] < 1e-5 and 4 < off[1] < 5 and np.array_equal(found[1, :2], [355123, 5412350])
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
