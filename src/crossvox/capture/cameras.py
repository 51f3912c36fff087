"""Cameras in files: what a capture's folder says about its camera, and whether it can be true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crossvox.capture.files import read_numbers
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.doors.pillow_images import MAX_PIXELS

PLACES = ("", "intrinsic", "intrinsics", "color")
"""Folders below a capture's own that camera files are looked for in."""

COLOR_NAMES = ("intrinsic_color", "intrinsics_color", "color_intrinsic", "color_intrinsics")
PLAIN_NAMES = ("intrinsic", "intrinsics", "camera_intrinsic", "camera_intrinsics", "cam_k")
"""Names of ``.txt`` files that hold the camera of the colour images; ``-`` counts as ``_``, and
capitals as small letters. The first in this order is taken, but ``intrinsic.txt`` before all."""

_CAMERA_LIKE = re.compile(r"intrins|camera|^cam_|^k$|calib|(^|_)info$")
_TEXT_LIKE = {".txt", ".json", ".yaml", ".yml", ".xml", ".ini", ".toml", ".npy", ".npz", ".csv"}


OTHER_SIZE = (0.6, 1.6)
"""A camera's centre times two, in image sizes, beyond which it is one of other images."""


@dataclass(frozen=True)
class CameraFiles:
    """What lies in a capture's folder.

    Attributes:
        color: file with the camera of the colour images, or None.
        depth: file with the depth camera of the same kind, or None.
        passed_over: other files that look as if they told something about cameras.
    """

    color: Path | None
    depth: Path | None
    passed_over: tuple[Path, ...]

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        used = (path for path in (self.color, self.depth) if path is not None)
        return (*used, *self.passed_over)

    def notes(self, folder: Path) -> list[str]:
        """What to tell about files that are there but not read."""
        if not self.passed_over:
            return []
        used = [path for path in (self.color, self.depth) if path is not None]
        read = listed(used, folder) or "none"
        return [f"camera files not read: {listed(self.passed_over, folder)} (read: {read})"]


def listed(files: Iterable[Path], folder: Path) -> str:
    """Names of files below a folder, for texts."""
    return ", ".join(file.relative_to(folder).as_posix() for file in files)


def find_cameras(folder: Path) -> CameraFiles:
    """Look for camera files in a folder and in :data:`PLACES` below it."""
    there = list(_camera_like(folder))
    by_rank = sorted((rank, path) for path in there if (rank := _rank(path, folder)) is not None)
    color = by_rank[0][1] if by_rank else None
    depth = None
    if color is not None and "color" in color.stem.lower():
        names = {color.stem.lower().replace("color", "depth")}
        depth = next((p for p in there if p.parent == color.parent and _name(p) in names), None)
    rest = tuple(path for path in there if path not in (color, depth))
    return CameraFiles(color, depth, rest)


def looked_for() -> str:
    """The names that :func:`find_cameras` knows, for error texts."""
    return ", ".join(f"{name}.txt" for name in (*PLAIN_NAMES, *COLOR_NAMES))


def _camera_like(folder: Path) -> Iterator[Path]:
    for place in PLACES:
        below = folder / place
        if below.is_dir():
            for path in sorted(below.iterdir()):
                like = _CAMERA_LIKE.search(_name(path)) and path.suffix.lower() in _TEXT_LIKE
                if like and path.is_file():
                    yield path


def _rank(path: Path, folder: Path) -> tuple[int, int] | None:
    """How early a file is taken, smallest first; None: never."""
    name = _name(path)
    names = COLOR_NAMES + PLAIN_NAMES
    if path.suffix.lower() != ".txt" or name not in names:
        return None
    if path == folder / "intrinsic.txt":
        return -1, 0
    place = path.parent.relative_to(folder).as_posix()
    # ScanNet's own exporter writes intrinsic/: it comes before files of other names.
    order = {"intrinsic": 0, "intrinsics": 1, ".": 2, "color": 3}
    return order[place], names.index(name)


