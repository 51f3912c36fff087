#!/usr/bin/env bash
# Packages: evo 1.38.1, numpy 2.4.6
# One would swear: matching two trajectories by time pairs each pose with one other, as the tool of
#   the TUM RGB-D data set does, and a pose that has no partner of its own is left out.
# What happens: every pose of the shorter list gets its nearest in the longer one, however often
#   that one was given away already: of a fast and short trajectory beside a slow and long one,
#   ten poses in a row are compared with one and the same.
# Why it matters here: half a second of a phone's 100 Hz poses against 10 Hz of a tracker: 50
#   pairs are reported where there are 5 or 6, and the error of a camera that tracked perfectly
#   is the distance it moved between two ticks of the slow clock.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check evo==1.38.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from evo.core.sync import associate_trajectories
from evo.core.trajectory import PoseTrajectory3D

SPEED_M_S = 1.0


def walk(times_s):
    """A camera that walks straight ahead."""
    path_m = np.stack([SPEED_M_S * times_s, 0 * times_s, 0 * times_s], 1)
    upright = np.tile([1.0, 0, 0, 0], (len(times_s), 1))
    return PoseTrajectory3D(path_m, upright, times_s)


fast = walk(1 + np.arange(50) / 100)  # half a second at 100 Hz
slow = walk(np.arange(100) / 10)  # ten seconds at 10 Hz
ours, theirs = associate_trajectories(fast, slow, max_diff=0.05)
used, times = np.unique(theirs.timestamps, return_counts=True)
error_m = np.linalg.norm(ours.positions_xyz - theirs.positions_xyz, axis=1)
print(f"Expected: at most {len(used)} pairs, since {len(used)} slow poses lie in that time.")
print(f"Seen: {ours.num_poses} pairs with {len(used)} different slow poses, one up to {times.max()} times")
print(f"Seen: error of a perfect tracker, rms: {1000 * np.sqrt(np.mean(error_m**2)):.0f} mm")
held = ours.num_poses >= 45 and times.max() >= 10 and np.sqrt(np.mean(error_m**2)) > 0.02
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
