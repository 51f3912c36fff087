#!/usr/bin/env bash
# Packages: tifffile 2026.3.3, Pillow 13.0.0, OpenCV 5.0.0, numpy 2.4.6
# One would swear: a stack of depth frames written as TIFF is as many pages as there are frames.
# What happens: with three or four frames it is one page: a colour image whose channels are the
#   frames. Two are two pages, five are five. tifffile itself reads all of them back; OpenCV finds
#   one picture, in which neighbouring pixels of the first frame are the channels, Pillow one of
#   8 bits. The warning that tifffile has for it is of a kind that Python does not show.
# Why it matters here: the last batch of a recording has three frames: by other tools it is read as
#   one frame, or its depth as colours of 8 bits. `photometric="minisblack"` keeps the pages.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  tifffile==2026.3.3 pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import contextlib
import io

import cv2
import numpy as np
import tifffile
from PIL import Image


def read_back(count, **keywords):
    """Whether tifffile has the frames; pages of OpenCV and of Pillow, and their kinds."""
    depth_mm = 1000 + np.arange(count * 600, dtype=np.uint16).reshape(count, 20, 30)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        tifffile.imwrite("depth.tif", depth_mm, **keywords)
    same = np.array_equal(tifffile.imread("depth.tif"), depth_mm)
    _, pages = cv2.imreadmulti("depth.tif", flags=cv2.IMREAD_UNCHANGED)
    mixed = pages[0].ndim == 3 and np.array_equal(pages[0][0, 0, 2::-1], depth_mm[0, 0, :3])
    with Image.open("depth.tif") as picture:
        pillow = picture.n_frames, picture.mode, str(np.asarray(picture).dtype)
    return same, len(pages), pages[0].shape, bool(mixed), pillow, said.getvalue()


print("Expected: N pages of (20, 30) for N frames.")
held = True
for count, keywords in ((2, {}), (3, {}), (4, {}), (5, {}), (3, {"photometric": "minisblack"})):
    same, pages, shape, mixed, pillow, said = read_back(count, **keywords)
    print(
        f"Seen: {count} frames {keywords or ''}: OpenCV {pages} of {shape}"
        f"{', a pixel is three of the first frame' if mixed else ''}; Pillow {pillow}; "
        f"tifffile {'all' if same else 'not all'}; warning shown: {said.strip() or 'none'}"
    )
    held &= same and not said
    if count in (3, 4) and not keywords:
        held &= pages == 1 and shape == (20, 30, count) and mixed
        held &= pillow == (1, "RGB" if count == 3 else "RGBA", "uint8")
    else:
        held &= pages == pillow[0] == count and pillow[2] == "uint16"
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
