#!/usr/bin/env bash
# Packages: torchmetrics 1.9.0, torch 2.14.1
# One would swear: MeanIoU of a segmentation package, fed batch by batch, is the number of the
#   papers: intersections and unions added up over the data set, then the mean over classes.
# What happens: it is the mean of the scores of single images, where a class that one image shows
#   on a few pixels and misses counts as 0 for that image as much as one that fills the next:
#   0.63 where the count over the data set, and MulticlassJaccardIndex of the same library, say
#   0.88. A class that is nowhere comes out as -1 by class, and is left out of the mean.
# Why it matters here: ScanNet's and NYUv2's rulers are counts over the whole split. Rare, small
#   classes at the edges of frames pull the mean of images down by many points, and the order of
#   two networks can turn.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check torchmetrics==1.9.0 torch==2.14.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import torch
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import MeanIoU

# Two images of eight pixels, three classes of which one is nowhere. The first image shows class 1
# on one pixel, which is missed; the second one is class 1 alone, and right.
truth = torch.tensor([[0, 0, 0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1, 1, 1]]).reshape(2, 2, 4)
found = torch.tensor([[0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]]).reshape(2, 2, 4)
counted = []
for name in (0, 1):
    both = ((truth == name) & (found == name)).sum()
    counted.append(float(both / ((truth == name) | (found == name)).sum()))
by_hand = sum(counted) / 2

by_image = MeanIoU(num_classes=3, input_format="index")
by_class = MeanIoU(num_classes=3, input_format="index", per_class=True)
jaccard = MulticlassJaccardIndex(num_classes=3)
for image in (0, 1):  # one batch an image
    for metric in (by_image, by_class, jaccard):
        metric.update(found[image : image + 1], truth[image : image + 1])
print(f"Expected: {by_hand:.3f}, from intersections and unions over both images.")
print(f"Seen: MulticlassJaccardIndex {jaccard.compute():.3f}, MeanIoU {by_image.compute():.3f}")
print(f"Seen: MeanIoU by class {[round(float(v), 3) for v in by_class.compute()]}")
held = abs(float(jaccard.compute()) - by_hand) < 1e-6
held = held and abs(float(by_image.compute()) - by_hand) > 0.2
held = held and float(by_class.compute()[2]) == -1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
