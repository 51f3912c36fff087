"""Folders of one's own, under the names that people give."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.plain_files import told_by
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

TEXT_CAMERA = ("intrinsic.txt", lambda c: f"{c.fx} 0 {c.cx}\n0 {c.fy} {c.cy}\n0 0 1\n")


def mm(depth_m: np.ndarray) -> np.ndarray:
    return np.rint(depth_m * 1000).astype(np.uint16)


def npy(array: np.ndarray, name: str = "") -> bytes:
    stream = io.BytesIO()
    if name:
        np.savez_compressed(stream, **{name: array})
    else:
        np.save(stream, array)
    return stream.getvalue()


def tiff(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "TIFF")
    return stream.getvalue()


def pgm(array: np.ndarray) -> bytes:
    height, width = array.shape
    return b"P5\n# depth\n%d %d\n65535\n" % (width, height) + array.astype(">u2").tobytes()


DEPTHS: dict[str, Callable[[np.ndarray], bytes]] = {
    "png": lambda d: encode_png(mm(d)),
    "npy": lambda d: npy(d.astype(np.float32)),
    "npz": lambda d: npy(mm(d), "depth"),
    "tiff": lambda d: tiff(mm(d)),
    "tif": lambda d: tiff(d.astype(np.float32)),
    "pgm": lambda d: pgm(mm(d)),
    "NPY": lambda d: npy(mm(d).astype(np.int64)),
}


def text(matrix: np.ndarray, columns: int = 4) -> bytes:
    rows = matrix.reshape(-1, columns)
    return "\n".join(" ".join(repr(float(v)) for v in row) for row in rows).encode() + b"\n"


POSES: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
    "4x4": ("txt", text),
    "3x4": ("txt", lambda m: text(m[:3])),
    "flat 16": ("txt", lambda m: text(m, 16)),
    "flat 12": ("txt", lambda m: text(m[:3], 12)),
    "npy": ("npy", npy),
    "npy 3x4": ("npy", lambda m: npy(m[:3].astype(np.float32))),
}


def write(
    folder: Path,
    walked: Any,
    *,
    color: str = "color/{}.jpg",
    depth: str = "depth/{}.png",
    pose: str = "pose/{}.txt",
    poses: Callable[[np.ndarray], bytes] = text,
    camera: tuple[str, Callable[[Any], str]] | None = TEXT_CAMERA,
    numbers: list[Any] | None = None,
    one_file: bytes | None = None,
) -> Path:
    """The walk under these names; ``numbers`` stand in the colour images' names."""
    for n, step in enumerate(walked.steps):
        number = numbers[n] if numbers is not None else n
        encode = encode_png if color.endswith("png") else encode_jpeg
        write_bytes(folder / color.format(number), encode(step.rgb))
        write_bytes(folder / depth.format(number), DEPTHS[depth.rsplit(".")[-1]](step.depth_m))
        if one_file is None:
            write_bytes(folder / pose.format(number), poses(step.world_from_camera))
    if one_file is not None:
        write_bytes(folder / pose, one_file)
    if camera is not None:
        write_bytes(folder / camera[0], camera[1](walked.camera).encode())
    return folder


def check(path: Path, walked: Any, params: CaptureParams | None = None, pose: float = 1e-6) -> Any:
    """Open it as a plain folder, and compare poses, cameras and depth."""
    reader = reader_of(path)
    assert reader is not None
    assert "usual names" in reader.looks_for
    capture = open_capture(path, params=params)
    assert len(capture) == len(walked.steps)
    assert capture.camera() == walked.camera
    for index, step in enumerate(walked.steps):
        found = capture.pose(index)
        assert found is not None
        np.testing.assert_allclose(found.world_from_camera, step.world_from_camera, atol=pose)
    seen = capture.frame(len(capture) - 1, walked.depth_camera.size).depth_m
    assert seen is not None
    np.testing.assert_allclose(seen, walked.steps[-1].depth_m, atol=0.00051)
    return capture


