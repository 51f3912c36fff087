"""COLMAP models with depth: text and binary, old and new, of several cameras."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.lens import Lens
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.colmap_model import MODELS, read_model
from crossvox.core.camera import Pose, unproject
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes


def quaternion(rotation: np.ndarray) -> list[float]:
    """w x y z, by the largest of the four."""
    m = rotation
    trace = [
        1 + m[0, 0] + m[1, 1] + m[2, 2],
        1 + m[0, 0] - m[1, 1] - m[2, 2],
        1 - m[0, 0] + m[1, 1] - m[2, 2],
        1 - m[0, 0] - m[1, 1] + m[2, 2],
    ]
    rows = [
        [trace[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], trace[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], trace[2], m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], trace[3]],
    ]
    row = np.array(rows[int(np.argmax(trace))])
    return (row / np.linalg.norm(row)).tolist()


def pinhole(camera) -> tuple[str, list[float]]:
    return "PINHOLE", [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]


def write_model(
    folder: Path,
    images: list[tuple[int, str, int, np.ndarray]],
    cameras: dict[int, tuple[str, int, int, list[float]]],
    ending: str,
    points: bool = True,
) -> None:
    """``images``: number, name, camera, camera-from-world."""
    folder.mkdir(parents=True, exist_ok=True)
    poses = [[*quaternion(m[:3, :3]), *m[:3, 3].tolist()] for *_, m in images]
    if ending == ".txt":
        lines = ["# Camera list with one line of data per camera:"]
        for number, (model, w, h, values) in cameras.items():
            lines.append(f"{number} {model} {w} {h} {' '.join(map(repr, values))}")
        (folder / "cameras.txt").write_text("\n".join(lines) + "\n")
        lines = ["# Image list with two lines of data per image:", "#   IMAGE_ID, QW, QX"]
        for (number, name, camera, _), pose in zip(images, poses, strict=True):
            lines.append(f"{number} {' '.join(map(repr, pose))} {camera} {name}")
            if points:  # of every other image none
                lines.append("1.5 2.5 -1 10.25 4 17" if number % 2 else "")
        (folder / "images.txt").write_text("\n".join(lines) + "\n")
        return
    data = struct.pack("<Q", len(cameras))
    for number, (model, w, h, values) in cameras.items():
        data += struct.pack("<IiQQ", number, MODELS[model][0], w, h)
        data += struct.pack(f"<{len(values)}d", *values)
    (folder / "cameras.bin").write_bytes(data)
    data = struct.pack("<Q", len(images))
    for (number, name, camera, _), pose in zip(images, poses, strict=True):
        count = 2 if number % 2 else 0
        data += struct.pack("<I7dI", number, *pose, camera) + name.encode() + b"\0"
        data += struct.pack("<Q", count) + struct.pack("<ddq", 1.5, 2.5, -1) * count
    (folder / "images.bin").write_bytes(data)


def save_depth(path: Path, depth_m: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        write_bytes(path, encode_png(np.rint(depth_m * 1000).astype(np.uint16)))
    elif path.suffix == ".npy":
        np.save(path, depth_m.astype(np.float32))
    else:
        height, width = depth_m.shape
        path.write_bytes(f"{width}&{height}&1&".encode() + depth_m.astype("<f4").tobytes())


def write(
    walked,
    root: Path,
    *,
    ending: str = ".bin",
    model: str = "sparse/0",
    image: str = "images/frame_{:04d}.jpg",
    name: str = "frame_{:04d}.jpg",
    depth: str = "depth/frame_{:04d}.png",
    points: bool = True,
    camera: tuple[str, list[float]] | None = None,
) -> Path:
    images = []
    for n, step in enumerate(walked.steps):
        write_bytes(root / image.format(n), encode_jpeg(step.rgb))
        save_depth(root / depth.format(n), step.depth_m)
        # Numbers of images are in no order.
        images.append((100 - n, name.format(n), 3, np.linalg.inv(step.world_from_camera)))
    kind, values = camera or pinhole(walked.camera)
    cameras = {3: (kind, *walked.camera.size, values)}
    write_model(root / model, images, cameras, ending, points)
    return root


def check(walked, capture, numbers=None) -> None:
    assert capture.frame_ids == tuple(numbers or range(len(walked.steps)))
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix, rtol=1e-9)
    for n, step in enumerate(walked.steps):
        pose, depth = capture.pose(n), capture.frame(n, walked.depth_camera.size).depth_m
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-6)
        np.testing.assert_allclose(depth, step.depth_m, atol=1e-3)


@pytest.mark.parametrize("ending", [".bin", ".txt"])
def test_a_model_is_read_right(make_walk, surface_f: Callable, tmp_path: Path, ending: str) -> None:
    walked = make_walk(12, size=(256, 192), depth_size=(128, 96))
    capture = open_capture(write(walked, tmp_path / "room", ending=ending))
    check(walked, capture)
    assert capture.name == "room"
    assert surface_f(capture, walked) > 0.99
    notes = " ".join(capture.info().notes)
    assert "no scale of their own" in notes
    assert "millimetres" in notes


VARIANTS: dict[str, dict] = {
    "sparse": {"model": "sparse", "ending": ".txt"},
    "nerfstudio": {"model": "colmap/sparse/0"},
    "no lines of points": {"ending": ".txt", "points": False},
    "folders of cameras": {
        "image": "images/cam 1/{:04d}.jpg",
        "name": "cam 1/{:04d}.jpg",
        "depth": "depths/cam 1/{:04d}.npy",
        "ending": ".txt",
    },
    "color, by number": {"image": "color/{}.jpg", "name": "{}.jpg", "depth": "depth/d{:05d}.npy"},
    "dense workspace": {
        "model": "sparse",
        "depth": "stereo/depth_maps/frame_{:04d}.jpg.geometric.bin",
    },
    "beside the model": {"image": "{:04d}.jpg", "name": "{:04d}.jpg", "depth": "{:04d}.depth.png"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants(make_walk, tmp_path: Path, name: str) -> None:
    walked = make_walk(3, size=(64, 48))
    root = write(walked, tmp_path / "room", **VARIANTS[name])
    capture = open_capture(root)
    check(walked, capture)
    assert ("COLMAP's own" in " ".join(capture.info().notes)) == (name == "dense workspace")


def test_the_models_own_folder_may_be_given(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    root = write(walked, tmp_path / "room")
    capture = open_capture(root / "sparse/0")
    check(walked, capture)
    assert capture.name == "room"


def test_geometric_maps_come_before_photometric_ones(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    maps = "stereo/depth_maps/frame_{:04d}.jpg"
    root = write(walked, tmp_path, model="sparse", depth=maps + ".geometric.bin")
    for n in range(2):
        save_depth(root / (maps.format(n) + ".photometric.bin"), walked.steps[n].depth_m * 2)
    check(walked, open_capture(root))


def test_what_is_left_out_is_counted(make_walk, tmp_path: Path) -> None:
    walked = make_walk(5, size=(64, 48))
    root = write(walked, tmp_path)
    (root / "images/frame_0001.jpg").unlink()
    (root / "depth/frame_0002.png").unlink()
    write_bytes(root / "images/frame_0009.jpg", encode_jpeg(walked.steps[0].rgb))
    capture = open_capture(root)
    assert capture.frame_ids == (0, 3, 4)
    notes = " ".join(capture.info().notes)
    assert "1 images of the model are left out: their file" in notes
    assert "1 images of the model are left out: their depth image" in notes
    assert "1 images are not in the model" in notes


def test_the_model_with_the_most_images_is_read(make_walk, tmp_path: Path) -> None:
    walked = make_walk(3, size=(64, 48))
    root = write(walked, tmp_path, model="sparse/1")
    (tmp_path / "sparse/0").mkdir()
    one = [(1, "frame_0000.jpg", 3, np.eye(4))]
    write_model(tmp_path / "sparse/0", one, {3: ("PINHOLE", 64, 48, [50, 50, 32, 24])}, ".bin")
    capture = open_capture(root)
    check(walked, capture)
    assert "2 models: 1 is read, 1 images of others are not" in capture.info().notes


def test_two_cameras_and_images_of_another_size(
    make_walk, surface_f: Callable, tmp_path: Path
) -> None:
    walked, zoomed = make_walk(12), make_walk(12, focal=0.9)
    root = write(zoomed, tmp_path)
    images = []
    for n, step in enumerate(walked.steps):
        if n % 3:
            write_bytes(root / f"images/frame_{n:04d}.jpg", encode_jpeg(step.rgb))
            save_depth(root / f"depth/frame_{n:04d}.png", step.depth_m)
        pose = np.linalg.inv(step.world_from_camera)
        images.append((n, f"frame_{n:04d}.jpg", 1 + (n % 3 == 0), pose))
    images.append((99, "frame_0099.jpg", 7, np.eye(4)))
    write_bytes(root / "images/frame_0099.jpg", encode_jpeg(np.zeros((30, 20, 3), np.uint8)))
    save_depth(root / "depth/frame_0099.png", np.ones((30, 20)))
    kinds = {n: (pinhole(w.camera)[0], 256, 192, pinhole(w.camera)[1])
             for n, w in ((1, walked), (2, zoomed))}  # fmt: skip
    kinds[7] = ("SIMPLE_PINHOLE", 20, 30, [20.0, 10.0, 15.0])
    write_model(root / "sparse/0", images, kinds, ".bin")
    capture = open_capture(root)
    assert len(capture) == 12
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix)
    notes = " ".join(capture.info().notes)
    assert "2 cameras: images are moved" in notes
    assert "1 images are left out: they are not of 256x192" in notes
    assert surface_f(capture, walked) > 0.98


K = [60.0, 61.0, 32.0, 24.0]
CAMERAS: dict[str, tuple[list[float], Lens | None]] = {
    "SIMPLE_PINHOLE": ([60.0, 32.0, 24.0], None),
    "PINHOLE": (K, None),
    "SIMPLE_RADIAL": ([60.0, 32.0, 24.0, 0.1], Lens("brown", (0.1, 0, 0, 0))),
    "RADIAL": ([60.0, 32.0, 24.0, 0.1, 0.2], Lens("brown", (0.1, 0.2, 0, 0))),
    "OPENCV": ([*K, 0.1, 0.2, 0.3, 0.4], Lens("brown", (0.1, 0.2, 0.3, 0.4))),
    "FULL_OPENCV": (
        [*K, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        Lens("brown", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
    ),
    "OPENCV_FISHEYE": ([*K, 0.1, 0.2, 0.3, 0.4], Lens("fisheye", (0.1, 0.2, 0.3, 0.4))),
    "SIMPLE_RADIAL_FISHEYE": ([60.0, 32.0, 24.0, 0.1], Lens("fisheye", (0.1, 0, 0, 0))),
    "RADIAL_FISHEYE": ([60.0, 32.0, 24.0, 0.1, 0.2], Lens("fisheye", (0.1, 0.2, 0, 0))),
    "SIMPLE_FISHEYE": ([60.0, 32.0, 24.0], Lens("fisheye", (0, 0, 0, 0))),
    "FISHEYE": (K, Lens("fisheye", (0, 0, 0, 0))),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", [".bin", ".txt"])
def test_camera_models(make_walk, tmp_path: Path, model: str, ending: str) -> None:
    walked = make_walk(1, size=(64, 48))
    values, lens = CAMERAS.get(model, ([1.0] * MODELS[model][1], None))
    root = write(walked, tmp_path, ending=ending, camera=(model, values))
    if model not in CAMERAS:
        with pytest.raises(CaptureError, match=f"the model {model}; .*image_undistorter"):
            open_capture(root)
        return
    capture = open_capture(root)
    camera = capture.camera()
    fy = 60 if len(values) == MODELS["SIMPLE_PINHOLE"][1] or values[1] == 32 else 61
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (60, fy, 31.5, 23.5)
    assert capture.lens == capture.depth_lens == lens


def write_points(folder: Path, walked, scale: float, ending: str) -> None:
    """Points on the surfaces that each frame shows, each seen by it alone."""
    rng, data, lines, count = np.random.default_rng(0), b"", ["# 3D point list"], 0
    for n, step in enumerate(walked.steps):
        points = unproject(step.depth_m, walked.depth_camera).reshape(-1, 3)
        points = Pose(step.world_from_camera).apply(points[rng.integers(0, len(points), 40)])
        for x, y, z in (points * scale).tolist():
            count += 1
            data += struct.pack("<Q3d3BdQII", count, x, y, z, 9, 9, 9, 0.5, 1, 100 - n, 0)
            lines.append(f"{count} {x!r} {y!r} {z!r} 9 9 9 0.5 {100 - n} 0")
    if ending == ".bin":
        (folder / "points3D.bin").write_bytes(struct.pack("<Q", count) + data)
    else:
        (folder / "points3D.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("ending", [".bin", ".txt"])
@pytest.mark.parametrize("scale", [2.5, 1.0])
def test_measured_depth_tells_the_models_scale(
    make_walk, tmp_path: Path, scale: float, ending: str
) -> None:
    walked = make_walk(4, size=(128, 96))
    larger = replace(walked, steps=[replace(s, world_from_camera=scaled(s.world_from_camera, scale))
                                    for s in walked.steps])  # fmt: skip
    root = write(larger, tmp_path, ending=ending)
    write_points(root / "sparse/0", walked, scale, ending)
    capture = open_capture(root)
    notes = " ".join(capture.info().notes)
    words = "the model is in metres" if scale == 1 else "positions are multiplied by 0.4"
    assert words in notes
    for n, step in enumerate(walked.steps):
        pose = capture.pose(n)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=0.01)
    # Where flags say otherwise about poses, or points do not agree, it is left alone.
    assert "no scale of their own" in " ".join(
        open_capture(root, params=CaptureParams(axes="opencv")).info().notes
    )
    file = root / f"sparse/0/points3D{ending}"
    file.write_bytes(file.read_bytes()[:2000])
    assert "no scale of their own" in " ".join(open_capture(root).info().notes)


def scaled(pose: np.ndarray, scale: float) -> np.ndarray:
    moved = pose.copy()
    moved[:3, 3] *= scale
    return moved


def test_without_depth_or_unit(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    root = write(walked, tmp_path)
    capture = open_capture(root, params=CaptureParams(depth_scale=500))
    assert "unit" not in " ".join(capture.info().notes)
    (root / "depth/frame_0000.png").unlink()
    with pytest.raises(CaptureError, match="1 images, of which 1 lie in images/ and 0 have depth"):
        open_capture(root)


@pytest.mark.parametrize("ending", [".bin", ".txt"])
@pytest.mark.parametrize("part", ["cameras", "images"])
def test_damage_is_refused_in_words(make_walk, tmp_path: Path, ending: str, part: str) -> None:
    root = write(make_walk(2, size=(64, 48)), tmp_path, ending=ending)
    file = root / f"sparse/0/{part}{ending}"
    whole = file.read_bytes()
    cut = whole[:-9] if ending == ".bin" or part == "cameras" else whole[:100]
    damaged = [cut, b"", b"\xff" * 60, whole.replace(b"PINHOLE", b"PINEAPPLE")]
    for data in damaged[: 4 if ending == ".txt" and part == "cameras" else 3]:
        file.write_bytes(data)
        with pytest.raises(CaptureError, match=r"needed: .*do: "):
            open_capture(root)
    file.unlink()
    with pytest.raises(CaptureError, match=part):
        open_capture(root)


def test_new_files_of_colmap_itself(tmp_path: Path) -> None:
    """Rigs and frames, as version 4 writes them; poses of images hold the same, put together."""
    colmap = pytest.importorskip("pycolmap")

    def rigid(axis: list[float], angle: float, shift: list[float]):
        half = angle / 2
        values = np.array([*(np.array(axis) * math.sin(half)), math.cos(half)])
        return colmap.Rigid3d(colmap.Rotation3d(values), np.array(shift))

    model = colmap.Reconstruction()
    kinds = {1: ("OPENCV", [90, 91, 50, 40, 0.01, 0.02, 0.001, 0.002]),
             2: ("PINHOLE", [92, 93, 51, 41])}  # fmt: skip
    cameras = {
        n: colmap.Camera(camera_id=n, model=kind, width=100, height=80, params=values)
        for n, (kind, values) in kinds.items()
    }
    rig = colmap.Rig(rig_id=1)
    rig.add_ref_sensor(cameras[1].sensor_id)
    rig.add_sensor(cameras[2].sensor_id, rigid([0, 1, 0], 0.2, [0.1, 0, 0]))
    for camera in cameras.values():
        model.add_camera(camera)
    model.add_rig(rig)
    for frame_number in (1, 2):
        frame = colmap.Frame()
        frame.frame_id, frame.rig_id = frame_number, 1
        numbers = {n: 10 * frame_number + n for n in cameras}
        for n, camera in cameras.items():
            frame.add_data_id(colmap.data_t(camera.sensor_id, numbers[n]))
        frame.rig_from_world = rigid([0, 0, 1], 0.3 * frame_number, [1, 2, 3.0])
        model.add_frame(frame)
        for n, number in numbers.items():
            name = f"cam{n}/{frame_number:04d}.jpg"
            image = colmap.Image(name=name, camera_id=n, image_id=number)
            image.frame_id = frame_number
            points = [colmap.Point2D(np.array([1.0, 2.0]))] * (n - 1)
            image.points2D = colmap.Point2DList(points)
            model.add_image(image)
        model.register_frame(frame_number)
    for ending, save in ((".bin", model.write_binary), (".txt", model.write_text)):
        folder = tmp_path / ending
        folder.mkdir()
        save(folder)
        assert (folder / f"rigs{ending}").is_file()
        read = read_model(folder)
        assert sorted(read.images) == [11, 12, 21, 22]
        for number, image in read.images.items():
            truth = model.image(number)
            assert image.name == truth.name
            assert image.camera == truth.camera_id
            expected = truth.cam_from_world().matrix()
            np.testing.assert_allclose(image.camera_from_world[:3], expected, atol=1e-12)
        for number, camera in read.cameras.items():
            assert camera.model == kinds[number][0]
            assert list(camera.values) == kinds[number][1]
            pixel = np.array([[0.2, -0.1, 1.0]])
            centre, _ = camera.read((100, 80), "")
            if number == 2:
                at = cameras[2].img_from_cam(pixel)[0] - 0.5
                np.testing.assert_allclose(
                    at, [centre.fx * 0.2 + centre.cx, centre.fy * -0.1 + centre.cy]
                )


def test_numbers_of_models_are_those_of_colmap() -> None:
    colmap = pytest.importorskip("pycolmap")
    for name, (number, count) in MODELS.items():
        kind = getattr(colmap.CameraModelId, name)
        assert int(kind) == number
        assert len(colmap.Camera.create_from_model_id(1, kind, 100.0, 100, 80).params) == count
