#!/usr/bin/env bash
# Packages: edt 3.1.2, numpy 2.4.6
# One would swear: `sdf` of a solid in voxels is the signed distance to its surface: it grows by
#   one voxel a voxel, also across the surface, and is half a voxel on either side of it.
# What happens: it is the distance to the nearest voxel of the other side, with a sign: 1 inside
#   and -1 outside of the face, nothing between. Everywhere it is half a voxel too much, and across
#   the face it rises twice as fast as anywhere else.
# Why it matters here: as a truncated distance or as an offset it makes all things thicker: the
#   solid taken where the distance is above -3 voxels reaches 2.5 voxels beyond the surface, and
#   points measured against it are half a voxel farther off than they are (2.5 cm at 5 cm).
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  edt==3.1.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import edt
import numpy as np

solid = np.zeros((9, 9, 24), np.uint8)
solid[..., 8:16] = 1
line = edt.sdf(solid, anisotropy=(1, 1, 1), black_border=False)[4, 4]
centres = np.arange(24)
true = np.minimum(centres - 7.5, 15.5 - centres)  # to the faces, which lie between voxels
steps = np.diff(line)
print(f"Expected: {true[4:12]} across the face at 7.5")
print(f"Seen:     {line[4:12]}")
print(f"Seen: steps of {np.unique(np.abs(steps))}; too much by {np.unique(np.abs(line - true))}")
held = np.array_equal(line, true + 0.5 * np.sign(true))
held &= steps[7] == 2 and np.abs(np.delete(steps[:11], 7)).max() == 1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
