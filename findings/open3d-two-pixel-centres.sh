#!/usr/bin/env bash
# Packages: open3d 0.20.0, numpy 2.4.6, libusb-package 1.0.30.0
# One would swear: one library has one pinhole camera: what it renders with an intrinsic matrix
#   it can lift and fuse with the same matrix.
# What happens: Open3D has two. RaycastingScene.create_rays_pinhole and VoxelBlockGrid.integrate
#   take the middle of pixel u to be at u + 0.5 (the grid cuts the projected place off instead
#   of rounding it); PointCloud.create_from_depth_image and UniformTSDFVolume take it to be at
#   u. Depth rendered and lifted by Open3D with one matrix lies half a pixel beside the mesh,
#   and a slanted wall fused by the grid lies 6 mm off at f = 120 pixels. Half a pixel on cx and
#   cy cures each.
# Why it matters here: a comparison of reconstructions against Open3D, or a test that renders
#   with one half and lifts with the other, measures this shift (2.6 mm sideways at 3 m with f =
#   577) and blames the poses.
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
from open3d import core

o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)

W, H, F, CX, CY = 160, 120, 120.0, 80.0, 60.0
normal = np.array([np.sin(0.7), 0.0, np.cos(0.7)])  # of a wall turned by 40 degrees, 1.5 m away
u, v = np.meshgrid(np.arange(W), np.arange(H))
rays = np.stack([(u - CX) / F, (v - CY) / F, np.ones((H, W))], -1)
depth = (1.5 / (rays @ normal)).astype(np.float32)  # metres, along z
depth[(depth < 0) | (depth > 3)] = 0

eye = core.Tensor(np.eye(4))


def camera(shift=0.0):
    return core.Tensor(np.array([[F, 0, CX + shift], [0, F, CY + shift], [0, 0, 1.0]]))


# 1. A box rendered and lifted with the same matrix; distance of the points from the box.
box = o3d.geometry.TriangleMesh.create_box(1, 1, 1).translate((-0.5, -0.5, 2))
box.rotate(box.get_rotation_matrix_from_xyz((0.6, 0.5, 0.2)))
scene = o3d.t.geometry.RaycastingScene()
scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(box))
pencil = scene.create_rays_pinhole(camera(), eye, W, H)
middle = pencil.numpy()[int(CY), int(CX), 3:]
offset = F * middle[:2] / middle[2]
z = scene.cast_rays(pencil)["t_hit"].numpy() * pencil.numpy()[..., 5]
z[~np.isfinite(z)] = 0
image = o3d.t.geometry.Image(np.ascontiguousarray(z, dtype=np.float32))


def lifted(shift):
    cloud = o3d.t.geometry.PointCloud.create_from_depth_image(
        image, camera(shift), depth_scale=1.0, depth_max=10.0
    )
    away = scene.compute_distance(cloud.point.positions.to(core.float32)).numpy()
    return 1000 * float(away.mean())


# 2. A slanted wall fused by the two kinds of grid; signed distance from the wall.
def grid(shift):
    blocks = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), (core.float32, core.float32), ((1), (1)), 0.02, 8, 1000
    )
    picture = o3d.t.geometry.Image(depth)
    for _ in range(5):
        near = blocks.compute_unique_block_coordinates(picture, camera(shift), eye, 1.0, 5.0, 4.0)
        blocks.integrate(near, picture, camera(shift), eye, 1.0, 5.0, 4.0)
    points = blocks.extract_triangle_mesh().vertex.positions.numpy()
    return 1000 * float((points @ normal - 1.5).mean())


print("Expected: one convention; every number below without a shift is near 0.")
print(f"Seen: the ray of pixel (cx, cy) misses the axis by {offset.round(3).tolist()} pixels")
same, cured = lifted(0.0), lifted(-0.5)
print(f"      rendered and lifted with one matrix: {same:.2f} mm from the box on average,")
print(f"      {cured:.4f} mm if half a pixel is taken off cx and cy for lifting")
wall, wall_cured = grid(0.0), grid(0.5)
print(f"      wall fused by VoxelBlockGrid: {wall:.2f} mm off; {wall_cured:.2f} mm with half")
print("      a pixel added to cx and cy")
held = (
    np.allclose(offset, 0.5, atol=0.01)
    and same > 0.5
    and cured < 0.01
    and wall > 4
    and abs(wall_cured) < 1.5
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
