"""What is told of files and folders that are no capture."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from crossvox.capture import open_capture
from crossvox.core.artifact import MANIFEST, Manifest, write_manifest
from crossvox.core.checks import CaptureError


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def told(path: Path) -> str:
    with pytest.raises(CaptureError) as caught:
        open_capture(path)
    return str(caught.value)


CASES: list[tuple[tuple[str, ...], list[str]]] = [
    ((), ["it is empty"]),
    (("a/video.mp4",), ["1 .mp4 in a/", "video alone has no depth", "RGB-D"]),
    (("images/1.jpg", "images/2.jpg"), ["2 .jpg in images/", "images/ without depth/", "RGB-D"]),
    (("IMG_1.jpg", "IMG_2.jpg", "IMG_3.heic"), ["no depth", "HEIC photos"]),
    (("depth/1.png",), ["depth/ without color/"]),
    (("mesh.ply",), ["mesh alone", "crossvox score", "crossvox view", "cannot be labelled"]),
    (("a.obj", "a.mtl"), ["mesh alone", "Convert it to PLY"]),
    (("a.e57",), ["point cloud alone", "E57 holds points of laser scanners"]),
    (("a.las", "b.laz"), ["LAS and LAZ hold"]),
    (("room.usdz",), ["USDZ holds a finished model"]),
    (
        ("a/groundtruth.txt", "a/rgb/1.png"),
        ["groundtruth.txt without rgb.txt and depth.txt", "TUM"],
    ),
    (("cam_params.json",), ["looks like Replica"]),
    (("traj.txt",), ["traj.txt without results/: looks like Replica"]),
    (("metadata.json", "rgb/1.jpg"), ["metadata.json without depth/: looks like Record3D"]),
    (("DCIM/DJI_0001.jpg",), ["looks like photos of a DJI drone"]),
    (("matterport_color_images/a.jpg",), ["looks like Matterport3D"]),
    (("data.tar.gz",), ["Unpack it"]),
    (("session.svo",), ["Recordings of ZED"]),
]


@pytest.mark.parametrize(("names", "says"), CASES, ids=[str(names[:1]) for names, _ in CASES])
def test_a_folder_tells_what_it_holds_and_lacks(
    tmp_path: Path, names: tuple[str, ...], says: list[str]
) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    text = told(lay(folder, *names))
    for part in (*says, "docs/data-formats.md", "docs/own-captures.md"):
        assert part in text
    assert "needed: " in text
    assert "do: " in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.ply", "crossvox score a.ply"),
        ("a.las", "LAS and LAZ"),
        ("a.mp4", "video alone"),
        ("a.mkv", "azure_kinect_mkv_reader.py, and get poses from 'crossvox track FOLDER"),
    ],
)
def test_a_file_alone(tmp_path: Path, name: str, says: str) -> None:
    assert says in told(lay(tmp_path, name) / name)


def test_a_zip_file_tells_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("room/rgb.txt", "room/raw.glb", "__MACOSX/._raw.glb"):
            archive.writestr(name, b"")
    text = told(tmp_path / "a.zip")
    assert "1 .txt in room/" in text
    assert "rgb.txt without depth.txt: looks like TUM RGB-D" in text
    assert "MACOSX" not in text


def test_stray_scanner_without_depth_is_named(tmp_path: Path) -> None:
    text = told(lay(tmp_path, "odometry.csv", "rgb.mp4", "camera_matrix.csv"))
    assert "odometry.csv" in text
    assert "depth/" in text
    assert "Stray Scanner" in text


def test_large_folders_are_looked_at_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.capture import unknown

    monkeypatch.setattr(unknown, "_MOST_FILES", 20)
    for place in ("a", "b", "c"):
        lay(tmp_path, *(f"{place}/{n}.xyz" for n in range(15)))
    assert "and more" in told(tmp_path)


def test_a_path_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="which does not exist") as caught:
        open_capture(tmp_path / "room")
    assert len(str(caught.value).replace(str(tmp_path), "")) < 200


def test_a_folder_of_another_stage_tells_what_it_is(tmp_path: Path) -> None:
    out = lay(tmp_path / "pred", "scene0000_00/mesh.ply")
    write_manifest(out, Manifest(stage="predict", links={"data": "../data"}))
    error = told(out)
    assert f"It is what stage 'predict' wrote (made from {tmp_path / 'data'})" in error
    assert "mesh alone" not in error
    write_manifest(out, Manifest(stage="train-reconstruct"))
    assert "It is what stage 'train-reconstruct' wrote, and holds no frames" in told(out)
    # Someone else's file of that name is none.
    (out / MANIFEST).write_text('{"schema": "other"}')
    assert "mesh alone" in told(out)


def test_rooms_of_which_none_is_finished_are_gone_on_with(tmp_path: Path) -> None:
    write_manifest(lay(tmp_path / "raw"), Manifest(stage="rooms"))
    assert "No room of it is finished: call 'crossvox rooms' again" in told(tmp_path / "raw")
