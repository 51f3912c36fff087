#!/usr/bin/env bash
# Packages: numba 0.68.1, numpy 2.4.6
# One would swear: np.mean inside a compiled function is NumPy's mean up to the last digits.
# What happens: numba adds float32 one by one into a float32. Over 40 depth frames of a wall at
#   1.7 m the mean is 1.834, 8 % off, and over one frame it is 0.3 % off. NumPy adds in pairs
#   and is right to seven digits; numba is right too if the array is float64 or an integer.
# Why it matters here: means over a scan (depth scale, colour, normalisation of features) are
#   sums of millions of float32: moving one line into a compiled kernel changes the number
#   without a warning, the more the longer the scan.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numba
import numpy as np


@numba.njit
def mean(values):
    return np.mean(values)


rows = {
    "one frame of 640 x 480 at 1.7 m": np.full(640 * 480, 1.7, np.float32),
    "40 such frames": np.full(40 * 640 * 480, 1.7, np.float32),
    "ten million values of 0.1": np.full(10**7, 0.1, np.float32),
}
errors = []
print("Expected: the two means agree to some seven digits.")
for name, values in rows.items():
    ours, theirs = float(mean(values)), float(values.mean())
    wide = float(mean(values.astype(np.float64)))
    errors.append((abs(ours / theirs - 1), abs(wide / theirs - 1)))
    print(f"Seen: {name}: numba {ours:.7f}, NumPy {theirs:.7f}, numba on float64 {wide:.7f}")
print("      relative error:", ", ".join(f"{e:.2%}" for e, _ in errors))
drifts = [d for d, _ in errors]
held = drifts[0] > 0.001 and min(drifts[1:]) > 0.05 and max(w for _, w in errors) < 1e-6
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
