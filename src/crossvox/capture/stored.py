"""What readers of captures on disk share: one way from stored images to a Frame."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.registration import Registration
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, ParamsError, PoseError, expect
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts, resize_nearest
from crossvox.core.labels import RawLabelMap
from crossvox.doors.images import (
    color_size,
    decode_color,
    decode_gray,
    read_bytes,
    resize_color,
    write_bytes,
)

Array = NDArray[Any]

MAX_PIXELS = 1 << 26
"""Largest image that is read. A damaged header must not be able to ask for all memory."""

LOST_POSE = np.full((4, 4), -np.inf)
"""How ScanNet marks a frame whose tracking was lost."""

_PNG = b"\x89PNG\r\n\x1a\n"


class StoredCapture(ABC):
    """A capture whose frames lie in files. Implements ``core.frame.Capture``.

    Readers fill in where the bytes are; sizes, registration, label mapping and errors are here.
    Objects hold no open files, may serve several threads and may be pickled.

    Attributes:
        name: scene name, safe as a folder name.
        frame_ids: frame numbers, rising.
        registration: how depth gets onto the colour camera's grid.
        stored_from_color: ``(4, 4)``, from colour camera to the camera that the stored poses are
            about; None where that is the colour camera itself.
        units_per_m: what stored depth values are divided by to get metres.
    """

    units_per_m: float = 1000.0

    def __init__(
        self,
        name: str,
        frame_ids: tuple[int, ...],
        registration: Registration,
        stored_from_color: Array | None = None,
    ) -> None:
        expect(
            len(frame_ids) > 0,
            given=f"the capture {name}, which holds no frame",
            needed="at least one frame",
            do="check the path",
            error=CaptureError,
        )
        self.name = safe_name(name)
        self.frame_ids = frame_ids
        self.registration = registration
        turned = stored_from_color is not None and registration.mode == "auto"
        self.stored_from_color = (
            np.array(stored_from_color, dtype=np.float64)
            if turned and not np.array_equal(stored_from_color, np.eye(4))  # type: ignore[arg-type]
            else None
        )

    # What a reader says about its format.

    @abstractmethod
    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""

    @abstractmethod
    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Stored camera-to-world matrix ``(4, 4)``, metres; not finite where tracking was lost."""

    @abstractmethod
    def color_data(self, index: int) -> bytes:
        """The encoded colour image (JPEG or PNG) as stored."""

    @abstractmethod
    def depth_raw(self, index: int) -> Array:
        """Depth ``(H, W)`` in stored units, 0 = no reading (other marks already set to 0)."""

    def labels_raw(self, index: int) -> Array | None:
        """Label ids ``(H, W)`` as stored, or None where the frame has none."""
        return None

    def label_map(self) -> RawLabelMap:
        """The table from stored label ids to NYU40."""
        raise CaptureError(
            f"given: {self.name}, a capture without labels; needed: 2D labels; "
            f"do: ask for frames without labels"
        )

    def has_label(self, index: int) -> bool:
        """Whether a frame comes with a label image (not whether it can be read)."""
        return False

    def source(self, index: int, part: str) -> str:
        """What to call a frame's part in an error text."""
        return f"{self.name}, frame {self.frame_ids[index]}, {part}"

    # The contract of core.frame.Capture.

    def __len__(self) -> int:
        """How many frames there are, lost poses included."""
        return len(self.frame_ids)

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The colour camera at ``size`` (None: its own size)."""
        camera = self.registration.color_camera
        return camera if size is None else camera.resized(size)

    def pose(self, index: int) -> Pose | None:
        """Pose of the delivered (colour) camera; None where tracking was lost.

        Raises:
            CaptureError: the stored matrix is neither rigid nor marked as lost.
        """
        matrix = self.pose_matrix(index)
        try:
            pose = Pose.read(matrix)
        except PoseError as error:
            raise CaptureError(f"{self.source(index, 'pose')}: {error}") from None
        if pose is None or self.stored_from_color is None:
            return pose
        return Pose(pose.world_from_camera @ self.stored_from_color)

    def delivered_pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The pose as it is exported: as stored where the stored camera is the delivered one."""
        if self.stored_from_color is None:
            return self.pose_matrix(index)
        pose = self.pose(index)
        return LOST_POSE if pose is None else pose.world_from_camera

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """One frame on the pixel grid of ``camera(size)``; decodes only what ``parts`` asks.

        Raises:
            CaptureError: the frame's files are missing or broken; names file and frame.
            IndexError: there is no such position.
        """
        camera = self.camera(size)
        return Frame(
            id=self.frame_ids[_position(index, len(self))],
            camera=camera,
            pose=self.pose(index),
            rgb=self.color(index, camera.size) if parts.rgb else None,
            depth_m=self.depth_m(index, camera.size) if parts.depth else None,
            labels=self.labels(index, camera.size) if parts.labels else None,
        )

    # The images one by one.

    def color(self, index: int, size: Size) -> NDArray[np.uint8]:
        """Colour ``(height, width, 3)`` RGB at ``size``."""
        source, data = self.source(index, "colour"), self.color_data(index)
        own = self.registration.color_camera.size
        check_color_header(data, source, own)
        smaller = size if size != own else None
        return resize_color(decode_color(data, source, at_least=smaller), size)

    def depth_m(self, index: int, size: Size) -> NDArray[np.float32]:
        """Depth ``(height, width)`` metres on the colour grid at ``size``, 0 = no reading."""
        raw = self.depth_raw(index)
        self.check_depth(index, raw)
        return self.registration.apply(raw, size, self.units_per_m)

    def check_depth(self, index: int, raw: Array) -> None:
        """Refuse a stored depth image of another size than the depth camera's."""
        camera = self.registration.depth_camera
        expect(
            raw.shape == (camera.height, camera.width),
            given=f"{self.source(index, 'depth')} of {raw.shape[1]}x{raw.shape[0]} pixels",
            needed=f"{camera.width}x{camera.height}, the depth camera's size",
            do="check that all frames come from one capture",
            error=CaptureError,
        )

    def labels(self, index: int, size: Size) -> NDArray[np.uint8] | None:
        """NYU40 ids ``(height, width)`` at ``size``, or None where the frame has none."""
        found = self.labels_and_unknown(index, size)
        return None if found is None else found[0]

    def labels_and_unknown(
        self, index: int, size: Size | None = None
    ) -> tuple[NDArray[np.uint8], dict[int, int]] | None:
        """NYU40 ids at ``size`` (None: as stored), and pixels by id that the table lacks."""
        raw = self.labels_raw(index)
        if raw is None:
            return None
        table = self.label_map()
        if size is not None:
            raw = resize_nearest(raw, size)
        strange = raw[~table.known[raw]]
        ids, counts = np.unique(strange, return_counts=True)
        return table.apply(raw), dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _position(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"position {index} of a capture of {count} frames")
    return index


