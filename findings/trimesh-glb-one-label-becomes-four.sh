#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6
# One would swear: an attribute of the vertices of one byte each (a class number) that is exported
#   to GLB and loaded again is one number a vertex, as floats are.
# What happens: four numbers a vertex come back, the label and three zeros: (N,) has become (N, 4).
#   glTF wants four bytes a vertex, and what is written to fill them is declared as part of the
#   value. The file passes; a reader that follows it sees vectors. Labels of 32 bits cannot be
#   exported at all (a KeyError).
# Why it matters here: labels of 40 classes are bytes wherever memory counts. In the viewer of the
#   other side they arrive as colours or not at all, and code that takes the first axis still runs.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import trimesh

box = trimesh.creation.box()
count = len(box.vertices)
box.vertex_attributes["confidence"] = np.linspace(0, 1, count).astype(np.float32)
box.vertex_attributes["label"] = np.arange(1, count + 1).astype(np.uint8)
box.export("box.glb")
back = trimesh.load("box.glb", force="mesh", process=False)
found = {name.lstrip("_"): np.asarray(value) for name, value in back.vertex_attributes.items()}
sure, label = found["confidence"], found["label"]
print(f"Expected: one label and one confidence for each of {count} vertices.")
print(f"Seen: confidence {sure.shape} of {sure.dtype}, label {label.shape} of {label.dtype}")
print(f"Seen: first labels {label[:3].tolist()}")
box.vertex_attributes["label"] = box.vertex_attributes["label"].astype(np.int32)
try:
    box.export("box.glb")
    refused = ""
except KeyError as error:
    refused = f"KeyError {error}"
print(f"Seen: labels of 32 bits: {refused or 'exported'}")
held = sure.size == count and label.shape == (count, 4) and label.dtype == np.uint8
held &= np.array_equal(label[:, 0], np.arange(1, count + 1)) and not label[:, 1:].any()
held &= refused == "KeyError 'i4'"
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
