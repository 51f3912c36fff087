#!/usr/bin/env bash
# Packages: open3d-cpu 0.20.0, numpy 2.4.6
# One would swear: the first thing that RGB-D odometry returns, whether it succeeded, is False if
#   not one pixel of the two frames could be matched.
# What happens: it is True, and the motion is the guess that was put in. So it is for two pictures
#   of other places at other depths, and where the second frame has no depth at all. Only the third
#   thing returned, the information matrix, tells: it is zero.
# Why it matters here: at a lost track (a covered lens, a turn too quick, a wall beyond the range)
#   the recipe "if it succeeded, chain the motion" writes on the last pose or the last speed, and
#   frames are fused at made-up places.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check open3d-cpu==0.20.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import open3d as o3d

LENS = o3d.camera.PinholeCameraIntrinsic(320, 240, 260.0, 260.0, 159.5, 119.5)
odometry = o3d.pipelines.odometry


def frame(place, depth_mm):
    """A wall with a chequered poster of its own, straight ahead."""
    tiles = np.random.default_rng(place).integers(0, 256, (15, 20, 3))
    colour = np.kron(tiles, np.ones((16, 16, 1))).astype(np.uint8)
    depth = np.full((240, 320), depth_mm, np.uint16)
    return o3d.geometry.RGBDImage.create_from_color_and_depth(
        o3d.geometry.Image(colour), o3d.geometry.Image(depth)
    )


guess = np.eye(4)
guess[0, 3] = 0.25
pairs = {
    "the same frame twice, no guess": (frame(0, 1000), frame(0, 1000), np.eye(4)),
    "another place, half a metre farther": (frame(0, 1000), frame(1, 1500), guess),
    "no depth in the second": (frame(0, 1000), frame(0, 0), guess),
}
terms = odometry.RGBDOdometryJacobianFromHybridTerm, odometry.RGBDOdometryJacobianFromColorTerm
print("Expected: True, False, False.")
held = True
for number, (name, (first, second, start)) in enumerate(pairs.items()):
    for term in terms:
        success, motion, information = odometry.compute_rgbd_odometry(
            first, second, LENS, start, term()
        )
        pixels = information[5, 5]
        print(
            f"Seen: {name}: success {success}, {motion[0, 3]:.2f} m to the side, "
            f"information from {pixels:.0f} pixels"
        )
        held = held and success and np.allclose(motion, start, atol=1e-3)
        held = held and (pixels == 320 * 240 if number == 0 else not information.any())
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
