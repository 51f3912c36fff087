#!/usr/bin/env bash
# Packages: open3d-cpu 0.20.0, numpy 2.4.6
# One would swear: a reader of PLY files gives the values that the file has for each vertex, or
#   none; and what it gives does not depend on whether the same file is asked for its points or for
#   its triangles.
# What happens: read as a point cloud (open3d.t.io), a mesh file gives its float and uchar vertex
#   values by name, and leaves out ushort ones with a warning. Read as a triangle mesh it gives
#   positions and colours alone, and says nothing of the rest; so does the older reader.
# Why it matters here: the labels of ScanNet's meshes are ushort, and what a vertex is worth (its
#   confidence, whether it was measured) stands in such values. A mesh that is read and written
#   again has lost them, and nobody is told.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check open3d-cpu==0.20.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import open3d as o3d

vertex = np.zeros(
    3,
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"),
     ("label", "<u2"), ("completed", "u1"), ("confidence", "<f4")],
)
vertex["x"], vertex["y"] = [0, 1, 0], [0, 0, 1]
vertex["label"], vertex["completed"], vertex["confidence"] = [3, 5, 7], [0, 1, 1], [1, 0.5, 0.25]
face = np.array([(3, (0, 1, 2))], [("n", "u1"), ("corners", "<i4", (3,))])
types = {"<f4": "float", "|u1": "uchar", "<u2": "ushort"}
with open("mesh.ply", "wb") as stream:
    lines = ["ply", "format binary_little_endian 1.0", "element vertex 3"]
    lines += [f"property {types[vertex.dtype[n].str]} {n}" for n in vertex.dtype.names]
    lines += ["element face 1", "property list uchar int vertex_indices", "end_header"]
    stream.write(("\n".join(lines) + "\n").encode())
    vertex.tofile(stream)
    face.tofile(stream)

cloud = o3d.t.io.read_point_cloud("mesh.ply")
mesh = o3d.t.io.read_triangle_mesh("mesh.ply")
o3d.t.io.write_triangle_mesh("again.ply", mesh)
with open("again.ply", "rb") as stream:
    header = stream.read().split(b"end_header")[0].decode()
points, corners = sorted(cloud.point), sorted(mesh.vertex)
print("Expected: label, completed and confidence in both readings, or in neither.")
print(f"Seen: as points {', '.join(points)}; as triangles {', '.join(corners)}")
print(f"Seen: written again, the file {'has' if 'confidence' in header else 'lacks'} confidence")
held = (
    {"completed", "confidence"} <= set(points)
    and "label" not in points
    and set(corners) == {"positions", "colors"}
    and len(mesh.triangle.indices) == 1
    and "confidence" not in header
    and np.allclose(cloud.point["confidence"].numpy().ravel(), [1, 0.5, 0.25])
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
