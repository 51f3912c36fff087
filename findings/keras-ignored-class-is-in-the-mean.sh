#!/usr/bin/env bash
# Packages: keras 3.15.1, jax 0.10.2 (its backend), numpy 2.4.6
# One would swear: with `ignore_class=0` the mean IoU is the mean over the other classes.
# What happens: the pixels whose true class is 0 are left out, and the class is not: as soon as one
#   pixel of another class is called 0, class 0 has an IoU of 0 and is counted in the mean. Of 1
#   million pixels of three classes one such miss takes the score from 1 to 0.75; a pixel called by
#   the name of a class that is not ignored takes three millionths.
# Why it matters here: 0 is the class of what nobody labelled, in ScanNet, NYU and most rooms, and
#   networks learn to say it. Of 20 classes it costs a twenty-first of the score, from the first
#   pixel on, and jumps between runs by whether there is such a pixel.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$room"
KERAS_BACKEND=jax KERAS_HOME="$room" "$room/venv/bin/python" -W ignore - <<'PY'
import keras
import numpy as np

COUNT = 1_000_000
CLASSES = (1, 2, 3)


def score(true, called):
    metric = keras.metrics.MeanIoU(num_classes=4, ignore_class=0)
    metric.update_state(true, called)
    return float(metric.result())


true = np.random.default_rng(0).permutation(np.resize((0, *CLASSES), COUNT).astype(np.int32))
held = True
first = np.flatnonzero(true == 1)[0]
for name, place, word, seen_as in (
    ("all right", None, None, 1.0),
    ("what is ignored called 1", np.flatnonzero(true == 0)[0], 1, 1.0),
    ("one pixel of class 1 called 2", first, 2, 1.0),
    ("one pixel of class 1 called 0", first, 0, 0.75),
):
    called = true.copy()
    if place is not None:
        called[place] = word
    kept = true != 0
    ious = [
        (kept & (true == c) & (called == c)).sum() / (kept & ((true == c) | (called == c))).sum()
        for c in CLASSES
    ]
    found = score(true, called)
    print(f"Expected: {name}: {np.mean(ious):.6f}, the mean over {CLASSES}")
    print(f"Seen: {found:.6f}")
    held &= abs(np.mean(ious) - 1) < 1e-5 and abs(found - seen_as) < 1e-4
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
