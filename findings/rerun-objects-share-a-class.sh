#!/usr/bin/env bash
# Packages: rerun-sdk 0.41.0, numpy 2.4.6
# One would swear: numbers that do not fit are refused or kept, and a list and an array of the same
#   numbers are the same.
# What happens: `class_ids` have 16 bits. An array of greater numbers, or of -1, is cut to them and
#   nothing is said: 70000 is stored as 4464, 854003 as 2035, -1 as 65535. The same numbers as a
#   list are a warning, and none are stored. A picture of the same numbers (`SegmentationImage`) has
#   them all.
# Why it matters here: objects are numbered class * 1000 + n, by ScanNet and others. With the 200
#   classes, whose numbers go to 1191, 854003 is 2035 in the recording: the third of its kind and a
#   chair have one colour and one name, and agree with the picture beside them no more.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check rerun-sdk==0.41.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import rerun as rr

POINTS = np.zeros((3, 3))


def stored(archetype, name):
    """What goes into the recording of one of its columns."""
    for batch in archetype.as_component_batches():
        if str(batch.component_descriptor()).endswith(f":{name}"):
            return batch.as_arrow_array().to_pylist()
    return None


held = True
for numbers in ([2035, 39001, 40007], [2035, 854003, 70000], [2035, -1, 1191005]):
    array = np.array(numbers, np.int64)
    cut = (array % 65536).tolist()
    for name, archetype in (
        ("points", rr.Points3D(POINTS, class_ids=array)),
        ("mesh", rr.Mesh3D(vertex_positions=POINTS, class_ids=array)),
        ("boxes", rr.Boxes3D(sizes=np.ones((3, 3)), class_ids=array)),
    ):
        found = stored(archetype, "class_ids")
        print(f"Expected: {name}: {numbers}, or an error")
        print(f"Seen: {found}")
        held &= found == cut
    listed = stored(rr.Points3D(POINTS, class_ids=numbers), "class_ids")
    print(f"Seen: as a list: {listed}")
    held &= listed == (numbers if cut == numbers else [])
    pixels = stored(rr.SegmentationImage(array.astype(np.int32)[None]), "buffer")[0]
    picture = np.array(pixels, np.uint8).view(np.int32).tolist()
    print(f"Seen: in a picture: {picture}")
    held &= picture == numbers
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
