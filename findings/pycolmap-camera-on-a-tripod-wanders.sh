#!/usr/bin/env bash
# Packages: pycolmap 4.2.1, numpy 2.4.6
# One would swear: between two poses of a camera that turns on a tripod, interpolate_camera_poses
#   gives a camera on that tripod.
# What happens: it interpolates the translation of world-to-camera, which is not where the camera
#   is. Turned by 90 degrees 10 m from the origin, the camera is 2.9 m away half-way; with the
#   origin of the world at the tripod it stays. The path depends on where the origin lies.
# Why it matters here: poses are interpolated to the times of depth frames. Between close poses the
#   error is small and looks like drift, and it grows with the distance from the origin: a metre
#   for two views 5 degrees apart in a scan whose coordinates are a kilometre of map.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pycolmap==4.2.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pycolmap


def on_tripod(turn_deg, tripod):
    """World-to-camera pose of a camera at the tripod, turned about the vertical."""
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    rotation = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    return pycolmap.Rigid3d(np.column_stack([rotation, -rotation @ tripod]))


def strays_m(turn_deg, tripod):
    """How far from the tripod the camera half-way between two views is."""
    ends = on_tripod(0, tripod), on_tripod(turn_deg, tripod)
    half = pycolmap.interpolate_camera_poses(*ends, 0.5)
    return np.linalg.norm(half.inverse().translation - tripod)


print("Expected: the camera turns and does not move, wherever the origin of the world is.")
far, near = np.array([10.0, 0, 0]), np.zeros(3)
quarter, at_origin, frame = strays_m(90, far), strays_m(90, near), strays_m(5, 100 * far)
print(f"Seen: a quarter turn 10 m from the origin: {quarter:.2f} m off; at it: {at_origin:.2f} m")
print(f"Seen: 5 degrees, 1 km from the origin: {frame:.2f} m off")
held = 2.8 < quarter < 3.0 and at_origin < 1e-9 and 0.9 < frame < 1.0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
