#!/usr/bin/env bash
# Packages: SimpleITK 2.5.7, numpy 2.4.6
# One would swear: an approximate distance in an image that knows its spacing is approximate, not of
#   two units.
# What happens: `ApproximateSignedDistanceMap` gives the voxels on both sides of a surface their
#   distance in the unit of the spacing, and goes on from there in steps of 0.93 a voxel, whatever
#   the spacing. With voxels of 5 cm the distances on the way to a wall are 0.025, 0.951, 1.878 for
#   0.025, 0.075 and 0.125 m; with voxels of 10 mm they are 5, 5.9, 6.9 for 5, 15 and 25. With a
#   spacing of 1 they are about right. `SignedMaurerDistanceMap` of the same image keeps to the
#   unit.
# Why it matters here: a signed distance is cut at a few voxels and fused, or compared with a
#   robot's radius. The sign and the surface are right in every picture, the numbers beside it
#   are up to 18 times too large, or too small.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  SimpleITK==2.5.7 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import SimpleITK as sitk

CENTRE, FACE, STEPS = 20, 30, np.arange(5)
solid = np.zeros((48, 48, 48), dtype=np.uint8)
solid[10:FACE, 10:FACE, 10:FACE] = 1


def outwards(of, spacing):
    """Distances of the first voxels beyond the middle of a face."""
    image = sitk.GetImageFromArray(solid)
    image.SetSpacing((spacing,) * 3)
    return sitk.GetArrayFromImage(of(image))[CENTRE, CENTRE, FACE:][STEPS]


def shown(distances):
    return [round(float(distance), 3) for distance in distances]


def maurer(image):
    return sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)


held = True
for spacing in (1.0, 0.05, 10.0):
    true = (STEPS + 0.5) * spacing
    found = outwards(sitk.ApproximateSignedDistanceMap, spacing)
    exact = outwards(maurer, spacing)
    print(f"Expected: voxels of {spacing}: about {shown(true)}")
    print(f"Seen: {shown(found)}, by Maurer {shown(exact)}")
    held &= abs(found[0] - true[0]) < 0.1 * spacing
    held &= np.allclose(np.diff(found), 0.926, atol=0.001)
    held &= np.allclose(np.diff(exact), spacing)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
