"""A capture of one's own to a labelled room, from a folder of label images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.capture.box_room import HIGH_M, LOW_M, write_box_room

from crossvox.capture import open_capture
from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.core.camera import Intrinsics, unproject
from crossvox.core.class_map import read_class_names
from crossvox.core.room_contents import RoomContents
from crossvox.doors.images import encode_png, write_bytes
from crossvox.doors.meshes import read_mesh

SMALL = ("--width", "80", "--height", "60", "--tsdf.voxel-m", "0.05", "--up", "0", "0", "1")
WALL, FLOOR, CEILING = 1, 2, 22


def command(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def label_images(room: Path, out: Path, skip: int = -1) -> Path:
    """Floor where the room's lowest surface is, ceiling where its highest is, walls between."""
    capture = open_capture(room)
    for index, number in enumerate(capture.frame_ids):
        frame = capture.frame(index)
        assert frame.depth_m is not None
        assert frame.pose is not None
        points = frame.pose.apply(unproject(frame.depth_m, frame.camera).reshape(-1, 3))
        heights = points[:, 2].reshape(frame.depth_m.shape)
        labels = np.full(heights.shape, WALL, np.uint8)
        labels[heights < LOW_M[2] + 0.15] = FLOOR
        labels[heights > HIGH_M[2] - 0.15] = CEILING
        if number != skip:
            write_bytes(out / f"{number}.png", encode_png(labels))
    return out


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_box_room(tmp_path_factory.mktemp("scan") / "room", 12)


@pytest.fixture(scope="module")
def labels(room: Path) -> Path:
    return label_images(room, room.parent / "labels")


