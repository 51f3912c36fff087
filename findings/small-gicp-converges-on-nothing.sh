#!/usr/bin/env bash
# Packages: small_gicp 1.0.1, numpy 2.4.6
# One would swear: a registration that says that it has converged has matched something.
# What happens: two scans of a room 100 m apart, of which no point finds a partner, come back with
#   converged=True, an error of 0 and the transform that was put in. All of it looks like a perfect
#   fit; the number of inliers alone, 0, tells.
# Why it matters here: odometry and loop closing ask for `converged` and keep what has the smallest
#   error: a pair that does not overlap wins over all that do.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  small_gicp==1.0.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import small_gicp

random = np.random.default_rng(0)
count = 4000
room = np.concatenate(
    [
        np.c_[random.random((count, 2)) * 4, np.zeros(count)],
        np.c_[random.random(count) * 4, np.zeros(count), random.random(count) * 2.5],
        np.c_[np.zeros(count), random.random((count, 2)) * [4, 2.5]],
    ]
)
print("Expected: not converged where nothing is matched.")
held = True
for kind in ("ICP", "PLANE_ICP", "GICP"):
    near = small_gicp.align(room, room + [0.05, 0, 0], registration_type=kind)
    far = small_gicp.align(room, room + [100.0, 0, 0], registration_type=kind)
    print(f"Seen: {kind}, 5 cm: converged {near.converged}, {near.num_inliers} inliers")
    print(
        f"Seen: {kind}, 100 m: converged {far.converged}, {far.num_inliers} inliers, "
        f"error {far.error}, moved by {far.T_target_source[:3, 3]}"
    )
    held &= near.converged and near.num_inliers > 100
    held &= far.converged and far.num_inliers == 0 and far.error == 0
    held &= np.array_equal(far.T_target_source, np.eye(4))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
