#!/usr/bin/env bash
# Packages: open3d-cpu 0.20.0, numpy 2.4.6
# One would swear: a file of poses that says nothing of the lens is read with no intrinsics, or
#   with such as tell that they are unset (a new PinholeCameraIntrinsic is -1 pixel wide and not
#   valid).
# What happens: read from .log or TUM .txt, every pose has the camera of a PrimeSense sensor: 640
#   x 480 pixels, focal length 525. It calls itself valid, no word is said, and it takes the place
#   of the 1920 x 1440 camera that was written. A .json file keeps the camera.
# Why it matters here: ".log" is the trajectory of Redwood and of Tanks and Temples. Depth lifted
#   by the parameters that were read is a room three times as wide and off to one side; the test
#   of validity that one would put in front passes.
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

WIDTH, HEIGHT, FOCAL = 1920, 1440, 1500.0


def view(step_m):
    """What the phone saw after that many metres to the side."""
    pose = o3d.camera.PinholeCameraParameters()
    pose.intrinsic = o3d.camera.PinholeCameraIntrinsic(
        WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5
    )
    world_to_camera = np.eye(4)
    world_to_camera[0, 3] = -step_m
    pose.extrinsic = world_to_camera
    return pose


given = o3d.camera.PinholeCameraTrajectory()
given.parameters = [view(0.0), view(0.1), view(0.2)]
unset = o3d.camera.PinholeCameraIntrinsic()
print(f"Expected: {WIDTH} x {HEIGHT}, or unset (new: {unset.width} wide, valid {unset.is_valid()})")
seen = {}
for ending in ("json", "log", "txt"):
    assert o3d.io.write_pinhole_camera_trajectory(f"poses.{ending}", given)
    camera = o3d.io.read_pinhole_camera_trajectory(f"poses.{ending}").parameters[-1].intrinsic
    focal = camera.intrinsic_matrix[0, 0]
    seen[ending] = (camera.width, camera.height, focal, camera.is_valid())
    print(f"Seen: .{ending}: {camera.width} x {camera.height}, focal length {focal:g}")
prime_sense = (640, 480, 525.0, True)
held = (
    not unset.is_valid()
    and seen["json"] == (WIDTH, HEIGHT, FOCAL, True)
    and seen["log"] == seen["txt"] == prime_sense
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
