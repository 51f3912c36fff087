"""Mesh files: PLY (plyfile) with colours, labels and what was completed a vertex, GLB (trimesh)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.checks import CaptureError, ShapeError, expect
from crossvox.core.labels import RawLabelMap, nyu40_of_vertices
from crossvox.core.volume import Mesh
from crossvox.doors.ply_colors import colors_of

LabelType = Literal["ushort", "int", "float"]


@dataclass(frozen=True, eq=False)
class Points:
    """What a PLY file holds, be it a mesh or a point cloud.

    Attributes:
        mesh: positions, faces (none, of a point cloud), colours; its labels are None.
        ids: ``(V,)`` int64 label ids as stored, whatever they mean; None without labels.
        origin_m: what was taken off the stored positions; add it to get them back.
        remarks: what of the file was dropped, and why.
    """

    mesh: Mesh
    ids: NDArray[np.int64] | None
    origin_m: tuple[float, float, float]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Content:
    """The same as it lies in the file."""

    vertices: NDArray[Any]
    faces: NDArray[np.int32] | None
    colors: NDArray[np.uint8] | None
    ids: NDArray[Any] | None
    completed: NDArray[Any] | None
    confidence: NDArray[Any] | None
    label_confidence: NDArray[Any] | None
    objects: NDArray[Any] | None
    remarks: tuple[str, ...]


def read_mesh(path: Path, remarks: list[str] | None = None) -> Mesh:
    """Read a PLY mesh, with vertex colours and vertex ``label`` if present.

    Polygons with more than three corners are split into fans. Colours may have any number type
    (:func:`crossvox.doors.ply_colors.colors_of`). Labels are NYU40 ids, others are unannotated
    (:func:`read_labelled_mesh` counts them). ``completed`` (0 or 1) and ``confidence`` (0 to 1) are
    read together: a confidence alone is another program's, and left alone. ``label_confidence``
    and ``object`` are read beside labels.

    Args:
        path: the file.
        remarks: what of the file is dropped, and why, is added to it.

    Raises:
        CaptureError: missing, damaged, not a mesh with faces, labelled with raw ids, or completed
            and confident by other numbers than these; names the file.
    """
    return read_labelled_mesh(path, remarks=remarks)[0]


def read_labelled_mesh(
    path: Path,
    class_map: RawLabelMap | None = None,
    *,
    cloud: bool = False,
    remarks: list[str] | None = None,
) -> tuple[Mesh, dict[int, int]]:
    """:func:`read_mesh` of a file whose labels may be raw ids.

    Args:
        path: the file.
        class_map: table from raw ids to NYU40, None if there is none.
        cloud: points without faces will do.
        remarks: what of the file is dropped, and why, is added to it.

    Returns:
        The mesh, and the vertices by label id that is neither NYU40's nor in the table.

    Raises:
        CaptureError: as :func:`read_mesh`, the labels being raw ids only where there is no table.
    """
    found = _content(path)
    if found.faces is None and not cloud:
        raise CaptureError(
            f"given: {path}, a point cloud: {len(found.vertices)} points and no faces; "
            f"needed: a mesh with faces; do: make a mesh of it first (points can be scored as they "
            f"are: 'crossvox score')"
        )
    if remarks is not None:
        remarks += found.remarks
    labels: NDArray[np.uint8] | None = None
    unknown: dict[int, int] = {}
    if found.ids is not None:
        labels, unknown = nyu40_of_vertices(found.ids, class_map, str(path))
    return _mesh(path, found, found.vertices, labels), unknown


def read_points(path: Path, origin_m: tuple[float, float, float] | None = None) -> Points:
    """Read a PLY file whose points count, with or without faces, and whatever its labels mean.

    Args:
        path: the file.
        origin_m: taken off all positions before they are rounded to float32, for surveyed
            coordinates, which are kilometres from their origin; None: the middle of the points
            where they are farther than a kilometre off, else nothing.

    Raises:
        CaptureError: missing, damaged, or without points; names the file.
    """
    found = _content(path)
    origin = (0.0, 0.0, 0.0) if origin_m is None else origin_m
    if origin_m is None and len(found.vertices):
        # Column by column: numpy is slow along the first of two axes.
        ends = [(column.min(), column.max()) for column in found.vertices.T]
        middle = np.array([low / 2 + high / 2 for low, high in ends]).round()
        if np.abs(middle).max() > _FAR_OFF_M:
            origin = (float(middle[0]), float(middle[1]), float(middle[2]))
    vertices = found.vertices if not any(origin) else found.vertices - np.array(origin)
    ids = None
    if found.ids is not None:
        whole = np.nan_to_num(np.asarray(found.ids, np.float64), nan=0, posinf=0, neginf=0)
        ids = np.clip(whole, 0, 2**31).astype(np.int64)
    return Points(_mesh(path, found, vertices, None), ids, origin, found.remarks)


_FAR_OFF_M = 1000.0
"""From here on a float32 is coarser than a tenth of a millimetre."""


def _content(path: Path) -> _Content:
    """What a file holds.

    Raises:
        CaptureError: missing, damaged, or without vertices; names the file.
    """
    from plyfile import PlyParseError

    try:
        data = _read_ply(path)
        vertex, faces = data["vertex"].data, None
        if "face" in data:
            face = data["face"].data
            listed = [name for name in _FACE_LISTS if name in face.dtype.names]
            faces = _triangles(face[listed[0] if listed else _FACE_LISTS[-1]])
        vertices = np.stack([vertex[axis] for axis in "xyz"], axis=-1)
        if vertices.dtype.kind not in "fiu":
            raise ValueError("coordinates that are lists")
        names = vertex.dtype.names
        colors, remark = colors_of(vertex)
        ids = completed = confidence = label_confidence = objects = None
        if "label" in names:
            ids = np.asarray(vertex["label"])
            if ids.dtype.kind not in "fiu":
                raise ValueError("labels that are lists")
            if "label_confidence" in names:
                label_confidence = np.asarray(vertex["label_confidence"])
            if "object" in names:
                objects = np.asarray(vertex["object"])
        if "completed" in names:
            completed = np.asarray(vertex["completed"])
            confidence = np.asarray(vertex["confidence"]) if "confidence" in names else None
    except OSError as error:
        raise CaptureError(
            f"given: {path} ({error.strerror or error}); needed: a readable PLY mesh; "
            f"do: check the path"
        ) from None
    except (
        PlyParseError,
        KeyError,
        ValueError,
        IndexError,
        TypeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise CaptureError(
            f"given: {path}, which cannot be read as a mesh ({error}); needed: a complete PLY file "
            f"with vertices and faces; do: copy or export the file again"
        ) from None
    remarks = (f"{path.name}: {remark}",) if remark else ()
    return _Content(
        vertices, faces, colors, ids, completed, confidence, label_confidence, objects, remarks
    )


def _mesh(
    path: Path, found: _Content, vertices: NDArray[Any], labels: NDArray[np.uint8] | None
) -> Mesh:
    """A file's content as a mesh.

    Raises:
        CaptureError: positions that are not finite, faces of vertices that are not there, other
            values of what was completed.
    """
    with np.errstate(over="ignore"):
        vertices = vertices.astype(np.float32)
    if not np.isfinite(vertices).all():
        raise CaptureError(
            f"given: {path} with vertices that are not finite; needed: numbers in metres; "
            f"do: clean the mesh"
        )
    try:
        return Mesh(
            vertices,
            np.zeros((0, 3), np.int32) if found.faces is None else found.faces,
            found.colors,
            labels,
            None if found.completed is None else _completed(found.completed, path),
            _share(found.confidence, "confidence", path),
            _share(found.label_confidence, "label_confidence", path),
            None if found.objects is None else _objects(found.objects, path),
        )
    except ShapeError as error:
        raise CaptureError(f"{path}: {error}") from None


def _completed(values: NDArray[Any], path: Path) -> NDArray[np.bool_]:
    """Which vertices are completed, out of numbers of any type."""
    wrong = None if values.dtype == object else values[(values != 0) & (values != 1)]
    _expect_property(path, "completed", wrong, "0 (measured) or 1 (completed)")
    return values == 1


def _share(values: NDArray[Any] | None, name: str, path: Path) -> NDArray[np.float32] | None:
    """How sure a network is of each vertex, out of numbers of any type."""
    if values is None:
        return None
    # Not "< 0 or > 1": a number that is none is neither.
    wrong = None if values.dtype == object else values[~((values >= 0) & (values <= 1))]
    _expect_property(path, name, wrong, "a number from 0 to 1")
    return values.astype(np.float32)


def _objects(values: NDArray[Any], path: Path) -> NDArray[np.int32]:
    """Numbers of objects, out of numbers of any type."""
    wrong = None
    if values.dtype != object:
        wrong = values[~((values >= 0) & (values < 2**31) & (values == np.floor(values)))]
    _expect_property(path, "object", wrong, "0 (none), or the number of an object")
    return values.astype(np.int32)


def _expect_property(path: Path, name: str, wrong: NDArray[Any] | None, needed: str) -> None:
    """Refuse a vertex property with values that mean nothing here; None for one of lists."""
    told = "lists" if wrong is None else f"the value {wrong[0]}" if len(wrong) else ""
    expect(
        wrong is not None and not len(wrong),
        given=f"{path}, whose vertex property {name!r} has {told}",
        needed=f"{needed}, one a vertex",
        do="predict the scene again, or remove the properties that are not x y z, red green blue "
        "and label",
        error=CaptureError,
    )


_HEADER_BYTES = 65536
_FACE_LISTS = ("vertex_indices", "vertex_index")


def _read_ply(path: Path) -> Any:
    """Read a PLY file: at once if all faces are triangles, face by face (slowly) if not."""
    from plyfile import PlyData, PlyElementParseError

    _expect_plausible(path)
    # Told the length of its lists, plyfile maps the file into memory and checks every length.
    triangles = {"face": dict.fromkeys(_FACE_LISTS, 3)}
    try:
        return PlyData.read(str(path), known_list_len=triangles)
    except PlyElementParseError as error:
        if error.element is None or error.element.name != "face":
            raise
    return PlyData.read(str(path))


def _expect_plausible(path: Path) -> None:
    """Refuse a header that promises more than the file can hold, before memory is asked for it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = stream.read(_HEADER_BYTES).split(b"end_header")[0]
    told: list[tuple[str, int]] = []
    for line in header.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == b"element":
            told.append((words[1].decode(errors="replace"), 0))
            # Every record takes a byte at least, in text as in binary.
            if not 0 <= int(words[2]) <= size:
                raise ValueError(f"{int(words[2])} records of {told[-1][0]} in {size} bytes")
        elif words[:1] == [b"property"] and told:
            told[-1] = (told[-1][0], told[-1][1] + 1)
    bare = [name for name, properties in told if properties == 0]
    if bare:  # records of no bytes: numpy divides by their size
        raise ValueError(f"an element without properties ({bare[0]})")


