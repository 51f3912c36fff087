#!/usr/bin/env bash
# Packages: pyvips 3.2.0 (libvips 8.18.7), numpy 2.4.6, Pillow 13.0.0
# One would swear: a `uint16` array of depth that pyvips writes as PNG is a PNG of 16 bits with the
#   same numbers: the image says `ushort`, and PNG has 16 bits.
# What happens: it has 8, and all from 255 on is 255: a room in millimetres is white. What decides is
#   not the type of the pixels but their `interpretation`, which for an array of one band is "b-w",
#   grey of 8 bits. `bitdepth=16` does not help: the same white, as 65535. Three bands are not cut
#   off but divided by 256. A PNG that was read and is saved again is right; gone once through
#   numpy it is not. TIFF is right, and so is PNG with `interpretation="grey16"`.
# Why it matters here: depth and object numbers are stored in just these files, and nothing is said.
#   Of the depth the first quarter of a metre is left, of objects the first 254.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6 pillow==13.0.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyvips
from PIL import Image

depth_mm = np.array([[0, 100, 255, 256, 1000, 2500, 5000, 65535]], np.uint16)
take = pyvips.Image.new_from_array
Image.fromarray(depth_mm).save("camera.png")
camera = pyvips.Image.new_from_file("camera.png")
same, white = depth_mm[0].tolist(), np.minimum(depth_mm[0], 255).tolist()
ways = {
    "array to PNG": (take(depth_mm), "d.png", {}, white),
    "array to PNG with bitdepth 16": (take(depth_mm), "d.png", {"bitdepth": 16}, None),
    "PNG to PNG": (camera, "d.png", {}, same),
    "PNG to array to PNG": (take(camera.numpy()), "d.png", {}, white),
    "array to TIFF": (take(depth_mm), "d.tif", {}, same),
    'array as "grey16" to PNG': (take(depth_mm, interpretation="grey16"), "d.png", {}, same),
}
print(f"Expected: {same} by every way")
held = True
for name, (image, file, more, wanted) in ways.items():
    assert image.format == "ushort"
    image.write_to_file(file, **more)
    back = Image.open(file)
    found = np.array(back)[0].tolist()
    print(f"Seen: {name} ({image.interpretation}): {back.mode} {found}")
    held &= found == (wanted or [257 * value for value in white])
take(np.dstack([depth_mm] * 3)).write_to_file("d.png")
bands = np.array(Image.open("d.png"))[0, :, 0].tolist()
print(f"Seen: three bands to PNG: {bands}")
held &= bands == (depth_mm[0] // 256).tolist()
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
