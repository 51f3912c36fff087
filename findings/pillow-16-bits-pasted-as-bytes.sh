#!/usr/bin/env bash
# Packages: Pillow 13.0.0, numpy 2.4.6
# One would swear: pasting into a 16-bit image puts there what is pasted, as a drawn rectangle of
#   the same value does.
# What happens: a pasted number is cut to its low byte, which is written twice: 1000 is 59624, 256
#   is 0. An image that is pasted through a mask, all of it at full strength, is laid down byte by
#   byte in the wrong places: 3000 beside 3000 is 47312 and 1803. `composite` fills the left half
#   alone. `ImageDraw`, `Image.new` and `paste` of an image without a mask are right.
# Why it matters here: depth in millimetres is covered, mended and put together from parts by it. An
#   obstacle at 1 m lies at 59.6 m.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  Pillow==13.0.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from PIL import Image, ImageDraw

WALL_MM = 2000


def wall():
    return Image.fromarray(np.full((1, 4), WALL_MM, dtype=np.uint16))


def row(image):
    return np.asarray(image)[0].tolist()


held = wall().mode == "I;16"
for value, wrong in ((1000, 59624), (256, 0), (2000, 53456)):
    pasted, drawn = wall(), wall()
    pasted.paste(value, (1, 0, 3, 1))
    ImageDraw.Draw(drawn).rectangle((1, 0, 2, 0), fill=value)
    print(f"Expected: {value} in the middle of {WALL_MM}: {[WALL_MM, value, value, WALL_MM]}")
    print(f"Seen: pasted {row(pasted)}, drawn {row(drawn)}")
    held &= row(pasted) == [WALL_MM, wrong, wrong, WALL_MM]
    held &= row(drawn) == [WALL_MM, value, value, WALL_MM]

part = Image.fromarray(np.full((1, 2), 3000, dtype=np.uint16))
mask = Image.new("L", (2, 1), 255)
bare, masked = wall(), wall()
bare.paste(part, (1, 0))
masked.paste(part, (1, 0), mask)
print(f"Expected: two pixels of 3000 in the middle, with a mask of 255 or without: {row(bare)}")
print(f"Seen: without {row(bare)}, with {row(masked)}")
held &= row(bare) == [WALL_MM, 3000, 3000, WALL_MM]
held &= row(masked) == [47312, 1803, WALL_MM, WALL_MM]

near, far = (Image.fromarray(np.full((1, 4), mm, dtype=np.uint16)) for mm in (1000, 3000))
whole = row(Image.composite(far, near, Image.new("L", (4, 1), 255)))
print("Expected: of two images the first alone where the mask is 255: [3000, 3000, 3000, 3000]")
print(f"Seen: {whole}")
held &= whole == [3000, 3000, 1000, 1000]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
