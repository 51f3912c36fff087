#!/usr/bin/env bash
# Packages: PyVista 0.49.1 (VTK 9.7.2), SimpleITK 2.5.7, numpy 2.4.6
# One would swear: a volume of numbers in an NRRD file, whose header calls all three axes
#   "domain", has three axes when it is read, however few voxels one of them has.
# What happens: with fewer than ten voxels along the first axis VTK makes vectors of it. A slab of
#   9 x 50 x 40 voxels is one picture of 50 x 40 with nine values a pixel; the spacings of the
#   second and third axis become those of the first and second, the third is 1. Ten voxels are a
#   volume. The same slab as MetaImage, and slabs thin along the other axes, are right.
# Why it matters here: a cut through a wall or along a floor is a few voxels thick. All values are
#   there and none is changed, but they lie in one plane, turned out of the wall's.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyvista==0.49.1 vtk==9.7.2 SimpleITK==2.5.7 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyvista as pv
import SimpleITK as sitk


def read_back(size, suffix):
    """Size, spacing and values a point of a volume of numbers by VTK."""
    values = np.arange(np.prod(size), dtype=np.int32).reshape(size[::-1])
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.02, 0.05, 0.1))
    sitk.WriteImage(image, f"slab{suffix}")
    grid = pv.read(f"slab{suffix}")
    found = np.asarray(grid.active_scalars)
    assert np.array_equal(found.ravel(), values.ravel())
    return grid.dimensions, grid.spacing, found.size // grid.n_points


sitk.WriteImage(sitk.Image((9, 50, 40), sitk.sitkInt32), "header.nrrd")
header = open("header.nrrd", "rb").read().split(b"\n\n")[0].decode()
print("The header says:", ", ".join(header.splitlines()[3:9]))
held = "dimension: 3" in header and "kinds: domain domain domain" in header
for size in ((40, 50, 9), (40, 9, 50), (10, 50, 40), (9, 50, 40), (3, 50, 40)):
    for suffix in (".mha", ".nrrd"):
        dimensions, spacing, values = read_back(size, suffix)
        print(f"Expected: {size} voxels of (0.02, 0.05, 0.1) m, 1 value each")
        print(f"Seen: {suffix}: {dimensions} voxels of {spacing} m, {values} values each")
        right = (dimensions, values) == (size, 1) and np.allclose(spacing, (0.02, 0.05, 0.1))
        if suffix == ".nrrd" and size[0] < 10:
            held &= dimensions == (50, 40, 1) and values == size[0]
            held &= bool(np.allclose(spacing, (0.05, 0.1, 1)))
        else:
            held &= bool(right)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
