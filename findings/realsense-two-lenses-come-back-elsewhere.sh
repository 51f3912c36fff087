#!/usr/bin/env bash
# Packages: pyrealsense2 2.59.1.11053, numpy 2.4.6
# One would swear: a pixel that is lifted by `rs2_deproject_pixel_to_point` and projected by
#   `rs2_project_point_to_pixel` with the same intrinsics comes back to where it was, whatever the
#   distortion; what is not supported is an error.
# What happens: it does with four of the six models. With `modified_brown_conrady` the distortion is
#   left out on the way out and put in on the way back: 6 pixels at the rim for the coefficients of
#   a usual lens, 2 cm at 2 m. With `ftheta` the lifted points lie 26 % too far from the axis (at
#   0.9 rad; the less, the narrower the lens), so that a pixel at the rim comes back 74 pixels on.
#   Nothing is said.
# Why it matters here: who has a calibration of a colour lens or of a fisheye of its own puts the
#   model and its numbers there. The room that is lifted is bent, or too wide for its depth.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyrealsense2==2.59.1.11053 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyrealsense2 as rs

FOCAL, CENTRE, DEPTH_M = 610.0, (320.0, 240.0), 2.0
BROWN = [0.12, -0.25, 0.0005, -0.0008, 0.1]
OMEGA = 0.9  # rad, of the field-of-view model that `ftheta` is


def lens(model, numbers):
    made = rs.intrinsics()
    made.width, made.height, made.fx, made.fy = 640, 480, FOCAL, FOCAL
    made.ppx, made.ppy = CENTRE
    made.model, made.coeffs = getattr(rs.distortion, model), numbers
    return made


pixels = [(u, v) for u in (0.0, 160.0, 320.0, 480.0, 639.0) for v in (0.0, 240.0, 479.0)]
print("Expected: every pixel comes back to within 0.1 pixels by every model")
held = True
for model, numbers, least in (
    ("none", [0.0] * 5, 0),
    ("brown_conrady", BROWN, 0),
    ("inverse_brown_conrady", BROWN, 0),
    ("kannala_brandt4", [0.02, -0.005, 0.0, 0.0, 0.0], 0),
    ("modified_brown_conrady", BROWN, 5),
    ("ftheta", [OMEGA, 0.0, 0.0, 0.0, 0.0], 70),
):
    camera = lens(model, numbers)
    points = [rs.rs2_deproject_pixel_to_point(camera, p, DEPTH_M) for p in pixels]
    back = np.array([rs.rs2_project_point_to_pixel(camera, p) for p in points])
    worst = float(np.linalg.norm(back - pixels, axis=1).max())
    print(f"Seen: {model}: off by up to {worst:.2f} pixels")
    held &= least < worst < least + 10 if least else worst < 0.1
    if model == "modified_brown_conrady":
        flat = (np.array(pixels) - CENTRE) / FOCAL * DEPTH_M
        straight = bool(np.allclose(np.array(points)[:, :2], flat, atol=1e-6))
        print(f"Seen: its points are those of a lens without distortion: {straight}")
        held &= straight
    if model == "ftheta":
        # The model by hand: an angle r_d omega is the radius r_u of the undistorted image.
        seen = (np.array(pixels) - CENTRE) / FOCAL
        far = np.linalg.norm(seen, axis=1)
        true = np.tan(far * OMEGA) / (2 * np.tan(OMEGA / 2)) * DEPTH_M
        found = np.linalg.norm(np.array(points)[:, :2], axis=1)
        too_far = (found / np.maximum(true, 1e-12))[far > 0]
        once = rs.rs2_project_point_to_pixel(camera, [float(true[0]), 0.0, DEPTH_M])
        right = abs(once[0] - CENTRE[0] - far[0] * FOCAL) < 0.01
        print(f"Seen: its points lie {too_far.min():.3f} to {too_far.max():.3f} times too far out")
        print(f"Seen: its projection is that of the model: {right}")
        held &= bool(np.allclose(too_far, 1.258, atol=0.002)) and right
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
