#!/usr/bin/env bash
# Packages: OpenCV 5.0.0, numpy 2.4.6
# One would swear: a NaN in a depth image spoils those means of a box filter in whose window it
#   lies, as it does in `GaussianBlur`: 49 pixels of a window of 7.
# What happens: `blur` and `stackBlur` add the next pixel and subtract the last one, and NaN less
#   NaN is NaN: a stripe below the hole is lost, down to the last row, and in `blur` from a window of
#   7 on all to the right of the stripe too. One hole in the middle takes more than a third of the
#   image with it. An infinite depth does the same.
# Why it matters here: NaN stands for no depth, so that nothing looks wrong: the image has holes
#   where it had some before. With a few of them at the top little is left.
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

HEIGHT, WIDTH = 48, 64
one_hole = np.full((HEIGHT, WIDTH), 2, np.float32)
one_hole[20, 30] = np.nan
far = np.where(np.isnan(one_hole), np.inf, one_hole).astype(np.float32)
filters = {
    "GaussianBlur": lambda image, size: cv2.GaussianBlur(image, (size, size), 0),
    "blur": lambda image, size: cv2.blur(image, (size, size)),
    "stackBlur": lambda image, size: cv2.stackBlur(image, (size, size)),
}
print("Expected: as many lost pixels as the window has.")
lost = {}
for name, smooth in filters.items():
    for size in (3, 5, 7, 15):
        lost[name, size] = int(np.isnan(smooth(one_hole, size)).sum())
        print(f"Seen: {name} {size}: {lost[name, size]} of {HEIGHT * WIDTH} lost, window {size**2}")
behind = int(np.isnan(cv2.blur(far, (7, 7))).sum())
print(f"Seen: blur 7 with one infinite depth: {behind} lost")
held = all(lost["GaussianBlur", size] == size**2 for size in (3, 5, 7, 15))
held &= all(lost["blur", size] >= size * (HEIGHT - 20) for size in (3, 5))
held &= all(lost["blur", size] > HEIGHT * WIDTH / 3 for size in (7, 15)) and behind > 900
held &= lost["stackBlur", 5] > 4 * 25
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
