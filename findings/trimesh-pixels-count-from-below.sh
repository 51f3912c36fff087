#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6, scipy 1.17.1
# One would swear: the pixel that camera_rays names for a ray is that of an image: row 0 on top, as
#   in every camera matrix K.
# What happens: the rows count from below. The ray through the upper left corner is pixel (0,
#   height - 1); K of the same camera, in the usual frame (x right, y down, z ahead), has it at
#   (0, 0). The rays are also listed column by column, so a plain reshape to height x width
#   is neither the one picture nor the other.
# Why it matters here: a depth image of a scan cast by these rays and filled in by these pixels
#   stands on its head; lifted again by the K of the same camera it is a mirrored room whose floor
#   is overhead.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import trimesh

WIDTH, HEIGHT = 6, 4
scene = trimesh.Scene()
scene.camera = trimesh.scene.Camera(resolution=(WIDTH, HEIGHT), focal=(5, 5))
scene.camera_transform = np.eye(4)  # of OpenGL: x right, y up, looking along -z
_, rays, pixels = scene.camera_rays()

# Depth of what this camera sees: a floor 1 m below it, sky (0) above the horizon.
down = -rays[:, 1]
depth = np.zeros((HEIGHT, WIDTH))
depth[pixels[:, 1], pixels[:, 0]] = np.where(down > 0, -rays[:, 2] / np.where(down > 0, down, 1), 0)

# The same rays by the camera matrix, in the frame of computer vision.
seen = (rays * [1, -1, -1]) @ scene.camera.K.T
by_matrix = np.floor(seen[:, :2] / seen[:, 2:]).astype(int)
corner = np.argmax(rays[:, 1] - rays[:, 0])
rows, columns = np.nonzero(depth)
lifted = depth[rows, columns] * (rows + 0.5 - scene.camera.K[1, 2]) / scene.camera.K[1, 1]

print("Expected: the upper left ray is pixel (0, 0), and the floor 1 m below the camera.")
print(f"Seen: the upper left ray is pixel {pixels[corner]}, by K pixel {by_matrix[corner]}")
print(f"Seen: the floor fills rows {rows.min()} to {rows.max()} of {HEIGHT} from the top")
print(f"Seen: lifted by K it lies {np.unique(lifted.round(6))} m below the camera")
held = (
    np.array_equal(pixels[corner], [0, HEIGHT - 1])
    and np.array_equal(by_matrix[corner], [0, 0])
    and np.array_equal(by_matrix[:, 0], pixels[:, 0])
    and np.array_equal(by_matrix[:, 1], HEIGHT - 1 - pixels[:, 1])
    and rows.max() < HEIGHT / 2
    and np.allclose(lifted, -1)
    and np.array_equal(pixels[:HEIGHT, 0], np.zeros(HEIGHT))
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
