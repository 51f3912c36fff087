#!/usr/bin/env bash
# Packages: OpenEXR 3.5.3, numpy 2.4.6
# One would swear: a depth image given to OpenEXR as a NumPy array is written as the array reads: a
#   view (transposed, every second column, column by column in memory) like its copy.
# What happens: the strides of the array are not looked at. Its memory is taken from the first
#   element on, row after row. The file has the right size, type and channel and can be read by all;
#   its pixels are others, and nothing is said. A contiguous copy is written rightly.
# Why it matters here: turning a phone's depth upright, thinning it, or taking one plane out of
#   colours with alpha gives a view. What is stored is a plausible image of wrong depth.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  OpenEXR==3.5.3 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import OpenEXR

depth_m = np.arange(12 * 16, dtype=np.float32).reshape(12, 16) / 100
views = {
    "transposed": depth_m.T,
    "every second column": depth_m[:, ::2],
    "columns first in memory": np.asfortranarray(depth_m),
}


def stored(image):
    """The image as it comes back from a file."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Z": image}) as file:
        file.write("depth.exr")
    with OpenEXR.File("depth.exr") as file:
        return file.channels()["Z"].pixels


print("Expected: what is read is what was written, for views as for copies.")
held = np.array_equal(stored(depth_m), depth_m)
for name, view in views.items():
    back = stored(view)
    wrong = np.mean(back != view)
    memory = depth_m.T if name == "columns first in memory" else depth_m
    first = memory.ravel()[: view.size].reshape(view.shape)
    print(f"Seen: {name}: {back.shape} as written, {wrong:.0%} of the pixels are others")
    held &= back.shape == view.shape and wrong > 0.8 and np.array_equal(back, first)
    held &= np.array_equal(stored(np.ascontiguousarray(view)), view)
print("Seen: a contiguous copy comes back equal")
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
