"""Meshes that come with a scan: labels that are none of NYU40's, raw ids, the complete surface."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.describe import describe
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.artifact import read_manifest
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CrossvoxError
from crossvox.core.frame import COMPLETE_MESH
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Input
from crossvox.recipes.prepare import PrepareParams, PrepareScene, prepare
from crossvox.scene.store import read_volume

CAMERA = Intrinsics(30, 30, 31.5, 23.5, 64, 48)
QUICK = PrepareParams(frame_skip=1, width=64, height=48)
MESH, LABELS = "room_vh_clean_2.ply", "room_vh_clean_2.labels.ply"


def write_scan(folder: Path, labels: np.ndarray) -> None:
    """A wall of 20 x 20 vertices that one frame looks at."""
    folder.mkdir()
    color = encode_jpeg(np.full((48, 64, 3), 90, np.uint8))
    depth = zlib.compress(np.full((48, 64), 1500, np.uint16).tobytes())
    header = SensHeader("test", CAMERA, CAMERA, np.eye(4), np.eye(4))
    with SensWriter(folder / "room.sens", header, 1) as writer:
        writer.write(SensFrame(np.eye(4, dtype=np.float32), 0, 0, color, depth))
    x, y = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20))
    vertices = np.stack([x, y, np.full_like(x, 1.5)], -1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(19)[:, None] * 20 + np.arange(19)).reshape(-1, 1)
    faces = np.concatenate([corner + np.array([0, 1, 20]), corner + np.array([1, 21, 20])]).astype(
        np.int32
    )
    mesh = Mesh(vertices, faces)
    write_ply(folder / MESH, mesh)
    write_ply(folder / LABELS, replace(mesh, labels=labels.astype(np.uint16)))  # type: ignore[arg-type]


def test_ids_beyond_nyu40_are_unannotated_and_counted(tmp_path: Path) -> None:
    labels = np.full(400, 5)
    labels[:40], labels[40:50] = 50, 149
    write_scan(tmp_path / "raw", labels)
    prepare(tmp_path / "raw", tmp_path / "data", QUICK, workers=1)
    scene = tmp_path / "data/room"
    notes = read_manifest(scene).notes
    assert notes["vertices with unknown label ids"] == {"50": 40, "149": 10}
    written = read_mesh(scene / "room.ply").labels
    np.testing.assert_array_equal(written, np.where(labels == 5, 5, 0))
    assert set(np.unique(read_volume(scene / "volume.npz").labels)) == {0, 5}


def test_raw_ids_need_the_class_map(tmp_path: Path) -> None:
    write_scan(tmp_path / "raw", np.where(np.arange(400) < 200, 1191, 58))
    with pytest.raises(CrossvoxError, match=r"labels\.ply with vertex label 1191.*--label-map"):
        prepare(tmp_path / "raw", tmp_path / "data", QUICK, workers=1)
    table = tmp_path / "raw/scannetv2-labels.combined.tsv"
    table.write_text("id\tnyu40id\n58\t7\n1191\t39\n")
    prepare(tmp_path / "raw", tmp_path / "data", QUICK, workers=1)
    labels = read_mesh(tmp_path / "data/room/room.ply").labels
    np.testing.assert_array_equal(labels, np.where(np.arange(400) < 200, 39, 7))


def test_a_class_map_that_cannot_be_read_is_one_error(
    tmp_path: Path,
) -> None:
    """Not one a frame; info shows all else and says why there are no labels."""
    write_scan(tmp_path / "raw", np.full(400, 1))
    write_bytes(tmp_path / "raw/label-filt/0.png", encode_png(np.ones((48, 64), np.uint16)))
    table = tmp_path / "raw/scannetv2-labels.combined.tsv"
    for text in (None, "id\tname\n"):
        if text is not None:
            table.write_text(text)
        with pytest.raises(CrossvoxError, match="labels that cannot be told in NYU40") as found:
            prepare(tmp_path / "raw", tmp_path / "data", QUICK, workers=1)
        assert "broken" not in str(found.value)
        assert "scannetv2-labels.combined.tsv" in str(found.value)
        summary = describe(open_capture(tmp_path / "raw"))
        assert summary.broken == ()
        assert "scannetv2-labels.combined.tsv" in summary.info.notes[0]


def test_a_complete_surface_moves_with_its_scene(tmp_path: Path) -> None:
    write_scan(tmp_path / "raw", np.full(400, 1))
    corners = np.array([[-1, -1, 1.5], [1, -1, 1.5], [0, 1, 1.5], [0, 0, 3]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3]], dtype=np.int32)
    write_ply(tmp_path / "raw/room_complete.ply", Mesh(corners, faces))
    data = tmp_path / "data"
    prepare(tmp_path / "raw", data, QUICK, workers=1)
    stays = read_mesh(data / "room" / COMPLETE_MESH)
    np.testing.assert_array_equal(stays.vertices_m, corners)
    np.testing.assert_array_equal(stays.faces, faces)
    assert open_capture(data / "room").info().complete_mesh == data / "room" / COMPLETE_MESH
    assert COMPLETE_MESH in (read_manifest(data / "room").files or {})
    turn = (
        (0.0, -1.0, 0.0, 5.0),
        (1.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, 1.0, -1.0),
        (0.0, 0.0, 0.0, 1.0),
    )
    fused = replace(QUICK, surface="tsdf")
    capture = Input.files(tmp_path / "raw")
    levelled = PrepareScene(capture, "level", fused, new_from_old=turn)
    Runner().make(levelled, tmp_path / "level")
    moved = read_mesh(tmp_path / "level" / COMPLETE_MESH)
    np.testing.assert_allclose(moved.vertices_m[3], (5, 0, 2))
    # The fused wall lies where the complete one does.
    wall = read_mesh(tmp_path / "level/level.ply").vertices_m
    assert np.abs(wall[:, 2] - moved.vertices_m[0, 2]).max() < 0.03


def test_scans_without_a_complete_surface_get_none(tmp_path: Path) -> None:
    write_scan(tmp_path / "raw", np.full(400, 1))
    prepare(tmp_path / "raw", tmp_path / "data", QUICK, workers=1)
    assert not (tmp_path / "data/room" / COMPLETE_MESH).exists()