def _triangles(corners: NDArray[Any]) -> NDArray[np.int32]:
    """Corners as ``(F, 3)``: rows of an array, or polygons of any length split into fans."""
    if len(corners) == 0:
        return np.zeros((0, 3), dtype=np.int32)
    if corners.dtype != object:
        return np.ascontiguousarray(corners, dtype=np.int32)
    fans = [
        np.stack([np.full(len(row) - 2, row[0]), row[1:-1], row[2:]], axis=-1)
        for row in corners
        if len(row) >= 3
    ]
    return np.concatenate(fans).astype(np.int32) if fans else np.zeros((0, 3), dtype=np.int32)


def write_ply(path: Path, mesh: Mesh, label_type: LabelType = "ushort") -> None:
    """Write a binary PLY: x y z, red green blue alpha if coloured, label if labelled.

    The layout equals ScanNet's ``_vh_clean_2.ply`` and ``_vh_clean_2.labels.ply``. Where it is
    known what was completed, ``uchar completed`` (1 where it was) and ``float confidence`` follow;
    where known, ``float label_confidence`` and ``int object`` (read again beside labels only).

    Args:
        path: file to write, replaced as a whole.
        mesh: what to write.
        label_type: number type of the labels; ``ushort`` is ScanNet's, others are for programs that
            do not take it.
    """
    fields: list[tuple[str, str]] = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    if mesh.colors is not None:
        fields += [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    values = {
        _PROPERTIES[name]: value for name, value in mesh.by_vertex.items() if name != "colors"
    }
    if "confidence" in values and "completed" not in values:  # it is read beside it only
        values["completed"] = np.zeros(len(mesh.vertices_m), dtype=bool)
    types = {**_VERTEX_TYPES, "label": _LABEL_TYPES[label_type]}
    fields += [(name, kind) for name, kind in types.items() if name in values]
    vertex = np.empty(len(mesh.vertices_m), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertex[name] = mesh.vertices_m[:, axis]
    if mesh.colors is not None:
        for channel, name in enumerate(("red", "green", "blue")):
            vertex[name] = mesh.colors[:, channel]
        vertex["alpha"] = 255
    for name, value in values.items():
        vertex[name] = value
    # Written here, not by plyfile, which writes lists one by one: 75 times slower.
    face = np.empty(len(mesh.faces), dtype=[("length", "u1"), ("corners", "<i4", (3,))])
    face["length"], face["corners"] = 3, mesh.faces
    properties = [f"property {_PLY_TYPES[kind]} {name}" for name, kind in fields]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertex)}",
        *properties,
        f"element face {len(face)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(("\n".join(header) + "\n").encode())
        vertex.tofile(stream)
        face.tofile(stream)


