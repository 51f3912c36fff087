#!/usr/bin/env bash
# Packages: pycocotools 2.0.11, numpy 2.4.6
# One would swear: the id of an annotation is a name. Which integer it is changes no score.
# What happens: the object whose id is 0 can never be found. The id of the partner is stored for
#   each detection, and 0 stands for none as well: the match counts as a false alarm, the object as
#   missed. Two objects that are detected perfectly score 0.25 instead of 1, numbered from 0.
# Why it matters here: ids that are counted out by a converter start at 0. With many objects one is
#   lost, a small loss that looks like a model's; in a class with one object its score is 0.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pycocotools==2.0.11 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def score(first_id, count):
    """Average precision of `count` objects, each detected exactly, ids from `first_id` on."""
    boxes = [[10.0 + 40 * i, 10.0, 30.0, 30.0] for i in range(count)]
    where = {"image_id": 1, "category_id": 1}
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": 1, "width": 400, "height": 100}],
        "categories": [{"id": 1, "name": "chair"}],
        "annotations": [
            {"id": first_id + i, "bbox": box, "area": 900.0, "iscrowd": 0, **where}
            for i, box in enumerate(boxes)
        ],
    }
    found = [{"bbox": box, "score": 0.9 - 0.01 * i, **where} for i, box in enumerate(boxes)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(found), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


print("Expected: an average precision of 1, whatever the ids are.")
held = True
for count, least, most in ((1, -0.01, 0.01), (2, 0.2, 0.3), (8, 0.7, 0.9)):
    from_0, from_1 = score(0, count), score(1, count)
    print(f"Seen: {count} objects: {from_0:.3f} with ids from 0, {from_1:.3f} with ids from 1")
    held &= from_1 > 0.999 and least < from_0 < most
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
