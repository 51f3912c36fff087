#!/usr/bin/env bash
# Packages: transformers 5.24.0, torch 2.14.1, numpy 2.4.6, Pillow 13.0.0
# One would swear: with `ignore_index=255` and `do_reduce_labels=True`, which is said to make 0 the
#   ignored label and to count the others from 0, pixels of 255 are ignored, as they are without the
#   latter, and as they are by SegFormer's processor with it.
# What happens: the processors of MaskFormer and Mask2Former make 255 to 254 with all the others and
#   only then look for what is ignored: class 254 stands among the classes, with a mask of its own.
# Why it matters here: pictures of labels as 0 for "other" and 255 for "not looked at" are usual in
#   rooms. Each picture's unlabelled rims and holes become an object that the network is to find; a
#   network with fewer classes stops with an index out of range, one with 255 or more learns it.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  transformers==5.24.0 torch==2.14.1 numpy==2.4.6 Pillow==13.0.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from transformers import (
    Mask2FormerImageProcessorPil,
    MaskFormerImageProcessorPil,
    SegformerImageProcessorPil,
)

picture = np.zeros((8, 8, 3), np.uint8)
labels = np.repeat(np.array([0, 1, 3, 255], np.uint8), 2)[:, None].repeat(8, axis=1)

segformer = SegformerImageProcessorPil(do_resize=False, do_reduce_labels=True)
read = segformer(images=[picture], segmentation_maps=[labels.copy()], return_tensors="np")
found = np.unique(read["labels"]).tolist()
print("Expected: SegFormer, counted from 0: 0, 2 and the ignored 255")
print(f"Seen: {found}")
held = found == [0, 2, 255]
for kind in (MaskFormerImageProcessorPil, Mask2FormerImageProcessorPil):
    for reduced, right, seen in ((False, [0, 1, 3], [0, 1, 3]), (True, [0, 2], [0, 2, 254])):
        processor = kind(do_resize=False, ignore_index=255, do_reduce_labels=reduced)
        read = processor(
            images=[picture], segmentation_maps=[labels.copy()], return_tensors="pt"
        )
        found = read["class_labels"][0].tolist()
        last = int(read["mask_labels"][0][-1].sum())
        print(f"Expected: {kind.__name__}, counted from {'0' if reduced else 'the file'}: {right}")
        print(f"Seen: {found}, the last of {last} pixels")
        held &= found == seen and last == 16
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
