"""The 3D view: thinned meshes, shading, one file."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from crossvox.core.checks import ParamsError
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import face_pick
from crossvox.report.class_colors import class_colors, class_error_colors
from crossvox.report.confidence import CONFIDENCE_MAP
from crossvox.report.layers import Layer
from crossvox.report.pictures.colors import error_colors
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.kernels import distinct_faces
from crossvox.report.pictures.surface import Surface, vertex_normals
from crossvox.report.rooms import with_colors
from crossvox.report.view.decimate import merge
from crossvox.report.view.file import write_viewer_html
from crossvox.report.view.glb import glb_of, write_shaded_glb
from crossvox.report.view.live import serve
from crossvox.report.view.model import RoomView, Shot
from crossvox.report.view.pack import Parts, record_of
from crossvox.report.view.shading import shaded, vertex_light
from crossvox.report.view.stage import Stage, least_first

EMPTY = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))


@pytest.mark.parametrize("most", [500, 5000, 20_000])
def test_thin_keeps_the_shape_and_the_limit(box_room: Mesh, most: int) -> None:
    small = merge(box_room, most).mesh
    assert 0.25 * most < len(small.faces) <= most
    assert small.colors is not None
    assert small.faces.max() < len(small.vertices_m)
    low, high = box_room.vertices_m.min(axis=0), box_room.vertices_m.max(axis=0)
    np.testing.assert_allclose(small.vertices_m.min(axis=0), low, atol=0.25)
    np.testing.assert_allclose(small.vertices_m.max(axis=0), high, atol=0.25)
    a, b, c = small.faces.T
    assert ((a != b) & (b != c) & (c != a)).all()


def test_thin_leaves_small_meshes_alone(box_room: Mesh) -> None:
    assert merge(box_room, len(box_room.faces)).mesh is box_room
    with pytest.raises(ParamsError, match="needed: a positive number"):
        merge(box_room, 0)


def test_thin_keeps_both_sides_of_a_thin_wall(build: SimpleNamespace) -> None:
    wall = build.box((0, 0, 0), (2, 0.03, 2), (120, 130, 140), step=0.03)
    small = merge(wall, 600).mesh
    normals = vertex_normals(small)
    assert (normals[:, 1] < -0.9).sum() > 20
    assert (normals[:, 1] > 0.9).sum() > 20


def test_thin_stays_near_the_surface(box_room: Mesh) -> None:
    far = error_colors(box_room, EMPTY)[0]
    colors = error_colors(merge(box_room, 8000).mesh, box_room, reach_m=0.12)
    assert (colors != far).any(axis=-1).mean() > 0.99


def test_the_faces_of_the_shell_come_last(box_room: Mesh) -> None:
    interior = Interior.of(box_room)
    plain = Layer("Room", "shape", "", Mesh(box_room.vertices_m, box_room.faces))
    stage = Stage.of(RoomView("r", [plain], interior=interior), len(box_room.faces))
    (surface,) = stage.surfaces
    assert 0 < surface.inner < len(surface.mesh.faces) == len(box_room.faces)
    assert stage.has_shell
    heights = surface.mesh.triangles_m[:, :, 2].min(axis=1)
    assert heights[: surface.inner].max() < interior.top_m
    assert heights[surface.inner :].max() >= interior.top_m
    whole = Stage.of(RoomView("r", [plain]), len(box_room.faces))
    assert not whole.has_shell


def test_glb_is_unlit_and_of_linear_colour(box_room: Mesh) -> None:
    data = glb_of(Mesh(box_room.vertices_m, box_room.faces, box_room.colors))
    assert data[:4] == b"glTF"
    assert int.from_bytes(data[8:12], "little") == len(data)
    length = int.from_bytes(data[12:16], "little")
    record = json.loads(data[20 : 20 + length])
    assert record["extensionsUsed"] == ["KHR_materials_unlit"]
    primitive = record["meshes"][0]["primitives"][0]
    assert "KHR_materials_unlit" in record["materials"][primitive["material"]]["extensions"]
    view = record["bufferViews"][
        record["accessors"][primitive["attributes"]["COLOR_0"]]["bufferView"]
    ]
    start = 28 + length + view.get("byteOffset", 0)
    first = np.frombuffer(data[start : start + 3], np.uint8) / 255
    assert box_room.colors is not None
    back = np.where(first <= 0.0031308, first * 12.92, 1.055 * first ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(back * 255, box_room.colors[0], atol=2.5)


def test_glb_can_be_read_back(box_room: Mesh, tmp_path: Path) -> None:
    import trimesh

    faces = write_shaded_glb(tmp_path / "room.glb", box_room, 5000)
    scene = trimesh.load(tmp_path / "room.glb")
    assert sum(len(mesh.faces) for mesh in scene.geometry.values()) == faces
    # y is up in glTF.
    assert scene.bounds[1][1] == pytest.approx(2.6, abs=0.1)


def test_shading_darkens_corners_only(box_room: Mesh) -> None:
    mesh = shaded(box_room)
    assert mesh.colors is not None
    assert box_room.colors is not None
    ratio = mesh.colors.sum(axis=-1) / np.maximum(box_room.colors.sum(axis=-1), 1)
    assert ratio.max() <= 1.3
    assert np.percentile(ratio, 5) < np.percentile(ratio, 95) - 0.2


def labelled_room(mesh: Mesh) -> Mesh:
    """Floor, wall and a class that is one vertex wide."""
    labels = np.where(mesh.vertices_m[:, 2] < 0.05, 2, 1).astype(np.uint8)
    labels[::97] = 39
    return Mesh(mesh.vertices_m, mesh.faces, class_colors(labels), labels)


def classes_layer(mesh: Mesh) -> Layer:
    return Layer("Learnt", "classes", "", labelled_room(mesh), True, "classes")


@pytest.mark.parametrize("most", [700, 6000, 10**6])
def test_merging_tells_where_every_face_came_from(box_room: Mesh, most: int) -> None:
    merged = merge(box_room, most)
    assert len(merged.face) == len(merged.mesh.faces) <= max(most, len(box_room.faces))
    assert len(merged.vertex) == len(box_room.vertices_m)
    came = merged.vertex[box_room.faces[merged.face]]
    np.testing.assert_array_equal(np.sort(came, axis=1), np.sort(merged.mesh.faces, axis=1))


def test_faces_begin_with_their_least_vertex_and_keep_their_front() -> None:
    faces = np.array([[0, 1, 2], [5, 3, 4], [8, 9, 7]], np.int32)
    assert least_first(faces).tolist() == [[0, 1, 2], [3, 4, 5], [7, 8, 9]]


def test_a_face_takes_what_two_of_its_corners_have() -> None:
    faces = np.array([[0, 1, 2], [0, 1, 3], [2, 0, 3], [4, 0, 1]], np.int32)
    values = np.array([5, 5, 7, 9, 1], np.uint8)
    assert face_pick(faces, values).tolist() == [5, 5, 7, 5]


@pytest.mark.parametrize("most", [900, 5000])
def test_thinning_never_mixes_classes(box_room: Mesh, most: int) -> None:
    layer = classes_layer(box_room)
    stage = Stage.of(RoomView("r", [layer], interior=Interior.of(box_room)), most)
    (surface,), (skin,) = stage.surfaces, stage.skins
    assert skin.kind == "code"
    assert skin.palette is not None
    assert skin.labels is skin.values
    assert set(skin.values.tolist()) <= {1, 2, 39}
    assert len(skin.values) == len(surface.mesh.faces) <= most
    assert layer.mesh.labels is not None
    for face, label in zip(surface.face[:50], skin.values[:50], strict=True):
        assert label in layer.mesh.labels[layer.mesh.faces[face]]
    np.testing.assert_array_equal(
        skin.palette[skin.values], class_colors(skin.values.astype(np.uint8))
    )


def test_errors_are_a_code_of_three_colours() -> None:
    truth = np.array([1, 1, 0, 5], np.uint8)
    colors = class_error_colors(truth, np.array([1, 2, 2, 5], np.uint8))
    right, wrong, nobody, again = colors.tolist()
    assert right == again
    assert wrong[0] > 2 * wrong[1]
    assert len({tuple(right), tuple(wrong), tuple(nobody)}) == 3
    assert max(nobody) < min(right)


def test_distinct_faces_are_those_of_a_set() -> None:
    """Twin: turned tuples in a dictionary."""
    rng = np.random.default_rng(3)
    faces = rng.integers(0, 60, (900, 3)).astype(np.int32)
    cluster = rng.integers(0, 9, 60)
    found, chosen = distinct_faces(faces, cluster, 9)
    first: dict[tuple[int, ...], int] = {}
    for number, face in enumerate(cluster[faces].tolist()):
        turns = [tuple(face[k:] + face[:k]) for k in range(3)]
        if len(set(face)) == 3:
            first.setdefault(min(turns), number)
    assert found.tolist() == [list(face) for face in sorted(first)]
    assert chosen.tolist() == [first[face] for face in sorted(first)]
    none, _ = distinct_faces(faces, np.zeros(60, dtype=np.int64), 1)
    assert none.shape == (0, 3)


def test_a_thinned_surface_has_the_shadows_of_the_whole_one(box_room: Mesh) -> None:
    surface, merged = Surface(box_room), merge(box_room, 2000)
    mesh, light = vertex_light(merged, surface)
    _, whole = vertex_light(merge(box_room, len(box_room.faces)), surface)
    assert len(light) == len(mesh.vertices_m) < len(whole)
    mean = np.bincount(merged.vertex, whole) / np.bincount(merged.vertex)
    assert np.corrcoef(light, mean)[0, 1] > 0.9


def test_a_surface_is_thinned_once_for_all_its_layers(
    box_room: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.report.view import stage as module

    calls = []
    light = module.vertex_light
    monkeypatch.setattr(module, "vertex_light", lambda *a: calls.append(1) or light(*a))
    first = classes_layer(box_room)
    same = Layer("Learnt", "colours", "", Mesh(first.mesh.vertices_m, first.mesh.faces))
    other = Layer("Other", "shape", "", Mesh(box_room.vertices_m.copy(), box_room.faces))
    stage = Stage.of(RoomView("r", [first, same, other]), 2000)
    assert len(calls) == len(stage.surfaces) == 2
    assert [skin.surface for skin in stage.skins] == [0, 0, 1]
    assert stage.skins[1].labels is None


def told_room(mesh: Mesh) -> Mesh:
    """Classes, how sure they are, objects."""
    found = labelled_room(mesh)
    count = len(mesh.vertices_m)
    assert found.labels is not None
    return replace(
        found,
        label_confidence=np.linspace(0, 1, count, dtype=np.float32),
        objects=np.where(mesh.vertices_m[:, 0] > 2, 7, 0).astype(np.int32),
    )


def unpacked(record: dict, data: bytes, number: int) -> np.ndarray:
    """The other end of a part, as the page's script has it."""
    part = record["parts"][number]
    size, count = part["size"], part["count"]
    raw = np.frombuffer(data[part["at"] :][: size * count], np.uint8)
    if size == 1:
        return raw
    kind = np.dtype(f"<u{size}")
    values = np.ascontiguousarray(raw.reshape(size, count).T).view(kind)[:, 0]
    return np.cumsum(values, dtype=kind) if part["steps"] else values


