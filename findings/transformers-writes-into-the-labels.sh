#!/usr/bin/env bash
# Packages: transformers 5.24.0, Pillow 13.0.0, numpy 2.4.6
# One would swear: an image processor of transformers that counts classes from 0 instead of 1
#   (`do_reduce_labels=True`) gives labels back and leaves those it was given as they were.
# What happens: with the processors of SegFormer, BEiT and DPT that work without torchvision each 0
#   of the array that was given is 255 afterwards; the other classes keep their numbers in it. In
#   a memory map of labels the file is changed on the disk. Without that word none of it happens.
# Why it matters here: labels of a room are kept in memory or in one mapped file and used again, for
#   scoring too. What was class 0 is counted as ignored from the second use on, by all who share it,
#   and by the next run if the map is one of a file.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  transformers==5.24.0 pillow==13.0.0 numpy==2.4.6
cd "$room"
HF_HOME="$room" HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$room/venv/bin/python" - <<'PY'
import numpy as np
import transformers

before = np.repeat([0, 1, 3, 255], 1024).reshape(64, 64).astype(np.uint8)
image = np.zeros((64, 64, 3), np.uint8)
held = True
for name, counts_down in (
    ("Segformer", False),
    ("Segformer", True),
    ("Beit", True),
    ("DPT", True),
):
    np.save("labels.npy", before)
    labels = np.load("labels.npy", mmap_mode="r+")
    make = getattr(transformers, f"{name}ImageProcessorPil")
    processor = make(do_reduce_labels=counts_down)
    processor(images=image, segmentation_maps=labels, return_tensors="np")
    labels.flush()
    del labels
    after = np.load("labels.npy")
    print(f"Expected: {name}, {counts_down}: labels in the file {np.unique(before).tolist()}")
    print(f"Seen: labels in the file {np.unique(after).tolist()}")
    held &= np.array_equal(after, np.where(before == 0, 255, before) if counts_down else before)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