@pytest.mark.parametrize(
    ("color", "depth", "pose"),
    [
        ("rgb/{:06d}.png", "depth/{}.png", "poses/{}.txt"),
        ("images/frame_{:05d}.jpg", "depths/depth_{:05d}.png", "cam_poses/{:03d}.txt"),
        ("Colour/{:06d}-color.jpg", "Depth-Images/{:06d}-depth.png", "Pose/{:06d}-pose.txt"),
        ("image/rgb_{}.jpg", "depth_maps/depth_{}.png", "extrinsics/pose_{}.txt"),
        ("color/cam0_{:04d}_v2.jpg", "depth/cam1_{:04d}_v2.png", "pose/{:04d}.txt"),
        ("color/{:03d}.jpg", "depth/d{:03d}.png", "camera-poses/{:03d}.txt"),
    ],
)
def test_names_that_people_give(
    make_walk, tmp_path: Path, color: str, depth: str, pose: str
) -> None:
    walked = make_walk(3, size=(64, 48))
    folder = write(tmp_path / "room", walked, color=color, depth=depth, pose=pose)
    capture = check(folder, walked)
    assert capture.frame_ids == (0, 1, 2)
    assert ("--poses world-to-camera" in " ".join(capture.info().notes)) == ("extrinsics" in pose)
    again = pickle.loads(pickle.dumps(capture))
    np.testing.assert_array_equal(again.frame(1).rgb, capture.frame(1).rgb)


@pytest.mark.parametrize("kind", list(POSES))
def test_poses_of_a_file_each(make_walk, tmp_path: Path, kind: str) -> None:
    walked = make_walk(2, size=(64, 48))
    ending, encode = POSES[kind]
    folder = write(tmp_path, walked, color="rgb/{}.jpg", pose=f"pose/{{}}.{ending}", poses=encode)
    check(folder, walked)


@pytest.mark.parametrize("ending", list(DEPTHS))
def test_depth_of_any_kind_and_its_unit(make_walk, tmp_path: Path, ending: str) -> None:
    walked = make_walk(2, size=(96, 72), depth_size=(64, 48))
    capture = check(
        write(tmp_path, walked, color="rgb/{}.jpg", depth=f"depth/{{}}.{ending}"), walked
    )
    assert capture.info().units_per_m == (1 if ending in ("npy", "tif") else 1000)
    scaled = open_capture(tmp_path, params=CaptureParams(depth_scale=500))
    assert scaled.info().units_per_m == 500


def test_exr_depth(make_walk, tmp_path: Path) -> None:
    OpenEXR = pytest.importorskip("OpenEXR")
    walked = make_walk(2, size=(64, 48))
    folder = write(tmp_path / "room", walked, color="rgb/{}.jpg")
    for n, step in enumerate(walked.steps):
        (folder / f"depth/{n}.png").unlink()
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, {"Z": step.depth_m.astype(np.float32)}) as file:
            file.write(str(folder / f"depth/{n}.exr"))
    check(folder, walked)


def quaternion(matrix: np.ndarray) -> list[float]:
    from scipy.spatial.transform import Rotation

    return [*matrix[:3, 3], *Rotation.from_matrix(matrix[:3, :3]).as_quat()]


@pytest.mark.parametrize("name", ["traj.txt", "poses.txt", "poses/poses.txt", "poses.npy"])
def test_one_file_of_poses_in_order(make_walk, tmp_path: Path, name: str) -> None:
    walked = make_walk(3, size=(64, 48))
    matrices = np.array([step.world_from_camera for step in walked.steps])
    data = npy(matrices) if name.endswith("npy") else text(matrices, 16)
    folder = write(tmp_path, walked, color="rgb/{}.jpg", pose=name, one_file=data)
    check(folder, walked)


