#!/usr/bin/env bash
# Packages: segmentation-models-pytorch 0.6.0, torch 2.14.1, torchvision 0.29.1, timm 1.0.31,
#   numpy 2.4.6
# One would swear: SoftCrossEntropyLoss without smoothing and FocalLoss(mode="multiclass",
#   gamma=0) of segmentation_models_pytorch are cross-entropy, as in the papers and in torch.
# What happens: SoftCrossEntropyLoss(ignore_index) divides by all pixels, the ignored ones too:
#   with half of a picture unlabelled the loss and its gradients are half as large. Made with
#   its own defaults it cannot be called at all (smooth_factor=None: TypeError). The multiclass
#   focal loss is a sum of one-against-the-rest sigmoid losses, not a softmax loss: it changes
#   when a constant is added to all logits.
# Why it matters here: labels lifted from meshes leave much of each frame unlabelled, so
#   pictures weigh less the less they are labelled, and learning rates do not carry over from
#   the loss of torch.
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
from segmentation_models_pytorch import losses

torch.manual_seed(0)
logits = torch.randn(2, 5, 8, 8)
truth = torch.randint(0, 5, (2, 8, 8))
truth[:, :4] = 255  # half of the pixels are unlabelled
reference = float(torch.nn.functional.cross_entropy(logits, truth, ignore_index=255))
soft = losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=255)
half = float(soft(logits, truth.clone()))
try:
    losses.SoftCrossEntropyLoss(ignore_index=255)(logits, truth.clone())
    default = "works"
except TypeError as error:
    default = f"TypeError: {error}"
focal = losses.FocalLoss("multiclass", gamma=0.0, ignore_index=255)
plain, lifted = float(focal(logits, truth)), float(focal(logits + 3.0, truth))
kept = truth != 255
one_hot = torch.nn.functional.one_hot(truth[kept], 5).float()
scores = logits.permute(0, 2, 3, 1)[kept]
rest = float(torch.nn.functional.binary_cross_entropy_with_logits(scores, one_hot))
print(f"Expected: {reference:.4f} from every row, with a constant added to the logits as well.")
print(f"Seen: soft cross-entropy {half:.4f} ({half / reference:.2f} of it)")
print(f"      with its own default smoothing: {default}")
print(f"      focal loss of gamma 0: {plain:.4f}, with 3 added to all logits {lifted:.4f};")
print(f"      mean sigmoid loss of class against the rest: {rest:.4f}")
held = (
    abs(half / reference - 0.5) < 1e-4
    and default.startswith("TypeError")
    and abs(plain / reference - 1) > 0.1
    and abs(lifted / plain - 1) > 0.1
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
