#!/usr/bin/env bash
# Packages: OpenCV 5.0.0, numpy 2.4.6
# One would swear: how the corners of a marker are refined changes how exact they are, not where
#   the image begins.
# What happens: refined the AprilTag way, all corners lie half a pixel to the right and below of
#   where the other ways have them: there the first pixel's centre is (0.5, 0.5), in all else of
#   OpenCV (0, 0). And not refined, which is the default, corners are the centres of the outermost
#   black pixels: each side is a pixel short, and a marker of 32 pixels stands 3 % too far.
# Why it matters here: tags give a scan its scale and join recordings. At 32 pixels the default
#   is 7 cm off at 2.25 m; two recordings refined differently lie 2 mm apart there.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
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

FOCAL, SIDE_M = 600.0, 0.12
K = np.array([[FOCAL, 0, 319.5], [0, FOCAL, 239.5], [0, 0, 1]])
book = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
half_m = SIDE_M / 2
marker_m = np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]]) * half_m
ways = {
    "none": cv2.aruco.CORNER_REFINE_NONE,
    "subpix": cv2.aruco.CORNER_REFINE_SUBPIX,
    "contour": cv2.aruco.CORNER_REFINE_CONTOUR,
    "apriltag": cv2.aruco.CORNER_REFINE_APRILTAG,
}
print("Expected: the centre of a marker that is seen straight on, and its distance, by any way.")
held = True
for pixels in (32, 64, 128):
    image = np.full((480, 640), 255, np.uint8)
    image[100 : 100 + pixels, 200 : 200 + pixels] = cv2.aruco.generateImageMarker(book, 3, pixels)
    true_px = np.array([200, 100]) + (pixels - 1) / 2  # mean of the pixel centres
    true_m = FOCAL * SIDE_M / pixels
    for name, way in ways.items():
        told = cv2.aruco.DetectorParameters()
        told.cornerRefinementMethod = way
        corners, ids, _ = cv2.aruco.ArucoDetector(book, told).detectMarkers(image)
        assert ids is not None and ids.ravel().tolist() == [3]
        corners = corners[0][0].astype(float)
        aside = corners.mean(0) - true_px
        move = cv2.solvePnP(marker_m, corners, K, None, flags=cv2.SOLVEPNP_IPPE_SQUARE)[2]
        too_far = float(move[2, 0]) / true_m - 1
        print(
            f"Seen: {pixels} pixels, {name}: centre off by {aside.round(2) + 0.0} pixels, "
            f"distance by {100 * too_far:.1f} % of {true_m:.2f} m"
        )
        held &= bool(np.allclose(aside, 0.5 if name == "apriltag" else 0, atol=0.02))
        if name == "none":
            held &= abs(too_far - 1 / (pixels - 1)) < 0.1 / pixels
        if name == "apriltag":
            held &= abs(too_far) < 1e-3
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
