"""Mesh files: what is written is read, polygons become triangles, damage is named."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement

from crossvox.core.checks import CaptureError
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import (
    LabelType,
    glb_bytes,
    read_labelled_mesh,
    read_mesh,
    read_points,
    write_ply,
)


def some_mesh(vertices: int = 30, faces: int = 50, seed: int = 0) -> Mesh:
    random = np.random.default_rng(seed)
    return Mesh(
        random.normal(size=(vertices, 3)).astype(np.float32),
        random.integers(0, max(vertices, 1), (faces, 3)).astype(np.int32),
        random.integers(0, 256, (vertices, 3)).astype(np.uint8),
        random.integers(0, 41, vertices).astype(np.uint8),
    )


def assert_equal(a: Mesh, b: Mesh) -> None:
    for name in ("vertices_m", "faces", "colors", "labels", "completed", "confidence"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def write_polygons(path: Path, polygons: list[list[int]], *, text: bool = False, name: str) -> None:
    """Write with plyfile, as other programs do."""
    corners = np.empty(len(polygons), dtype=[(name, "O")])
    for n, polygon in enumerate(polygons):
        corners[name][n] = np.array(polygon, dtype=np.int32)
    vertex = np.zeros(8, dtype=[("x", "f4"), ("y", "f4"), ("z", "f4")])
    vertex["x"] = np.arange(8)
    face = PlyElement.describe(corners, "face", len_types={name: "u1"}, val_types={name: "i4"})
    PlyData([PlyElement.describe(vertex, "vertex"), face], text=text).write(str(path))


@pytest.mark.parametrize("colors", [True, False])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("faces", [0, 1, 50])
def test_written_mesh_is_read_back(tmp_path: Path, colors: bool, labels: bool, faces: int) -> None:
    full = some_mesh(faces=faces)
    mesh = Mesh(
        full.vertices_m,
        full.faces,
        full.colors if colors else None,
        full.labels if labels else None,
    )
    write_ply(tmp_path / "mesh.ply", mesh)
    assert_equal(read_mesh(tmp_path / "mesh.ply"), mesh)
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.ply"]


def completed_mesh(seed: int = 0) -> Mesh:
    """A mesh of which every third vertex is completed."""
    random = np.random.default_rng(seed)
    completed = np.arange(30) % 3 == 0
    confidence = np.where(completed, random.random(30), 1).astype(np.float32)
    return replace(some_mesh(), completed=completed, confidence=confidence)


@pytest.mark.parametrize("sure", [True, False])
def test_what_was_completed_is_read_back(tmp_path: Path, sure: bool) -> None:
    mesh = completed_mesh() if sure else replace(completed_mesh(), confidence=None)
    write_ply(tmp_path / "mesh.ply", mesh)
    assert_equal(read_mesh(tmp_path / "mesh.ply"), mesh)
    header = (tmp_path / "mesh.ply").read_bytes().split(b"end_header")[0].decode()
    assert "property uchar completed\n" in header
    assert ("property float confidence\n" in header) == sure


def test_a_confidence_without_completed_parts_is_of_what_was_measured(tmp_path: Path) -> None:
    write_ply(tmp_path / "mesh.ply", replace(completed_mesh(), completed=None))
    read = read_mesh(tmp_path / "mesh.ply")
    assert read.completed is not None
    assert not read.completed.any()
    np.testing.assert_array_equal(read.confidence, completed_mesh().confidence)


def write_vertices(path: Path, properties: dict[str, tuple[str, list[float]]]) -> None:
    """A triangle with further vertex properties, as another program writes it."""
    kinds = [(name, kind) for name, (kind, _) in properties.items()]
    vertex = np.zeros(3, dtype=[("x", "f4"), ("y", "f4"), ("z", "f4"), *kinds])
    for name, (_, values) in properties.items():
        vertex[name] = values
    face = np.array([([0, 1, 2],)], dtype=[("vertex_indices", "i4", (3,))])
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements).write(str(path))


def test_other_number_types_of_completed_parts_are_read(tmp_path: Path) -> None:
    write_vertices(
        tmp_path / "mesh.ply", {"completed": ("f8", [0, 1, 1]), "confidence": ("u1", [1, 0, 1])}
    )
    mesh = read_mesh(tmp_path / "mesh.ply")
    assert mesh.completed is not None
    assert mesh.confidence is not None
    assert mesh.completed.tolist() == [False, True, True]
    assert mesh.confidence.dtype == np.float32
    assert mesh.confidence.tolist() == [1, 0, 1]


def test_a_confidence_of_another_program_is_left_alone(tmp_path: Path) -> None:
    write_vertices(tmp_path / "mesh.ply", {"confidence": ("f4", [12, np.nan, 0.5])})
    mesh = read_mesh(tmp_path / "mesh.ply")
    assert mesh.completed is None
    assert mesh.confidence is None


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("completed", [0, 2, 1], "'completed' has the value 2.0; needed: 0"),
        ("completed", [0, np.nan, 0.5], "'completed' has the value nan"),
        ("confidence", [0, 1.5, 1], "'confidence' has the value 1.5"),
        ("confidence", [0, -0.1, 1], "needed: a number from 0 to 1, one a vertex; do: "),
        ("confidence", [0, np.nan, 1], "'confidence' has the value nan"),
        ("confidence", [0, np.inf, 1], "'confidence' has the value inf"),
    ],
)
def test_other_values_of_completed_parts_are_refused(
    tmp_path: Path, name: str, values: list[float], told: str
) -> None:
    properties = {"completed": ("f8", [0.0, 1.0, 1.0]), name: ("f8", values)}
    write_vertices(tmp_path / "mesh.ply", properties)
    with pytest.raises(CaptureError, match=re.escape(told)) as caught:
        read_mesh(tmp_path / "mesh.ply")
    assert "mesh.ply, whose vertex property" in str(caught.value)


def test_completed_parts_as_lists_are_refused(tmp_path: Path) -> None:
    lines = [
        *("ply", "format ascii 1.0", "element vertex 3"),
        *(f"property float {axis}" for axis in "xyz"),
        *("property list uchar int completed", "element face 1"),
        *("property list uchar int vertex_indices", "end_header"),
        *("0 0 0 1 1", "1 0 0 1 0", "0 1 0 2 1 0", "3 0 1 2", ""),
    ]
    (tmp_path / "mesh.ply").write_text("\n".join(lines))
    with pytest.raises(CaptureError, match="'completed' has lists; needed: 0"):
        read_mesh(tmp_path / "mesh.ply")


@pytest.mark.parametrize("name", ["label", "x"])
def test_lists_where_numbers_belong_are_refused(tmp_path: Path, name: str) -> None:
    lines = [
        *("ply", "format ascii 1.0", "element vertex 3"),
        *(f"property {'list uchar float' if axis == name else 'float'} {axis}" for axis in "xyz"),
        f"property {'list uchar int' if name == 'label' else 'int'} label",
        *("element face 1", "property list uchar int vertex_indices", "end_header"),
        *(["0 0 0 1 1", "1 0 0 1 2", "0 1 0 1 3"] if name == "label" else ["1 0 0 0 1"] * 3),
        *("3 0 1 2", ""),
    ]
    (tmp_path / "mesh.ply").write_text("\n".join(lines))
    for read in (read_mesh, read_points):
        with pytest.raises(CaptureError, match="that are lists"):
            read(tmp_path / "mesh.ply")


def test_mesh_without_anything_is_read_back(tmp_path: Path) -> None:
    empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    write_ply(tmp_path / "mesh.ply", empty)
    assert_equal(read_mesh(tmp_path / "mesh.ply"), empty)


def test_plyfile_reads_what_we_write(tmp_path: Path) -> None:
    mesh = some_mesh()
    write_ply(tmp_path / "mesh.ply", mesh)
    data = PlyData.read(str(tmp_path / "mesh.ply"))
    assert data["vertex"].data.dtype.names == (
        *("x", "y", "z", "red", "green", "blue", "alpha", "label"),
    )
    np.testing.assert_array_equal(np.stack(list(data["face"]["vertex_indices"])), mesh.faces)
    np.testing.assert_array_equal(data["vertex"]["y"], mesh.vertices_m[:, 1])
    np.testing.assert_array_equal(data["vertex"]["label"], mesh.labels)
    assert (data["vertex"]["alpha"] == 255).all()


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("name", ["vertex_indices", "vertex_index"])
def test_polygons_become_fans(tmp_path: Path, text: bool, name: str) -> None:
    path = tmp_path / "mesh.ply"
    write_polygons(path, [[0, 1, 2, 3], [4, 5, 6], [7, 0], [1, 2, 3, 4, 5]], text=text, name=name)
    expected = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [1, 2, 3], [1, 3, 4], [1, 4, 5]]
    np.testing.assert_array_equal(read_mesh(path).faces, expected)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("name", ["vertex_indices", "vertex_index"])
def test_triangles_of_other_writers_are_read(tmp_path: Path, text: bool, name: str) -> None:
    write_polygons(tmp_path / "mesh.ply", [[0, 1, 2], [4, 5, 7]], text=text, name=name)
    np.testing.assert_array_equal(read_mesh(tmp_path / "mesh.ply").faces, [[0, 1, 2], [4, 5, 7]])


def test_late_quad_after_many_triangles_is_found(tmp_path: Path) -> None:
    write_polygons(tmp_path / "mesh.ply", [[0, 1, 2]] * 200 + [[4, 5, 6, 7]], name="vertex_indices")
    faces = read_mesh(tmp_path / "mesh.ply").faces
    assert len(faces) == 202
    np.testing.assert_array_equal(faces[-2:], [[4, 5, 6], [4, 6, 7]])


def test_labels_out_of_range_count_as_unannotated(tmp_path: Path) -> None:
    vertex = np.zeros(4, dtype=[("x", "f4"), ("y", "f4"), ("z", "f4"), ("label", "i4")])
    vertex["label"] = [5, 50, -1, 7]
    face = np.array([([0, 1, 2],)], dtype=[("vertex_indices", "i4", (3,))])
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements).write(str(tmp_path / "mesh.ply"))
    labels = read_mesh(tmp_path / "mesh.ply").labels
    assert labels is not None
    assert labels.tolist() == [5, 0, 0, 7]


def test_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    write_ply(path, some_mesh())
    whole = path.read_bytes()
    for length in (0, 3, 40, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CaptureError, match=r"mesh\.ply"):
            read_mesh(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"element face 50", b"element face 99999999999"),
        (b"element vertex 30", b"element vertex 99999999999"),
        (b"element vertex 30", b"element vertex -3"),
        (b"element face 50", b"element face many"),
        (b"element face", b"element edge"),
        (b"float x", b"float q"),
        (b"vertex_indices", b"something_else"),
        (b"list uchar int", b"list float int"),
        (b"format binary_little_endian 1.0", b"format unheard_of 1.0"),
        (b"ply\n", b"glb\n"),
    ],
)
def test_damaged_header_is_named(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "mesh.ply"
    write_ply(path, some_mesh())
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(CaptureError, match=r"mesh\.ply"):
        read_mesh(path)


def test_faces_beyond_the_vertices_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    write_ply(path, some_mesh())
    data = bytearray(path.read_bytes())
    data[-4:] = (30).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(CaptureError, match=r"mesh\.ply.*30 there are"):
        read_mesh(path)


def test_vertices_that_are_not_finite_are_named(tmp_path: Path) -> None:
    mesh = some_mesh()
    mesh.vertices_m[3, 1] = np.nan
    write_ply(tmp_path / "mesh.ply", mesh)
    with pytest.raises(CaptureError, match="not finite"):
        read_mesh(tmp_path / "mesh.ply")


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.ply", tmp_path):
        with pytest.raises(CaptureError, match=path.name):
            read_mesh(path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_one_changed_byte_never_breaks_out(tmp_path: Path, at: float, value: int) -> None:
    path = tmp_path / "mesh.ply"
    write_ply(path, some_mesh(8, 9))
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] = value
    path.write_bytes(bytes(data))
    refused = ""
    try:
        mesh = read_mesh(path)
    except CaptureError as error:
        refused = str(error)
    assert "mesh.ply" in refused or np.isfinite(mesh.vertices_m).all()


def test_glb_turns_z_up_to_y_up(tmp_path: Path) -> None:
    import trimesh

    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 2]], np.float32)
    mesh = Mesh(vertices, np.array([[0, 1, 2]], np.int32))
    (tmp_path / "mesh.glb").write_bytes(glb_bytes(mesh))
    loaded = trimesh.load(tmp_path / "mesh.glb", force="mesh")
    np.testing.assert_allclose(
        sorted(map(tuple, np.asarray(loaded.vertices))), [(0, 0, 0), (0, 2, 0), (1, 0, 0)]
    )


@pytest.mark.realdata
def test_real_meshes_are_read(golden: Path) -> None:
    plain = read_mesh(golden / "g3_crop_vh_clean_2.ply")
    labelled = read_mesh(golden / "g3_crop_vh_clean_2.labels.ply")
    assert plain.colors is not None
    assert labelled.labels is not None
    np.testing.assert_array_equal(plain.faces, labelled.faces)
    data = PlyData.read(str(golden / "g3_crop_vh_clean_2.ply"))["face"].data
    np.testing.assert_array_equal(plain.faces, np.stack(list(data[data.dtype.names[0]])))


def test_glb_holds_colours_as_linear_light() -> None:
    """glTF reads vertex colours as linear; turned back to sRGB they are the mesh's own."""
    mesh = some_mesh(256, 80)
    assert mesh.colors is not None
    data = glb_bytes(mesh)
    length = int.from_bytes(data[12:16], "little")
    record = json.loads(data[20 : 20 + length])
    accessor = record["accessors"][record["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    view = record["bufferViews"][accessor["bufferView"]]
    begin = 28 + length + view.get("byteOffset", 0)
    stored = np.frombuffer(data[begin : begin + view["byteLength"]], np.uint8).reshape(256, -1)
    linear = stored[:, :3] / 255
    back = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    bright = mesh.colors > 60  # below, eight bits of linear light are coarse
    np.testing.assert_allclose(back[bright], mesh.colors[bright], atol=2)
    assert np.abs(back - mesh.colors).max() < 14
    order = np.argsort(mesh.colors[:, 0], kind="stable")
    assert (np.diff(stored[order, 0].astype(int)) >= 0).all()


def test_raw_label_ids_are_refused_without_a_class_map(tmp_path: Path) -> None:
    """ScanNet issues 90 and 20: labels.ply that holds raw ids."""
    write_ply(tmp_path / "mesh.ply", replace(some_mesh(), labels=None))
    mesh = read_mesh(tmp_path / "mesh.ply")
    raw = np.array([1191, 1, 2, 3] * len(mesh.vertices_m), np.uint16)[: len(mesh.vertices_m)]
    write_ply(tmp_path / "mesh.ply", replace(mesh, labels=raw))  # type: ignore[arg-type]
    with pytest.raises(CaptureError, match=r"mesh\.ply with vertex label 1191, .*class map"):
        read_mesh(tmp_path / "mesh.ply")


@pytest.mark.parametrize(("kind", "type_"), [("ushort", "u2"), ("int", "i4"), ("float", "f4")])
def test_labels_are_written_in_the_type_asked_for(
    tmp_path: Path, kind: LabelType, type_: str
) -> None:
    """meshio 5.3 cannot open ``ushort``; Open3D 0.19, VTK 9 and trimesh 5 drop it on saving."""
    mesh = some_mesh()
    write_ply(tmp_path / "mesh.ply", mesh, kind)
    stored = PlyData.read(str(tmp_path / "mesh.ply"))["vertex"]["label"]
    assert stored.dtype.newbyteorder("=") == np.dtype(type_)
    np.testing.assert_array_equal(read_mesh(tmp_path / "mesh.ply").labels, mesh.labels)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("element vertex 1\nproperty float x\nelement face 2\n", r"without properties \(face\)"),
        ("element vertex -1\nproperty float x\n", "-1 records of vertex"),
    ],
)
def test_a_header_of_records_without_bytes_is_refused(
    header: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.ply"
    file.write_bytes(
        f"ply\nformat binary_little_endian 1.0\n{header}end_header\n".encode() + bytes(9)
    )
    with pytest.raises(CaptureError, match=words):
        read_mesh(file)


@pytest.mark.parametrize(
    ("names", "kind", "values", "expected"),
    [
        (("red", "green", "blue"), "f4", [0.0, 0.5, 1.0], [0, 128, 255]),
        (("red", "green", "blue"), "f8", [0.0, 128.0, 255.0], [0, 128, 255]),
        (("red", "green", "blue"), "u2", [0, 32896, 65535], [0, 128, 255]),
        (("red", "green", "blue"), "u2", [0, 128, 255], [0, 128, 255]),
        (("red", "green", "blue"), "i4", [0, 128, 255], [0, 128, 255]),
        (("r", "g", "b"), "u1", [0, 128, 255], [0, 128, 255]),
        (("diffuse_red", "diffuse_green", "diffuse_blue"), "u1", [0, 1, 255], [0, 1, 255]),
    ],
)
def test_colours_of_any_type_and_name_are_read(
    tmp_path: Path, names: tuple[str, ...], kind: str, values: list[float], expected: list[int]
) -> None:
    """Assimp issue 1167 and MonoRec 3 (floats), MeshLab 186 (r g b), old MeshLab (diffuse_red)."""
    write_vertices(tmp_path / "mesh.ply", dict.fromkeys(names, (kind, values)))
    colors = read_mesh(tmp_path / "mesh.ply").colors
    assert colors is not None
    assert colors.dtype == np.uint8
    assert colors[:, 0].tolist() == colors[:, 2].tolist() == expected
    assert read_points(tmp_path / "mesh.ply").remarks == ()


@pytest.mark.parametrize("values", [[-1.0, 0.0, 1.0], [0.0, 1.0, 1e6], [0.0, np.nan, 1.0]])
def test_colours_that_mean_nothing_are_dropped_with_a_word(
    tmp_path: Path, values: list[float]
) -> None:
    properties = dict.fromkeys(("red", "green", "blue"), ("f4", values))
    write_vertices(tmp_path / "mesh.ply", properties)
    found = read_points(tmp_path / "mesh.ply")
    assert found.mesh.colors is None
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("mesh.ply: colours (red, green, blue) are dropped: values")
    told: list[str] = []
    assert read_mesh(tmp_path / "mesh.ply", told).colors is None
    assert tuple(told) == found.remarks


def write_cloud(path: Path, points: np.ndarray, ids: list[int] | None = None) -> None:
    """Points without an element of faces, as scanners write them."""
    fields = [("x", points.dtype), ("y", points.dtype), ("z", points.dtype)]
    vertex = np.zeros(len(points), dtype=[*fields, *([("label", "i4")] if ids else [])])
    for axis, name in enumerate("xyz"):
        vertex[name] = points[:, axis]
    if ids:
        vertex["label"] = ids
    PlyData([PlyElement.describe(vertex, "vertex")]).write(str(path))


def test_a_point_cloud_is_told_where_faces_are_needed(tmp_path: Path) -> None:
    """DTUeval-python issue 3, trimesh 548: no faces, which no mesh is."""
    write_cloud(tmp_path / "cloud.ply", np.eye(3, dtype=np.float32), [5, 50, 1191])
    with pytest.raises(CaptureError, match=r"cloud\.ply, a point cloud: 3 points and no faces"):
        read_mesh(tmp_path / "cloud.ply")
    found = read_points(tmp_path / "cloud.ply")
    assert found.mesh.faces.shape == (0, 3)
    np.testing.assert_array_equal(found.mesh.vertices_m, np.eye(3))
    assert found.ids is not None
    assert found.ids.tolist() == [5, 50, 1191]
    write_cloud(tmp_path / "cloud.ply", np.eye(3, dtype=np.float32), [5, 50, 7])
    mesh, unknown = read_labelled_mesh(tmp_path / "cloud.ply", cloud=True)
    assert mesh.labels is not None
    assert (mesh.labels.tolist(), unknown) == ([5, 0, 7], {50: 1})


def test_surveyed_coordinates_keep_their_millimetres(tmp_path: Path) -> None:
    """A float32 of 5,400,000 m is half a metre coarse: the origin is taken off before."""
    points = np.array([[0, 0, 0], [0.001, 2, 0], [4, 0, 3]])
    points += np.array([690000.25, 5400000.5, 300])
    write_cloud(tmp_path / "cloud.ply", points)
    found = read_points(tmp_path / "cloud.ply")
    assert found.origin_m == (690002.0, 5400002.0, 302.0)
    back = found.mesh.vertices_m.astype(np.float64) + found.origin_m
    np.testing.assert_allclose(back, points, rtol=0, atol=1e-6)
    same = read_points(tmp_path / "cloud.ply", found.origin_m)
    np.testing.assert_array_equal(same.mesh.vertices_m, found.mesh.vertices_m)
    write_cloud(tmp_path / "near.ply", np.eye(3) * 900)
    assert read_points(tmp_path / "near.ply").origin_m == (0.0, 0.0, 0.0)


def test_what_is_known_of_vertices_comes_back_from_a_file(tmp_path: Path) -> None:
    mesh = Mesh(
        np.eye(3, dtype=np.float32),
        np.array([[0, 1, 2]], np.int32),
        labels=np.array([1, 2, 3], np.uint8),
        label_confidence=np.array([0, 0.5, 1], np.float32),
        objects=np.array([0, 7, 70000], np.int32),
    )
    write_ply(tmp_path / "m.ply", mesh)
    again = read_mesh(tmp_path / "m.ply")
    assert set(again.by_vertex) == {"labels", "label_confidence", "objects"}
    for name, value in mesh.by_vertex.items():
        np.testing.assert_array_equal(again.by_vertex[name], value)