def test_a_scan_ends_with_a_labelled_mesh_its_contents_and_a_page(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command("scan", room, out, *SMALL, "--frame-labels", labels, "--json", tmp_path / "s.json")
    mesh = read_mesh(out / "room.ply")
    assert mesh.labels is not None
    assert mesh.label_confidence is not None
    assert mesh.objects is not None
    assert mesh.completed is not None
    heights = mesh.vertices_m[:, 2]
    low, high = heights.min(), heights.max()
    # In corners a voxel of 5 cm holds both.
    inner = (np.abs(mesh.vertices_m[:, :2]) < HIGH_M[:2] - 0.15).all(axis=1)
    for where, label in ((heights < low + 0.05, FLOOR), (heights > high - 0.05, CEILING)):
        assert (mesh.labels[where & inner] == label).mean() > 0.95
    contents = RoomContents.read(out / "objects.json")
    assert contents.floor_m == pytest.approx(low, abs=0.1)
    record = load(tmp_path / "s.json")
    assert record["evaluation"] is None
    classes = record["room"]["classes"]
    assert set(classes) <= {"wall", "floor", "ceiling"}
    assert classes["wall"] > classes["floor"] > 1
    assert sum(classes.values()) <= record["room"]["area_m2"] * 1.0001
    assert 0 <= record["room"]["completed"] < 0.5
    assert (out / "report" / "index.html").is_file()
    assert "<svg" in (out / "floorplan.svg").read_text()
    said = " ".join("".join(capsys.readouterr()).split())
    assert "room: " in said
    assert "was completed, not measured" in said
    assert "next: crossvox view" in said


def test_a_dry_run_of_what_gives_no_surface_ends_where_nobody_knows(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("scan", room, tmp_path / "out", *SMALL, "--tsdf.far-m", "0.01", "--dry-run")
    command(*words)
    assert "unknown" in "".join(capsys.readouterr())
    assert not (tmp_path / "out").exists()
    command(*words[:-1], code=2)
    assert "give no surface" in capsys.readouterr().err


def test_a_dry_run_looks_at_no_image_and_says_so(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, plan = tmp_path / "out", tmp_path / "plan.json"
    words = ("scan", room, out, *SMALL, "--run", "none", "--no-page", "--max-frames", 6)

    def planned(*more: object) -> list[str]:
        command(*words, *more, "--dry-run", "--json", plan)
        assert "looks at no image" in " ".join(capsys.readouterr().err.split())
        return [row["status"] for row in load(plan) if row["stage"] == "prepare-scene"]

    def no_image(*_: object, **__: object) -> None:
        raise AssertionError("an image was looked at")

    kind = type(open_capture(room))
    with monkeypatch.context() as blind:
        blind.setattr(kind, "frame", no_image)
        assert planned() == ["make"]
    assert not out.exists()
    command(*words)
    with monkeypatch.context() as blind:
        blind.setattr(kind, "frame", no_image)
        assert planned() == ["keep"]
        for other in (("--max-frames", 5), ("--up", 0, 0.1, 1), ("--tsdf.voxel-m", 0.06)):
            assert planned(*other) == ["make again"]
    command(*words, "--up", 0, 0.1, 1)
    assert planned("--up", 0, 0.1, 1) == ["keep"]
    assert planned() == ["make again"]


def test_upright_images_are_labelled_as_they_stand(tmp_path: Path) -> None:
    upright = Intrinsics(30.0, 30.0, 23.5, 31.5, 48, 64)
    room = write_box_room(tmp_path / "room", 12, upright)
    labels, out = label_images(room, tmp_path / "labels"), tmp_path / "out"
    command("scan", room, out, *SMALL, "--frame-labels", labels, "--no-page")
    camera = open_capture(out / "data" / "room").camera()
    assert (camera.width, camera.height) == (60, 80)
    mesh = read_mesh(out / "room.ply")
    assert mesh.labels is not None
    low, high = mesh.vertices_m[:, 2].min(), mesh.vertices_m[:, 2].max()
    middle = abs(mesh.vertices_m[:, 2] - (low + high) / 2) < 0.3
    for where, label in ((mesh.vertices_m[:, 2] < low + 0.05, FLOOR),
                         (mesh.vertices_m[:, 2] > high - 0.05, CEILING),
                         (middle, WALL)):  # fmt: skip
        assert where.any()
        assert (mesh.labels[where] == label).mean() > 0.9


def test_label_images_called_by_time_or_by_the_frames_own_images_are_found(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tum, timed, named = tmp_path / "tum", tmp_path / "timed", tmp_path / "named"
    lists: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    for number in range(12):
        time = f"{1305031102 + number / 30:.6f}"
        for part, ending in (("color", ".jpg"), ("depth", ".png")):
            kind = "rgb" if part == "color" else part
            data = (room / part / f"{number}{ending}").read_bytes()
            write_bytes(tum / kind / f"shot{100 + number}{ending}", data)
            lists[kind].append(f"{time} {kind}/shot{100 + number}{ending}")
        pose = np.loadtxt(room / "pose" / f"{number}.txt")
        turn = " ".join(map(str, Rotation.from_matrix(pose[:3, :3]).as_quat()))
        lists["groundtruth"].append(f"{time} {' '.join(map(str, pose[:3, 3]))} {turn}")
        image = (labels / f"{number}.png").read_bytes()
        write_bytes(timed / f"{1305031102 + number / 30 + 0.004:.6f}.png", image)
        if number:
            write_bytes(named / f"shot{100 + number}.png", image)
    for name, lines in lists.items():
        (tum / f"{name}.txt").write_text("\n".join(lines))
    (tum / "intrinsics.txt").write_text("30 30 31.5 23.5")
    words = ("scan", tum, tmp_path / "out", *SMALL, "--no-page", "--depth-scale", 1000)
    for folder, told in (
        (timed, "tum: label images belong to frames by time, within 17 ms"),
        (named, "tum: 1 frames have no label image (frame 0)"),
    ):
        command(*words, "--frame-labels", folder)
        assert told in " ".join("".join(capsys.readouterr()).split())
        mesh = read_mesh(tmp_path / "out" / "room.ply")
        assert mesh.labels is not None
        floor = mesh.vertices_m[:, 2] < mesh.vertices_m[:, 2].min() + 0.05
        assert (mesh.labels[floor] == FLOOR).mean() > 0.8


def test_page_and_scores_are_made_when_asked_for(room: Path, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("scan", room, out, *SMALL, "--frame-labels", labels, "--no-page", "--scores")
    command(*words, "--json", tmp_path / "s.json")
    record = load(tmp_path / "s.json")
    assert record["page"] is None
    assert not (out / "report").exists()
    assert "tsdf" not in record["evaluation"]["mean"], "it is the reference itself"


def test_none_only_fuses_and_refuses_what_needs_a_network(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command("scan", room, out, *SMALL, "--run", "none", "--no-page")
    mesh = read_mesh(out / "room.ply")
    assert mesh.labels is None
    assert not (out / "prediction").exists()
    assert "nothing was labelled" in "".join(capsys.readouterr())
    command("scan", room, tmp_path / "x", *SMALL, "--run", "none", "--frame-labels", labels, code=2)
    assert f"--frame-labels {labels} with --run none" in " ".join(capsys.readouterr().err.split())
    words = ("scan", room, tmp_path / "x", *SMALL)
    command(*words, "--run", "none", "--classes", "benchmark20", "--unknown-below", 0.5, code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "--classes benchmark20 and --unknown-below 0.5 with --run none" in told
    command(*words, "--frame-labels", labels, "--classes", tmp_path / "none.csv", code=2)
    assert "none.csv, which is no file" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "x").exists(), "nothing was fused before"
    command("scan", room, tmp_path / "x", *SMALL, "--run", "none", "--scores", code=2)
    command("scan", room, tmp_path / "x", *SMALL, "--run", "defualt", code=2)
    told = " ".join(capsys.readouterr().err.split())
    assert "a set of networks (default, free, none), or a run folder" in told


def test_doubtful_surface_stays_unlabelled_and_classes_are_called_as_asked(
    room: Path, labels: Path, tmp_path: Path
) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("class,name\nwall,upright\nceiling,upright\nfloor,ground\n")
    words = ("scan", room, tmp_path / "out", *SMALL, "--frame-labels", labels, "--no-page")
    command(*words, "--classes", table, "--unknown-below", 0.9, "--json", tmp_path / "s.json")
    found = load(tmp_path / "s.json")["room"]
    assert set(found["classes"]) == {"upright", "ground"}
    mesh = read_mesh(tmp_path / "out" / "room.ply")
    assert mesh.labels is not None
    assert mesh.label_confidence is not None
    assert (mesh.label_confidence[mesh.labels > 0] >= 0.9).all()
    assert (mesh.labels == 0).any()
    assert found["unlabelled"] > 0


def test_called_again_a_scan_keeps_what_is_there(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("scan", room, tmp_path / "out", *SMALL, "--frame-labels", labels, "--no-page")
    command(*words)
    first = (tmp_path / "out" / "room.ply").read_bytes()
    stamp = (tmp_path / "out" / "prediction" / "room" / "mesh.ply").stat().st_mtime_ns
    command(*words)
    assert (tmp_path / "out" / "room.ply").read_bytes() == first
    assert (tmp_path / "out" / "prediction" / "room" / "mesh.ply").stat().st_mtime_ns == stamp


def _stamp(path: Path) -> int:
    return (path / "manifest.json").stat().st_mtime_ns


def test_other_flags_make_anew_what_they_touch_and_keep_the_rest(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "out", tmp_path / "classes.csv"
    table.write_text("class,name\nwall,upright\nfloor,ground\n")
    scene, prediction = out / "data" / "room", out / "prediction"
    words = ("scan", room, out, *SMALL, "--frame-labels", labels, "--no-page")
    command(*words)
    kept = _stamp(scene)
    command(*words, "--classes", table)
    assert "prediction was made otherwise (classes" in " ".join(capsys.readouterr().err.split())
    assert _stamp(scene) == kept
    names = read_class_names(prediction / "room")
    assert (names[WALL], names[FLOOR]) == ("upright", "ground")
    manifest = read_manifest(prediction)
    assert manifest.links["data"] == "../data"
    assert manifest.items == {"room": read_manifest(prediction / "room").digest}
    # Other images: the scene too.
    wider = [{"80": "96", "60": "72"}.get(str(word), word) for word in words]
    capsys.readouterr()
    command(*wider, "--classes", table, "--max-frames", 6, "--dry-run")
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "again" in line]
    stages = ["prepare-scene", "predict-scene"]
    assert [[field.strip() for field in row[1:3]] for row in rows] == [[s, "room"] for s in stages]
    command(*words, "--dry-run", "--json", tmp_path / "plan.json")
    rows = [row for row in load(tmp_path / "plan.json") if row["status"] == "make again"]
    assert [(row["stage"], row["item"]) for row in rows] == [("predict-scene", "room")]
    assert rows[0]["seconds"] > 0
    capsys.readouterr()
    command(*words, "--classes", table, "--dry-run")
    assert "again" not in capsys.readouterr().out
    command(*wider, "--classes", table, "--max-frames", 6)
    assert _stamp(scene) != kept
    assert read_manifest(scene).notes["frames"] == 6
    assert (out / "data" / "val.txt").read_text() == "room\n"
    assert sorted(path.name for path in out.iterdir() if path.name[0] == ".") == []


def test_what_is_there_stays_until_the_new_one_is_whole(
    room: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("scan", room, out, *SMALL, "--frame-labels", labels, "--no-page")
    command(*words)
    mesh = out / "prediction" / "room" / "mesh.ply"
    before = mesh.read_bytes()
    broken = label_images(room, tmp_path / "broken")
    (broken / "0.png").write_bytes(b"no image")
    command(*words[:-3], "--frame-labels", broken, "--no-page", code=2)
    assert mesh.read_bytes() == before
    command(*words)  # as it was made: nothing is left of the other one
    assert mesh.read_bytes() == before
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []
    # What no stage wrote is not thrown away.
    (out / "prediction" / "mine.txt").write_text("a note")
    command(*words, "--unknown-below", 0.9, code=2)
    assert "mine.txt" in capsys.readouterr().err
    assert mesh.read_bytes() == before
