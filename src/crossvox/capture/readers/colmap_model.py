"""Model files of COLMAP: ``cameras`` and ``images``, binary or text, of any version.

Since version 3.12 ``rigs`` and ``frames`` lie beside them; the poses of ``images`` hold the same,
put together, so that these two files are not needed. Points are passed over.

Source:
    https://colmap.github.io/format.html, https://colmap.github.io/cameras.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.lens import Lens
from crossvox.capture.readers.tum import pose_from_quaternion
from crossvox.capture.several_cameras import camera_told_for
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.doors.images import read_bytes

T = TypeVar("T")

CORNER_PX = 0.5
"""Where the centre of COLMAP's first pixel is; ours is at 0."""

MODELS: dict[str, tuple[int, int]] = {
    "SIMPLE_PINHOLE": (0, 3),
    "PINHOLE": (1, 4),
    "SIMPLE_RADIAL": (2, 4),
    "RADIAL": (3, 5),
    "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8),
    "FULL_OPENCV": (6, 12),
    "FOV": (7, 5),
    "SIMPLE_RADIAL_FISHEYE": (8, 4),
    "RADIAL_FISHEYE": (9, 5),
    "THIN_PRISM_FISHEYE": (10, 12),
    "RAD_TAN_THIN_PRISM_FISHEYE": (11, 16),
    "SIMPLE_DIVISION": (12, 4),
    "DIVISION": (13, 5),
    "SIMPLE_FISHEYE": (14, 3),
    "FISHEYE": (15, 4),
    "EUCM": (16, 6),
    "EQUIRECTANGULAR": (17, 2),
}
"""Number in binary files, and how many parameters it takes, by name."""

ONE_FOCAL = {
    "SIMPLE_PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "SIMPLE_RADIAL_FISHEYE",
    "RADIAL_FISHEYE",
    "SIMPLE_FISHEYE",
}
READ = {*ONE_FOCAL, "PINHOLE", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "FISHEYE"}

_NAME_OF = {number: name for name, (number, _) in MODELS.items()}
_IMAGE = struct.Struct("<I7dI")
_CAMERA = struct.Struct("<IiQQ")
_POINT_BYTES = 24
_LONGEST_NAME = 4096


@dataclass(frozen=True)
class ModelCamera:
    """An entry of ``cameras``.

    Attributes:
        model: its name in COLMAP.
        width, height: image size, pixels.
        values: parameters in COLMAP's order, the image's corner at (0, 0).
    """

    model: str
    width: int
    height: int
    values: tuple[float, ...]

    def read(self, size: Size, source: str) -> tuple[Intrinsics, Lens | None]:
        """The camera of images of ``size``, pixel centres at whole numbers, and its distortion.

        Raises:
            CaptureError: a model that is not read, or values that cannot be true.
        """
        if self.model not in READ:
            raise CaptureError(
                f"given: {source} with a camera of the model {self.model}; needed: one of "
                f"{', '.join(sorted(READ))}; do: undistort the images with COLMAP "
                "(image_undistorter), which gives PINHOLE cameras"
            )
        focals = 1 if self.model in ONE_FOCAL else 2
        fx, fy = self.values[0], self.values[focals - 1]
        cx, cy = (value - CORNER_PX for value in self.values[focals : focals + 2])
        camera = camera_told_for((fx, fy, cx, cy), (self.width, self.height), size, source)
        try:
            return camera, self._lens(self.values[focals + 2 :])
        except ParamsError as error:
            raise CaptureError(f"{source}: {error}") from None

    def _lens(self, values: tuple[float, ...]) -> Lens | None:
        filled = values + (0.0,) * (4 - len(values))
        lens = Lens("fisheye" if "FISHEYE" in self.model else "brown", filled)
        return None if lens.is_none else lens


