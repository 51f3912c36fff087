#!/usr/bin/env bash
# Packages: Open3D 0.20.0, plyfile 1.1.5, numpy 2.4.6
# One would swear: a mesh of `open3d.t` whose vertices have colours of bytes is written in these
#   colours, as a cloud of points with the same bytes is.
# What happens: for meshes the bytes are taken for shares of white: PLY has 255 wherever a byte was
#   1 or more ("clamped color value" is all that is said), OFF has 100 times 255, `to_legacy` gives
#   100.0. Points sampled from the same mesh are right, and so are clouds, in PLY, PCD and
#   `to_legacy`. Sets of lines are like meshes.
# Why it matters here: colours of a labelled room are bytes from the table on, and plyfile and
#   trimesh have them so. A room handed over by its arrays is coloured in the viewer and white in
#   the file.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  open3d==0.20.0 plyfile==1.1.5 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
from pathlib import Path

import numpy as np
import open3d as o3d
from plyfile import PlyData

COLOUR = (100, 30, 2)
bytes_of = o3d.core.Tensor(np.tile(np.uint8(COLOUR), (8, 1)))
room = o3d.t.geometry.TriangleMesh.create_box(4, 3, 2.5)
room.vertex.colors = bytes_of
cloud = o3d.t.geometry.PointCloud(room.vertex.positions)
cloud.point.colors = bytes_of
lines = o3d.t.geometry.LineSet(room.vertex.positions, o3d.core.Tensor([[0, 1]]))
lines.line.colors = bytes_of[:1]


def stored(path):
    """The one colour that the file has."""
    rows = PlyData.read(path)["vertex"]
    found = {tuple(int(row[name]) for name in ("red", "green", "blue")) for row in rows}
    assert len(found) == 1, found
    return found.pop()


o3d.t.io.write_triangle_mesh("mesh.ply", room)
o3d.t.io.write_triangle_mesh("mesh.off", room)
o3d.t.io.write_point_cloud("cloud.ply", cloud)
in_off = tuple(int(word) for word in Path("mesh.off").read_text().split("\n")[2].split()[3:6])
held = True
for name, found, seen_as in (
    ("cloud, PLY", stored("cloud.ply"), COLOUR),
    ("mesh, PLY", stored("mesh.ply"), (255, 255, 255)),
    ("mesh, OFF", in_off, tuple(255 * part for part in COLOUR)),
):
    print(f"Expected: {name}: {COLOUR}")
    print(f"Seen: {found}")
    held &= found == seen_as
for name, colours, times in (
    ("points sampled from the mesh", room.sample_points_uniformly(10).to_legacy().colors, 1 / 255),
    ("cloud, to_legacy", cloud.to_legacy().colors, 1 / 255),
    ("mesh, to_legacy", room.to_legacy().vertex_colors, 1),
    ("lines, to_legacy", lines.to_legacy().colors, 1),
):
    found = np.asarray(colours)[0]
    print(f"Expected: {name}: {np.round(np.divide(COLOUR, 255), 3).tolist()}")
    print(f"Seen: {found.round(3).tolist()}")
    held &= np.allclose(found, np.multiply(COLOUR, times), atol=1e-6)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
