#!/usr/bin/env bash
# Packages: transformers 5.24.0, torch 2.14.1, numpy 2.4.6, Pillow 13.0.0
# One would swear: the processor that filled up the smaller pictures of a batch, and made the mask
#   that says which pixels are real, takes the filling off again where it brings the network's masks
#   to the size of each picture, which it is told.
# What happens: the mask of the filled picture is squeezed, filling and all, into the size of the
#   picture. In a batch with one of 128 x 64 a picture of 64 x 64 has its object at columns 16 to 31
#   for 32 to 63, and the right half holds what the network made of nothing. The largest picture of
#   the batch is right. So it is with MaskFormer, Mask2Former and DETR, by class and by object. Of
#   DETR boxes that its own processor made of annotations do not come back either.
# Why it matters here: scans mix upright and lying frames, and phones. One picture at a time all
#   scores well; in batches each answer depends on which other pictures were in its batch.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  transformers==5.24.0 torch==2.14.1 numpy==2.4.6 Pillow==13.0.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
from types import SimpleNamespace

import numpy as np
import torch
from transformers import (
    DetrImageProcessorPil,
    Mask2FormerImageProcessorPil,
    MaskFormerImageProcessorPil,
)

HEIGHT, WIDTH, WIDER = 64, 64, 128
SURE = 20.0  # a logit


def answer(pixel_mask):
    """What a perfect network says: class 0 left of column 32, class 1 right of it, at a quarter."""
    column = torch.arange(pixel_mask.shape[-1]).expand(pixel_mask.shape)
    left, right = column < 32, (column >= 32) & (pixel_mask == 1)
    masks = torch.where(torch.stack([left, right], 1), SURE, -SURE)[..., ::4, ::4]
    classes = torch.full((len(pixel_mask), 2, 3), -SURE)  # the third is: no object
    classes[:, 0, 0] = classes[:, 1, 1] = SURE
    return SimpleNamespace(
        masks_queries_logits=masks, class_queries_logits=classes, pred_masks=masks, logits=classes
    )


def columns(picture, value):
    found = (picture[HEIGHT // 2] == value).nonzero().flatten().tolist()
    return [found[0], found[-1]]


held = True
small, large = (np.full((HEIGHT, width, 3), 9, np.uint8) for width in (WIDTH, WIDER))
for kind in (MaskFormerImageProcessorPil, Mask2FormerImageProcessorPil, DetrImageProcessorPil):
    processor = kind(do_resize=False)
    for name, batch, places in (
        ("alone", [small], [[32, 63]]),
        ("in a batch", [small, large], [[16, 32], [32, 127]]),
    ):
        sizes = [picture.shape[:2] for picture in batch]
        network = answer(processor(images=batch, return_tensors="pt")["pixel_mask"])
        semantic = processor.post_process_semantic_segmentation(network, target_sizes=sizes)
        panoptic = processor.post_process_panoptic_segmentation(
            network, target_sizes=sizes, label_ids_to_fuse=set()
        )
        for size, picture, whole, place in zip(sizes, semantic, panoptic, places, strict=True):
            [number] = [one["id"] for one in whole["segments_info"] if one["label_id"] == 1]
            found, object_at = columns(picture, 1), columns(whole["segmentation"], number)
            print(f"Expected: {kind.__name__}: {size[1]} wide, {name}: 32 to {size[1] - 1}")
            print(f"Seen: semantic {found}, panoptic {object_at}")
            held &= bool(np.allclose([found, object_at], [place, place], atol=1))

detr = DetrImageProcessorPil(do_resize=False)
one = {"bbox": [32, 16, 16, 32], "category_id": 1, "area": 512, "iscrowd": 0}
for name, batch, right in (("alone", [small], [32, 48]), ("in a batch", [small, large], [16, 24])):
    notes = [{"image_id": number, "annotations": [one]} for number in range(len(batch))]
    labels = detr(images=batch, annotations=notes, return_tensors="pt")["labels"]
    sure = torch.tensor([[[-SURE, SURE, -SURE]]]).repeat(len(batch), 1, 1)
    network = SimpleNamespace(logits=sure, pred_boxes=torch.stack([x["boxes"] for x in labels]))
    sizes = [picture.shape[:2] for picture in batch]
    boxes = detr.post_process_object_detection(network, target_sizes=sizes)
    found = boxes[0]["boxes"][0, ::2].tolist()
    print(f"Expected: DETR: the annotated box of the one 64 wide, {name}: 32 to 48")
    print(f"Seen: {found[0]:.0f} to {found[1]:.0f}")
    held &= bool(np.allclose(found, right, atol=0.01))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
