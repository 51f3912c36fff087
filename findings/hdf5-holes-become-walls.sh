#!/usr/bin/env bash
# Packages: h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6
# One would swear: a hole (NaN) in metric depth that is stored with `scaleoffset=3` is NaN when it
#   is read, or is refused when it is written. The page promises half a millimetre.
# What happens: it is read as the smallest depth of its chunk: each hole has become a surface, as
#   near as the nearest there is. If a chunk begins with a NaN, it is written without an error and
#   cannot be read ("filter returned failure during read"): its depth is lost.
# Why it matters here: the filter makes depth in metres about as small as 16 bits of millimetres;
#   holes lie at the rim of a depth image, where chunks begin. Zeros for holes are kept.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  h5py==3.16.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import h5py
import numpy as np


def through_file(depth_m):
    """The depth as it is read again, or what the reader says."""
    with h5py.File("depth.h5", "w") as file:
        file.create_dataset("depth", data=depth_m, chunks=depth_m.shape, scaleoffset=3)
    with h5py.File("depth.h5") as file:
        try:
            return file["depth"][:]
        except OSError as error:
            return f"OSError: {error}"


full_m = np.linspace(1.25, 3.5, 64 * 64, dtype=np.float32).reshape(64, 64)
inside = np.zeros((64, 64), bool)
inside[20:40, 20:40] = True
corner = np.zeros((64, 64), bool)
corner[:4, :4] = True
print("Expected: depth within 0.5 mm, holes as they were, and no chunk that cannot be read.")
zeros = through_file(np.where(inside, 0, full_m).astype(np.float32))
worst_m = abs(zeros - np.where(inside, 0, full_m)).max()
print(f"Seen: holes of 0: read as {np.unique(zeros[inside])}, all within {1000 * worst_m:.2f} mm")
found = through_file(np.where(inside, np.nan, full_m).astype(np.float32))
worst_m = max(worst_m, abs(found - full_m)[~inside].max())
print(f"Seen: holes of NaN: read as {np.unique(found[inside])} m, all others as before")
begun = through_file(np.where(corner, np.nan, full_m).astype(np.float32))
print(f"Seen: NaN in the first corner: {begun if isinstance(begun, str) else begun[:2, :2]}")
held = worst_m < 6e-4 and not zeros[inside].any()
held &= bool(np.allclose(found[inside], full_m[0, 0]))
held &= isinstance(begun, str) and "filter returned failure" in begun
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
