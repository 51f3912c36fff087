#!/usr/bin/env bash
# Packages: trimesh 5.2.0, ezdxf 1.4.5, numpy 2.4.6, SciPy 1.17.1, Shapely 2.2.0, networkx 3.6.1
# One would swear: a block of a DXF drawing comes out where the drawing puts it: scaled and turned
#   about its own origin, counterclockwise, then moved to its place.
# What happens: in trimesh it is turned clockwise, and its place is multiplied by its scale. A
#   door at (10, 4) turned by 90 degrees leads the other way; one scaled by 2 lies at (20, 8), one
#   mirrored in x at (-10, 4). The base point of the block is not looked at, and of a row of three
#   one is left. Blocks that are only moved are right.
# Why it matters here: doors, windows and furniture of floor plans are blocks, turned and
#   mirrored. A door's length and area stay right, and half a turn and symmetric blocks hide the
#   sense.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 ezdxf==1.4.5 numpy==2.4.6 scipy==1.17.1 shapely==2.2.0 networkx==3.6.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import ezdxf
import numpy as np
import trimesh
from ezdxf import bbox


def places(base=(0, 0), **how):
    """(min x, min y, max x, max y) of a door at (10, 4): as drawn, and by trimesh."""
    drawing = ezdxf.new("R2010", units=ezdxf.units.M)
    door = drawing.blocks.new("door", base_point=base)
    door.add_lwpolyline([(0, 0), (0.9, 0), (0.9, 0.1), (0, 0.1)], close=True)
    put = drawing.modelspace().add_blockref("door", (10, 4), dxfattribs=how)
    drawing.saveas("plan.dxf")
    single = put.multi_insert() if put.mcount > 1 else [put]
    box = bbox.extents([part for one in single for part in one.virtual_entities()])
    drawn = np.array([*box.extmin.vec2, *box.extmax.vec2])
    return drawn, trimesh.load_path("plan.dxf").bounds.ravel()


cases = {
    "moved": ({}, [10, 4, 10.9, 4.1]),
    "turned by 90": ({"rotation": 90}, [10, 3.1, 10.1, 4]),
    "turned by 180": ({"rotation": 180}, [9.1, 3.9, 10, 4]),
    "scaled by 2": ({"xscale": 2, "yscale": 2}, [20, 8, 21.8, 8.2]),
    "mirrored in x": ({"xscale": -1}, [-10.9, 4, -10, 4.1]),
    "with a base point": ({"base": (0.9, 0)}, [10, 4, 10.9, 4.1]),
    "in a row of three": ({"column_count": 3, "column_spacing": 2}, [10, 4, 10.9, 4.1]),
}
held = True
for name, (how, seen) in cases.items():
    drawn, read = places(**how)
    print(f"Expected: a door {name}: {drawn.round(3).tolist()}")
    print(f"Seen: {read.round(3).tolist()}")
    held &= bool(np.allclose(read, seen, atol=1e-6))
    right = name in ("moved", "turned by 180")
    held &= bool(np.allclose(read, drawn, atol=1e-6)) == right
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
