#!/usr/bin/env bash
# Packages: OpenCV 5.0.0, numpy 2.4.6
# One would swear: the fisheye model of OpenCV, whose radius in the image grows with the angle from
#   the axis, places a point at 95 degrees to the right a little farther right than one at 89.
# What happens: it comes out on the left, 85 degrees from the axis, inside the image. The angle is
#   the arc tangent of x/z, which ends at 90: what is just behind the plane of the lens is mirrored
#   through the centre. The other way, a pixel beyond 90 degrees becomes a point 10^16 away.
# Why it matters here: the lenses of rigs see 190 degrees and more. Points that the camera sees on
#   one side are compared with pixels of the other; where points are asked for their colours or
#   labels, those at the rim of the view take them from the opposite rim.
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

FOCAL, WIDTH, HEIGHT = 150.0, 640, 480
K = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
STILL, NO_TERMS = np.zeros(3), np.zeros(4)  # then the radius is focal length times angle
print("Expected: columns that grow with the angle to the right, and pixels that lead back.")
held = True
for degrees in (10, 60, 89, 91, 95, 100):
    angle = np.radians(degrees)
    point = 2 * np.array([[[np.sin(angle), 0, np.cos(angle)]]])
    image, _ = cv2.fisheye.projectPoints(point, STILL, STILL, K, NO_TERMS)
    found, model = float(image[0, 0, 0]), K[0, 2] + FOCAL * angle
    pixel = np.array([[[model, K[1, 2]]]])
    back = float(cv2.fisheye.undistortPoints(pixel, K, NO_TERMS)[0, 0, 0])
    print(f"Seen: {degrees} degrees: column {found:.1f}, by the model {model:.1f}")
    print(f"Seen: {degrees} degrees: x/z of the model's pixel {back:.3g}, true {np.tan(angle):.3g}")
    if degrees < 90:
        held &= abs(found - model) < 1e-6 and abs(back - np.tan(angle)) < 1e-3 * abs(back)
    else:
        mirrored = K[0, 2] - FOCAL * (np.pi - angle)
        held &= abs(found - mirrored) < 1e-6 and 0 < found < WIDTH and back > 1e10
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
