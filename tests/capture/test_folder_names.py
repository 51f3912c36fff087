"""Exported folders as other tools write them: padded numbers, camera files of other names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

NUMBERS = (0, 7, 123)
K = "50 0 31.5\n0 51 23.5\n0 0 1\n"


def write_folder(folder: Path, pads: dict[str, int], camera: str | None = "intrinsic.txt") -> Path:
    """A folder whose parts pad their numbers in their own way."""
    endings = {"color": "jpg", "depth": "png", "label": "png", "pose": "txt"}
    for number in NUMBERS:
        pose = np.eye(4)
        pose[0, 3] = number
        data = {
            "color": encode_jpeg(np.full((48, 64, 3), number, np.uint8)),
            "depth": encode_png(np.full((48, 64), 1000 + number, np.uint16)),
            "label": encode_png(np.full((48, 64), 1 + number % 40, np.uint8)),
            "pose": "\n".join(" ".join(map(str, row)) for row in pose).encode(),
        }
        for part, ending in endings.items():
            name = f"{number:0{pads.get(part, 1)}d}.{ending}"
            write_bytes(folder / part / name, data[part])
    if camera is not None:
        write_bytes(folder / camera, K.encode())
    return folder


@pytest.mark.parametrize(
    "pads",
    [
        {"color": 6, "depth": 6, "label": 6, "pose": 6},
        {"color": 6, "depth": 1, "label": 4, "pose": 2},
        {},
    ],
)
def test_padded_numbers_with_gaps(tmp_path: Path, pads: dict[str, int]) -> None:
    capture = open_capture(write_folder(tmp_path / "scene", pads))
    assert capture.frame_ids == NUMBERS
    for index, number in enumerate(NUMBERS):
        frame = capture.frame(index)
        assert frame.pose.position_m[0] == number
        assert set(np.unique(frame.depth_m)) == {np.float32(1 + number / 1000)}
        assert set(np.unique(frame.labels)) == {1 + number % 40}
        assert abs(int(frame.rgb.mean()) - number) <= 1


def test_a_missing_file_is_named_as_its_picture_is_padded(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"color": 6, "depth": 6, "pose": 6})
    (folder / "depth/000007.png").unlink()
    (folder / "pose/000123.txt").unlink()
    capture = open_capture(folder)
    with pytest.raises(CaptureError, match=r"depth/000007\.png \(No such file"):
        capture.frame(1)
    with pytest.raises(CaptureError, match=r"pose/000123\.txt \(No such file"):
        capture.pose(2)


def test_one_number_twice_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    shutil.copy(folder / "depth/7.png", folder / "depth/007.png")
    with pytest.raises(CaptureError, match=r"007\.png and 7\.png, both number 7"):
        open_capture(folder)


@pytest.mark.parametrize(
    "name",
    [
        "intrinsics_color.txt",  # scannet_frames_25k
        "color/intrinsics_color.txt",
        "intrinsics.txt",
        "camera-intrinsics.txt",
        "cam_K.txt",
        "intrinsic_color.txt",
    ],
)
def test_camera_files_of_other_names_are_used(tmp_path: Path, name: str) -> None:
    capture = open_capture(write_folder(tmp_path, {"color": 6}, camera=name))
    assert capture.camera() == Intrinsics(50, 51, 31.5, 23.5, 64, 48)
    assert capture.info().notes == ()


def test_the_depth_camera_beside_the_colour_camera_is_used(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"color": 6}, camera="intrinsics_color.txt")
    write_bytes(folder / "intrinsics_depth.txt", b"40 41 31 23")
    assert open_capture(folder).info().depth_camera == Intrinsics(40, 41, 31, 23, 64, 48)


def test_camera_files_that_are_passed_over_are_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    write_bytes(folder / "cam_K.txt", b"1 2 3 4")
    write_bytes(folder / "camera.json", b"{}")
    (note,) = open_capture(folder).info().notes
    assert note == "camera files not read: cam_K.txt, camera.json (read: intrinsic.txt)"
    for name in ("intrinsic.txt", "cam_K.txt"):
        (folder / name).unlink()
    with pytest.raises(CaptureError, match=r"camera\.json with the fields none"):
        open_capture(folder)
    notes = FolderCapture(folder, assume_camera=True).info().notes
    assert "usual camera is assumed" in notes[0]
    assert "camera.json" in notes[1]


@pytest.mark.parametrize(
    "numbers",
    [
        "0.84 0 0.49 0 0.84 0.49 0 0 1",
        "50 0 31.5 0 0.84 23.5 0 0 1",
        "1e20 0 31.5 0 1e20 23.5 0 0 1",
        "50 0 1e6 0 50 23.5 0 0 1",
    ],
)
def test_cameras_that_no_such_image_can_have_are_refused(tmp_path: Path, numbers: str) -> None:
    folder = write_folder(tmp_path, {})
    (folder / "intrinsic.txt").write_text(numbers)
    with pytest.raises(CaptureError, match=r"intrinsic\.txt: fx=.*in pixels of these images"):
        open_capture(folder)


@pytest.mark.parametrize(
    "numbers",
    [
        "100 0 63.5 0 102 47.5 0 0 1",  # of images twice as large
        "25 25.5 15.5 11.5",
    ],
)
def test_the_camera_of_other_images_is_refused(tmp_path: Path, numbers: str) -> None:
    folder = write_folder(tmp_path, {})
    (folder / "intrinsic.txt").write_text(numbers)
    with pytest.raises(CaptureError, match=r"that of images of about (128x96|32x24)"):
        open_capture(folder)
    capture = open_capture(folder, params=CaptureParams(intrinsics=numbers.split()[0] + ",51,63,2"))
    assert capture.camera().cx == 63


def test_a_camera_matrix_column_by_column_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    (folder / "intrinsic.txt").write_text("50 0 0 0 51 0 31.5 23.5 1")
    with pytest.raises(CaptureError, match="swap its rows and columns"):
        open_capture(folder)


@pytest.mark.parametrize(
    "text",
    [
        "50 0 31.5 0\n0 51 23.5 0\n0 0 1 0\n",
        "[[50. 0. 31.5]\n [0. 51. 23.5]\n [0. 0. 1.]]\n",
        "50,0,31.5\n0,51,23.5\n0,0,1\n",
        "[50, 51, 31.5, 23.5]",
        "5.0e+01;0;31.5\r\n0;51;23.5\r\n0;0;1\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_matrices_are_read_however_they_were_printed(
    tmp_path: Path, text: str, encoding: str
) -> None:
    folder = write_folder(tmp_path, {})
    (folder / "intrinsic.txt").write_text(text, encoding=encoding)
    assert open_capture(folder).camera() == Intrinsics(50, 51, 31.5, 23.5, 64, 48)


def test_poses_may_lack_their_last_row(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    (file,) = list((folder / "pose").iterdir())[:1]
    file.write_text("1,0,0,3\n0,1,0,4\n0,0,1,5\n")
    capture = open_capture(folder)
    pose = capture.pose(capture.frame_ids.index(int(file.stem)))
    assert pose is not None
    assert pose.position_m.tolist() == [3, 4, 5]


def test_a_folder_without_depth_says_so_and_what_it_holds(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    for file in list((folder / "depth").iterdir()):
        file.rename(file.with_suffix(".bmp"))
    with pytest.raises(CaptureError, match=r"no depth \(depth/ holds .*\.bmp.*16 bits"):
        open_capture(folder)
    shutil.rmtree(folder / "depth")
    with pytest.raises(CaptureError, match=r"no depth \(there is no depth/\)"):
        open_capture(folder)


def test_images_that_are_not_called_by_numbers_alone_are_read_as_a_plain_folder(
    tmp_path: Path,
) -> None:
    folder = write_folder(tmp_path, {})
    before = open_capture(folder)
    for file in list((folder / "color").iterdir()):
        file.rename(file.with_name(f"frame_{file.name}"))
    capture = open_capture(folder)
    assert capture.info().format == "plain folder"
    assert capture.frame_ids == before.frame_ids


def test_a_folder_without_poses_is_a_capture_whose_poses_are_lost(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {})
    shutil.rmtree(folder / "pose")
    capture = open_capture(folder)
    assert all(capture.pose(index) is None for index in range(len(capture)))
    assert "no pose/: all poses are unknown; --trajectory FILE gives them" in capture.info().notes
