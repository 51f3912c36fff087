#!/usr/bin/env bash
# Packages: SimpleITK 2.5.7, numpy 2.4.6
# One would swear: the same angle in the plane of x and y is the same turn in all transforms of ITK,
#   x towards y.
# What happens: `AffineTransform.Rotate(0, 1, angle)` turns y towards x, `Euler3DTransform`,
#   `VersorTransform`, `Euler2DTransform` and `Similarity3DTransform` x towards y. So does the affine
#   one in two dimensions. A corner of a room 5 m away is 5 m off after 30 degrees; with the axes
#   exchanged, `Rotate(1, 0, angle)`, it is the usual turn. The page does not tell the sense.
# Why it matters here: an affine transform is what a pose becomes once a scale or a flip of axes is
#   added. Determinant, lengths and the angle are right; in rooms that are turned by 90 degrees onto
#   their walls it looks like a half turn too much.
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

ANGLE = np.radians(30)
CORNER = np.array([4.0, 3.0])
c, s = np.cos(ANGLE), np.sin(ANGLE)
USUAL = np.array([[c, -s], [s, c]]) @ CORNER
OTHER = np.array([[c, s], [-s, c]]) @ CORNER


def affine(dimension, first, second):
    turn = sitk.AffineTransform(dimension)
    turn.Rotate(first, second, ANGLE)
    return turn


euler, similar = sitk.Euler3DTransform(), sitk.Similarity3DTransform()
euler.SetRotation(0, 0, ANGLE)
similar.SetRotation((0, 0, 1), ANGLE)
flat = sitk.Euler2DTransform()
flat.SetAngle(ANGLE)
ways = {
    "Euler3DTransform": (euler, USUAL),
    "VersorTransform": (sitk.VersorTransform((0, 0, 1), ANGLE), USUAL),
    "Similarity3DTransform": (similar, USUAL),
    "Euler2DTransform": (flat, USUAL),
    "AffineTransform, Rotate(0, 1)": (affine(3, 0, 1), OTHER),
    "AffineTransform in 2D, Rotate(0, 1)": (affine(2, 0, 1), OTHER),
    "AffineTransform, Rotate(1, 0)": (affine(3, 1, 0), USUAL),
}
print(f"Expected: (4, 3) turned by 30 degrees is {USUAL.round(2).tolist()} by each of them")
held = True
for name, (turn, wanted) in ways.items():
    point = CORNER.tolist() + [0.0] * (turn.GetDimension() - 2)
    found = np.array(turn.TransformPoint(point))[:2]
    off = float(np.linalg.norm(found - USUAL))
    print(f"Seen: {name}: {found.round(2).tolist()}, {off:.2f} m off")
    held &= bool(np.allclose(found, wanted))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
