#!/usr/bin/env bash
# Packages: pycolmap 4.2.1, numpy 2.4.6
# One would swear: to undistort an image whose distortion is zero changes nothing.
# What happens: of a PINHOLE image the last row and column turn black. The same camera written as
#   OPENCV with zeros, or as SIMPLE_RADIAL with zero, loses two columns and a row and its principal
#   point moves by half a pixel, at which the image is sampled anew: its finest detail is gone.
# Why it matters here: captures of cameras that are straight already are written with such zeros.
#   Depth that belongs to the colour pixel by pixel fits no longer, in size and by up to a pixel, and a
#   method's images are blurred before it starts.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pycolmap==4.2.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pycolmap

WIDTH, HEIGHT = 640, 480
FX, FY, CX, CY = 577.59, 578.73, 318.91, 242.68
CAMERAS = {
    "PINHOLE": [FX, FY, CX, CY],
    "OPENCV": [FX, FY, CX, CY, 0, 0, 0, 0],
    "SIMPLE_RADIAL": [FX, CX, CY, 0],
}
# Rows by turns black and white: as much detail as an image can have.
image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
image[1::2] = 255

print(f"Expected: {WIDTH} x {HEIGHT}, principal point {CX}, {CY}, and the pixels that were given.")
options = pycolmap.UndistortCameraOptions()
held = True
for model, params in CAMERAS.items():
    camera = pycolmap.Camera(model=model, width=WIDTH, height=HEIGHT, params=params)
    bitmap, straight = pycolmap.undistort_image(options, pycolmap.Bitmap.from_array(image), camera)
    pixels = bitmap.to_array()
    centre = np.array([straight.principal_point_x, straight.principal_point_y])
    contrast = np.ptp(pixels[100:110, 100:110].astype(int))
    print(
        f"Seen: {model}: {straight.width} x {straight.height}, principal point {centre.round(2)}, "
        f"contrast of black and white rows {contrast}"
    )
    moved = np.array([CX, CY]) - centre
    if model == "PINHOLE":
        held = held and np.array_equal(pixels[:-1, :-1], image[:-1, :-1]) and not moved.any()
        held = held and not pixels[:, -1].any() and not pixels[-1].any()
        print("Seen: PINHOLE: the last row, white in what was given, is black")
    else:
        held = held and straight.width == WIDTH - 2 and straight.height in (HEIGHT - 1, HEIGHT - 2)
        held = held and 0.3 < moved[1] < 0.7 and 0.9 < moved[0] < 1 and contrast < 60
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
