#!/usr/bin/env bash
# Packages: torchvision 0.29.1, torch 2.14.1, numpy 2.4.6
# One would swear: an `Image` and its `Mask` that go through one `Resize` together still lie on each
#   other after it.
# What happens: made smaller, the mask lies to the right and below of the image: by 0.25 pixels of
#   the result at a half, 0.38 at a quarter, and nearly half a pixel from there on. A pixel of the
#   image is the mean of what it covers, one of the mask the first of it: at an eighth each label is
#   that of a place 3.5 pixels up and 3.5 to the left. Enlarged they agree.
# Why it matters here: it is what makes the two one sample: edges of labels lie half a pixel beside
#   those of the picture in all of the training, and where labels are scored at that size too, the
#   score does not show it. `NEAREST_EXACT` is never more than half a pixel of the first size off,
#   but `Resize` does not take it for masks.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  torchvision==0.29.1 torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

rows, columns = np.mgrid[:480, :640]
disc = torch.from_numpy(np.hypot(columns - 320, rows - 240) < 100)[None]
image, mask = tv_tensors.Image(disc.float()), tv_tensors.Mask(disc.byte())


def centre(picture):
    """Column and row of the centre of what is there."""
    weight = np.asarray(picture[0], float)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


print("Expected: the centre of the disc is the same in both.")
held = True
for share in (2.0, 0.5, 0.25, 0.125):
    size = round(480 * share), round(640 * share)
    small, labels = v2.Resize(size)(image, mask)
    off = centre(labels) - centre(small)
    exact = v2.functional.resize(tv_tensors.Image(mask), size, v2.InterpolationMode.NEAREST_EXACT)
    off_exact = centre(exact) - centre(small)
    print(f"Seen: {share}: mask off by {off.round(3)}, of the first size {(off / share).round(2)}")
    print(f"Seen: {share}: NEAREST_EXACT by {off_exact.round(3)}, {(off_exact / share).round(2)}")
    held &= bool(np.allclose(off, max(0.0, (1 - share) / 2), atol=0.02))
    held &= share > 1 or bool(np.abs(off_exact).max() < 0.51 * share)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
