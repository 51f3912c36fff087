#!/usr/bin/env bash
# Packages: OpenCV 5.0.0, numpy 2.4.6
# One would swear: a hole in a depth image that is filled by `inpaint` gets depths like those around
#   it, in metres as in millimetres; a float image is one of the types that it takes.
# What happens: Telea's way adds up to 1.41 to each pixel, whatever the unit is: the slope is
#   divided by its own size, and what is left of it is a number near the square root of 2. In
#   millimetres nobody sees it. In metres a wall from 1.0 to 1.2 m away is filled with depths from
#   -0.2 to 2.5 m. A wall that is met head-on has no slope and is filled rightly.
# Why it matters here: filled holes of metric depth are points up to 1.4 m before and behind the
#   surface, inside of the mask alone. `INPAINT_NS` is right in both units.
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

hole = np.zeros((48, 64), np.uint8)
hole[20:25, 30:35] = 1
ways = {"Telea": cv2.INPAINT_TELEA, "Navier-Stokes": cv2.INPAINT_NS}
print("Expected: depths within a few centimetres of the wall, in either unit.")
off_mm, filled_m = {}, {}
for name, far_mm in (("slanted wall", 1200), ("wall head-on", 1000)):
    true_mm = np.tile(np.linspace(1000, far_mm, 64, dtype=np.float32), (48, 1))
    with_hole = np.where(hole, 0, true_mm).astype(np.float32)
    for way, flag in ways.items():
        by_mm = cv2.inpaint(with_hole, hole, 3, flag)
        by_m = cv2.inpaint(with_hole / np.float32(1000), hole, 3, flag)
        off_mm[name, way] = [float(abs(by - true_mm).max()) for by in (by_mm, 1000 * by_m)]
        filled_m[name, way] = by_m[hole > 0]
        print(
            f"Seen: {name}, {way}: off by {off_mm[name, way][0]:.1f} mm in an image of millimetres, "
            f"by {off_mm[name, way][1]:.1f} mm in one of metres"
        )
worst = filled_m["slanted wall", "Telea"]
print(f"Seen: filled in metres, Telea: from {worst.min():.2f} to {worst.max():.2f} m")
held = 1300 < off_mm["slanted wall", "Telea"][1] < 1450 and worst.min() < 0
held &= off_mm["slanted wall", "Telea"][0] < 20
held &= max(off_mm["slanted wall", "Navier-Stokes"]) < 20
held &= off_mm["wall head-on", "Telea"][1] < 1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
