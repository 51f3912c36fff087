#!/usr/bin/env bash
# Packages: laspy 2.7.0, numpy 2.4.6
# One would swear: `las.xyz = points` is the short form of `las.x, las.y, las.z = points.T`.
# What happens: the scale that was set in the header is used by the three names and ignored by the
#   one: with a scale of a millimetre `xyz` still rounds to a centimetre, the default. The file that
#   is written says a millimetre in its header, and holds centimetres.
# Why it matters here: a scan of a room with steps of a centimetre looks like a noisy one, and each
#   check of the header finds the millimetres that were asked for. No step after it can tell.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  laspy==2.7.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import laspy
import numpy as np

points_m = np.random.default_rng(0).random((5000, 3)) * [4, 3, 2.5]


def through_file(at_once):
    """What the header of the file says, and the coordinates that are read from it."""
    las = laspy.create(point_format=6, file_version="1.4")
    las.header.scales = np.full(3, 0.001)
    if at_once:
        las.xyz = points_m
    else:
        las.x, las.y, las.z = points_m.T
    las.write("scan.las")
    back = laspy.read("scan.las")
    return back.header.scales, back.xyz


print("Expected: half a millimetre at most, either way.")
held = True
for at_once, most_m in ((False, 0.0006), (True, 0.006)):
    scales, found_m = through_file(at_once)
    worst_m = abs(found_m - points_m).max()
    steps = len(np.unique(found_m[:, 2].round(6)))
    print(
        f"Seen: {'xyz' if at_once else 'x, y, z'}: header {scales[0]} m, "
        f"off by up to {1000 * worst_m:.1f} mm, {steps} different heights"
    )
    held &= bool(np.allclose(scales, 0.001)) and most_m / 2 < worst_m < most_m
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
