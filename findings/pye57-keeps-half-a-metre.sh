#!/usr/bin/env bash
# Packages: pye57 0.4.19, numpy 2.4.6
# One would swear: points written to an E57 file as doubles and read from it as doubles are the
#   points that were given; the format is that of surveyors, and its numbers may be doubles.
# What happens: write_scan_raw stores coordinates in single precision whatever it is given, and
#   read_scan_raw hands them back as float64. At a northing of 5.4 million metres, where singles are
#   half a metre apart, a scan with points every 5 cm comes back in steps of half a metre.
# Why it matters here: laser scans that serve as truth are kept in E57 and in map coordinates. The
#   type says double, the bounds look right, and every score within 5 cm measures the rounding.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pye57==0.4.19 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pye57


def back(first_m):
    """Points every 5 cm along the northing, written and read again."""
    line = first_m + np.arange(200) * 0.05
    name = f"{first_m:.0f}.e57"
    file = pye57.E57(name, mode="w")
    file.write_scan_raw({"cartesianX": line - first_m, "cartesianY": line, "cartesianZ": 0 * line})
    file.close()
    file = pye57.E57(name)
    points = file.read_scan_raw(0)
    file.close()
    return line, points["cartesianY"]


print("Expected: doubles in, doubles out, and 200 different points every 5 cm.")
held = True
for first_m, steps in ((0.0, 200), (5400000.0, 21)):
    given, read = back(first_m)
    different, error = len(np.unique(read)), np.abs(read - given).max()
    print(
        f"Seen: from {first_m:.0f} m on: {given.dtype} in, {read.dtype} out, {different} different "
        f"points, off by up to {error:.6f} m"
    )
    held = held and given.dtype == read.dtype == np.float64 and abs(different - steps) <= 1
    held = held and (error > 0.2 if first_m else error < 1e-6)
    held = held and np.array_equal(read, given.astype(np.float32))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
