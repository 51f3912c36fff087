#!/usr/bin/env bash
# Packages: meshlib 3.1.4.297, numpy 2.4.6
# One would swear: a volume that is turned from sparse to dense, a copy of the data as its page
#   says, has its surface where it had it.
# What happens: `marchingCubes` takes the values of a dense volume to lie in the middle of voxels,
#   those of a sparse one (`VdbVolume`) at their low corner. By `vdbVolumeToSimpleVolume` a mesh
#   moves by half a voxel to the high side along each axis, by `simpleVolumeToVdbVolume` back. Size,
#   shape and the transform that `meshToVolume` gives stay as they are, so nothing looks wrong.
# Why it matters here: distances of a scan are made sparse, to save memory, and made dense for numpy
#   or a network: with voxels of 5 cm the room comes back 2.5 cm aside in x, y and z.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  meshlib==3.1.4.297 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from meshlib import mrmeshnumpy as of_numpy
from meshlib import mrmeshpy as mr

VOXEL_M = 0.1
surface = mr.MarchingCubesParams()
surface.iso = 0
surface.lessInside = True


def bounds(mesh):
    """The least and the largest coordinate, which are the same along all axes here."""
    box = mesh.computeBoundingBox()
    low, high = ([round(v, 3) for v in (end.x, end.y, end.z)] for end in (box.min, box.max))
    assert len(set(low)) == len(set(high)) == 1
    return low[0], high[0]


def mesh_of(volume, back=None):
    mesh = mr.marchingCubes(volume, surface)
    if back is not None:
        mesh.transform(back)
    return bounds(mesh)


held = True
cube = mr.makeCube(mr.Vector3f(1, 1, 1), mr.Vector3f(0, 0, 0))
how = mr.MeshToVolumeParams()
how.voxelSize = mr.Vector3f(VOXEL_M, VOXEL_M, VOXEL_M)
how.surfaceOffset = 3
how.type = mr.MeshToVolumeParams.Type.Signed
back = mr.AffineXf3f()
how.outXf = back
sparse = mr.meshToVolume(cube, how)
dense = mr.vdbVolumeToSimpleVolume(sparse)
print(f"Expected: a cube of 1 m through distances in voxels of {VOXEL_M} m: from 0 to 1 m")
found = mesh_of(sparse, back), mesh_of(dense, back)
print(f"Seen: sparse {found[0]}, turned to dense {found[1]}")
held &= found == ((0, 1), (0.05, 1.05))
held &= (dense.dims.x, dense.voxelSize.x) == (sparse.dims.x, sparse.voxelSize.x)

values = np.ones((12, 12, 12))
values[3:9, 3:9, 3:9] = -1
dense = of_numpy.simpleVolumeFrom3Darray(values)
dense.voxelSize = mr.Vector3f(VOXEL_M, VOXEL_M, VOXEL_M)
sparse = mr.simpleVolumeToVdbVolume(dense)
again = mr.vdbVolumeToSimpleVolume(sparse)
print("Expected: one array of numpy has one surface")
found = [mesh_of(volume) for volume in (dense, sparse, again)]
print(f"Seen: dense {found[0]}, turned to sparse {found[1]}, and to dense again {found[2]}")
held &= found == [(0.3, 0.9), (0.25, 0.85), (0.3, 0.9)]
held &= np.array_equal(of_numpy.getNumpy3Darray(again), values)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
