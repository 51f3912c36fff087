"""Which captures a folder holds and how they are called; a format from outside the package."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import find, open_capture
from crossvox.capture.find import capture_names, find_captures
from crossvox.capture.formats import READERS
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts
from crossvox.core.names import LONGEST, checked_name, safe_name
from crossvox.core.registry import Registry
from crossvox.doors.images import encode_jpeg
from crossvox.recipes.data import read_scenes
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.scene.params import TsdfParams

CAMERA = Intrinsics(30, 30, 31.5, 23.5, 64, 48)
QUICK = PrepareParams(
    frame_skip=1, width=64, height=48, surface="tsdf", tsdf=TsdfParams(voxel_m=0.04)
)


def write_sens(path: Path, depth_mm: int = 1500) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    color = encode_jpeg(np.full((48, 64, 3), 90, np.uint8))
    depth = zlib.compress(np.full((48, 64), depth_mm, np.uint16).tobytes())
    with SensWriter(path, SensHeader("test", CAMERA, CAMERA, np.eye(4), np.eye(4)), 2) as writer:
        for number in range(2):
            pose = np.eye(4, dtype=np.float32)
            pose[0, 3] = number / 10
            writer.write(SensFrame(pose, number, number, color, depth))
    return path


class ToyCapture:
    """A wall at the distance that the file names: a format that this package does not know."""

    def __init__(self, path: Path) -> None:
        self._distance_m = float(path.read_text())
        self.name = path.stem
        self.frame_ids = (0, 1)

    def __len__(self) -> int:
        return 2

    def info(self) -> CaptureInfo:
        return CaptureInfo("toy", CAMERA, CAMERA, "one camera", False)

    def camera(self, size: Size | None = None) -> Intrinsics:
        return CAMERA if size is None else CAMERA.resized(size)

    def pose(self, index: int) -> Pose | None:
        matrix = np.eye(4)
        matrix[0, 3] = index / 10
        return Pose(matrix)

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        camera = self.camera(size)
        shape = camera.height, camera.width
        depth = np.full(shape, self._distance_m, np.float32)
        return Frame(index, camera, self.pose(index), np.zeros((*shape, 3), np.uint8), depth)


def claims_toy(path: Path) -> str | None:
    return path.name if path.suffix == ".toy" else None


def open_toy(path: Path, how: Opening) -> Capture:
    return ToyCapture(path)


@pytest.fixture
def toys() -> Iterator[Registry[Reader]]:
    READERS.register("toy", Reader("a .toy file", claims_toy, open_toy))
    yield READERS
    del READERS._parts["toy"]


def test_a_format_from_outside_goes_all_the_way(tmp_path: Path, toys: Registry[Reader]) -> None:
    raw = tmp_path / "raw"
    for name in ("near", "far"):
        write_sens(raw / f"{name}.sens").unlink()
        (raw / f"{name}.toy").write_text("1.5" if name == "near" else "2.5")
    assert isinstance(open_capture(raw / "near.toy"), ToyCapture)
    assert find_captures(raw) == [raw / "far.toy", raw / "near.toy"]
    (empty := tmp_path / "none").mkdir()
    with pytest.raises(CaptureError, match=r"a \.toy file"):
        open_capture(empty)
    report = prepare(raw, tmp_path / "data", QUICK, workers=1)
    assert [(one.item, one.status) for one in report.scenes] == [("far", "made"), ("near", "made")]
    assert [scene.name for scene in read_scenes(tmp_path / "data", "all")] == ["far", "near"]


def test_single_files_and_folders_below_a_folder(tmp_path: Path) -> None:
    write_sens(tmp_path / "a.sens")
    assert find_captures(tmp_path) == [tmp_path]  # the usual layout of one scan
    write_sens(tmp_path / "b.sens")
    assert find_captures(tmp_path) == [tmp_path / "a.sens", tmp_path / "b.sens"]
    (tmp_path / "b.sens").unlink()
    write_sens(tmp_path / "c/c.sens")
    (tmp_path / "nothing").mkdir()
    write_sens(tmp_path / ".hidden/d.sens")
    assert find_captures(tmp_path) == [tmp_path / "a.sens", tmp_path / "c"]
    with pytest.raises(CaptureError, match="no capture of a known format"):
        find_captures(tmp_path / "nothing")
    with pytest.raises(CaptureError, match="does not exist"):
        find_captures(tmp_path / "none")


def test_letters_of_any_alphabet_stay() -> None:
    assert [safe_name(name) for name in ("会議室", "寝室", "Küche", "кухня")] == [
        "会議室", "寝室", "Küche", "кухня",
    ]  # fmt: skip
    assert safe_name("Ku\u0308che") == "K\u00fcche"
    assert safe_name("a/b\\c:d\x00e f,g") == "a_b_c_d_e_f_g"
    assert safe_name("..") == safe_name("") == ""
    assert checked_name("scene0000_00", "a list") == "scene0000_00"
    for wrong in ("..", "", "a/b", ".hidden", "a\x00", "C:\\x"):
        with pytest.raises(CaptureError, match="a list with the name"):
            checked_name(wrong, "a list")


@pytest.mark.parametrize("letter", ["a", "会", "😀"])
def test_long_names_are_cut_and_stay_different(letter: str) -> None:
    """File systems take 255 bytes, with what is put before and behind a name."""
    names = [safe_name(letter * count) for count in (48, 249, 250, 500)]
    assert names[0] == letter * 48
    assert all(len(name.encode()) <= LONGEST and name.startswith(letter * 40) for name in names)
    assert len(set(names)) == 4
    for name in names:
        assert safe_name(name) == checked_name(name, "here") == name


def test_captures_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    files = [write_sens(tmp_path / place / "room.sens") for place in ("a", "b")]
    assert list(capture_names(files).values()) == ["a_room", "b_room"]
    folders = [file.parent for file in files]
    assert list(capture_names(folders).values()) == ["a_room", "b_room"]
    deeper = [write_sens(tmp_path / place / "x/Room.sens") for place in ("a", "b")]
    assert list(capture_names([*files, *deeper]).values()) == [
        "a_room", "b_room", "a_x_Room", "b_x_Room",
    ]  # fmt: skip
    capitals = [write_sens(tmp_path / "c" / name) for name in ("Room.sens", "room.sens")]
    assert list(capture_names(capitals).values()) == ["Room", "room"]
    other = write_sens(tmp_path / "hall.sens")
    other.write_bytes(b"cut")
    assert capture_names([other]) == {other: "hall"}
    link = tmp_path / "a/again.sens"
    link.symlink_to(files[0])
    assert capture_names([files[0]]) == {files[0]: "room"}
    with pytest.raises(CaptureError, match="2 captures called room"):
        capture_names([files[0], tmp_path / "a/../a/room.sens"])


@pytest.mark.parametrize(
    ("places", "scenes"),
    [
        (("会議室", "寝室"), ["会議室", "寝室"]),
        (("a/room.sens", "b/room.sens"), ["a_room", "b_room"]),
    ],
)
def test_scenes_of_like_names_are_both_prepared(
    tmp_path: Path, places: tuple[str, ...], scenes: list[str]
) -> None:
    raw = tmp_path / "raw"
    for depth_mm, place in zip((1500, 2500), places, strict=True):
        name = place if place.endswith(".sens") else f"{place}/{place}.sens"
        write_sens(raw / name, depth_mm)
    report = prepare(raw, tmp_path / "data", QUICK, workers=2)
    assert [(one.item, one.status) for one in report.scenes] == [(s, "made") for s in scenes]
    assert sorted(sum(report.splits.values(), ())) == scenes
    listed = [(tmp_path / f"data/{split}.txt").read_text() for split in ("train", "val")]
    assert sorted("".join(listed).split()) == scenes
    depths = [open_capture(tmp_path / "data" / scene).frame(0).depth_m.max() for scene in scenes]
    assert depths == [1.5, 2.5]


def test_a_capture_called_as_its_path_is_not_opened_for_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sens(tmp_path / "room" / "room.sens")
    write_sens(tmp_path / "hall" / "other.sens")
    opened: list[Path] = []

    def watched(path: Path) -> Capture:
        opened.append(path)
        return open_capture(path)

    monkeypatch.setattr(find, "open_capture", watched)
    paths = [tmp_path / "room", tmp_path / "hall"]
    assert capture_names(paths) == dict(zip(paths, ("room", "other"), strict=True))
    assert opened == [tmp_path / "hall"]
    (tmp_path / "room" / "room.sens").write_bytes(b"")  # a broken one keeps its name
    assert capture_names(paths[:1]) == {paths[0]: "room"}


def test_names_in_lists_must_not_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("../elsewhere\n")
    with pytest.raises(CaptureError, match=r"train\.txt with the name '\.\./elsewhere'"):
        read_scenes(tmp_path, "train")
