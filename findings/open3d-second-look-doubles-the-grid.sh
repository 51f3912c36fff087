#!/usr/bin/env bash
# Packages: open3d-cpu 0.20.0, numpy 2.4.6 (and what Open3D asks for); needs libusb-1.0-0 and libgl1
# One would swear: a VoxelBlockGrid with room for exactly the blocks of a scene holds that scene,
#   however often it is looked at; it grows when a block comes that it has not.
# What happens: before a frame is integrated its blocks are counted as new ones, also those that
#   are there already. A second, identical frame finds no new block and doubles the grid, all its
#   attributes copied; a third one changes nothing more.
# Why it matters here: memory is planned by the number of blocks (a block of 8x8x8 with colour is
#   10 kB). A grid needs room for the scene and for one whole frame more, or it takes twice the
#   memory of the scene, and for a moment three times.
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

core = o3d.core
device = core.Device("CPU:0")
camera = core.Tensor(np.array([[250.0, 0, 159.5], [0, 250.0, 119.5], [0, 0, 1]]))
still = core.Tensor(np.eye(4))
wall = o3d.t.geometry.Image(np.full((240, 320), 2.0, np.float32))
LIMITS = (1.0, 4.0, 5.0)  # depth scale, farthest depth, truncation in voxels


def looks(capacity, count):
    """Blocks in use and capacity after each of some looks at the same wall."""
    types = (core.float32, core.float32)
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), types, ((1), (1)), 0.02, 8, capacity, device
    )
    found = []
    for _ in range(count):
        blocks = grid.compute_unique_block_coordinates(wall, camera, still, *LIMITS)
        grid.integrate(blocks, wall, camera, still, *LIMITS)
        found.append((grid.hashmap().size(), grid.hashmap().capacity()))
    return found


needed = looks(100_000, 1)[0][0]
print(f"Expected: the wall takes {needed} blocks, and a grid of {needed} holds it for good.")
exact, roomy = looks(needed, 3), looks(2 * needed, 3)
for name, found in ((f"{needed}", exact), (f"{2 * needed}", roomy)):
    told = ", ".join(f"{size} of {capacity}" for size, capacity in found)
    print(f"Seen: made for {name} blocks; in use after one, two, three looks: {told}")
held = exact == [(needed, needed), (needed, 2 * needed), (needed, 2 * needed)]
held = held and roomy == [(needed, 2 * needed)] * 3
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
