"""The smallest raw scans that every stage works with: a labelled wall that two frames look at."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.cli import main
from crossvox.core.camera import Intrinsics
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg
from crossvox.doors.meshes import write_ply

CAMERA = Intrinsics(30, 30, 31.5, 23.5, 64, 48)
SMALL = ("--width", "64", "--height", "48", "--frame-skip", "1")
TRAIN = (
    *("--train.steps", "1", "--train.batch-size", "1", "--train.no-tensorboard"),
    *("--task.width", "4", "--task.depth", "1", "--chunks.per-scene", "1"),
    *("--chunks.shape", "16", "16", "16", "--views.width", "64", "--views.height", "48"),
    *("--validation-scenes", "none"),
)  # fmt: skip

TRAIN_2D = (
    *("--images.width", "64", "--images.height", "48", "--train.batch-size", "2"),
    *("--train.steps", "1", "--task.network", "enet", "--train.no-tensorboard"),
    *("--validation-scenes", "none"),
)  # fmt: skip
PREDICT = ("--stride", "16", "16", "16")
CELLS: dict[str, Any] = {
    "run.train.steps": 2,
    "run.train.batch-size": 1,
    "run.train.warmup-steps": 1,
    "run.task.width": 4,
    "run.task.depth": 2,
    "run.chunks.per-scene": 4,
    "run.views.width": 128,
    "run.views.height": 96,
    "predict.stride": [32, 32, 64],
    "run.train.tensorboard": False,
}
"""Of a design, that its cells are small."""


def write_wall(folder: Path, grey: int = 90) -> Path:
    """A raw scan called as its folder; other greys make other scans."""
    folder.mkdir(parents=True)
    color = encode_jpeg(np.full((48, 64, 3), grey, np.uint8))
    depth = zlib.compress(np.full((48, 64), 1500, np.uint16).tobytes())
    header = SensHeader("test", CAMERA, CAMERA, np.eye(4), np.eye(4))
    with SensWriter(folder / f"{folder.name}.sens", header, 2) as writer:
        for number in range(2):
            pose = np.eye(4, dtype=np.float32)
            pose[0, 3] = 0.1 * number
            writer.write(SensFrame(pose, number, number, color, depth))
    x, y = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20))
    vertices = np.stack([x, y, np.full_like(x, 1.5)], -1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(19)[:, None] * 20 + np.arange(19)).reshape(-1, 1)
    faces = np.concatenate([corner + np.array([0, 1, 20]), corner + np.array([1, 21, 20])])
    mesh = Mesh(vertices, faces.astype(np.int32))
    write_ply(folder / f"{folder.name}_vh_clean_2.ply", mesh)
    labels = np.where(np.arange(400) < 200, 1, 2).astype(np.uint16)
    write_ply(folder / f"{folder.name}_vh_clean_2.labels.ply", replace(mesh, labels=labels))  # type: ignore[arg-type]
    return folder


def command(*words: object, code: int = 0) -> None:
    """Call a command; it must end with this exit code."""
    assert main([str(word) for word in words]) == code


def stamps(folder: Path) -> dict[str, tuple[int, ...]]:
    """Kind, number, size and time of change of everything below a folder, and of itself.

    Folders have no time here: a lock may come and go in them.
    """
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {
        path.relative_to(folder).as_posix(): (at.st_mode, at.st_ino)
        if stat.S_ISDIR(at.st_mode)
        else (at.st_mode, at.st_ino, at.st_size, at.st_mtime_ns)
        for path, at in found.items()
    }


def state(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder, by path: contents of files, targets of links."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else "folder"
    return found
