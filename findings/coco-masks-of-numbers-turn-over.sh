#!/usr/bin/env bash
# Packages: pycocotools 2.0.11, numpy 2.4.6
# One would swear: `mask.encode` of bytes takes what is not zero as the object; 0 and 255, the
#   usual masks of images, work so.
# What happens: it turns over wherever the number changes, whatever to. Where 3 meets 7 in a
#   column the object ends, and the background below it begins to be object: two boxes of 18
#   pixels together are encoded as 65 of 100. Two boxes of 1 that were added, with one pixel of 2
#   where they meet, lose that pixel.
# Why it matters here: an image of object numbers, of classes or of summed masks is a mask by all
#   customs of numpy. Its run lengths look like any others; area, box and overlap are of something
#   else.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pycocotools==2.0.11 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from pycocotools import mask

plain = np.zeros((10, 10), np.uint8, order="F")
plain[2:8, 2:5] = 255
objects = plain.copy(order="F")
objects[2:5, 2:5], objects[5:8, 2:5] = 3, 7
summed = np.zeros((10, 10), np.uint8, order="F")
summed[2:5, 2:5] += 1
summed[4:8, 4:8] += 1


def coded(numbers):
    """Area that is told, and the mask that comes back."""
    code = mask.encode(numbers)
    return int(mask.area(code)), mask.decode(code)


seen = {}
for name, numbers in (("0 and 255", plain), ("3 above 7", objects), ("1 and 2", summed)):
    seen[name] = coded(numbers)
    print(f"Expected: {name}: {np.count_nonzero(numbers)} pixels")
    print(f"Seen: {name}: {seen[name][0]} pixels")
print(f"Seen: 3 above 7 is decoded as\n{seen['3 above 7'][1]}")
held = seen["0 and 255"][0] == 18 and np.array_equal(seen["0 and 255"][1], plain > 0)
held &= seen["3 above 7"][0] == 65 and seen["3 above 7"][1][9, 9] == 1
held &= seen["1 and 2"][0] == 23 and seen["1 and 2"][1][4, 4] == 0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
