#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6, lxml 6.1.3, networkx 3.6.1
# One would swear: a mesh whose `units` are metres is a mesh in metres after it went through a 3MF
#   file, a format that names its unit.
# What happens: the file says millimeter, with the numbers of metres: a room of 4 x 3 x 2.5 m is
#   read as one of 4 x 3 x 2.5 mm, by trimesh too, and `convert_units` makes 4 mm of it. A scene
#   likewise. A file that says meter is read as metres, and is written as millimetres by the next
#   export. GLB keeps the name of the unit.
# Why it matters here: 3MF is what one hands on because it has a unit, where STL and OBJ have none.
#   The room fits on a fingernail in every program that follows the format.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6 lxml==6.1.3 networkx==3.6.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import io
import re
import zipfile

import numpy as np
import trimesh

SIZE_M = [4.0, 3.0, 2.5]


def unit_of(data):
    """The unit that the model in a 3MF file names."""
    with zipfile.ZipFile(io.BytesIO(data)) as box:
        model = next(name for name in box.namelist() if name.endswith(".model"))
        return re.search(r'<model[^>]*\bunit="(\w+)"', box.read(model).decode()).group(1)


def renamed(data, unit):
    """The same file, its unit another one."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as box, zipfile.ZipFile(made, "w") as out:
        for name in box.namelist():
            inside = box.read(name)
            if name.endswith(".model"):
                inside = inside.replace(b'unit="millimeter"', f'unit="{unit}"'.encode())
            out.writestr(name, inside)
    return made.getvalue()


def read(data, kind):
    return trimesh.load(io.BytesIO(data), file_type=kind)


def in_metres(scene):
    return scene.convert_units("m").extents.round(6).tolist()


room = trimesh.creation.box(SIZE_M)
room.units = "m"
scene = trimesh.Scene([room])
files = {
    "a mesh": room.export(file_type="3mf"),
    "a scene": scene.export(file_type="3mf"),
}
held = scene.units == "m"
metres = read(renamed(files["a mesh"], "meter"), "3mf")
print(f"Seen: a file that says meter: {metres.units}, {in_metres(metres)} m")
held &= in_metres(metres) == SIZE_M
files["what was read from it"] = read(renamed(files["a mesh"], "meter"), "3mf").export(
    file_type="3mf"
)
for name, data in files.items():
    found = in_metres(read(data, "3mf"))
    print(f"Expected: {name} by 3MF: {SIZE_M} m")
    print(f"Seen: the file says {unit_of(data)}: {found} m")
    held &= unit_of(data) == "millimeter" and np.allclose(found, np.array(SIZE_M) / 1000)
glb = read(room.export(file_type="glb"), "glb")
print(f"Seen: by GLB: {glb.units}, {in_metres(glb)} m")
held &= in_metres(glb) == SIZE_M
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
