#!/usr/bin/env bash
# Packages: scikit-image 0.26.0, numpy 2.4.6
# One would swear: marching_cubes(volume, mask=observed) meshes the cubes whose corners are
#   observed, the same way along every direction.
# What happens: the mask of a cube is looked up at its far corner alone (index + 1 on each
#   axis). A single True voxel yields surface from seven masked neighbours, and a single False
#   one takes away one of the four cubes of the surface that touch it. A mask that covers the
#   lower half of an axis ends one cube earlier than its mirror image.
# Why it matters here: with "weight > 0" as the mask of a TSDF, surface is made from unobserved
#   voxels on one side of every hole, and observed surface is lost on the other: a shift by one
#   voxel that depends on the axes.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check scikit-image==0.26.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from skimage.measure import marching_cubes

volume = np.broadcast_to((np.arange(8) - 3.5)[:, None, None], (8, 8, 8)).astype(np.float32)


def faces(mask):
    try:
        return len(marching_cubes(volume, 0.0, mask=mask)[1])
    except RuntimeError:  # no surface found
        return 0


def region(*slices):
    mask = np.zeros(volume.shape, bool)
    mask[slices] = True
    return mask


everything = slice(None)
one = region(4, 4, 4)
seen = {
    "no mask": faces(region(everything)),
    "one voxel True beside the surface": faces(one),
    "that voxel alone False": faces(~one),
    "first half of the second axis True (3 whole cubes)": faces(region(everything, slice(0, 4))),
    "second half of the second axis True (3 whole cubes)": faces(region(everything, slice(4, 8))),
}
print("Expected: 98 faces; 0 with one voxel True; 90 with it False, as four cubes of the surface")
print("touch it (or, if one observed corner is enough, 8 and 98); the same number for each half.")
for what, count in seen.items():
    print(f"Seen: {what}: {count} faces")
held = list(seen.values()) == [98, 2, 96, 42, 56]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
