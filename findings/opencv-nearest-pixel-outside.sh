#!/usr/bin/env bash
# Packages: OpenCV 5.0.0, numpy 2.4.6
# One would swear: the nearest and the farthest pixel of a depth image with holes (NaN), asked of
#   `minMaxLoc`, are pixels of the image; a comparison with NaN is false, so that holes drop out.
# What happens: with a hole in one pixel of three they are wrong in each of 20 images: the depth is
#   that of some other pixel, up to 1.8 m farther, or the place is in column -1. A single hole in a
#   frame of VGA spoils some of the images. There is no error. A mask of what is seen gives the
#   right pixels.
# Why it matters here: the range of a picture or of a room is taken so, and the nearest thing in
#   front of a camera. The depths look like depths, and -1 is an index in Python: it takes the
#   last pixel of the row.
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

random = np.random.default_rng(0)


def place(found, shape):
    """Column and row of a flat index."""
    row, column = np.unravel_index(found, shape)
    return int(column), int(row)


print("Expected: the smallest and the largest depth, and their places, in each of 20 images.")
held = True
IMAGES, shape = 20, (480, 640)
for holes in (0, 1, shape[0] * shape[1] // 3):
    right = masked = outside = 0
    worst_m = 0.0
    for _ in range(IMAGES):
        depth_m = random.uniform(1, 5, shape).astype(np.float32)
        depth_m.ravel()[random.choice(depth_m.size, holes, replace=False)] = np.nan
        true = (
            float(np.nanmin(depth_m)),
            float(np.nanmax(depth_m)),
            place(np.nanargmin(depth_m), shape),
            place(np.nanargmax(depth_m), shape),
        )
        found = cv2.minMaxLoc(depth_m)
        right += found == true
        masked += cv2.minMaxLoc(depth_m, (~np.isnan(depth_m)).astype(np.uint8)) == true
        outside += found[2][0] == -1
        worst_m = max(worst_m, found[0] - true[0])
    print(
        f"Seen: {holes} holes: {right} of {IMAGES} right, {masked} with a mask; "
        f"{outside} in column -1; the smallest depth up to {worst_m:.2f} m too large"
    )
    held &= masked == IMAGES
    held &= right == IMAGES if holes == 0 else right < IMAGES
    if holes > 1:
        held &= right == 0 and outside > 0 and worst_m > 0.1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