def test_one_file_of_poses_for_all_numbers_where_frames_are_missing(
    make_walk, tmp_path: Path
) -> None:
    walked = make_walk(3, size=(64, 48))
    matrices = np.tile(np.eye(4), (10, 1, 1))
    matrices[[2, 5, 9]] = [step.world_from_camera for step in walked.steps]
    folder = write(
        tmp_path, walked, color="rgb/{}.jpg", pose="trajectory.txt", numbers=[2, 5, 9],
        one_file=text(matrices[:, :3], 12),
    )  # fmt: skip
    assert check(folder, walked).frame_ids == (2, 5, 9)


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_as_names_pair_within_20_ms(make_walk, tmp_path: Path, unit: str) -> None:
    walked = make_walk(4, size=(64, 48))
    begin, lines = 1_305_031_102.125, ["# timestamp tx ty tz qx qy qz qw"]
    for n, step in enumerate(walked.steps):
        time = begin + n / 16
        off = [0.015, -0.018, 0.004, 0.019][n]
        for part, data in (("rgb", encode_jpeg(step.rgb)), ("depth", encode_png(mm(step.depth_m)))):
            at = time + (off if part == "depth" else 0)
            stem = {"s": f"{at:.6f}", "us": f"{at * 1e6:.0f}", "ns": f"{at * 1e9:.0f}"}[unit]
            write_bytes(tmp_path / part / f"{stem}.{'jpg' if part == 'rgb' else 'png'}", data)
        lines.append(
            f"{time - 0.01:.6f} "
            + " ".join(str(float(v)) for v in quaternion(step.world_from_camera))
        )
    late = (
        f"{begin + 1:.6f}" if unit == "s" else f"{(begin + 1) * {'us': 1e6, 'ns': 1e9}[unit]:.0f}"
    )
    write_bytes(tmp_path / f"rgb/{late}.jpg", encode_jpeg(walked.steps[0].rgb))
    (tmp_path / "groundtruth.txt").write_text("\n".join(lines))
    (tmp_path / "camera.txt").write_text("not this")
    camera = walked.camera
    record = {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
    (tmp_path / "camera.json").write_text(json.dumps(record))
    capture = check(tmp_path, walked)
    assert capture.frame_ids == (0, 1, 2, 3)
    assert "1 colour images without depth are left out" in capture.info().notes


CAMERAS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "fx": ("camera.json", lambda c: json.dumps({"fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy})),
    "K": ("intrinsics.json", lambda c: json.dumps({"K": c.matrix.tolist()})),
    "K flat": ("calib.json", lambda c: json.dumps({"K": c.matrix.ravel().tolist()})),
    "Open3D": (
        "camera_intrinsic.json",
        lambda c: json.dumps(
            {
                "width": c.width,
                "height": c.height,
                "intrinsic_matrix": c.matrix.T.ravel().tolist(),
            }
        ),
    ),
    "of a larger size": (
        "camera.json",
        lambda c: json.dumps(
            {
                "w": 2 * c.width,
                "h": 2 * c.height,
                "fl_x": 2 * c.fx,
                "fl_y": 2 * c.fy,
                "cx": 2 * c.cx + 0.5,
                "cy": 2 * c.cy + 0.5,
                "depth_scale": 0.001,
            }
        ),
    ),
    "below": ("cam_params.json", lambda c: json.dumps({"camera": vars(c) | {"scale": 1000.0}})),
    "OpenCV": (
        "calibration.yaml",
        lambda c: (
            "%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
            f"   data: [ {c.fx}, 0., {c.cx}, 0., {c.fy}, {c.cy}, 0.,\n       0., 1. ]\n"
            "distortion_coefficients: !!opencv-matrix\n   rows: 1\n   cols: 5\n   dt: d\n"
            "   data: [ 0., 0., 0., 0., 0. ]\n"
        ),
    ),
    "ORB-SLAM": (
        "camera.yml",
        lambda c: (
            f"%YAML:1.0\nCamera.type: PinHole\nCamera.fx: {c.fx}\nCamera.fy: {c.fy}\n"
            f"Camera.cx: {c.cx}\nCamera.cy: {c.cy}\nCamera.k1: 0.0\nDepthMapFactor: 1000.0\n"
        ),
    ),
    "text": ("K.txt", lambda c: f"[[{c.fx}, 0, {c.cx}],\n [0, {c.fy}, {c.cy}],\n [0, 0, 1]]"),
}
CAMERAS["text"] = ("cam_K.txt", CAMERAS["text"][1])
CAMERAS["text K"] = ("K.txt", lambda c: f"{c.fx} {c.fy} {c.cx} {c.cy}\n")
CAMERAS["text lines"] = (
    "calib.txt",
    lambda c: f"# colour\nfx: {c.fx}\nfy = {c.fy}\ncx {c.cx}\ncy: {c.cy}\nwidth: {c.width}\n",
)


@pytest.mark.parametrize("kind", list(CAMERAS))
def test_cameras_in_files_of_any_kind(make_walk, tmp_path: Path, kind: str) -> None:
    walked = make_walk(2, size=(64, 48))
    folder = write(tmp_path / "room", walked, color="rgb/{}.jpg", camera=CAMERAS[kind])
    capture = open_capture(folder)
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix, atol=1e-9)
    assert capture.info().units_per_m == pytest.approx(1000)
    flag = open_capture(folder, params=CaptureParams(intrinsics="50,51,30,20"))
    assert (flag.camera().fx, flag.camera().cy) == (50, 20)


@pytest.mark.parametrize("kind", list(CAMERAS))
def test_the_flag_takes_camera_files_of_any_kind(make_walk, tmp_path: Path, kind: str) -> None:
    walked = make_walk(1, size=(64, 48))
    wrong = ("intrinsic.txt", lambda c: f"{c.fx * 2} {c.fy * 2} {c.cx} {c.cy}")
    folder = write(tmp_path / "room", walked, color="rgb/{}.jpg", camera=wrong)
    name, make = CAMERAS[kind]
    write_bytes(tmp_path / name, make(walked.camera).encode())
    capture = open_capture(folder, params=CaptureParams(intrinsics=str(tmp_path / name)))
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix, atol=1e-9)


def test_a_flag_for_a_file_without_a_camera_is_refused(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    folder = write(tmp_path / "room", walked, color="rgb/{}.jpg", camera=CAMERAS["fx"])
    for name, content in {"a.txt": b"fx: 50\nfy: 50\n", "b.json": b"{}", "c.txt": b""}.items():
        write_bytes(tmp_path / name, content)
        with pytest.raises(CaptureError, match=name):
            open_capture(folder, params=CaptureParams(intrinsics=str(tmp_path / name)))


def test_a_unit_in_the_cameras_file_is_that_of_whole_numbers(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    name, make = CAMERAS["fx"]
    record = json.loads(make(walked.camera)) | {"depth_scale": 5000}
    for ending, units in (("png", 5000), ("npy", 1)):
        folder = write(
            tmp_path / ending, walked, color="rgb/{}.jpg", depth=f"depth/{{}}.{ending}",
            camera=(name, lambda _: json.dumps(record)),
        )  # fmt: skip
        assert open_capture(folder).info().units_per_m == units


def test_a_lens_is_taken_out_of_colour_and_depth(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    name, make = CAMERAS["fx"]
    record = json.loads(make(walked.camera)) | {"dist_coeffs": [-0.2, 0.02, 0, 0, 0]}
    write(tmp_path, walked, color="rgb/{}.jpg", camera=(name, lambda c: json.dumps(record)))
    capture = open_capture(tmp_path)
    assert capture.lens is not None
    assert capture.lens.coefficients == (-0.2, 0.02, 0, 0)
    assert capture.depth_lens == capture.lens


def test_a_camera_beside_the_folder_is_found_and_told(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    write(tmp_path / "room", walked, color="rgb/{}.jpg", camera=None)
    (tmp_path / "camera.json").write_text(CAMERAS["fx"][1](walked.camera))
    assert "folder around it: camera.json" in " ".join(
        check(tmp_path / "room", walked).info().notes
    )


def test_frames_with_gaps_and_lost_poses_are_counted(make_walk, tmp_path: Path) -> None:
    walked = make_walk(4, size=(64, 48))
    write(tmp_path, walked, color="rgb/{:04d}.jpg", pose="poses/{}.txt")
    (tmp_path / "depth/1.png").unlink()
    (tmp_path / "poses/2.txt").unlink()
    (tmp_path / "poses/3.txt").write_bytes(text(np.full((4, 4), np.nan)))
    capture = open_capture(tmp_path)
    assert capture.frame_ids == (0, 2, 3)
    assert [capture.pose(i) is None for i in range(3)] == [False, True, True]
    notes = " ".join(capture.info().notes)
    assert "1 colour images without depth" in notes
    assert "1 frames have no file in poses/" in notes


def test_flags_where_a_folder_departs(
    make_walk, surface_f: Callable, tmp_path: Path, level_to_y_up: np.ndarray
) -> None:
    walked = make_walk(12, world=level_to_y_up)
    flip = np.diag([1.0, -1, -1, 1])
    write(
        tmp_path, walked, color="rgb/{}.jpg", depth="depth/{}.npy",
        poses=lambda pose: text(np.linalg.inv(pose @ flip)),
    )  # fmt: skip
    params = CaptureParams(axes="opengl", poses="world-to-camera")
    capture = check(tmp_path, walked, params)
    assert surface_f(capture, walked) >= 0.99


def test_labels_are_read(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    write(tmp_path, walked, color="rgb/{:03d}.jpg")
    write_bytes(tmp_path / "label/1.png", encode_png(np.full((48, 64), 5, np.uint8)))
    capture = open_capture(tmp_path)
    assert capture.info().has_labels
    assert capture.info().without_labels == (0,)
    labels = capture.frame(1).labels
    assert labels is not None
    assert (labels == 5).all()


def test_a_unit_that_makes_no_room_is_told(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    write(tmp_path, walked, color="rgb/{}.jpg")
    (tmp_path / "depth/0.png").unlink()
    write_bytes(tmp_path / "depth/0.npy", npy(1000 * walked.steps[0].depth_m.astype(np.float32)))
    assert "--depth-scale" in " ".join(open_capture(tmp_path).info().notes)
    right = open_capture(tmp_path, params=CaptureParams(depth_scale=1000))
    assert not any("--depth-scale" in note for note in right.info().notes)


def _no_camera(path: Path) -> None:
    (path / "intrinsic.txt").unlink()


def _short_pose(path: Path) -> None:
    (path / "pose/0.txt").write_text("1 2 3")


def _other_numbers(path: Path) -> None:
    for n in range(2):
        (path / f"depth/{n}.png").rename(path / f"depth/{n + 50}.png")


def _no_numbers(path: Path) -> None:
    for n in range(2):
        (path / f"rgb/{n}.jpg").rename(path / f"rgb/{'ab'[n]}.jpg")


def _bad_camera(path: Path) -> None:
    _no_camera(path)
    (path / "camera.json").write_text('{"K": [[1, 2], [3, 4]]}')


def _other_poses(path: Path) -> None:
    for n in range(2):
        (path / f"pose/{n}.txt").rename(path / f"pose/{n + 9}.txt")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_no_camera, "without a camera"),
        (_short_pose, "12 or 16"),
        (_other_numbers, "none of one number or time"),
        (_no_numbers, "a number or a time in each name"),
        (_bad_camera, "no camera matrix"),
        (_other_poses, "none of one number"),
    ],
)
def test_what_cannot_be_read_is_told(
    make_walk, tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    write(tmp_path, make_walk(2, size=(64, 48)), color="rgb/{}.jpg")
    damage(tmp_path)
    with pytest.raises(CaptureError, match=says):
        open_capture(tmp_path).pose(0)


@pytest.mark.parametrize(
    ("stems", "numbers"),
    [
        (["frame_000123", "frame_000124"], [123, 124]),
        (["000123-color", "000124-color"], [123, 124]),
        (["scene7_0001_left2", "scene7_0002_left2"], [1, 2]),
        (["a1b2", "a2b2"], [1, 2]),
        (["x", "y"], None),
        (["1", "01"], None),
        (["7"], [7]),
    ],
)
def test_numbers_in_names(stems: list[str], numbers: list[int] | None) -> None:
    assert told_by(stems).numbers == numbers


def test_an_exported_folder_is_still_one(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    assert open_capture(write(tmp_path / "a", walked)).info().format == "exported folder"
    # 3x4 poses and gaps in numbering are no reason to be another format.
    other = write(tmp_path / "b", walked, poses=POSES["flat 12"][1], numbers=[3, 40])
    capture = open_capture(other)
    assert capture.info().format == "exported folder"
    pose = capture.pose(1)
    assert pose is not None
    np.testing.assert_allclose(pose.world_from_camera, walked.steps[1].world_from_camera)
