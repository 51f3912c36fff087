#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, open3d 0.20.0, plyfile 1.1.5, numpy 2.4.6, libusb-
#   package 1.0.30.0
# One would swear: a mesh that Open3D saves is a mesh that OpenCV 5 loads, or loading raises.
# What happens: Open3D saves every PLY of its classic meshes with "double" coordinates;
#   cv2.loadMesh and cv2.loadPointCloud read "float" alone. They return empty results and raise
#   nothing (a line in the log is all). The same mesh with float coordinates is read.
# Why it matters here: OpenCV 5 brings meshes and TSDF volumes, so it turns up beside Open3D in
#   room pipelines; one that counts vertices goes on with an empty room.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 open3d==0.20.0 plyfile==1.1.5 numpy==2.4.6 \
    libusb-package==1.0.30.0
cd "$room"
# Open3D's wheel looks for libusb-1.0.so.0; this package brings one, under another name.
ln -s "$(find "$room/venv" -name libusb-1.0.so)" "$room/libusb-1.0.so.0"
export LD_LIBRARY_PATH="$room"

"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np
import open3d as o3d
from plyfile import PlyData, PlyElement

o3d.io.write_triangle_mesh("double.ply", o3d.geometry.TriangleMesh.create_sphere(1.0))
ply = PlyData.read("double.ply")
kind = ply["vertex"].ply_property("x").val_dtype
double = ply["vertex"].data
single = double.astype([(name, "f4" if double.dtype[name] == "f8" else double.dtype[name])
                        for name in double.dtype.names])
PlyData([PlyElement.describe(single, "vertex"), ply["face"]]).write("float.ply")


def load(path):
    points = cv2.loadPointCloud(path)[0]
    vertices, faces = cv2.loadMesh(path)[:2]
    return [0 if a is None else len(np.reshape(a, (-1, 3))) for a in (points, vertices, faces)]


whole, nothing = load("float.ply"), load("double.ply")
n, faces = len(double), len(ply["face"].data)
print(f"Expected: {n} points, {n} vertices and {faces} faces, or an error.")
print(f"Seen: Open3D saved coordinates as {kind} (f8: double);")
print(f"      OpenCV reads {nothing} points, vertices, faces of it and raises nothing;")
print(f"      of the same mesh in float it reads {whole}")
held = kind == "f8" and nothing == [0, 0, 0] and whole == [n, n, faces]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
