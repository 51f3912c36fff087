#!/usr/bin/env bash
# Packages: datasets 5.2.0, pyarrow 26.0.1, numpy 2.4.6
# One would swear: a column of doubles is read as doubles by `with_format("numpy")`, as its features
#   say `float64` before and after.
# What happens: a double alone stays one; lists and arrays of doubles (`Sequence`, `Array2D`) come
#   as singles. Times of frames, in seconds since 1970, come in steps of 128 s: 300 frames of ten
#   seconds have one time. Places in a national grid come in steps of half a metre. The rows without
#   a format have all digits, and so has `with_format("numpy", dtype=numpy.float64)`.
# Why it matters here: a scan is a row: its times, its poses and a camera. The poses look right in a
#   room's own coordinates; frames matched to poses by time all go to the same one.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6
cd "$room"
HF_HOME="$room" HF_HUB_OFFLINE=1 "$room/venv/bin/python" -W ignore - <<'PY'
import datasets
import numpy as np

START_S, NORTH_M = 1_795_000_000.0, 5_400_000.0
times_s = START_S + np.arange(300) / 30
pose = np.eye(4)
pose[:3, 3] = (500_000.123, NORTH_M + 0.123, 1.6)
kinds = datasets.Features(
    {
        "start_s": datasets.Value("float64"),
        "times_s": datasets.Sequence(datasets.Value("float64")),
        "pose": datasets.Array2D((4, 4), "float64"),
    }
)
row = {"start_s": [times_s[1]], "times_s": [times_s.tolist()], "pose": [pose]}
scans = datasets.Dataset.from_dict(row, features=kinds)

held = True
for name, found, exact in (
    ("without a format", scans[0], True),
    ("numpy", scans.with_format("numpy")[0], False),
    ("numpy, dtype=float64", scans.with_format("numpy", dtype=np.float64)[0], True),
):
    alone, times, place = found["start_s"], np.asarray(found["times_s"]), np.asarray(found["pose"])
    off_m = float(np.abs(place[:3, 3] - pose[:3, 3]).max())
    print(f"Expected: {name}: float64, 300 times, 0 m off")
    print(f"Seen: {times.dtype} {place.dtype}, {len(np.unique(times))} times, {off_m:.3f} m off")
    held &= float(alone) == times_s[1]
    if exact:
        held &= np.array_equal(times, times_s) and off_m == 0
    else:
        held &= times.dtype == place.dtype == np.float32
        held &= len(np.unique(times)) == 1 and 0.1 < off_m < 0.3
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
