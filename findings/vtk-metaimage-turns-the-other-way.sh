#!/usr/bin/env bash
# Packages: PyVista 0.49.1 (VTK 9.7.2), SimpleITK 2.5.7, numpy 2.4.6
# One would swear: a volume written as MetaImage (.mha) by SimpleITK lies in VTK where it lay: the
#   file holds its direction, and VTK reads it.
# What happens: the file, whose format is ITK's, holds the columns of the direction, and VTK takes
#   them for rows. The volume is turned by the same angle the other way: of a room of 5 x 4 m
#   turned by 30 degrees the far corner is 6.4 m off. What VTK writes SimpleITK reads turned back;
#   each alone reads what it wrote rightly. Volumes along the axes, mirrored or turned by half a
#   turn are right in both.
# Why it matters here: volumes of rooms go as .mha from one to the other for surfaces and
#   pictures; a test volume along the axes lies right, and size, spacing and values agree.
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
import vtk

SIZE = (51, 41, 26)  # voxels of 0.1 m
FAR = (50, 40, 25)


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def by_vtk(file):
    """Where the far voxel lies by VTK."""
    grid = pv.read(file)
    assert grid.dimensions == SIZE
    return grid.points[np.ravel_multi_index(FAR[::-1], SIZE[::-1])]


def by_itk(file):
    return np.array(sitk.ReadImage(file).TransformIndexToPhysicalPoint(FAR))


directions = {
    "along the axes": np.eye(3),
    "turned by half a turn": turn(180),
    "mirrored": np.diag([-1.0, 1, 1]),
    "turned by 30 degrees": turn(30),
}
held = True
for name, direction in directions.items():
    true = np.array([1, 2, 0]) + direction @ (0.1 * np.array(FAR))
    image = sitk.Image(SIZE, sitk.sitkInt16)
    image.SetSpacing((0.1,) * 3)
    image.SetOrigin((1, 2, 0))
    image.SetDirection(direction.ravel().tolist())
    sitk.WriteImage(image, "itk.mha")
    grid = pv.ImageData(dimensions=SIZE, spacing=(0.1,) * 3, origin=(1, 2, 0))
    grid.direction_matrix = direction
    grid["values"] = np.zeros(grid.n_points, np.int16)
    writer = vtk.vtkMetaImageWriter()
    writer.SetFileName("vtk.mha")
    writer.SetInputData(grid)
    writer.Write()
    back = np.array([1, 2, 0]) + direction.T @ (0.1 * np.array(FAR))
    print(f"Expected: the far corner of a volume {name} is at {true.round(2).tolist()} m")
    for way, written, read, place in (
        ("SimpleITK to SimpleITK", "itk.mha", by_itk, true),
        ("VTK to VTK", "vtk.mha", by_vtk, true),
        ("SimpleITK to VTK", "itk.mha", by_vtk, back),
        ("VTK to SimpleITK", "vtk.mha", by_itk, back),
    ):
        found = read(written)
        off = float(np.linalg.norm(found - true))
        print(f"Seen: {way}: {found.round(2).tolist()}, {off:.2f} m off")
        held &= bool(np.allclose(found, place, atol=1e-4))
        held &= (off > 4) == (name == "turned by 30 degrees" and place is back)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
