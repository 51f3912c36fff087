#!/usr/bin/env bash
# Packages: libigl 2.6.3, point-cloud-utils 0.34.0, numpy 2.4.6
# One would swear: a signed distance has the distance for its size. What an open mesh may spoil is
#   the sign.
# What happens: both multiply the distance by a function of the winding number, which is 1 or -1
#   for closed meshes alone. Ten centimetres in front of a wall of 4 x 3 m libigl's default says
#   19 cm, ten behind it 5 mm; point_cloud_utils says 5 mm on both sides. All signs are the same, so
#   that nothing crosses zero. 1 m above the floor of a room that lacks its ceiling is 56 cm.
# Why it matters here: scans of rooms are open. Truncated distances made of one, to train or to
#   score by, are wrong nearly everywhere; a threshold of 5 cm takes in points 30 cm away, and
#   marching cubes finds no wall. libigl's pseudonormal type keeps distance and sides.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check libigl==2.6.3 \
  point-cloud-utils==0.34.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import igl
import numpy as np
import point_cloud_utils as pcu

PSEUDONORMAL = igl.SIGNED_DISTANCE_TYPE_PSEUDONORMAL


def signed(points, vertices, faces):
    """Signed distances of (N, 3) points: libigl by default, point_cloud_utils, pseudonormal."""
    points, vertices = np.asarray(points, float), np.asarray(vertices, float)
    faces = np.asarray(faces, np.int64)
    return (
        np.ravel(igl.signed_distance(points, vertices, faces)[0]),
        np.ravel(pcu.signed_distance_to_mesh(points, vertices, faces)[0]),
        np.ravel(igl.signed_distance(points, vertices, faces, sign_type=PSEUDONORMAL)[0]),
    )


# A wall of 4 x 3 m, seen from the positive side.
wall = [[-2, -1.5, 0], [2, -1.5, 0], [2, 1.5, 0], [-2, 1.5, 0]]
heights = np.array([-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])
beside = np.stack([np.full(6, 0.3), np.full(6, 0.2), heights], axis=1)
wall_igl, wall_pcu, wall_pseudo = signed(beside, wall, [[0, 1, 2], [0, 2, 3]])

# A room of 4 x 4 x 2.5 m, faces outwards: floor, four walls, and last the ceiling.
corners = [[x, y, z] for z in (0, 2.5) for x, y in ((-2, -2), (2, -2), (2, 2), (-2, 2))]
sides = [[0, 3, 2, 1]] + [[i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4] for i in range(4)]
sides += [[4, 5, 6, 7]]
triangles = [three for a, b, c, d in sides for three in ([a, b, c], [a, c, d])]
above = [[0.1, 0.2, 0.1], [0.1, 0.2, 1.0]]
closed_igl, closed_pcu, _ = signed(above, corners, triangles)
open_igl, open_pcu, _ = signed(above, corners, triangles[:-2])

print("Expected: at", heights, "m beside a wall distances of as many metres.")
print("Seen: libigl", wall_igl.round(3), "point_cloud_utils", wall_pcu.round(3))
print("Seen: libigl by pseudonormals", wall_pseudo.round(3))
print("Expected: 0.1 and 1 m above the floor of a room without ceiling, as in the closed room.")
print("Seen: closed: libigl", closed_igl.round(3), "point_cloud_utils", closed_pcu.round(3))
print("Seen: no ceiling: libigl", open_igl.round(3), "point_cloud_utils", open_pcu.round(3))
held = all(np.allclose(np.abs(one), [0.1, 1], atol=2e-3) for one in (closed_igl, closed_pcu))
held = held and np.allclose(wall_pseudo, heights)
held = held and bool((wall_igl > 0).all() and (wall_pcu > 0).all())
held = held and abs(wall_igl - np.abs(heights)).min() > 0.05
held = held and bool((wall_pcu < np.abs(heights) / 2).all()) and wall_pcu[[1, 4]].max() < 0.06
held = held and all(0.5 < abs(one[1]) < 0.7 for one in (open_igl, open_pcu))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