_LABEL_TYPES: dict[LabelType, str] = {"ushort": "<u2", "int": "<i4", "float": "<f4"}
_VERTEX_TYPES = {
    "label": "<u2",
    "completed": "u1",
    "confidence": "<f4",
    "label_confidence": "<f4",
    "object": "<i4",
}
"""Vertex properties besides place and colour, in the order of the file."""

_PROPERTIES = {
    "labels": "label",
    "completed": "completed",
    "confidence": "confidence",
    "label_confidence": "label_confidence",
    "objects": "object",
}
_PLY_TYPES = {"<f4": "float", "u1": "uchar", "<u2": "ushort", "<i4": "int"}


def glb_bytes(mesh: Mesh) -> bytes:
    """The mesh as GLB; our z up becomes glTF's y up.

    glTF takes vertex colours for linear light (glTF 2.0, 3.7.2.1), ours are sRGB as in pictures:
    they are converted, so that every viewer shows the colours that the mesh has.
    """
    import trimesh

    turned = mesh.vertices_m[:, [0, 2, 1]] * np.array([1, 1, -1], dtype=np.float32)
    colors = None if mesh.colors is None else _LINEAR[mesh.colors]
    scene = trimesh.Trimesh(turned, mesh.faces, vertex_colors=colors, process=False)
    data = scene.export(file_type="glb")
    assert isinstance(data, bytes)
    return data


def _linear_of_srgb() -> NDArray[np.uint8]:
    """Linear light of every 8-bit sRGB value (IEC 61966-2-1), rounded to 8 bits."""
    share = np.arange(256) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.round(linear * 255).astype(np.uint8)


_LINEAR = _linear_of_srgb()