def test_confidence_and_objects_cost_few_bytes_and_come_back(box_room: Mesh) -> None:
    mesh = told_room(box_room)
    assert mesh.label_confidence is not None
    layers = [
        Layer("Learnt", "classes", "", with_colors(mesh, class_colors(mesh.labels)), True,
              "classes"),
        Layer("Learnt", "confidence", "", mesh, key="confidence", values=mesh.label_confidence,
              map=CONFIDENCE_MAP),
    ]  # fmt: skip
    stage = Stage.of(RoomView("r", layers), 10**6)
    parts = Parts()
    record = record_of(stage, parts)
    data = gzip.decompress(base64.b64decode(parts.text(6)))
    surface = record["surfaces"][0]
    assert surface["labels"] == record["layers"][0]["labels"] == record["layers"][0]["values"]
    assert surface["confidence"] == record["layers"][1]["values"]  # one array serves both
    sure = unpacked(record, data, surface["confidence"])
    assert sure.tolist() == [math.floor(v * 255 + 1e-6) for v in mesh.label_confidence.tolist()]
    first, second, third = (unpacked(record, data, n) for n in surface["faces"])
    faces = np.stack([first, first + second, first + third], axis=-1)
    np.testing.assert_array_equal(faces, stage.surfaces[0].mesh.faces)
    places = np.stack([unpacked(record, data, n) for n in surface["place"]], axis=-1)
    back = np.array(surface["low"]) + places / 65535 * np.array(surface["span"])
    np.testing.assert_allclose(back, mesh.vertices_m, atol=1e-4)
    assert set(unpacked(record, data, surface["objects"]).tolist()) == {0, 7}
    without = Stage.of(RoomView("r", [replace_mesh(layers[0])]), 10**6)
    plain = Parts()
    record_of(without, plain)
    more = len(parts.text(6)) - len(plain.text(6))
    assert more < 4 * len(mesh.vertices_m)


