#!/usr/bin/env bash
# Packages: open3d 0.20.0, numpy 2.4.6, libusb-package 1.0.30.0
# One would swear: the two classic TSDF volumes of Open3D, uniform and scalable, give the same
#   wall from the same frames, or raise.
# What happens: in 0.20.0 ScalableTSDFVolume.integrate takes every frame without a word and the
#   volume stays empty: no vertex, no point. UniformTSDFVolume gives the wall. In 0.19.0 the
#   same lines gave 19922 vertices from both.
# Why it matters here: it is the volume that tutorials and RGB-D benchmarks use as the peer: a
#   harness that scores its mesh reports a failed room, or crashes later on an empty array,
#   after an update alone.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    open3d==0.20.0 numpy==2.4.6 libusb-package==1.0.30.0
cd "$room"
# Open3D's wheel looks for libusb-1.0.so.0; this package brings one, under another name.
ln -s "$(find "$room/venv" -name libusb-1.0.so)" "$room/libusb-1.0.so.0"
export LD_LIBRARY_PATH="$room"

"$room/venv/bin/python" - <<'PY'
import numpy as np
import open3d as o3d

W, H, F, CX, CY = 160, 120, 120.0, 80.0, 60.0
normal = np.array([np.sin(0.7), 0.0, np.cos(0.7)])  # of a wall turned by 40 degrees, 1.5 m away
u, v = np.meshgrid(np.arange(W), np.arange(H))
rays = np.stack([(u - CX) / F, (v - CY) / F, np.ones((H, W))], -1)
depth = (1.5 / (rays @ normal)).astype(np.float32)  # metres, along z
depth[(depth < 0) | (depth > 3)] = 0

fusion = o3d.pipelines.integration
colour = o3d.geometry.Image(np.full((H, W, 3), 128, np.uint8))
frame = o3d.geometry.RGBDImage.create_from_color_and_depth(
    colour, o3d.geometry.Image(depth), depth_scale=1.0, depth_trunc=5.0,
    convert_rgb_to_intensity=False,
)
camera = o3d.camera.PinholeCameraIntrinsic(W, H, F, F, CX, CY)
kind = fusion.TSDFVolumeColorType.RGB8
volumes = {
    "UniformTSDFVolume": fusion.UniformTSDFVolume(
        length=4.0, resolution=200, sdf_trunc=0.08, color_type=kind, origin=np.array([-2.0, -2, 0])
    ),
    "ScalableTSDFVolume": fusion.ScalableTSDFVolume(
        voxel_length=0.02, sdf_trunc=0.08, color_type=kind
    ),
}
counts = {}
for name, volume in volumes.items():
    for _ in range(5):
        volume.integrate(frame, camera, np.eye(4))
    mesh, cloud = volume.extract_triangle_mesh(), volume.extract_point_cloud()
    counts[name] = len(mesh.vertices), len(cloud.points)
print("Expected: some 20000 vertices and points of the same wall from both volumes, or an error.")
for name, (vertices, points) in counts.items():
    print(f"Seen: {name}: {vertices} vertices, {points} points")
held = counts["ScalableTSDFVolume"] == (0, 0) and min(counts["UniformTSDFVolume"]) > 10000
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
