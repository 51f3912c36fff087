#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, kornia 0.9.0, torch 2.14.1, numpy 2.4.6
# One would swear: normals of a depth image look at the camera that took it, since nothing else
#   can be seen; or at least all libraries that make them agree.
# What happens: kornia's depth_to_normals looks away from the camera everywhere. Of OpenCV's
#   RgbdNormals the method CROSS_PRODUCT looks at it everywhere; FALS (the default), LINEMOD and
#   SRI take the sign of z for it: the floor below a camera that is held a few degrees upwards is a
#   ceiling to them, below one held downwards it is a floor.
# Why it matters here: normals are an input of networks (angle to gravity) and decide from which
#   side a surface was seen. Captures by hand look up and down all the time, so that one floor has
#   both signs in one scan, and no text tells so.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 kornia==0.9.0 torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np
import torch
from kornia.geometry.depth import depth_to_normals

HEIGHT, WIDTH, FOCAL, BELOW_M = 240, 320, 250.0, 1.5
camera = np.array([[FOCAL, 0, 159.5], [0, FOCAL, 119.5], [0, 0, 1]], np.float32)
columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
rays = np.stack([(columns - 159.5) / FOCAL, (rows - 119.5) / FOCAL, np.ones((HEIGHT, WIDTH))], -1)


def floor(up_deg):
    """Depth of a floor 1.5 m below a camera that looks up by this; the normal that faces it."""
    turn = np.radians(up_deg)
    normal = np.array([0, -np.cos(turn), np.sin(turn)])  # of the floor, camera axes, y down
    falls = -rays @ normal
    return np.where(falls > 0.1, BELOW_M / np.maximum(falls, 0.1), 15).astype(np.float32), normal


def opencv(method):
    kind = getattr(cv2, f"RgbdNormals_RGBD_NORMALS_METHOD_{method}")
    maker = cv2.RgbdNormals_create(HEIGHT, WIDTH, cv2.CV_32F, camera, 5, 50.0, kind)
    return lambda depth_m: maker.apply(cv2.depthTo3d(depth_m, camera))[..., :3]


def kornia(depth_m):
    found = depth_to_normals(torch.from_numpy(depth_m)[None, None], torch.from_numpy(camera)[None])
    return found[0].permute(1, 2, 0).numpy()


BY_Z = ("FALS", "LINEMOD", "SRI")
libraries = {f"OpenCV {name}": opencv(name) for name in (*BY_Z, "CROSS_PRODUCT")}
libraries["kornia"] = kornia
print("Expected: +1 everywhere: the normal found looks at the camera, as the floor's upper side does.")
sides = {}
for name, make in libraries.items():
    for tilt in (-10, 10):
        depth_m, normal = floor(tilt)
        sides[name, tilt] = float(make(depth_m)[225, 160] @ normal)
    print(
        f"Seen: {name}: camera 10 degrees down {sides[name, -10]:+.2f}, "
        f"10 degrees up {sides[name, 10]:+.2f}"
    )
signs = {key: round(value) for key, value in sides.items()}
held = all(signs["OpenCV " + m, -10] == 1 == -signs["OpenCV " + m, 10] for m in BY_Z)
held = held and signs["OpenCV CROSS_PRODUCT", -10] == signs["OpenCV CROSS_PRODUCT", 10] == 1
held = held and signs["kornia", -10] == signs["kornia", 10] == -1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
