#!/usr/bin/env bash
# Packages: MONAI 1.6.1, torch 2.14.1, numpy 2.4.6
# One would swear: a scale of 2 makes things twice as big in all transforms of one library, and a
#   quarter turn is the same turn in all of them.
# What happens: `Zoom(2)` makes an object twice as big, `Affine` with `scale_params` of 2 half as
#   big: a cube of 20 voxels is 40 or 10. `RandZoom` and `RandAffine` differ likewise. `Affine` and
#   `Rotate` by 90 degrees turn one way, `Rotate90` the other. The page calls both numbers a factor;
#   the affine ones are of the way back, from the result to the volume.
# Why it matters here: rooms in voxels are scaled and turned by chance in training, and a label or a
#   camera pose is turned along by hand. Rooms that were to be 1.0 to 1.5 times as big are 1.0 to
#   0.67 times, and a box that was turned along lies on the other side.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  monai==1.6.1 torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import math

import torch
from monai.transforms import Affine, RandAffine, RandZoom, Rotate, Rotate90, Zoom

SIDE = 20
cube = torch.zeros(1, 60, 60, 60)
cube[:, 20:40, 20:40, 20:40] = 1
NEAREST = {"mode": "nearest", "padding_mode": "zeros"}


def lengths(volume):
    """Lengths of the cube along the three axes, in voxels."""
    return [int(volume[0].amax(dim=[d for d in range(3) if d != a]).sum()) for a in range(3)]


def place(volume):
    return torch.nonzero(volume[0] == 1).tolist()


held = True
scale = 0.25, 0.25
for name, wanted, transform, seen_as in (
    ("Zoom", 40, Zoom(2, mode="nearest"), 40),
    ("Affine", 40, Affine(scale_params=(2, 2, 2), image_only=True, **NEAREST), 10),
    ("RandZoom", 25, RandZoom(prob=1, min_zoom=1.25, max_zoom=1.25, mode="nearest"), 25),
    ("RandAffine", 25, RandAffine(prob=1, scale_range=(scale,) * 3, **NEAREST), 16),
):
    found = lengths(transform(cube))
    print(f"Expected: {name} by {wanted / SIDE:g}: {SIDE} voxels become {wanted}")
    print(f"Seen: {found}")
    held &= found == [seen_as] * 3

lamp = torch.zeros(1, 61, 61, 61)
lamp[0, 30, 50, 30] = 1
quarter = math.pi / 2
print("Expected: a quarter turn in the first two axes leads to one place")
turned = {
    "Rotate90": Rotate90(k=1),
    "Rotate": Rotate((0, 0, quarter), mode="nearest"),
    "Affine": Affine(rotate_params=(0, 0, quarter), image_only=True, **NEAREST),
}
places = {name: place(transform(lamp)) for name, transform in turned.items()}
for name, found in places.items():
    print(f"Seen: {name}: {found}")
held &= places["Rotate90"] == [[10, 30, 30]]
held &= places["Rotate"] == places["Affine"] == [[50, 30, 30]]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