def safe_name(name: str) -> str:
    """A scene name without characters that trouble file systems."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") or "capture"


def check_color_header(data: bytes, source: str, expected: Size) -> None:
    """Refuse a colour image before it is decoded if its header does not fit the capture.

    Raises:
        CaptureError: neither JPEG nor PNG, or not of the ``expected`` size.
    """
    expect(
        data[:2] == b"\xff\xd8" or data[:8] == _PNG,
        given=f"{source}, {len(data)} bytes that are neither JPEG nor PNG",
        needed="a JPEG or PNG image",
        do="copy or export the file again",
        error=CaptureError,
    )
    found = color_size(data, source)
    expect(
        found == expected,
        given=f"{source} of {found[0]}x{found[1]} pixels",
        needed=f"{expected[0]}x{expected[1]}, the colour camera's size",
        do="check that all frames come from one capture and the intrinsics belong to it",
        error=CaptureError,
    )


def read_gray_checked(path: Path) -> Array:
    """Read a depth or label PNG ``(H, W)``, refusing absurd sizes and cut files unread.

    Raises:
        CaptureError: missing, cut, no one-channel PNG, or larger than :data:`MAX_PIXELS`.
    """
    data = read_bytes(path)
    width, height = gray_size(data, str(path))
    expect(
        0 < width * height <= MAX_PIXELS and b"IEND" in data[-32:],
        given=f"{path}, {len(data)} bytes of a PNG of {width}x{height} pixels",
        needed=f"a complete image of at most {MAX_PIXELS} pixels",
        do="copy or export the file again",
        error=CaptureError,
    )
    return decode_gray(data, str(path))


def read_depth_png(path: Path) -> NDArray[np.uint16]:
    """Read a depth PNG ``(H, W)`` of 16 bits. Errors as :func:`read_gray_checked`."""
    image = read_gray_checked(path)
    expect(
        image.dtype == np.uint16,
        given=f"{path} of 8 bits",
        needed="depth as PNG of 16 bits",
        do="check that this is a depth image",
        error=CaptureError,
    )
    return image


def gray_size(data: bytes, source: str) -> Size:
    """Size of a PNG from its header.

    Raises:
        CaptureError: not a PNG.
    """
    expect(
        data[:8] == _PNG and len(data) >= 24,
        given=f"{source}, {len(data)} bytes that are no PNG",
        needed="a depth or label image in PNG format",
        do="copy or export the file again",
        error=CaptureError,
    )
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def first_size(paths: Iterable[Path], kind: Literal["color", "gray"]) -> Size:
    """Image size of a capture: of the first file whose header can be read.

    Later files are checked against it when they are decoded, so that a broken first frame stays
    one broken frame.

    Raises:
        CaptureError: no header can be read; tells what is wrong with the first file.
    """
    problem: CaptureError | None = None
    for path in paths:
        try:
            data = read_bytes(path)
            size = (color_size if kind == "color" else gray_size)(data, str(path))
            if 0 < size[0] * size[1] <= MAX_PIXELS:
                return size
        except CaptureError as error:
            problem = problem or error
    raise problem or CaptureError(
        f"given: no {kind} image of a sensible size; needed: at least one; do: check the path"
    )


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read a text file of numbers (any white space, ``-inf`` and ``nan`` allowed), flat.

    Raises:
        CaptureError: missing, or holds something that is no number; names the file.
    """
    data = read_bytes(path)
    try:
        return np.array([float(word) for word in data.split()], dtype=np.float64)
    except ValueError as error:
        raise CaptureError(
            f"given: {path}, which does not hold numbers alone ({error}); needed: a text file with "
            f"one matrix, row by row; do: check or export the file again"
        ) from None


