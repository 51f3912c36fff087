#!/usr/bin/env bash
# Packages: eval3r 0.2.1, numpy 2.4.6, scipy 1.17.1, trimesh 5.2.0
# One would swear: an aligner that takes the times of both trajectories pairs poses by time.
# What happens: it looks at the times only if the two have different numbers of poses. With equal
#   numbers, the n-th is paired with the n-th whatever the clocks say: of one and the same path,
#   sampled one tenth of a second later, the alignment is a turn by 11 degrees and a rise of 10 cm.
# Why it matters here: SLAM systems drop the first frames until they are initialised, and the last
#   ones at the end; two lists of equal length that begin at other times are common, and every
#   score of the aligned surfaces then measures the pairing.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  eval3r==0.2.1 numpy==2.4.6 scipy==1.17.1 trimesh==5.2.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from eval3r.alignment.trajectory import TrajectoryAligner


def walk(times_s):
    """Poses of a camera that climbs a winding stair, camera to world."""
    poses = np.tile(np.eye(4), (len(times_s), 1, 1))
    poses[:, :3, 3] = np.stack([2 * np.cos(2 * times_s), 2 * np.sin(2 * times_s), times_s], 1)
    return poses


def turn_deg(ours_s, theirs_s):
    """How far the alignment turns a trajectory that needs no alignment at all."""
    found = TrajectoryAligner(
        walk(ours_s),
        walk(theirs_s),
        pred_timestamps=ours_s,
        gt_timestamps=theirs_s,
        pred_convention="T_wc",
        gt_convention="T_wc",
    ).align(None, None)
    cosine = np.clip((np.trace(found.rotation) - 1) / 2, -1, 1)
    return np.degrees(np.arccos(cosine)), found.translation


times_s = np.arange(200) / 100
print("Expected: both are in one world, and their times say who belongs to whom: nothing to turn.")
equal, rise = turn_deg(times_s[:180], times_s[10:190])
other, _ = turn_deg(times_s[20:179], times_s[10:190])
print(f"Seen: 180 and 180 poses, 0.1 s apart: turned by {equal:.1f} degrees, moved by {rise.round(2)}")
print(f"Seen: 159 and 180 poses: turned by {other:.1f} degrees")
held = 8 < equal < 15 and abs(rise[2] - 0.1) < 0.02 and other < 0.5
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
