#!/usr/bin/env bash
# Packages: python-fcl 0.7.0.11, numpy 2.4.6
# One would swear: the two nearest points of a distance are the first object's and the second's, in
#   the order in which the objects were given, in the world.
# What happens: of a mesh and a shape the mesh's point is always the first: `distance(box, mesh)`
#   gives the points of `distance(mesh, box)`. Of a mesh and a sphere each stands in the frame of
#   its own object besides: a sphere at x = 13 is touched at x = -0.5. Of two shapes or two meshes
#   they are right; the distance is right throughout.
# Why it matters here: where a robot comes nearest to the scanned room is asked of a mesh and of the
#   spheres and boxes that stand for the robot. The way to push it back points into the wall, or,
#   with a sphere, has nothing to do with either.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  python-fcl==0.7.0.11 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import fcl
import numpy as np

NEAR_M, FAR_M = 10.0, 13.0  # where along x the two stand, both 1 m wide

corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
faces = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)


def mesh():
    model = fcl.BVHModel()
    model.beginModel(len(corners), len(faces))
    model.addSubModel(corners, faces)
    model.endModel()
    return model


def box():
    return fcl.Box(1, 1, 1)


def ball():
    return fcl.Sphere(0.5)


held = True
for name, far, near, first_x, second_x in (
    ("box, box", box, box, 12.5, 10.5),
    ("ball, box", ball, box, 12.5, 10.5),
    ("mesh, mesh", mesh, mesh, 12.5, 10.5),
    ("box, mesh", box, mesh, 10.5, 12.5),
    ("ball, mesh", ball, mesh, 0.5, -0.5),
):
    pair = [
        fcl.CollisionObject(make(), fcl.Transform(np.array([at, 0, 0])))
        for make, at in ((far, FAR_M), (near, NEAR_M))
    ]
    result = fcl.DistanceResult()
    distance = fcl.distance(*pair, fcl.DistanceRequest(enable_nearest_points=True), result)
    found = [float(point[0]) for point in result.nearest_points]
    print(f"Expected: {name}: 2 m from x = 12.5 to x = 10.5")
    print(f"Seen: {distance:.4g} m from x = {found[0]:.4g} to x = {found[1]:.4g}")
    held &= abs(distance - 2) < 1e-4 and np.allclose(found, [first_x, second_x], atol=1e-4)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
