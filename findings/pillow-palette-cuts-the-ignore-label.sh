#!/usr/bin/env bash
# Packages: Pillow 13.0.0, numpy 2.4.6
# One would swear: PNG is lossless: the numbers of a palette image are read as they were written,
#   and the palette says only how they look.
# What happens: the bits of a pixel are chosen by the length of the palette, not by the numbers.
#   With colours for 14 classes a pixel has 4 bits, and of a number its last 4 are written: 255
#   comes back as 15, 17 as 1. With 17 colours or more all numbers come back.
# Why it matters here: 13 classes, "unknown" and 255 for "ignore" are a usual label image. Ignored
#   pixels become a class, and a label beyond the palette another class that is there; neither
#   writing nor reading says a word.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import io

import numpy as np
from PIL import Image

labels = np.array([[0, 1, 12, 13, 17, 255]], np.uint8)


def read_back(colours):
    """The labels, written as a PNG with a palette of that many colours, and read again."""
    image = Image.new("P", labels.shape[::-1])
    image.frombytes(labels.tobytes())
    image.putpalette(list(range(3 * colours)))
    if not np.array_equal(np.asarray(image), labels):
        raise SystemExit("CHANGED: the numbers are others before anything is written.")
    file = io.BytesIO()
    image.save(file, "PNG")
    return np.asarray(Image.open(file))


print(f"Expected: {labels[0]} with any palette.")
seen = {colours: read_back(colours) for colours in (4, 14, 16, 17, 41)}
for colours, numbers in seen.items():
    print(f"Seen: {colours} colours: {numbers[0]}")
held = all(
    np.array_equal(seen[colours], labels % (1 << bits))
    for colours, bits in ((4, 2), (14, 4), (16, 4))
)
held &= all(np.array_equal(seen[colours], labels) for colours in (17, 41))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
