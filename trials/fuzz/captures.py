"""Smallest captures of every format, written by our own writers, and the reading of one.

A reader that comes from another package, or a new one, gives its smallest capture to
:data:`SAMPLES` under its name in ``READERS``; one that gives none is named by the trial.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import lzfse
import numpy as np
import OpenEXR
from numpy.typing import NDArray
from PIL import Image

from crossvox.capture import open_capture
from crossvox.capture.archive import PLACE
from crossvox.capture.files import write_matrix
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CrossvoxError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

Maker = Callable[[Path], Path]
"""Writes a capture into a folder, and tells what to open."""

CAMERA = Intrinsics(14.0, 14.0, 7.5, 5.5, 16, 12)
DEPTH_CAMERA = Intrinsics(10.0, 10.5, 5.5, 4.5, 12, 10)
PHONE_DEPTH = CAMERA.resized((8, 6))
FRAMES = 2


def color(number: int) -> NDArray[np.uint8]:
    """A smooth picture."""
    v, u = np.mgrid[:12, :16]
    return np.stack([u * 9, v * 16, np.full_like(u, 90 * number)], -1).astype(np.uint8)


def depth(camera: Intrinsics = CAMERA) -> NDArray[np.uint16]:
    """A slanted wall at about 2 m, in millimetres, with a hole."""
    v, u = np.mgrid[: camera.height, : camera.width]
    wall = (1500 + 60 * u + 20 * v).astype(np.uint16)
    wall[:2, :2] = 0
    return wall


def labels() -> NDArray[np.uint8]:
    """Two classes and some pixels without."""
    image = np.ones((12, 16), dtype=np.uint8)
    image[:, 8:], image[:2] = 5, 0
    return image


def pose(number: int) -> NDArray[np.float32]:
    """A step to the side with a small turn."""
    angle, matrix = 0.1 * number, np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (0.1 * number, 0.05, 1.2)
    return matrix.astype(np.float32)


def sens(compression: str) -> Maker:
    """A ``.sens`` file with labels and a class map beside it."""

    def make(folder: Path) -> Path:
        moved = np.eye(4)
        moved[0, 3] = 0.02
        raw = compression == "raw"
        header = SensHeader(
            "Structur", CAMERA, DEPTH_CAMERA, np.eye(4), moved,
            "raw" if raw else "png" if compression == "png" else "jpeg",
            "raw" if raw else "zlib",
        )  # fmt: skip
        scan = folder / "scene0000_00"
        scan.mkdir()
        with SensWriter(scan / "scene0000_00.sens", header, FRAMES) as writer:
            for number in range(FRAMES):
                plain = depth(DEPTH_CAMERA).tobytes()
                stored = plain if raw else zlib.compress(plain)
                image = color(number)
                data = {"raw": image.tobytes, "png": lambda i=image: encode_png(i)}.get(
                    compression, lambda i=image: encode_jpeg(i)
                )()
                writer.write(SensFrame(pose(number), number, number, data, stored))
                write_bytes(scan / f"label-filt/{number}.png", encode_png(labels()))
        table = "id\tcategory\tnyu40id\n1\twall\t1\n5\tchair\t5\n300\tthing\t40\n"
        (scan / "scannetv2-labels.combined.tsv").write_text(table, encoding="utf-8")
        return scan

    return make


def exported(folder: Path) -> Path:
    """An exported folder with cameras of its own for colour and depth."""
    scene = folder / "scene"
    for number in range(FRAMES):
        write_bytes(scene / f"color/{number}.jpg", encode_jpeg(color(number)))
        write_bytes(scene / f"depth/{number}.png", encode_png(depth(DEPTH_CAMERA)))
        write_bytes(scene / f"label/{number}.png", encode_png(labels()))
        write_matrix(scene / f"pose/{number}.txt", pose(number))
    moved = np.eye(4)
    moved[0, 3] = 0.02
    write_matrix(scene / "intrinsic/intrinsic_color.txt", CAMERA.matrix)
    write_matrix(scene / "intrinsic/intrinsic_depth.txt", DEPTH_CAMERA.matrix)
    write_matrix(scene / "intrinsic/extrinsic_color.txt", np.eye(4))
    write_matrix(scene / "intrinsic/extrinsic_depth.txt", moved)
    return scene


def seven_scenes(folder: Path) -> Path:
    """A sequence of 7-Scenes with its camera file."""
    scene = folder / "seq-01"
    for number in range(FRAMES):
        stem = f"frame-{number:06d}"
        write_bytes(scene / f"{stem}.color.png", encode_png(color(number)))
        write_bytes(scene / f"{stem}.depth.png", encode_png(depth()))
        write_matrix(scene / f"{stem}.pose.txt", pose(number))
    write_matrix(scene / "camera-intrinsics.txt", CAMERA.matrix)
    return scene


def tum(folder: Path) -> Path:
    """A TUM sequence with its three lists."""
    scene = folder / "sequence"
    color_lines, depth_lines, poses = ["# time file"], ["# time file"], ["# time pose"]
    for number in range(FRAMES):
        time = f"{1305031102.17 + 0.03 * number:.4f}"
        write_bytes(scene / f"rgb/{time}.png", encode_png(color(number)))
        write_bytes(scene / f"depth/{time}.png", encode_png(depth()))
        color_lines.append(f"{time} rgb/{time}.png")
        depth_lines.append(f"{time} depth/{time}.png")
        poses.append(f"{time} 0.1 {number}.5 1.2 0.0 0.1 0.0 0.99")
    for name, lines in (("rgb", color_lines), ("depth", depth_lines), ("groundtruth", poses)):
        (scene / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_matrix(scene / "intrinsics.txt", CAMERA.matrix)
    return scene


def replica(folder: Path) -> Path:
    """A scene of Replica with its camera file."""
    scene = folder / "room0"
    for number in range(FRAMES):
        write_bytes(scene / f"results/frame{number:06d}.jpg", encode_jpeg(color(number)))
        write_bytes(scene / f"results/depth{number:06d}.png", encode_png(depth()))
    lines = [" ".join(str(float(v)) for v in pose(number).ravel()) for number in range(FRAMES)]
    (scene / "traj.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = {"w": 16, "h": 12, "fx": 14.0, "fy": 14.0, "cx": 7.5, "cy": 5.5, "scale": 6553.5}
    (scene / "cam_params.json").write_text(json.dumps({"camera": told}), encoding="utf-8")
    return scene


def colmap(ending: str, maps: bool = False) -> Maker:
    """A COLMAP model, text or binary, with depth maps of a kind."""

    def make(folder: Path) -> Path:
        scene = folder / "scene"
        kinds = {1: (4, "OPENCV", [14.0, 14.0, 8.0, 6.0, 0.01, 0.02, 0.0, 0.0]),
                 2: (1, "PINHOLE", [15.0, 14.0, 8.0, 6.0])}  # fmt: skip
        lines, data = ["# cameras"], struct.pack("<Q", len(kinds))
        for number, (kind, name, values) in kinds.items():
            lines.append(f"{number} {name} 16 12 {' '.join(map(str, values))}")
            data += struct.pack("<IiQQ", number, kind, 16, 12)
            data += struct.pack(f"<{len(values)}d", *values)
        texts, blobs = {"cameras": lines}, {"cameras": data}
        lines, data = ["# images"], struct.pack("<Q", FRAMES)
        for number in range(FRAMES):
            told = (1.0, 0.1, 0.0, 0.0, 0.1 * number, 0.2, 0.3)
            name = f"frame{number:04d}.jpg"
            lines += [f"{number} {' '.join(map(str, told))} {number + 1} {name}", "1 2 -1"]
            data += struct.pack("<I7dI", number, *told, number + 1) + name.encode() + b"\0"
            data += struct.pack("<Qddq", 1, 1.0, 2.0, -1)
            write_bytes(scene / "images" / name, encode_jpeg(color(number)))
            floats = (depth() / 1000).astype("<f4").tobytes()
            if maps:
                file = scene / f"stereo/depth_maps/{name}.geometric.bin"
                write_bytes(file, b"16&12&1&" + floats)
            else:
                write_bytes(scene / f"depth/{number}.png", encode_png(depth()))
        texts["images"], blobs["images"] = lines, data
        lines, data = [], struct.pack("<Q", 80)
        for number in range(80):
            x, y, z = (0.01 * number - 0.4, 0.1, 2.0)
            lines.append(f"{number} {x} {y} {z} 9 9 9 0.5 0 1 1 2")
            data += struct.pack("<Q3d3BdQ4I", number, x, y, z, 9, 9, 9, 0.5, 2, 0, 1, 1, 2)
        texts["points3D"], blobs["points3D"] = lines, data
        for part in ("cameras", "images", "points3D"):
            content = "\n".join(texts[part]).encode() if ending == ".txt" else blobs[part]
            write_bytes(scene / f"sparse/0/{part}{ending}", content)
        return scene

    return make


def open3d(folder: Path) -> Path:
    """A folder of Open3D with a trajectory and the camera file of a recorder."""
    scene = folder / "recording"
    lines = []
    for number in range(FRAMES):
        write_bytes(scene / f"color/{number:05d}.jpg", encode_jpeg(color(number)))
        write_bytes(scene / f"depth/{number:05d}.png", encode_png(depth()))
        rows = [" ".join(str(float(v)) for v in row) for row in pose(number)]
        lines += [f"{number} {number} {number + 1}", *rows]
    (scene / "trajectory.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    matrix = CAMERA.matrix.T.ravel().tolist()
    told = {"width": 16, "height": 12, "intrinsic_matrix": matrix, "depth_scale": 1000.0}
    (scene / "intrinsic.json").write_text(json.dumps(told), encoding="utf-8")
    return scene


def transforms(ending: str) -> Maker:
    """A capture for radiance fields, its depth in files of a kind."""

    def make(folder: Path) -> Path:
        scene = folder / "scene"
        frames = []
        for number in range(FRAMES):
            write_bytes(scene / f"images/{number}.jpg", encode_jpeg(color(number)))
            file = scene / f"depth/{number}{ending}"
            file.parent.mkdir(exist_ok=True)
            metres = (depth() / 1000).astype(np.float32)
            if ending == ".npy":
                np.save(file, metres)
            elif ending == ".npz":
                np.savez_compressed(file, depth=depth())
            elif ending == ".tiff":
                Image.fromarray(metres).save(file)
            else:
                write_bytes(file, encode_png(depth()))
            own = {"file_path": f"./images/{number}", "depth_file_path": f"depth/{number}{ending}"}
            frames.append({**own, "transform_matrix": pose(number).tolist(), "cx": 8.0 + number})
        told = {"camera_model": "OPENCV", "fl_x": 14.0, "fl_y": 14.0, "cy": 6.0, "w": 16, "h": 12}
        told |= {"k1": -0.02, "p1": 0.001, "applied_scale": 0.5, "frames": frames}
        (scene / "transforms.json").write_text(json.dumps(told), encoding="utf-8")
        return scene

    return make


def record3d(folder: Path) -> Path:
    """A ``.r3d`` file with cameras a frame and confidence."""
    files = {"metadata": json.dumps(_record3d_metadata()).encode()}
    for number in range(FRAMES):
        files[f"rgbd/{number}.jpg"] = encode_jpeg(color(number))
        plain = (depth(PHONE_DEPTH) / 1000).astype("<f4")
        files[f"rgbd/{number}.depth"] = lzfse.compress(plain.tobytes())
        files[f"rgbd/{number}.conf"] = lzfse.compress(np.full(plain.shape, 2, np.uint8).tobytes())
    with zipfile.ZipFile(folder / "scan.r3d", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return folder / "scan.r3d"


def record3d_exr(folder: Path) -> Path:
    """The export EXR + JPG."""
    scene = folder / "EXR_RGBD"
    write_bytes(scene / "metadata.json", json.dumps(_record3d_metadata()).encode())
    for number in range(FRAMES):
        write_bytes(scene / f"rgb/{number}.jpg", encode_jpeg(color(number)))
        metres = (depth(PHONE_DEPTH) / 1000).astype(np.float16)
        (scene / "depth").mkdir(exist_ok=True)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"R": metres}).write(str(scene / f"depth/{number}.exr"))
    return scene


def _record3d_metadata() -> dict[str, object]:
    c = CAMERA
    return {
        "K": [c.fx, 0, 0, 0, c.fy, 0, c.cx, c.cy, 1], "w": c.width, "h": c.height,
        "dw": PHONE_DEPTH.width, "dh": PHONE_DEPTH.height, "fps": 60,
        "initPose": [0, 0, 0, 1, 0, 0, 0], "frameTimestamps": [0.0, 0.02],
        "poses": [[0.0, 0.1, 0.0, 0.99, 0.1 * n, 1.2, 0.0] for n in range(FRAMES)],
        "perFrameIntrinsicCoeffs": [[c.fx, c.fy + n, c.cx, c.cy] for n in range(FRAMES)],
    }  # fmt: skip


def plain(folder: Path) -> Path:
    """A folder of one's own with one file of poses and a camera in YAML."""
    scene, lines = folder / "scene", []
    for number in range(FRAMES):
        write_bytes(scene / f"images/frame_{number:03d}.jpg", encode_jpeg(color(number)))
        write_bytes(
            scene / f"depths/{number:03d}.pgm",
            b"P5 16 12 65535\n" + depth().astype(">u2").tobytes(),
        )
        lines.append(" ".join(f"{value:g}" for value in pose(number)[:3].ravel()))
    write_bytes(scene / "poses.txt", "\n".join(lines).encode())
    matrix = ", ".join(f"{value:g}" for value in CAMERA.matrix.ravel())
    head = "%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
    write_bytes(scene / "calib.yaml", f"{head}   data: [{matrix}]\nDepthMapFactor: 1000\n".encode())
    return scene


