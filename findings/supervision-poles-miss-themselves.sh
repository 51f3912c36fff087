#!/usr/bin/env bash
# Packages: supervision 0.31.2, numpy 2.4.6
# One would swear: the box of a mask, by `mask_to_xyxy`, has the mask's area if the mask is a
#   rectangle, and overlaps itself wholly.
# What happens: the box ends at the last pixel, not after it, and all that takes boxes, areas, the
#   overlap, suppression and the mean average precision, takes it as ending there: 5 x 5 pixels have
#   16. A pole one pixel wide has none and an overlap of 0 with itself: its copies are all kept, and
#   a prediction equal to the truth scores 0. `xyxy_to_mask` gives the 25 pixels back.
# Why it matters here: instances come as masks and are scored by boxes. Table legs, lamps, door
#   edges and whatever is far away are one or a few pixels wide; the smaller the more they lose.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 numpy==2.4.6
cd "$room"
MPLCONFIGDIR="$room" "$room/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import supervision
from supervision.metrics import MeanAveragePrecision

held = True
for name, width, height, own, kept_needed, perfect in (
    ("a cabinet", 5, 5, 1.0, 1, 1.0),
    ("a pole", 1, 30, 0.0, 2, 0.0),
):
    masks = np.zeros((1, 40, 40), bool)
    masks[0, 5 : 5 + height, 10 : 10 + width] = True
    boxes = supervision.mask_to_xyxy(masks).astype(float)
    one = supervision.Detections(xyxy=boxes, confidence=np.array([0.9]), class_id=np.array([0]))
    overlap = float(supervision.box_iou_batch(boxes, boxes)[0, 0])
    kept = len(supervision.Detections.merge([one, one]).with_nms(0.5))
    score = MeanAveragePrecision().update([one], [one]).compute().map50
    area, back = float(one.box_area[0]), int(supervision.xyxy_to_mask(boxes, (40, 40)).sum())
    print(f"Expected: {name}: {width * height} pixels, overlap 1, 1 of 2 copies kept, score 1")
    print(f"Seen: {area:.0f} pixels ({back} as a mask), overlap {overlap:.0f},", end=" ")
    print(f"{kept} of 2 copies kept, score {score:.2f}")
    held &= area == (width - 1) * (height - 1) and back == width * height
    held &= overlap == own and kept == kept_needed and abs(score - perfect) < 0.01
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