def replace_mesh(layer: Layer) -> Layer:
    """The layer of a surface that tells nothing but classes."""
    mesh = replace(layer.mesh, label_confidence=None, objects=None)
    return replace(layer, mesh=mesh)


def test_thinned_confidence_is_cut_not_rounded_up(box_room: Mesh) -> None:
    mesh = replace(
        labelled_room(box_room),
        label_confidence=np.full(len(box_room.vertices_m), 0.999, np.float32),
    )
    layer = Layer("Learnt", "classes", "", mesh, True, "classes")
    (surface,) = Stage.of(RoomView("r", [layer]), 3000).surfaces
    assert surface.confidence is not None
    assert surface.confidence.max() == 254


def test_view_is_one_file_with_a_safe_title(
    box_room: Mesh, tmp_path: Path, capsys: pytest.CaptureFixture[str], build: SimpleNamespace
) -> None:
    path = tmp_path / "scenes" / "room.html"
    image = np.full((12, 16, 3), 90, np.uint8)
    view = RoomView(
        "<b>&room</b>",
        [classes_layer(box_room), Layer("Nothing", "shape", "", EMPTY)],
        interior=Interior.of(box_room),
        camera_path_m=np.zeros((3, 3)),
        shots=[Shot("7", pose, build.camera, image) for pose in build.poses(box_room, 2)],
        missing=["no </script> votes"],
    )
    report = write_viewer_html(view, path, max_faces=4000)
    text = path.read_text(encoding="utf-8")
    assert report.size_bytes == path.stat().st_size < 3_000_000
    assert list(report.faces) == ["Learnt: classes"]
    assert report.left_out == ("Nothing: shape",)
    assert set(report.classes) == {"wall", "floor", "otherfurniture"}
    assert report.shots == 2
    assert "&lt;b&gt;&amp;room&lt;/b&gt;" in text
    assert "<b>&room" not in text
    assert "no &lt;/script&gt; votes" in text
    assert text.count('type="radio"') == 1
    assert text.count('data-label="') == 3
    assert 'data-show="shell"' in text
    assert "camera path, 2 frames" in text
    begin = text.index("var record = ") + 13
    record = json.loads(text[begin : text.index(";\n", begin)])
    shares = record["layers"][0]["shares"]
    told = [float(share.rstrip("%")) for share in shares.values() if not share.startswith("under")]
    assert 99 < sum(told) <= 100
    assert [len(shot["corners"]) for shot in record["shots"]] == [4, 4]
    assert not re.search(r"https?://(?!www.w3.org)", text)
    assert list(tmp_path.rglob("*.part*")) == []
    assert capsys.readouterr().out == ""


def test_view_of_nothing_is_an_error(tmp_path: Path) -> None:
    view = RoomView("r", [Layer("Nothing", "shape", "", EMPTY)])
    with pytest.raises(ParamsError, match="given: no mesh with faces"):
        write_viewer_html(view, tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_a_taken_port_is_an_error_that_names_it(box_room: Mesh) -> None:
    view = RoomView("r", [classes_layer(box_room)])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        expected = f"given: port {port}, which another program uses; needed: a free port; do: "
        with pytest.raises(ParamsError, match=expected), serve(view, port=port):
            pass
    with pytest.raises(ParamsError, match="given: port 70000"), serve(view, port=70_000):
        pass


def test_live_view_is_served_and_ends(box_room: Mesh) -> None:
    from urllib.request import urlopen

    view = RoomView("room", [classes_layer(box_room)], missing=["no 2D votes"])
    with serve(view, port=0, max_faces=2000) as address:
        with urlopen(address, timeout=10) as answer:
            assert answer.status == 200
        port = int(address.rsplit(":", 1)[1])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