def plain_arrays(folder: Path) -> Path:
    """A folder of one's own with arrays of NumPy, and a camera in JSON."""
    scene = folder / "scene"
    for number in range(FRAMES):
        write_bytes(scene / f"rgb/{number}.png", encode_png(color(number)))
        for part, array in (("depth", depth() / np.float32(1000)), ("poses", pose(number))):
            (scene / part).mkdir(exist_ok=True)
            np.save(scene / part / f"{number}.npy", array)
    lens = {"K": CAMERA.matrix.tolist(), "width": 16, "height": 12, "dist_coeffs": [0.01, 0, 0, 0]}
    write_bytes(scene / "camera.json", json.dumps(lens).encode())
    return scene


def zipped(maker: Maker) -> Maker:
    """What another maker writes, in a ZIP file."""

    def make(folder: Path) -> Path:
        scene = maker(folder)
        file = folder / "scene.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(path for path in scene.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder))
        shutil.rmtree(scene)
        return file

    return make


def robots(name: str) -> Maker:
    """A maker of :mod:`trials.fuzz.robots`, which builds on this module."""

    def make(folder: Path) -> Path:
        from trials.fuzz import robots

        made: Path = getattr(robots, name)(folder)
        return made

    return make


def scanner_app(folder: Path) -> Path:
    """A scan of 3D Scanner App."""
    scene, c = folder / "scan", CAMERA
    projection = [0.0] * 16
    projection[0], projection[5] = 2 * c.fx / c.width, 2 * c.fy / c.height
    for number in range(FRAMES):
        told = {
            "cameraPoseARFrame": pose(number).ravel().tolist(),
            "intrinsics": [c.fx, 0, c.cx, 0, c.fy, c.cy, 0, 0, 1],
            "projectionMatrix": projection, "time": 1.5 * number, "frame_index": number,
        }  # fmt: skip
        write_bytes(scene / f"frame_{number:05d}.json", json.dumps(told).encode())
        write_bytes(scene / f"frame_{number:05d}.jpg", encode_jpeg(color(number)))
        write_bytes(scene / f"depth_{number:05d}.png", encode_png(depth(PHONE_DEPTH)))
        write_bytes(scene / f"conf_{number:05d}.png", encode_png(np.full((6, 8), 2, np.uint8)))
    return scene


