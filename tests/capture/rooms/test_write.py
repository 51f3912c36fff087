"""Files: complete, byte for byte the same, kept where they are there."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.rooms import RoomsParams
from crossvox.capture.rooms.layout.furnish import kind_of
from crossvox.capture.rooms.write import room_images, scene_name, splits, write_room
from crossvox.capture.sens.reader import SensReader
from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import ArtifactError
from crossvox.core.labels import NYU40, RawLabelMap
from crossvox.core.room_contents import RoomContents
from crossvox.core.volume import Mesh
from crossvox.doors.images import read_gray
from crossvox.doors.meshes import read_mesh
from crossvox.doors.raycast import Raycaster
from crossvox.flow.progress import Report, Silent
from crossvox.flow.runner import Runner
from crossvox.recipes.rooms import write_rooms

TINY = RoomsParams(count=2, seed=3, frames=4, width=96, height=72, spacing_m=0.08, threads=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny rooms on disk."""
    folder = tmp_path_factory.mktemp("rooms") / "raw"
    write_rooms(folder, TINY)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Contents of all files but manifests, which hold times."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def test_a_scan_has_all_its_files(written: Path) -> None:
    assert (written / "scannetv2_train.txt").read_text().split() == ["scene0000_00"]
    assert (written / "scannetv2_val.txt").read_text().split() == ["scene0001_00"]
    classes = RawLabelMap.read(written / "scannetv2-labels.combined.tsv")
    rows = (written / "scannetv2-labels.combined.tsv").read_text().splitlines()
    count = {row.split("\t")[1]: int(row.split("\t")[3]) for row in rows[1:]}
    assert count["floor"] == 2  # one in each room
    assert count["door"] >= 1
    assert count["bed"] + count["couch"] + count["desk"] + count["toilet"] >= 1
    for name in ("scene0000_00", "scene0001_00"):
        scan = written / name
        reader = SensReader(scan / f"{name}.sens")
        assert len(reader) == TINY.frames
        poses = [reader.pose(frame) for frame in range(len(reader))]
        assert sum(pose is None for pose in poses) == 1
        header = reader.header
        assert header.color_camera.size == header.depth_camera.size == (96, 72)
        assert header.color_camera != header.depth_camera
        color = mesh = read_mesh(scan / f"{name}_vh_clean_2.ply")
        labelled = read_mesh(scan / f"{name}_vh_clean_2.labels.ply")
        np.testing.assert_array_equal(mesh.vertices_m, labelled.vertices_m)
        assert color.colors is not None
        assert labelled.labels is not None
        assert labelled.labels.min() >= 1
        assert len(mesh.vertices_m) < 300_000
        caster = Raycaster(mesh)
        for frame, pose in enumerate(poses):
            label = read_gray(scan / "label-filt" / f"{frame}.png")
            assert label.dtype == np.uint16
            assert label.shape == (72, 96)
            assert classes.known[label].all()
            assert reader.color(frame).std() > 5
            depth = reader.depth_m(frame)
            assert (depth > 0).mean() > 0.4
            if pose is None:
                continue
            extrinsic = header.depth_extrinsic.astype(np.float64)
            matrix = pose.world_from_camera @ extrinsic
            rendered = caster.depth(header.depth_camera, type(pose)(matrix))
            both = (depth > 0) & (rendered > 0)
            assert both.sum() > 0.3 * depth.size
            assert np.median(np.abs(depth - rendered)[both]) < 0.02


def test_the_complete_room_holds_what_frames_saw_and_what_they_did_not(written: Path) -> None:
    scan = written / "scene0000_00"
    complete = read_mesh(scan / "scene0000_00_complete.ply")
    seen = read_mesh(scan / "scene0000_00_vh_clean_2.ply")

    def corners(mesh: Mesh) -> set[tuple[int, ...]]:
        return {tuple(row) for row in np.round(mesh.vertices_m * 1e3).astype(int).tolist()}

    assert corners(seen) <= corners(complete)
    assert len(complete.faces) > len(seen.faces)
    places = np.round(complete.vertices_m * 1e4)
    # Welding looks at places in the room, which is turned in the scan's world.
    assert len(np.unique(places, axis=0)) > 0.999 * len(places)
    low, high = seen.vertices_m.min(axis=0), seen.vertices_m.max(axis=0)
    assert (complete.vertices_m.min(axis=0) <= low + 1e-3).all()
    assert (complete.vertices_m.max(axis=0) >= high - 1e-3).all()
    info = open_capture(scan).info()
    assert info.complete_mesh == scan / "scene0000_00_complete.ply"
    assert info.true_objects == scan / "scene0000_00_true_objects.json"


