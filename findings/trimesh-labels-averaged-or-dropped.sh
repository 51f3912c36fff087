#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6, scipy 1.17.1, networkx 3.6.1, shapely 2.2.0
# One would swear: the attributes that a mesh carries for its vertices go along with them, to a
#   finer mesh and to a piece of it, and integers stay integers.
# What happens: `subdivide` takes the mean of both ends for each new vertex, of bytes too, and makes
#   all of them floats: between labels 2 and 7 lies 4.5, which as an integer is a third class.
#   `split`, `submesh`, `slice_plane`, `subdivide_to_size` and `subdivide_loop` drop the attributes
#   of vertices and faces. Joined meshes keep them, and so does `update_faces`.
# Why it matters here: labels a vertex are how ScanNet's rooms come. They are made finer to compare
#   them with a dense scan, and cut into rooms: a lamp is found between floor and wall, and what was
#   cut out has no labels, without a word.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 shapely==2.2.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import trimesh

room = trimesh.creation.box((4, 3, 2.5))
room.vertex_attributes["label"] = np.where(room.vertices[:, 2] < 0, 2, 7).astype(np.uint8)[:, None]
room.face_attributes["object"] = np.arange(len(room.faces))


def carried(mesh):
    """The values of the labels of vertices and of the objects of faces that a mesh has."""
    labels = mesh.vertex_attributes.get("label")
    objects = mesh.face_attributes.get("object")
    kind = None if labels is None else labels.dtype.name
    return (
        kind,
        [] if labels is None else np.unique(labels).tolist(),
        0 if objects is None else len(objects),
    )


kept = room.copy()
kept.update_faces(np.arange(6))
print("Expected: labels of bytes, 2 and 7 alone")
held = carried(room) == ("uint8", [2, 7], 12) and carried(kept) == ("uint8", [2, 7], 6)
joined = room + room.copy().apply_translation((9, 0, 0))
finer = room.subdivide()
print(f"Seen: update_faces {carried(kept)}, joined {carried(joined)}, subdivide {carried(finer)}")
held &= carried(joined)[:2] == ("uint8", [2, 7])
held &= carried(finer) == ("float64", [2.0, 4.5, 7.0], 0)

pieces = {
    "split": joined.split()[0],
    "submesh": room.submesh([[0, 1]], append=True),
    "slice_plane": room.slice_plane((0, 0, 0), (1, 0, 0)),
    "subdivide_to_size": room.subdivide_to_size(1.0),
    "subdivide_loop": room.subdivide_loop(1),
}
for name, mesh in pieces.items():
    print(f"Seen: {name}: {len(mesh.vertices)} vertices, {carried(mesh)}")
    held &= len(mesh.vertices) > 0 and carried(mesh) == (None, [], 0)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