def _name(path: Path) -> str:
    return path.stem.lower().replace("-", "_")


def read_camera(path: Path, size: Size) -> Intrinsics:
    """Read a camera for images of ``size``: a 3x3 or 4x4 matrix, or ``fx fy cx cy``.

    Raises:
        CaptureError: missing, another count of numbers, or values that are no camera, or one of
            images of quite another size.
    """
    camera = camera_or_error(camera_numbers(path), size, str(path))
    _expect_of_size(camera, str(path))
    return camera


def _expect_of_size(camera: Intrinsics, source: str) -> None:
    """Refuse a file whose camera has its centre where one of larger or smaller images has it.

    Such files lie beside images that somebody has resized; a wrong focal length shows nowhere else.
    """
    across = 2 * (camera.cx + 0.5) / camera.width
    down = 2 * (camera.cy + 0.5) / camera.height
    alike = abs(across - down) <= 0.15 * max(across, down)
    low, high = OTHER_SIZE
    width, height = round(camera.width * across), round(camera.height * down)
    expect(
        not (alike and (max(across, down) < low or min(across, down) > high)),
        given=f"{source} with the centre {camera.cx:g}, {camera.cy:g}, for images of "
        f"{camera.width}x{camera.height}: that of images of about {width}x{height}",
        needed="the camera of these images",
        do="multiply fx, fy, cx, cy by the same factor as the images were resized by; where the "
        "images are cut out of larger ones and the numbers are right, pass --intrinsics",
        error=CaptureError,
    )


def camera_numbers(path: Path) -> tuple[float, float, float, float]:
    """``fx, fy, cx, cy`` of a file with a 3x3, 3x4 or 4x4 matrix, or these four numbers.

    Raises:
        CaptureError: missing, another count of numbers, or a matrix that is written column by
            column.
    """
    numbers = read_numbers(path)
    shape = {9: (3, 3), 12: (3, 4), 16: (4, 4)}.get(numbers.size)
    if numbers.size == 4:
        fx, fy, cx, cy = numbers.tolist()
    elif shape is not None:
        matrix = numbers.reshape(shape)
        fx, fy, cx, cy = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
        expect(
            not matrix[2, :2].any(),
            given=f"{path} with the last row {' '.join(f'{value:g}' for value in matrix[2])}",
            needed="a camera matrix row by row: fx 0 cx, 0 fy cy, 0 0 1",
            do="swap its rows and columns",
            error=CaptureError,
        )
    else:
        raise CaptureError(
            f"given: {path} with {numbers.size} numbers; needed: a 3x3 or 4x4 camera matrix, or "
            f"fx fy cx cy; do: check the intrinsics file"
        )
    return float(fx), float(fy), float(cx), float(cy)


def camera_or_error(
    values: tuple[float, float, float, float], size: Size, source: str
) -> Intrinsics:
    """Build a camera from file contents; what does not make one is the file's fault.

    Raises:
        CaptureError: focal lengths or size are not positive and finite, or the size is absurd; or
            no camera with such images has such a focal length or centre.
    """
    fx, fy, cx, cy = (float(value) for value in values)
    try:
        camera = Intrinsics(fx, fy, cx, cy, *size)
    except ParamsError as error:
        raise CaptureError(f"{source}: {error}") from None
    expect(
        size[0] * size[1] <= MAX_PIXELS,
        given=f"{source} with images of {size[0]}x{size[1]}",
        needed=f"at most {MAX_PIXELS} pixels",
        do="check the file: its header is damaged",
        error=CaptureError,
    )
    expect(
        camera.is_sensible,
        given=f"{source}: fx={fx:g}, fy={fy:g}, cx={cx:g}, cy={cy:g} for images of "
        f"{size[0]}x{size[1]}",
        needed="focal lengths and a centre in pixels of these images",
        do="multiply a normalised matrix by the image size, or check which images it belongs to",
        error=CaptureError,
    )
    return camera
