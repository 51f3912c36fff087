"""The 3D view: thinned meshes, shading, one file."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from crossvox.core.checks import ParamsError
from crossvox.core.volume import Mesh
from crossvox.report.pictures import Interior, error_colors, vertex_normals
from crossvox.report.viewer import (
    glb_of,
    shaded,
    split_shell,
    thin,
    write_shaded_glb,
    write_viewer_html,
)

EMPTY = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))


@pytest.mark.parametrize("most", [500, 5000, 20_000])
def test_thin_keeps_the_shape_and_the_limit(box_room: Mesh, most: int) -> None:
    small = thin(box_room, most)
    assert 0.25 * most < len(small.faces) <= most
    assert small.colors is not None
    assert small.faces.max() < len(small.vertices_m)
    low, high = box_room.vertices_m.min(axis=0), box_room.vertices_m.max(axis=0)
    np.testing.assert_allclose(small.vertices_m.min(axis=0), low, atol=0.25)
    np.testing.assert_allclose(small.vertices_m.max(axis=0), high, atol=0.25)
    a, b, c = small.faces.T
    assert ((a != b) & (b != c) & (c != a)).all()


def test_thin_leaves_small_meshes_alone(box_room: Mesh) -> None:
    assert thin(box_room, len(box_room.faces)) is box_room
    with pytest.raises(ParamsError, match="needed: a positive number"):
        thin(box_room, 0)


def test_thin_keeps_both_sides_of_a_thin_wall(build: SimpleNamespace) -> None:
    wall = build.box((0, 0, 0), (2, 0.03, 2), (120, 130, 140), step=0.03)
    small = thin(wall, 600)
    normals = vertex_normals(small)
    assert (normals[:, 1] < -0.9).sum() > 20
    assert (normals[:, 1] > 0.9).sum() > 20


def test_thin_stays_near_the_surface(box_room: Mesh) -> None:
    far = error_colors(box_room, EMPTY)[0]
    colors = error_colors(thin(box_room, 8000), box_room, reach_m=0.12)
    assert (colors != far).any(axis=-1).mean() > 0.99


def test_split_opens_the_room(box_room: Mesh) -> None:
    interior = Interior.of(box_room)
    room, shell = split_shell(box_room, interior)
    assert len(room.faces) + len(shell.faces) == len(box_room.faces)
    assert room.vertices_m[:, 2].max() == pytest.approx(interior.top_m)
    assert len(shell.faces) > 0
    assert shell.vertices_m[:, 2].max() == box_room.vertices_m[:, 2].max()


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


def test_view_is_one_file_with_a_safe_title(
    box_room: Mesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scenes" / "room.html"
    report = write_viewer_html(
        {"Learnt": box_room, "Nothing": EMPTY},
        path,
        title="<b>&room</b>",
        interior=Interior.of(box_room),
        camera_path_m=np.zeros((3, 3)),
        max_faces=4000,
    )
    text = path.read_text(encoding="utf-8")
    assert report.size_bytes == path.stat().st_size < 3_000_000
    assert list(report.faces) == ["Learnt"]
    assert report.left_out == ("Nothing",)
    assert "__VISER_EMBED_DATA__" in text
    assert "&lt;b&gt;&amp;room&lt;/b&gt;" in text
    assert "<b>&room" not in text
    assert list(tmp_path.rglob("*.part*")) == []
    assert capsys.readouterr().out == ""


def test_view_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="given: no mesh with faces"):
        write_viewer_html({"Nothing": EMPTY}, tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()
