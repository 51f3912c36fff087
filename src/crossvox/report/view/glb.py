"""Shaded meshes as GLB files."""

from __future__ import annotations

import json
from pathlib import Path

from crossvox.core.artifact import replacing
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import glb_bytes
from crossvox.report.pictures.surface import Surface
from crossvox.report.view.decimate import merge
from crossvox.report.view.shading import shaded_like

_HEADER, _CHUNK = 12, 8
"""Bytes before the first chunk, and before the content of each chunk (glTF 2.0, section 4.4)."""


def glb_of(mesh: Mesh) -> bytes:
    """A shaded mesh as GLB that every viewer shows in exactly its vertex colours.

    glTF lights what has no material: it gets one that is marked as unlit.
    """
    return unlit(glb_bytes(mesh))


def unlit(data: bytes) -> bytes:
    """The same GLB with one material that is marked as unlit (KHR_materials_unlit).

    trimesh (4.4 to 5.2) writes materials for textures alone, and none of its options reaches this
    extension; so the JSON chunk, which the standard puts first, is written anew.
    """
    begin = _HEADER + _CHUNK
    length = int.from_bytes(data[_HEADER : _HEADER + 4], "little")
    record = json.loads(data[begin : begin + length])
    record["materials"] = [
        {
            "extensions": {"KHR_materials_unlit": {}},
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        }
    ]
    record["extensionsUsed"] = sorted({*record.get("extensionsUsed", []), "KHR_materials_unlit"})
    for item in record.get("meshes", []):
        for primitive in item["primitives"]:
            primitive["material"] = 0
    text = json.dumps(record, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = data[begin + length :]
    total, size = begin + len(text) + len(rest), len(text)
    head = data[:8] + total.to_bytes(4, "little") + size.to_bytes(4, "little")
    return head + data[_HEADER + 4 : begin] + text + rest


def write_shaded_glb(path: Path, mesh: Mesh, max_faces: int, surface: Surface | None = None) -> int:
    """Write a thinned, shaded mesh as GLB; gives the number of triangles.

    Args:
        path: file to write.
        mesh: with faces.
        max_faces: it is thinned to this many triangles.
        surface: what is known of it already.
    """
    thinned = shaded_like(merge(mesh, max_faces), surface or Surface(mesh))
    with replacing(path) as temporary:
        temporary.write_bytes(glb_of(thinned))
    return len(thinned.faces)
