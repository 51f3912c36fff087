#!/usr/bin/env bash
# Packages: tinybrain 1.7.0, numpy 2.4.6
# One would swear: made half as big along all three axes, labels are those that most of the eight
#   voxels have, in whatever order numpy keeps the array (its page says that other orders than
#   Fortran's take a slower way).
# What happens: an array in C order, which is numpy's own, is read as if it were in Fortran's.
#   Eight others from all over the room are counted: of a room with a floor, a wall and a table
#   32 % of the voxels get a label that none of their eight has. The size is right, and so are the
#   classes and, nearly, their shares. Halved along two axes the same array is right, and averages
#   are.
# Why it matters here: a pyramid of a labelled grid begins with this call; a test of shapes, of
#   classes or of a volume of one label passes.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  tinybrain==1.7.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import tinybrain

room = np.zeros((80, 60, 40), np.uint8)
room[:, :, :6] = 1  # floor
room[:10] = 2  # wall
room[30:50, 20:44, 16:20] = 3  # table


def strangers(labels, factor):
    """Share of the results that are not a most frequent label, and that none of theirs is."""
    small = tinybrain.downsample_segmentation(labels, factor=factor)[0]
    shape = [n for pair in zip(small.shape, factor) for n in pair]
    blocks = labels.reshape(shape)
    votes = np.stack([(blocks == label).sum(axis=(1, 3, 5)) for label in range(4)])
    own = np.take_along_axis(votes, small[None].astype(int), axis=0)[0]
    return float((own < votes.max(axis=0)).mean()), float((own == 0).mean()), small


held = True
for factor in ((2, 2, 1), (2, 2, 2)):
    for order in "FC":
        labels = np.array(room, order=order)
        wrong, absent, small = strangers(labels, factor)
        print(f"Expected: factor {factor}, order {order}: no label but the most frequent")
        print(f"Seen: {100 * wrong:.1f} % others, {100 * absent:.1f} % that none of the voxels has")
        print(f"Seen: voxels of each class {np.bincount(small.ravel(), minlength=4).tolist()}")
        lost = order == "C" and factor == (2, 2, 2)
        held &= absent > 0.1 if lost else wrong == 0
memory = np.array(room, order="C").ravel().reshape(room.shape, order="F")
as_memory = tinybrain.downsample_segmentation(memory, factor=(2, 2, 2))[0]
same = np.array_equal(small, as_memory)
print(f"Seen: it is the result of the same memory in Fortran order: {same}")
averages = [
    tinybrain.downsample_with_averaging(np.array(room, order=order), factor=(2, 2, 2))[0]
    for order in "FC"
]
print(f"Seen: averages of both orders are equal: {np.array_equal(*averages)}")
held &= same and np.array_equal(*averages)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
