#!/usr/bin/env bash
# Packages: crackle-codec 0.55.0, pybind11 3.1.0, numpy 2.4.6
# One would swear: `labels[..., 2:5]` of a `CrackleArray`, which is sliced as an array is, is the
#   part from 2 to 5 along the last axis.
# What happens: it is cut along the last two: of 20 x 10 x 8 voxels come 20 x 3 x 3, and nothing is
#   said. `labels[..., 2]` is one row of 20. With all axes written out, or two of them behind the
#   dots, it is right; so are dots at the end.
# Why it matters here: labelled rooms in voxels are kept in it, and a loader that takes a slab of
#   floors, or one floor, by the last axis has a rod of it. Where what follows takes volumes of any
#   size, as a count of classes does, none of it fails.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  crackle-codec==0.55.0 pybind11==3.1.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import crackle
import numpy as np

plain = np.arange(20 * 10 * 8, dtype=np.uint32).reshape(20, 10, 8)
packed = crackle.CrackleArray(crackle.compress(plain))
held = True
for name, part, cut in (
    (":, :, 2:5", np.s_[:, :, 2:5], plain[:, :, 2:5]),
    ("..., 3, 2:5", np.s_[..., 3, 2:5], plain[:, 3, 2:5]),
    ("4, ...", np.s_[4, ...], plain[4]),
    ("..., 2:5", np.s_[..., 2:5], plain[:, 2:5, 2:5]),
    ("..., 2", np.s_[..., 2], plain[:, 2:3, 2]),
):
    found = packed[part]
    same = np.array_equal(found, plain[part])
    print(f"Expected: [{name}]: {plain[part].shape}")
    print(f"Seen: {found.shape}, {'the same' if same else 'other'} voxels")
    held &= np.array_equal(found, cut) and same == (cut.shape == plain[part].shape)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
