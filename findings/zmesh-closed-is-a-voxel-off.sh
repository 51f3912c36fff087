#!/usr/bin/env bash
# Packages: zmesh 1.15.0, numpy 2.4.6
# One would swear: `close=True` adds the faces that a mesh of labels lacks where it meets the end
#   of the volume, and leaves all else where it is.
# What happens: the whole mesh, also of objects that touch no end, is moved by one voxel along each
#   axis (the volume is padded, and the padding is not taken off again).
# Why it matters here: objects and rooms cut out of labelled voxels reach the end of the grid as a
#   rule. At 5 cm the closed ones stand 8.7 cm beside the open ones and beside the surface they were
#   made of.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  zmesh==1.15.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import zmesh

labels = np.zeros((12, 12, 12), np.uint32)
labels[2:5, 3:8, 4:11] = 7  # touches no end of the volume
labels[:, :2, :] = 9


def corners(label, close):
    """Smallest and largest vertex of a label, in voxels."""
    mesher = zmesh.Mesher((1, 1, 1))
    mesher.mesh(labels, close=close)
    vertices = mesher.get(label, normals=False, reduction_factor=0, max_error=0).vertices
    return vertices.min(axis=0), vertices.max(axis=0)


(low, high), (closed_low, closed_high) = corners(7, False), corners(7, True)
wall = corners(9, True)
print("Expected: of an object inside the volume the same vertices, closed or not.")
print(f"Seen: open: from {low} to {high}; closed: from {closed_low} to {closed_high}")
print(f"Seen: a wall of rows 0 and 1 along the end, closed: from {wall[0]} to {wall[1]}")
held = np.array_equal(low, [1.5, 2.5, 3.5]) and np.array_equal(high, [4.5, 7.5, 10.5])
held &= np.array_equal(closed_low, low + 1) and np.array_equal(closed_high, high + 1)
held &= np.array_equal(wall[0], [0.5, 0.5, 0.5]) and np.array_equal(wall[1], [12.5, 2.5, 12.5])
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