@dataclass(frozen=True, eq=False)
class ModelImage:
    """An entry of ``images``.

    Attributes:
        name: of the file, below the folder of images.
        camera: number of its camera.
        camera_from_world: ``(4, 4)``, OpenCV axes, in units of the model; -inf where it is none.
    """

    name: str
    camera: int
    camera_from_world: NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Cameras and images by their numbers, and the folder that they are from."""

    folder: Path
    cameras: dict[int, ModelCamera]
    images: dict[int, ModelImage]


def read_model(folder: Path) -> Model:
    """Read a model; of binary and text files the binary ones, as COLMAP does.

    Raises:
        CaptureError: a file is missing, cut, or something else.
    """
    parts = {end: [(folder / f"{part}{end}").is_file() for part in ("cameras", "images")]
             for end in (".bin", ".txt")}  # fmt: skip
    ending = max(parts, key=lambda end: sum(parts[end]))
    expect(
        all(parts[ending]),
        given=f"{folder} without {'images' if parts[ending][0] else 'cameras'}{ending}",
        needed="cameras and images of one ending, .bin or .txt (a COLMAP model)",
        do="export or copy the whole model",
        error=CaptureError,
    )
    cameras, images = folder / f"cameras{ending}", folder / f"images{ending}"
    if ending == ".bin":
        return Model(folder, _read(cameras, _cameras_bin), _read(images, _images_bin))
    return Model(folder, _read(cameras, _cameras_txt), _read(images, _images_txt))


def _read(path: Path, read: Callable[[bytes], Iterator[tuple[int, T]]]) -> dict[int, T]:
    data = read_bytes(path)
    try:
        return dict(read(data))
    except (ValueError, IndexError, struct.error, OverflowError) as error:
        raise CaptureError(
            f"given: {path}, which cannot be read in full ({error}); needed: a file of a COLMAP "
            "model; do: export or copy the model again"
        ) from None


def _cameras_bin(data: bytes) -> Iterator[tuple[int, ModelCamera]]:
    (count,) = struct.unpack_from("<Q", data)
    at = 8
    for _ in range(count):
        number, model, width, height = _CAMERA.unpack_from(data, at)
        at += _CAMERA.size
        if model not in _NAME_OF:
            raise ValueError(f"camera {number} has the unknown model {model}")
        name = _NAME_OF[model]
        values = struct.unpack_from(f"<{MODELS[name][1]}d", data, at)
        at += 8 * len(values)
        yield number, ModelCamera(name, width, height, values)


def _images_bin(data: bytes) -> Iterator[tuple[int, ModelImage]]:
    (count,) = struct.unpack_from("<Q", data)
    at = 8
    for _ in range(count):
        number, *pose, camera = _IMAGE.unpack_from(data, at)
        at += _IMAGE.size
        end = data.index(b"\0", at, at + _LONGEST_NAME)
        name = data[at:end].decode("utf-8", errors="replace")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + _POINT_BYTES * points
        if at > len(data):
            raise ValueError(f"image {number} has {points} points beyond the file's end")
        yield number, ModelImage(name, camera, _matrix(pose))


def _cameras_txt(data: bytes) -> Iterator[tuple[int, ModelCamera]]:
    for line in data.decode("utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, values = words[1], tuple(float(word) for word in words[4:])
        if name not in MODELS or len(values) != MODELS[name][1]:
            raise ValueError(f"camera {words[0]} has the model {name} with {len(values)} values")
        yield int(words[0]), ModelCamera(name, int(words[2]), int(words[3]), values)


def _images_txt(data: bytes) -> Iterator[tuple[int, ModelImage]]:
    """Two lines an image; the second, its points, may be empty, and some programs leave it out."""
    points_next, start = False, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        # Lines of points may be very long: only the beginning is looked at.
        line = data[start : min(end, start + _LONGEST_NAME)].decode("utf-8", errors="replace")
        start = end + 1
        words = line.split(maxsplit=9)
        is_image = len(words) == 10 and not _is_number(words[9].split()[0])
        if line.startswith("#") or (points_next and not is_image) or not words:
            points_next = points_next and line.startswith("#")
            continue
        if not is_image:
            raise ValueError(f"no image in the line {line[:60]!r}")
        pose = [float(word) for word in words[1:8]]
        points_next = True
        yield int(words[0]), ModelImage(words[9].rstrip(), int(words[8]), _matrix(pose))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _matrix(pose: list[float]) -> NDArray[np.float64]:
    """``qw qx qy qz tx ty tz`` to a matrix."""
    w, x, y, z, *position = pose
    values = np.array([*position, x, y, z, w], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = pose_from_quaternion(values)
    return matrix if np.isfinite(matrix).all() else LOST_POSE.copy()
