#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: in one module a 16-bit depth image means one thing: millimetres, as the texts
#   of depthTo3d and rescaleDepth say, unless one sets another factor.
# What happens: depthTo3d and rescaleDepth divide by 1,000, the volumes of the same module by
#   5,000 (the scale of the TUM RGB-D data set) unless told otherwise: a wall at 4 m is lifted to
#   4 m by the one and fused at 0.8 m by the other, without a word.
# Why it matters here: a room fused with the defaults is a fifth of its size. Its poses are in
#   metres, so that frames no longer meet, which looks like bad tracking and not like a unit.
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

WIDTH, HEIGHT = 320, 240
camera = np.array([[250.0, 0, 159.5], [0, 250.0, 119.5], [0, 0, 1]])
depth = np.full((HEIGHT, WIDTH), 4000, np.uint16)

lifted = float(cv2.depthTo3d(depth, camera)[..., 2].mean())
rescaled = float(cv2.rescaleDepth(depth, cv2.CV_32F).mean())
settings = cv2.VolumeSettings(cv2.VolumeType_TSDF)
settings.setCameraIntegrateIntrinsics(camera)
settings.setIntegrateWidth(WIDTH)
settings.setIntegrateHeight(HEIGHT)
volume = cv2.Volume(cv2.VolumeType_TSDF, settings)
volume.integrate(depth, np.eye(4, dtype=np.float32))
fused = float(np.median(volume.fetchPointsNormals()[0].reshape(-1, 4)[:, 2]))
print("Expected: a 16-bit image of 4000 is a wall at 4 m everywhere.")
print(f"Seen: depthTo3d {lifted:.2f} m, rescaleDepth {rescaled:.2f} m, fused at {fused:.2f} m;")
print(f"Seen: depth factor of the volume's settings: {settings.getDepthFactor():.0f} a metre")
held = abs(lifted - 4) < 0.01 and abs(rescaled - 4) < 0.01 and abs(fused - 0.8) < 0.03
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