def test_what_a_room_truly_holds_is_where_its_labelled_surface_is(written: Path) -> None:
    name = "scene0000_00"
    contents = RoomContents.read(written / name / f"{name}_true_objects.json")
    seen = read_mesh(written / name / f"{name}_vh_clean_2.labels.ply")
    assert seen.labels is not None
    everything = read_mesh(written / name / f"{name}_complete.ply").vertices_m
    low, high = everything.min(axis=0), everything.max(axis=0)
    corners = np.array(contents.outline_m)
    # Panes and door leaves lie a little behind the walls.
    assert (corners >= low[:2] - 0.02).all()
    assert (corners <= high[:2] + 0.02).all()
    assert (corners.min(axis=0) < low[:2] + 0.2).all()
    assert (corners.max(axis=0) > high[:2] - 0.2).all()
    sizes = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    if len(corners) == 4:
        assert contents.area_m2 == pytest.approx(sizes[0] * sizes[1])
    assert {opening.kind for opening in contents.openings} == {"door", "window"}
    structure = [NYU40.id_of(n) for n in ("wall", "floor", "ceiling")]
    assert {o.class_id for o in contents.objects} == {*np.unique(seen.labels)} - {*structure}
    for label in {o.class_id for o in contents.objects}:
        points = seen.vertices_m[seen.labels == label]
        inside = np.zeros(len(points), dtype=bool)
        for one in contents.objects:
            if one.class_id == label:
                yaw = np.radians(one.yaw_deg)
                turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
                local = (points[:, :2] - one.center_m[:2]) @ turn
                flat = (np.abs(local) <= np.array(one.size_m[:2]) / 2 + 1e-3).all(axis=1)
                inside |= flat & (np.abs(points[:, 2] - one.center_m[2]) < one.size_m[2] / 2 + 1e-3)
        assert inside.all(), NYU40.names[label]


def test_scans_are_byte_equal_and_do_not_depend_on_the_count(written: Path, tmp_path: Path) -> None:
    first = RoomsParams(**{**vars(TINY), "count": 1, "threads": 1})
    write_rooms(tmp_path, first)
    again, before = digests(tmp_path / "scene0000_00"), digests(written / "scene0000_00")
    assert again == before
    assert (tmp_path / "scannetv2_val.txt").read_text() == ""


def test_finished_rooms_are_skipped_and_others_made_anew(written: Path) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}

    class Seen(Silent):
        def step(self, label: str) -> Report:
            return lambda done, total: seen.setdefault(label, []).append((done, total))

    before = (written / "scene0000_00" / "manifest.json").read_text()
    other = written / "scene0001_00"
    write_manifest(other, replace(read_manifest(other), numbers=0))
    report = write_rooms(written, TINY, runner=Runner(Seen()))
    assert (written / "scene0000_00" / "manifest.json").read_text() == before
    assert [room.skipped for room in report.rooms] == [True, False]
    assert report.skipped == 1
    assert report.frames == 8
    assert report.lost_poses == 2
    assert seen["scene0001_00: frames"] == [(frame, 4) for frame in range(1, 5)]
    assert seen["rooms"] == [(0, 2), (1, 2), (2, 2)]
    assert list(written.glob(".*")) == []
    assert set(report.classes) <= set(NYU40.names)


def test_one_room_is_written_into_any_empty_folder(written: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "some folder"
    folder.mkdir()
    notes = write_room(folder, 1, TINY, lambda done, total: seen.append((done, total)))
    assert digests(folder) == digests(written / "scene0001_00")
    assert not (folder / "manifest.json").exists()
    assert (notes.kind, notes.frames, notes.lost_poses) == (kind_of(TINY.seed, 1), 4, 1)
    assert notes.objects["wall"] >= 1
    assert seen == [(frame, 4) for frame in range(1, 5)]
    other = RoomsParams(**{**vars(TINY), "count": 9, "threads": 1, "validation_every": 3})
    assert room_images(other) == room_images(TINY)


def test_split_lists() -> None:
    train, held_out = splits(RoomsParams(count=9))
    assert held_out == (scene_name(3), scene_name(7))
    assert len(train) == 7
    assert splits(RoomsParams(count=2))[1] == (scene_name(1),)
    assert splits(RoomsParams(count=1))[1] == ()


def test_a_room_stays_in_the_list_that_somebody_has_moved_it_to(
    written: Path, tmp_path: Path
) -> None:
    raw = shutil.copytree(written, tmp_path / "raw")
    train, val = (raw / f"scannetv2_{split}.txt" for split in ("train", "val"))
    train.write_text("")
    val.write_text("scene0001_00\nscene0000_00\n")
    for _ in range(2):
        assert {room.split for room in write_rooms(raw, TINY).rooms} == {"val"}
        assert (train.read_text(), val.read_text()) == ("", "scene0000_00\nscene0001_00\n")
    train.write_text("my kitchen\n")
    with pytest.raises(ArtifactError, match=r"scannetv2_train.txt with my, kitchen"):
        write_rooms(raw, TINY)
    assert train.read_text() == "my kitchen\n"
