#!/usr/bin/env bash
# Packages: segmentation-models-pytorch 0.6.0, torch 2.14.1, torchvision 0.29.1, timm 1.0.31,
#   numpy 2.4.6
# One would swear: the mean IoU of segmentation_models_pytorch is that of the benchmarks: a
#   class that is in neither prediction nor truth is left out.
# What happens: such a class counts as a perfect 1.0 in iou_score(reduction="macro"). The same
#   four pixels, half of them wrong in one class, score 0.58 with two classes declared and 0.98
#   with forty.
# Why it matters here: an evaluation picture or room holds a dozen of the 40 NYU classes, so the
#   mean over classes is mostly made of the absent ones; it rises with the length of the class
#   list.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    segmentation-models-pytorch==0.6.0 torch==2.14.1 torchvision==0.29.1 timm==1.0.31 \
    numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import torch
from segmentation_models_pytorch import metrics

predicted = torch.tensor([[[0, 0, 1, 1]]])
truth = torch.tensor([[[0, 1, 1, 1]]])
score = {}
for classes in (2, 40):
    stats = metrics.get_stats(predicted, truth, mode="multiclass", num_classes=classes)
    score[classes] = float(metrics.iou_score(*stats, reduction="macro"))
present = (1 / 2 + 2 / 3) / 2
print(f"Expected: mean IoU {present:.3f}, whatever the number of classes that occur nowhere.")
print(f"Seen: {score[2]:.3f} with 2 classes, {score[40]:.3f} with 40")
padded = (2 * present + 38) / 40
held = abs(score[2] - present) < 1e-6 and abs(score[40] - padded) < 1e-6
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
