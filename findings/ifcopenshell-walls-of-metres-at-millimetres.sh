#!/usr/bin/env bash
# Packages: ifcopenshell 0.9.0.post1, shapely 2.2.0, numpy 2.4.6
# One would swear: `get_element_vertices`, "in global coordinates", gives what `get_shape_vertices`
#   gives, which it is offered for where one has the element and not the shape.
# What happens: the geometry is in metres, whatever the file is in; the place of the element is read
#   from the file, in its unit. In a file in millimetres both are added up: a wall of 4 m that
#   stands at (5 m, 2 m) lies between 2000 and 2004 along y, 4 thousandths of where it begins. So do
#   `get_element_bbox_centroid` and the elevations. In a file in metres all agree.
# Why it matters here: most IFC files are in millimetres. Walls and doors of a plan that are laid
#   over a scan this way are points far off; divided by 1000 they stand in place, 4 mm long.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  ifcopenshell==0.9.0.post1 shapely==2.2.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import ifcopenshell
import ifcopenshell.api.context as context
import ifcopenshell.api.geometry as geometry
import ifcopenshell.api.project as project
import ifcopenshell.api.root as root
import ifcopenshell.api.unit as unit
import ifcopenshell.geom
import ifcopenshell.util.shape as shapes
import numpy as np

HEIGHT_M, FLOOR_M = 2.5, 3.0
LOW_M, HIGH_M = np.array([4.8, 2.0, FLOOR_M]), np.array([5.0, 6.0, FLOOR_M + HEIGHT_M])


def wall_in(prefix):
    """A wall 4 m along y and 0.2 m thick that begins at (5, 2, 3) m, and its shape."""
    file = project.create_file()
    root.create_entity(file, ifc_class="IfcProject")
    length = unit.add_si_unit(file, unit_type="LENGTHUNIT", prefix=prefix)
    unit.assign_unit(file, units=[length])
    model = context.add_context(file, context_type="Model")
    body = context.add_context(
        file,
        context_type="Model",
        context_identifier="Body",
        target_view="MODEL_VIEW",
        parent=model,
    )
    wall = root.create_entity(file, ifc_class="IfcWall")
    pose = np.array([[0, -1, 0, 5], [1, 0, 0, 2], [0, 0, 1, FLOOR_M], [0, 0, 0, 1.0]])
    geometry.edit_object_placement(file, product=wall, matrix=pose, is_si=True)
    solid = geometry.add_wall_representation(
        file, context=body, length=4.0, height=HEIGHT_M, thickness=0.2
    )
    geometry.assign_representation(file, product=wall, representation=solid)
    return wall, ifcopenshell.geom.create_shape(ifcopenshell.geom.settings(), wall)


held = True
for name, prefix, unit_m in (("metres", None, 1.0), ("millimetres", "MILLI", 0.001)):
    wall, shape = wall_in(prefix)
    solid = shape.geometry
    by_shape = shapes.get_shape_vertices(shape, solid)
    by_element = shapes.get_element_vertices(wall, solid)
    centre = shapes.get_element_bbox_centroid(wall, solid)
    top = shapes.get_element_top_elevation(wall, solid)
    print(f"Expected: file in {name}: {LOW_M.tolist()} to {HIGH_M.tolist()}, by both")
    for who, vertices in (("shape", by_shape), ("element", by_element)):
        low, high = vertices.min(0).round(3).tolist(), vertices.max(0).round(3).tolist()
        print(f"Seen: by the {who}: {low} to {high}")
    print(f"Seen: by the element: centre {centre.round(3).tolist()}, top {top:.3f}")
    start = np.array([5.0, 2.0, FLOOR_M])
    moved = start / unit_m - start  # the place in the file's unit, the wall in metres
    held &= np.allclose([by_shape.min(0), by_shape.max(0)], [LOW_M, HIGH_M])
    held &= np.allclose([by_element.min(0), by_element.max(0)], [LOW_M + moved, HIGH_M + moved])
    held &= np.allclose(centre, (LOW_M + HIGH_M) / 2 + moved)
    held &= bool(np.isclose(top, HIGH_M[2] + moved[2]))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
