#!/usr/bin/env bash
# Packages: pillow 13.0.0, numpy 2.4.6
# One would swear: `transform` and `rotate` of a 16-bit image (mode I;16, as a depth PNG opens)
#   with bilinear interpolation mix neighbouring depths, as `resize` of the same image does.
# What happens: single bytes are mixed. Of an image that is 2.00 m left and 2.05 m right, warped by
#   the identity, 7 and 208 come back: the high byte of the one and the low byte of the other. Turned
#   by a degree no pixel lies between the two depths. Type and size are right, and nothing is said.
#   `resize` is right, nearest neighbours are, and so is the same in mode I or F.
# Why it matters here: augmentation turns and warps depth beside colour. The result is not noise
#   but a picture with edges in the right places, a few centimetres before the camera.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from PIL import Image

NEAR, FAR = 2000, 2050
depth_mm = np.full((40, 60), NEAR, np.uint16)
depth_mm[:, 30:] = FAR
image = Image.fromarray(depth_mm)
IDENTITY = (1, 0, 0, 0, 1, 0)


def inner(result):
    """Pixels that cannot have met the border."""
    return np.asarray(result)[5:-5, 5:-5]


def warped(way, how=image):
    return inner(how.transform(how.size, Image.Transform.AFFINE, IDENTITY, way))


linear = Image.Resampling.BILINEAR
same, turned = warped(linear), inner(image.rotate(1, linear))
smaller = inner(image.resize((30, 20), linear))
nearest = warped(Image.Resampling.NEAREST)
floats = warped(linear, Image.fromarray(depth_mm.astype(np.float32)))
print(f"Expected: values from {NEAR} to {FAR}, of mode {image.mode}")
print(f"Seen: warped by the identity, bilinear: {np.unique(same)} of {same.dtype}")
print(f"Seen: turned by one degree, bilinear: from {turned.min()} to {turned.max()}")
print(f"Seen: resized, bilinear: from {smaller.min()} to {smaller.max()}")
print(f"Seen: warped, nearest: {np.unique(nearest)}; warped as float: {np.unique(floats)}")
held = image.mode == "I;16" and same.dtype == np.uint16
held &= set(np.unique(same)) == {NEAR >> 8, NEAR & 255} and turned.max() < 256
held &= NEAR <= smaller.min() <= smaller.max() <= FAR
held &= set(np.unique(nearest)) == set(np.unique(floats)) == {NEAR, FAR}
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
