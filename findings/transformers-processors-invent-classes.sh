#!/usr/bin/env bash
# Packages: transformers 5.24.0, Pillow 13.0.0, numpy 2.4.6
# One would swear: an image processor of transformers, which takes the picture of labels beside the
#   image, makes it smaller by the nearest pixel, as it must and as others of them do.
# What happens: those of BEiT and DPT interpolate it as they interpolate the image: where class 2
#   meets class 9 lie classes 3 to 8, at every rim. Those of SegFormer and MobileNetV2 keep to 2 and
#   9. All of it is of whole numbers and of the right size. The processors that use torchvision do
#   the same.
# Why it matters here: a network that is trained by such a pair learns that a cabinet has a rim of
#   bed, chair, sofa, table and door, and with 0 or 255 for no label, of all classes between. Which
#   processor is taken is decided by the name of a checkpoint.
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

row, column = np.indices((480, 640))
labels = np.where((row + column) // 50 % 2, 2, 9).astype(np.uint8)  # stripes of two classes
image = np.zeros((480, 640, 3), np.uint8)
held = True
for name, invents in (
    ("Segformer", False),
    ("MobileNetV2", False),
    ("Beit", True),
    ("DPT", True),
):
    processor = getattr(transformers, f"{name}ImageProcessorPil")()
    pair = processor(images=image, segmentation_maps=labels, return_tensors="np")
    found = np.asarray(pair["labels"])[0]
    strange = float(np.isin(found, (2, 9), invert=True).mean())
    print(f"Expected: {name}: classes [2, 9]")
    print(f"Seen: {found.shape}, classes {np.unique(found).tolist()}, {strange:.1%} are others")
    classes = [2, 3, 4, 5, 6, 7, 8, 9] if invents else [2, 9]
    held &= np.unique(found).tolist() == classes and (strange > 0.03) == invents
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