def read_pose_matrix(path: Path) -> NDArray[np.float64]:
    """Read a 4x4 camera-to-world text file.

    Raises:
        CaptureError: missing, or not 16 numbers.
    """
    numbers = read_numbers(path)
    expect(
        numbers.size == 16,
        given=f"{path} with {numbers.size} numbers",
        needed="16, a 4x4 camera-to-world matrix row by row",
        do="check or export the file again",
        error=CaptureError,
    )
    return numbers.reshape(4, 4)


def read_camera(path: Path, size: Size) -> Intrinsics:
    """Read a camera for images of ``size``: a 3x3 or 4x4 matrix, or ``fx fy cx cy``.

    Raises:
        CaptureError: missing, another count of numbers, or values that are no camera.
    """
    numbers = read_numbers(path)
    if numbers.size == 4:
        fx, fy, cx, cy = numbers.tolist()
    elif numbers.size in (9, 16):
        matrix = numbers.reshape(3, 3) if numbers.size == 9 else numbers.reshape(4, 4)
        fx, fy, cx, cy = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    else:
        raise CaptureError(
            f"given: {path} with {numbers.size} numbers; needed: a 3x3 or 4x4 camera matrix, or "
            f"fx fy cx cy; do: check the intrinsics file"
        )
    return camera_or_error((fx, fy, cx, cy), size, str(path))


def camera_or_error(
    values: tuple[float, float, float, float], size: Size, source: str
) -> Intrinsics:
    """Build a camera from file contents; what does not make one is the file's fault.

    Raises:
        CaptureError: focal lengths or size are not positive and finite, or the size is absurd.
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
    return camera


def write_matrix(path: Path, matrix: Array) -> None:
    """Write a matrix as text, row by row, so that reading gives exactly the same numbers."""
    text = "\n".join(" ".join(repr(float(value)) for value in row) for row in matrix)
    write_bytes(path, (text + "\n").encode())
