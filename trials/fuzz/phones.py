"""Smallest captures of phones that record videos."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import lz4.block
import numpy as np
from numpy.typing import NDArray

from crossvox.doors.images import encode_png, write_bytes
from trials.fuzz import captures
from trials.fuzz.captures import FRAMES, PHONE_DEPTH, Maker, depth

SIZE = (64, 48)
"""Codecs take no smaller images."""
CAMERA = captures.CAMERA.resized(SIZE)


def write_video(path: Path, images: Sequence[NDArray[np.uint8]], codec: str = "libx264") -> None:
    """Write images as a video of the kind that the path's ending says."""
    quiet = {f"{codec.removeprefix('lib')}-params": "log-level=none"} if codec != "mjpeg" else {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30, options=quiet)
        stream.width, stream.height = images[0].shape[1::-1]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def color(number: int) -> NDArray[np.uint8]:
    """A picture of :data:`SIZE`."""
    return captures.color(number).repeat(4, axis=0).repeat(4, axis=1)


def stray(video: str, codec: str) -> Maker:
    """A recording of Stray Scanner with a camera a frame."""

    def make(folder: Path) -> Path:
        scene = folder / "scan"
        names = "timestamp, frame, x, y, z, qx, qy, qz, qw, fx, fy, cx, cy, distortion_center_x"
        lines, c = [names], CAMERA
        for number in range(FRAMES):
            write_bytes(scene / f"depth/{number:06d}.png", encode_png(depth(PHONE_DEPTH)))
            trust = np.full((PHONE_DEPTH.height, PHONE_DEPTH.width), 2, np.uint8)
            write_bytes(scene / f"confidence/{number:06d}.png", encode_png(trust))
            told = f"{c.fx}, {c.fy}, {c.cx + number / 4}, {c.cy}, "
            lines.append(f"{number}.5, {number:06d}, 0.{number}, 1, 2, 0, 0.1, 0, 0.99, {told}")
        (scene / "odometry.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        matrix = f"{c.fx}, 0.0, {c.cx}\n0.0, {c.fy}, {c.cy}\n0.0, 0.0, 1.0"
        (scene / "camera_matrix.csv").write_text(matrix, encoding="utf-8")
        write_video(scene / video, [color(number) for number in range(FRAMES)], codec)
        return scene

    return make


def arkitscenes(folder: Path) -> Path:
    """A raw video of ARKitScenes."""
    scene, c, lines = folder / "41048190", captures.CAMERA, []
    for number in range(FRAMES):
        name = f"41048190_{3447.514 + number / 10:.3f}"
        write_bytes(scene / f"lowres_wide/{name}.png", encode_png(captures.color(number)))
        write_bytes(scene / f"lowres_depth/{name}.png", encode_png(depth(c)))
        trust = np.full((c.height, c.width), 2, np.uint8)
        write_bytes(scene / f"confidence/{name}.png", encode_png(trust))
        camera = f"{c.width} {c.height} {c.fx} {c.fy} {c.cx + number / 4} {c.cy}"
        write_bytes(scene / f"lowres_wide_intrinsics/{name}.pincam", camera.encode())
        lines.append(f"{3447.5153 + number / 10:.6f} 0.1 1.2 -0.1 0.{number} 1.0 2.0")
    (scene / "lowres_wide.traj").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (scene / "41048190_3dod_mesh.ply").write_text("ply\n", encoding="utf-8")
    return scene


def scannetpp(one_stream: bool) -> Maker:
    """The iPhone part of a scene of ScanNet++."""

    def make(folder: Path) -> Path:
        phone = folder / "0a5c013435/iphone"
        wall = depth(captures.CAMERA).repeat(16, axis=0).repeat(16, axis=1)
        if one_stream:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            floats = (wall / 1000).astype("<f4").tobytes() * FRAMES
            data = packer.compress(floats) + packer.flush()
        else:
            packed = lz4.block.compress(wall.astype("<u2").tobytes(), store_size=False)
            data = (struct.pack("<I", len(packed)) + packed) * FRAMES
        write_bytes(phone / "depth.bin", data)
        write_video(phone / "rgb.mkv", [color(number) for number in range(FRAMES)])
        entries = {
            f"frame_{number:06d}": {
                "timestamp": 0.1 * number,
                "aligned_pose": captures.pose(number).tolist(),
                "intrinsic": CAMERA.matrix.tolist(),
            }
            for number in range(FRAMES)
        }
        write_bytes(phone / "pose_intrinsic_imu.json", json.dumps(entries).encode())
        return phone.parent

    return make


SAMPLES: dict[str, tuple[Maker, ...]] = {
    "arkitscenes": (arkitscenes,),
    "scannet++": (scannetpp(one_stream=False), scannetpp(one_stream=True)),
    "stray": (
        stray("rgb.mp4", "libx264"),
        stray("rgb.mov", "mjpeg"),
        stray("rgb.mkv", "libx265"),
        captures.zipped(stray("rgb.mp4", "libx264")),
    ),
}
"""Smallest captures by the reader's name."""
