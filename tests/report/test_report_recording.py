"""A 3D view as a recording of rerun, read back by rerun; skipped where that is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.cli import main
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.volume import Mesh
from crossvox.report.class_colors import class_colors
from crossvox.report.layers import Layer
from crossvox.report.look import open_view
from crossvox.report.view.decimate import merge
from crossvox.report.view.model import RoomView
from crossvox.report.view.recording import colored, expect_recording, write_recording


def entities(path: Path) -> dict[str, dict[str, list[Any]]]:
    """All values of a recording by entity and component."""
    reader = pytest.importorskip("rerun.chunk").RrdReader(path)
    found: dict[str, dict[str, list[Any]]] = {}
    for chunk in reader.stream():
        columns = found.setdefault(chunk.entity_path, {})
        for name, column in chunk.to_record_batch().to_pydict().items():
            columns.setdefault(name, []).extend(column)
    return found


def test_all_of_a_room_is_in_its_recording(furnished: Any, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs the package of the extra crossvox[rerun]")
    out = tmp_path / "room.rrd"
    view = open_view(furnished.prediction, shots=5)
    report = write_recording(view, out, max_faces=4000)
    assert report.size_bytes == out.stat().st_size
    assert (report.frames, report.objects) == (5, 3)
    there = entities(out)
    meshes = [name for name in there if name.startswith("/room/")]
    assert len(meshes) == len(report.faces) == len(view.layers)
    classes = there["/room/learnt/classes"]
    (faces,), (ids,) = classes["Mesh3D:triangle_indices"], classes["Mesh3D:class_ids"]
    assert len(faces) == report.faces["Learnt: classes"] <= 4000
    (points,) = classes["Mesh3D:vertex_positions"]
    assert len(points) == len(ids) > np.max(faces)
    assert {1, 2, 6, 7} <= set(ids)
    assert "Mesh3D:class_ids" not in there["/room/learnt/confidence"]
    (context,) = there["/"]["AnnotationContext:context"]
    names = {one["class_id"]: one["class_description"]["info"]["label"] for one in context[0]}
    assert names[6] == "sofa"
    assert len(there["/objects"]["Boxes3D:labels"][0]) == 3
    camera = there["/camera"]
    numbers = [int(shot.label) for shot in view.shots]
    assert sorted(set(camera["frame"])) == numbers
    moved = [value[0] for value in camera["Transform3D:translation"] if value]
    expected = [shot.pose.position_m for shot in view.shots]
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert all(value for value in camera["EncodedImage:blob"] if value is not None)
    before = out.read_bytes()
    expect_recording(out)  # one of ours may be replaced
    write_recording(view, out, max_faces=3000)
    assert out.read_bytes() != before


def test_the_command_writes_a_recording(furnished: Any, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs the package of the extra crossvox[rerun]")
    out = tmp_path / "room.rrd"
    words = ["export", "rerun", str(furnished.prediction), str(out), "--faces", "2000"]
    assert main([*words, "--frames", "2"]) == 0
    assert out.stat().st_size > 10_000
    assert main([*words, "--faces", "0"]) == 2


def test_only_recordings_of_ours_are_written_over(tmp_path: Path) -> None:
    other = tmp_path / "room.rrd"
    other.write_bytes(b"RRF2 of somebody else")
    with pytest.raises(ArtifactError, match="something that crossvox did not write"):
        expect_recording(other)
    with pytest.raises(ParamsError, match=r"a file whose name ends with \.rrd"):
        expect_recording(tmp_path / "room.html")
    expect_recording(tmp_path / "new.rrd")


def test_without_rerun_the_text_names_the_extra(
    furnished: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rerun", None)
    out = tmp_path / "room.rrd"
    assert main(["export", "rerun", str(furnished.prediction), str(out)]) == 2
    assert "pip install 'crossvox[rerun]'" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_classes_are_picked_and_colours_are_mixed(box_room: Mesh) -> None:
    labels = np.where(np.arange(len(box_room.vertices_m)) % 2, 1, 2).astype(np.uint8)
    mesh = Mesh(box_room.vertices_m, box_room.faces, class_colors(labels), labels)
    merged = merge(Mesh(mesh.vertices_m, mesh.faces), 2000)
    coded = colored(Layer("Learnt", "classes", "", mesh, True, "classes"), merged)
    assert coded.labels is not None
    assert set(coded.labels.tolist()) <= {1, 2}
    np.testing.assert_array_equal(coded.colors, class_colors(coded.labels))
    mixed = colored(Layer("Learnt", "colours", "", box_room), merged)
    assert box_room.colors is not None
    mean = np.array([box_room.colors[merged.vertex == 7].mean(axis=0)])
    np.testing.assert_allclose(mixed.colors[7:8], mean, atol=0.51)


def test_a_view_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="given: no mesh with faces"):
        write_recording(RoomView("r", []), tmp_path / "x.rrd")
