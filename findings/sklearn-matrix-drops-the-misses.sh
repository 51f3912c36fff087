#!/usr/bin/env bash
# Packages: scikit-learn 1.9.1, numpy 2.4.6
# One would swear: `confusion_matrix` and `jaccard_score` that are given the same `labels`, the
#   classes that are scored, give the same IoU.
# What happens: the matrix drops each point of which either of the two labels is not listed. Where a
#   network says "other" or nothing for a chair, the chair is not missed: it is not counted. Of four
#   classes of which half is lost to "other" the IoU is 1 by the matrix and 0.5 by the score, whose
#   labels say nothing but which classes are averaged. The page says the list selects a subset.
# Why it matters here: 0 (no label), "other furniture" or a free voxel is left out of the mean in
#   every ruler of the field, and the ground truth alone decides what is ignored. By this matrix a
#   network that keeps silent where it is unsure rises above one that answers: 1.00 beside 0.78.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from sklearn.metrics import confusion_matrix, jaccard_score

CLASSES = [1, 2, 3, 4]  # wall, floor, chair, table; 0 is no label
truth = np.repeat(CLASSES, 1000)
answers = truth.copy()
unsure = np.arange(len(truth)) % 2 == 0
silent = np.where(unsure, 0, truth)
guesses = truth.copy()  # a quarter of what it is unsure of is wrong
wrong = np.arange(len(truth)) % 8 == 0
guesses[wrong] = truth[wrong] % 4 + 1


def by_matrix(found):
    counts = confusion_matrix(truth, found, labels=CLASSES)
    hits = np.diag(counts)
    return float((hits / (counts.sum(0) + counts.sum(1) - hits)).mean()), int(counts.sum())


held = True
for name, found in (("is silent where unsure", silent), ("always answers", guesses)):
    both = [(truth == c) & (found == c) for c in CLASSES]
    either = [(truth == c) | (found == c) for c in CLASSES]
    true = float(np.mean([b.sum() / e.sum() for b, e in zip(both, either, strict=True)]))
    matrix, points = by_matrix(found)
    score = float(jaccard_score(truth, found, labels=CLASSES, average="macro"))
    print(f"Expected: a network that {name}: {true:.2f} of {len(truth)} points")
    print(f"Seen: jaccard_score {score:.2f}, by confusion_matrix {matrix:.2f} of {points} points")
    held &= abs(score - true) < 1e-9
    held &= matrix == 1 and true == 0.5 if found is silent else abs(matrix - true) < 1e-9
held &= by_matrix(silent)[0] > by_matrix(guesses)[0] + 0.2
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
