#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: the points that a TSDF volume gives lie on its surface, where the signed
#   distance is zero, as those of the dense volume of the same module do (in one layer).
# What happens: the hashed volume gives a point for every voxel that has seen anything: a flat
#   wall of 5 square metres, seen once, comes back as 1.8 million points in a slab 7 cm thick.
# Why it matters here: as a reference or as a reconstruction to be scored these points look like
#   a very dense surface; more than half of them are farther than 1.5 cm from it.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np

WIDTH, HEIGHT, WALL_M = 320, 240, 2.0
camera = np.array([[250.0, 0, 159.5], [0, 250.0, 119.5], [0, 0, 1]])
still = np.eye(4, dtype=np.float32)
depth_mm = np.full((HEIGHT, WIDTH), 1000 * WALL_M, np.float32)


def thickness(kind):
    """Number of points, their extent in depth, and the share farther than 1.5 cm from the wall."""
    settings = cv2.VolumeSettings(kind)
    settings.setCameraIntegrateIntrinsics(camera)
    settings.setIntegrateWidth(WIDTH)
    settings.setIntegrateHeight(HEIGHT)
    settings.setDepthFactor(1000.0)  # the images are in millimetres
    volume = cv2.Volume(kind, settings)
    volume.integrate(depth_mm, still)
    depth_m = volume.fetchPointsNormals()[0].reshape(-1, 4)[:, 2]
    return len(depth_m), np.ptp(depth_m), np.mean(np.abs(depth_m - WALL_M) > 0.015)


print("Expected: one layer of points, at the wall.")
dense, hashed = thickness(cv2.VolumeType_TSDF), thickness(cv2.VolumeType_HashTSDF)
for name, (count, extent, off) in (("dense", dense), ("hashed", hashed)):
    print(
        f"Seen: {name} volume: {count} points in a slab of {1000 * extent:.1f} mm, "
        f"{100 * off:.0f} % of them farther than 15 mm from the wall"
    )
held = dense[1] < 0.001 and dense[2] == 0 and hashed[0] > 1_000_000
held = held and 0.05 < hashed[1] < 0.1 and hashed[2] > 0.5
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