def polycam(folder: Path) -> Path:
    """Raw data of Polycam in a ZIP file."""
    c, files = CAMERA, {"mesh_info.json": b"{}"}
    for number in range(FRAMES):
        matrix = pose(number)
        told = {f"t_{i}{j}": float(matrix[i, j]) for i in range(3) for j in range(4)}
        told |= {"fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy, "width": 16, "height": 12}
        name = f"keyframes/{{}}/{60115705957 + 500000 * number}.{{}}"
        for kind in ("cameras", "corrected_cameras"):
            files[name.format(kind, "json")] = json.dumps(told).encode()
        files[name.format("images", "jpg")] = encode_jpeg(color(number))
        files[name.format("depth", "png")] = encode_png(depth(PHONE_DEPTH))
        certain = encode_png(np.full((6, 8), 255, np.uint8))
        files[name.format("confidence", "png")] = certain
    with zipfile.ZipFile(folder / "scan.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return folder / "scan.zip"


UNPACKED = tempfile.TemporaryDirectory(prefix="crossvox-fuzz-")
"""Where ZIP files are unpacked, in this process and those that it starts."""

os.environ.setdefault(PLACE, UNPACKED.name)


def rscan(folder: Path) -> Path:
    """A sequence of 3RScan."""
    scene, lines = folder / "sequence", ["m_sensorName = phone", "m_depthShift = 1000"]
    for kind, c in (("color", CAMERA), ("depth", PHONE_DEPTH)):
        k = [c.fx, 0, c.cx, 0, 0, c.fy, c.cy, 0, 0, 0, 1, 0, 0, 0, 0, 1]
        lines += [f"m_{kind}Width = {c.width}", f"m_{kind}Height = {c.height}"]
        lines.append(f"m_calibration{kind.title()}Intrinsic = {' '.join(map(str, k))}")
    write_bytes(scene / "_info.txt", "\n".join(lines).encode())
    for number in range(FRAMES):
        stem = f"frame-{number:06d}"
        write_bytes(scene / f"{stem}.color.jpg", encode_jpeg(color(number)))
        plain = depth(PHONE_DEPTH).astype(">u2").tobytes()
        write_bytes(scene / f"{stem}.depth.pgm", b"P5 8 6\n65535\n" + plain)
        write_matrix(scene / f"{stem}.pose.txt", pose(number))
    return scene


SAMPLES: dict[str, tuple[Maker, ...]] = {
    "scannet": (sens("jpeg"), sens("png"), sens("raw")),
    "folder": (exported,),
    "7-scenes": (seven_scenes,),
    "tum": (tum, robots("pairs")),
    "rtabmap": (robots("rtabmap"),),
    "ros": (robots("ros1"), robots("sqlite"), robots("mcap")),
    "transforms": tuple(transforms(ending) for ending in (".png", ".npy", ".npz", ".tiff")),
    "colmap": (colmap(".bin"), colmap(".txt"), colmap(".bin", maps=True)),
    "replica": (replica,),
    "open3d": (open3d,),
    "record3d": (record3d, record3d_exr),
    "plain": (plain, plain_arrays),
    "zip": (zipped(exported),),
    "3d-scanner-app": (scanner_app,),
    "polycam": (polycam,),
    "3rscan": (rscan,),
}
"""Smallest captures by the reader's name."""


def read_capture(path: Path) -> None:
    """Everything that a capture can be asked for; a frame that is broken leaves the others.

    Raises:
        CrossvoxError: the first error there was.
    """
    capture = open_capture(path)
    problems: list[CrossvoxError] = []
    capture.info()
    small = (8, 6)
    for index in range(min(len(capture), 2 * FRAMES)):
        for size in (None, small) if index == 0 else (None,):
            try:
                capture.pose(index)
                frame = capture.frame(index, size)
                if frame.stored is not None and frame.stored.read_depth is not None:
                    frame.stored.read_depth()
            except CrossvoxError as error:
                problems.append(error)
    if problems:
        raise problems[0]
