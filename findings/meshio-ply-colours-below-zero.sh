#!/usr/bin/env bash
# Packages: meshio 5.3.5, plyfile 1.1.5, numpy 2.4.6
# One would swear: a "uchar" property of a PLY file is read as 0..255, in a binary file as in a
#   text file, and all of the eight classic type names are known.
# What happens: from a binary file meshio reads "uchar" as signed: 200 becomes -56, opaque alpha
#   -1, and saving writes "int8" for good. The same mesh as text is read right. "ushort" (the
#   label of ScanNet) and "short" raise a bare KeyError in a binary file, and are read in a text
#   file.
# Why it matters here: bright walls turn black or wrap round when a coloured scan passes through
#   meshio, and the labels of an official ScanNet scene cannot be opened.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    meshio==5.3.5 plyfile==1.1.5 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import meshio
from plyfile import PlyData, PlyElement

corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
colours = [10, 127, 128, 200]


def write(path, text, label=None):
    kinds = [(axis, "f4") for axis in "xyz"] + [("red", "u1")]
    kinds += [("label", label)] if label else []
    vertices = np.zeros(4, kinds)
    vertices["x"], vertices["y"], vertices["z"] = np.transpose(corners)
    vertices["red"] = colours
    if label:
        vertices["label"] = [1, 2, 3, 40]
    faces = np.zeros(2, [("vertex_indices", "i4", (3,))])
    faces["vertex_indices"] = [(0, 1, 2), (0, 2, 3)]
    parts = [PlyElement.describe(vertices, "vertex"), PlyElement.describe(faces, "face")]
    PlyData(parts, text=text).write(path)


def label_of(path):
    try:
        return [int(v) for v in meshio.read(path).point_data["label"]]
    except KeyError as error:
        return f"KeyError {error}"


write("binary.ply", text=False)
write("text.ply", text=True)
binary = meshio.read("binary.ply")
text = meshio.read("text.ply").point_data["red"].tolist()
seen = binary.point_data["red"].tolist()
binary.write("again.ply")
stored = PlyData.read("again.ply")["vertex"].ply_property("red").val_dtype
labels = {}
for kind, name in (("u2", "ushort"), ("i2", "short")):
    for form in ("binary", "text"):
        write(f"{name}.ply", text=form == "text", label=kind)
        labels[name, form] = label_of(f"{name}.ply")
print(f"Expected: red {colours} from both files; labels [1, 2, 3, 40] from all.")
print(f"Seen: red {seen} from binary, {text} from text; saved again as {stored} (i1: signed).")
for (name, form), value in labels.items():
    print(f"      label of type {name}, {form} file: {value}")
held = (
    seen == [10, 127, -128, -56]
    and text == colours
    and stored == "i1"
    and all(isinstance(labels[n, "binary"], str) for n in ("ushort", "short"))
    and all(labels[n, "text"] == [1, 2, 3, 40] for n in ("ushort", "short"))
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
