"""Captures in ZIP files, unpacked once; folders around the one capture."""

from __future__ import annotations

import os
import shutil
import stat
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import archive, open_capture
from crossvox.capture.archive import PLACE, cache_folder, captures_inside, unpacked
from crossvox.capture.files import write_matrix
from crossvox.capture.find import capture_names, find_captures
from crossvox.capture.formats import reader_of
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PLACE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """An exported folder of two frames."""
    folder = tmp_path / "made" / "room"
    for n in range(2):
        write_bytes(folder / f"color/{n}.jpg", encode_jpeg(np.full((24, 32, 3), 90 * n, np.uint8)))
        write_bytes(folder / f"depth/{n}.png", encode_png(np.full((24, 32), 1500 + n, np.uint16)))
        write_matrix(folder / f"pose/{n}.txt", np.eye(4))
    (folder / "intrinsic.txt").write_text("30 30 15.5 11.5")
    return folder


def pack(to: Path, *folders: Path, around: str = "", junk: bool = False) -> Path:
    """A ZIP file with the content of folders; several keep their names."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as out:
        for folder in folders:
            base = folder.parent if len(folders) > 1 else folder
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    out.write(file, around + file.relative_to(base).as_posix())
        if junk:
            for name in ("__MACOSX/._room", f"{around}.DS_Store", f"{around}color/._0.jpg"):
                out.writestr(name, b"junk")
    return to


@pytest.mark.parametrize("around", ["", "room/", "export 1/room/"])
@pytest.mark.parametrize("junk", [False, True])
def test_a_zip_file_is_read_as_what_it_holds(
    room: Path, tmp_path: Path, around: str, junk: bool
) -> None:
    path = pack(tmp_path / "my room.zip", room, around=around, junk=junk)
    assert find_captures(path) == [path]
    capture = open_capture(path)
    assert capture.name == ("room" if around else "my_room")
    assert capture.info().format == "exported folder"
    assert capture.info().notes == ("unpacked from my room.zip",)
    assert capture.frame_ids == (0, 1)
    frame, expected = capture.frame(1), open_capture(room).frame(1)
    np.testing.assert_array_equal(frame.rgb, expected.rgb)
    np.testing.assert_array_equal(frame.depth_m, expected.depth_m)


def test_it_is_unpacked_once_and_anew_when_it_changes(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    path = pack(tmp_path / "a.zip", room)
    calls = []
    real = archive._unpack
    monkeypatch.setattr(archive, "_unpack", lambda *a: (calls.append(a), time.sleep(0.2), real(*a)))
    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(unpacked, [path] * 4))
    assert len(set(places)) == len(calls) == 1
    unpacked(path)
    assert len(calls) == 1
    os.utime(path, (1, 1))
    assert unpacked(path) != places[0]
    assert len(calls) == 2
    assert not list(cache.glob(".*.part"))


def test_a_half_unpacked_file_is_never_used(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    path = pack(tmp_path / "a.zip", room)
    real = archive._extract

    def killed(opened: zipfile.ZipFile, member, root: Path) -> None:
        if member.name == "depth/1.png":
            raise KeyboardInterrupt
        real(opened, member, root)

    monkeypatch.setattr(archive, "_extract", killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *a, **k: None)  # as if killed at once
    with pytest.raises(KeyboardInterrupt):
        unpacked(path)
    monkeypatch.undo()
    monkeypatch.setenv(PLACE, str(cache))
    assert list(cache.glob(".*.part"))
    assert len(open_capture(path)) == 2
    assert (unpacked(path) / "depth/1.png").is_file()
    assert not list(cache.glob(".*.part"))


def test_what_nobody_used_for_long_goes(room: Path, tmp_path: Path, cache: Path) -> None:
    old = unpacked(pack(tmp_path / "a.zip", room)).parent
    used = unpacked(pack(tmp_path / "b.zip", room)).parent
    long_ago = time.time() - 86400 * (archive.KEPT_DAYS + 1)
    for folder in (old, used):
        os.utime(folder / archive._MARK, (long_ago, long_ago))
    unpacked(tmp_path / "b.zip")  # used again
    unpacked(pack(tmp_path / "c.zip", room))
    assert not old.exists()
    assert used.exists()


def test_the_place_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(PLACE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "crossvox" / "unpacked"


def test_several_captures_are_named_or_taken_one_by_one(room: Path, tmp_path: Path) -> None:
    other = tmp_path / "made" / "hall"
    shutil.copytree(room, other)
    path = pack(tmp_path / "both.zip", room, other)
    assert captures_inside(path) == ("hall", "room")
    with pytest.raises(CaptureError, match="2 captures: hall, room"):
        open_capture(path)
    found = find_captures(path)
    assert sorted(capture_names(found).values()) == ["hall", "room"]
    assert len(open_capture(found[0])) == 2


def test_a_folder_of_captures_may_hold_zip_files_and_others(room: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(room, raw / "b")
    path = pack(raw / "a.zip", room)
    with zipfile.ZipFile(raw / "labels.zip", "w") as out:
        out.writestr("label/0.png", b"")
    (raw / "broken.zip").write_bytes(b"PK\3\4 no more")
    assert find_captures(raw) == [path, raw / "b"]


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "C:/evil.txt"])
def test_names_that_lead_elsewhere_are_refused(room: Path, tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "a.zip", room)
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(zipfile.ZipInfo(name), b"evil")
    with pytest.raises(CaptureError, match="unpack it by hand"):
        unpacked(path)
    with pytest.raises(CaptureError):
        open_capture(path)
    assert not list(tmp_path.rglob("evil.txt"))


def test_links_are_left_out_and_counted(room: Path, tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", room)
    with zipfile.ZipFile(path, "a") as out:
        info = zipfile.ZipInfo("label")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(info, "/etc")
    capture = open_capture(path)
    assert capture.info().notes == ("unpacked from a.zip, 1 links left out",)
    assert not (unpacked(path) / "label").exists()


def test_what_is_too_dense_or_too_large_is_refused(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "a.zip", room)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros.bin", bytes(120 << 20))
    with pytest.raises(CaptureError, match="at most 100 times"):
        open_capture(path)
    path = pack(tmp_path / "b.zip", room)
    monkeypatch.setattr(archive, "SPARE_BYTES", 1 << 60)
    with pytest.raises(CaptureError, match=f"another disk by the environment variable {PLACE}"):
        open_capture(path)


def test_damage_is_told(room: Path, tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "a.zip", room)
    data = bytearray(path.read_bytes())
    at = data.index(b"color/0.jpg") + 40
    data[at : at + 30] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(CaptureError, match="cannot be unpacked"):
        open_capture(path)
    assert not [entry for entry in cache.iterdir() if not entry.name.startswith(".locks")]
    path.write_bytes(data[: len(data) // 2])
    assert reader_of(path) is None
    with pytest.raises(CaptureError, match="a ZIP file that is empty or damaged"):
        open_capture(path)


def test_a_place_that_cannot_be_written_is_told(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(PLACE, str(tmp_path / "file" / "below"))
    with pytest.raises(CaptureError, match=PLACE):
        open_capture(pack(tmp_path / "a.zip", room))


@pytest.mark.parametrize("around", ["scan", "export/scan"])
def test_the_only_capture_below_a_folder_is_opened_and_told(
    room: Path, tmp_path: Path, around: str
) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(room, outer / around)
    (outer / "readme.txt").touch()
    capture = open_capture(outer)
    assert capture.name == "scan"
    assert capture.info().notes == (f"{around} is the only capture in outer",)
    # A folder of one raw scan is still a folder of scans.
    assert find_captures(outer) == [outer / "scan" if around == "scan" else outer]


def test_several_below_a_folder_are_named(room: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(room, tmp_path / "raw" / name)
    with pytest.raises(CaptureError, match=r"2 captures.*raw/a"):
        open_capture(tmp_path / "raw")


def test_preparing_a_zip_file(room: Path, tmp_path: Path) -> None:
    from crossvox.recipes.prepare import PrepareParams, prepare

    params = PrepareParams(frame_skip=1, width=32, height=24, surface="tsdf")
    report = prepare(pack(tmp_path / "a.zip", room), tmp_path / "data", params, workers=1)
    assert [scene.status for scene in report.scenes] == ["made"]
    again = prepare(tmp_path / "a.zip", tmp_path / "data", params, workers=1)
    assert [scene.status for scene in again.scenes] == ["kept"]
