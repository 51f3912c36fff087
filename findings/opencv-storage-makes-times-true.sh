#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: `FileStorage` gives back the whole numbers that it was given, or refuses them.
# What happens: a number from 2^31 on is taken for a truth value: in YAML it is `true`, elsewhere 1.
#   An array of 64-bit integers becomes one of 32, cut without a word: 2^40 + 5 is 5. An array of
#   unsigned 32-bit integers is written rightly and read as 0 from 2^31 on. Floats of the same size
#   are kept, and so are all smaller integers.
# Why it matters here: calibrations of rigs and lists of frames are kept in it, with times in
#   nanoseconds and serial numbers; packed labels (class and object in 32 bits) too.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
from pathlib import Path

import cv2
import numpy as np

TIME_NS = 1_700_000_000_123_456_789


def through(value, form):
    """A value written and read, and the text of the file."""
    path = Path(f"rig.{form}")
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("value", value)
    storage.release()
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    node = storage.getNode("value")
    found = node.mat() if isinstance(value, np.ndarray) else node.real()
    storage.release()
    return found, path.read_text()


held = True
for form in ("yml", "xml", "json"):
    for number, seen_as in ((2**31 - 1, 2**31 - 1), (2**31, 1), (TIME_NS, 1), (2.0**40, 2.0**40)):
        found, text = through(number, form)
        print(f"Expected: {form}: {number:.0f}, or an error")
        print(f"Seen: {found:.0f}")
        held &= found == seen_as and ("true" in text) == (seen_as == 1 and form == "yml")
    numbers = np.array([[2**31 - 1, 2**31, 2**40 + 5, TIME_NS]])
    for kind, kept, seen_as in (
        (np.int64, numbers, numbers.astype(np.int32)),
        (np.uint64, numbers, numbers.astype(np.int32)),
        (np.uint32, numbers[:, :2], np.array([[2**31 - 1, 0]])),
        (np.float64, numbers.astype(float), numbers.astype(float)),
    ):
        found, text = through(kept.astype(kind), form)
        print(f"Expected: {form}, {kind.__name__}: {kept[0].tolist()}")
        print(f"Seen: {found.dtype}: {found[0].tolist()}")
        held &= np.array_equal(found, seen_as)
        held &= kind is not np.uint32 or str(2**31) in text
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
