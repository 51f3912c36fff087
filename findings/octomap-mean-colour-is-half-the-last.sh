#!/usr/bin/env bash
# Packages: pyoctomap 1.2.2, numpy 2.4.6
# One would swear: `averageNodeColor`, "averages with previous color if set", makes the colour of a
#   voxel the mean of those it was given, in whatever order.
# What happens: it takes the middle between what is there and what comes, so the last counts half,
#   the one before a quarter: 200, 200, 200 and 0 are 100, in the other order 175. And white is what
#   is there where nothing is: three times 255 and then 0 is 0. `integrateNodeColor` knows no white
#   either.
# Why it matters here: the colour of a wall in a map of frames is that of its last two looks, and a
#   white wall that is passed by one shadow is as dark as the shadow.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pyoctomap==1.2.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyoctomap

PLACE = np.array([1.02, 1.02, 1.02])


def colour(greys, way="averageNodeColor"):
    """What a voxel of 5 cm has after these."""
    tree = pyoctomap.ColorOcTree(0.05)
    tree.updateNode(PLACE, True)
    for grey in greys:
        getattr(tree, way)(PLACE, grey, grey, grey)
    found = tree.search(PLACE).getColor()
    assert len(set(found)) == 1, found
    return found[0]


held = True
for greys, seen_as in (
    ((200, 200, 200), 200),
    ((200, 200, 200, 0), 100),
    ((0, 200, 200, 200), 175),
    ((100, 254, 100), 138),
    ((254, 254, 254, 0), 127),
    ((255, 255, 255, 0), 0),
):
    print(f"Expected: {greys}: {np.mean(greys):.1f}, give or take the rounding")
    found = colour(greys)
    print(f"Seen: {found}")
    held &= abs(found - seen_as) <= 1
white, nearly = (colour((grey, grey, grey, 0), "integrateNodeColor") for grey in (255, 254))
print("Expected: by integrateNodeColor: three times 255, or 254, and 0: the same but for 1")
print(f"Seen: {white} and {nearly}")
held &= white == 0 and nearly > 100
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
