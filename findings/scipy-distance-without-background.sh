#!/usr/bin/env bash
# Packages: scipy 1.17.1, opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: the distance to the nearest zero of an array without a zero is infinite, a
#   marked value or an error.
# What happens: scipy.ndimage.distance_transform_edt returns plausible finite distances: a ramp
#   measured from a zero that is not there, one step before the first element. With sampling it
#   comes in metres. The chamfer transform of the same module returns -1, OpenCV the largest
#   float.
# Why it matters here: distance to the nearest unknown, free or wall voxel of a chunk that has
#   none looks like geometry with a wall in one corner, so a threshold on it keeps and drops
#   voxels by their index.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    scipy==1.17.1 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np
from scipy import ndimage

full = np.ones((4, 5, 6), np.uint8)
exact = ndimage.distance_transform_edt(full, sampling=0.05)
chamfer = ndimage.distance_transform_cdt(full)
other = cv2.distanceTransform(full[0], cv2.DIST_L2, 5)
i, j, k = np.indices(full.shape)
ramp = 0.05 * np.sqrt((i + 1) ** 2 + j**2 + k**2)
print("Expected: no finite distance anywhere, as there is nothing to be near to.")
print(f"Seen: Euclidean: {exact.min():.2f} to {exact.max():.2f} m, equal to the distance from")
print(f"      index (-1, 0, 0): {np.allclose(exact, ramp)}; chamfer: {np.unique(chamfer).tolist()};")
print(f"      OpenCV: {other.min():.3g}")
held = bool(np.allclose(exact, ramp) and (chamfer == -1).all() and other.min() > 1e30)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
