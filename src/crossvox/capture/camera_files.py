"""Cameras in JSON, YAML, NumPy and text files, whatever their fields are called.

``{"fx": .., "fy": .., "cx": .., "cy": ..}``; ``{"K": [[..]]}`` and the same under other names, as
rows or in one row of 9; Open3D's ``intrinsic_matrix``, column by column; OpenCV's and ROS's
``camera_matrix`` with ``distortion_coefficients``; ORB-SLAM's ``Camera.fx``. Text files hold a
matrix by rows, ``fx fy cx cy``, or a name and a number a line (``fx: 600`` or ``fx = 600``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.arrays import read_floats
from crossvox.capture.cameras import camera_numbers, camera_or_error, read_camera
from crossvox.capture.lens import Lens
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.doors.images import read_bytes

ENDINGS = (".json", ".yaml", ".yml", ".npy", ".txt")

Values = tuple[float, float, float, float]

_MATRICES = ("k", "camera_matrix", "intrinsic_matrix", "intrinsic", "intrinsics", "matrix", "mtx")
_PARTS = ("color", "rgb", "color_intrinsics", "rgb_intrinsics", "color_camera", "camera", "left")
"""What the camera's fields may stand below, the first first."""

_SINGLE = (
    ("fx", "fl_x", "camera.fx", "camera1.fx", "focal_length_x"),
    ("fy", "fl_y", "camera.fy", "camera1.fy", "focal_length_y"),
    ("cx", "ppx", "camera.cx", "camera1.cx", "principal_point_x"),
    ("cy", "ppy", "camera.cy", "camera1.cy", "principal_point_y"),
)
_SIZES = (
    ("width", "w", "image_width", "camera.width"),
    ("height", "h", "image_height", "camera.height"),
)
_UNITS = ("depth_scale", "png_depth_scale", "depthmapfactor", "rgbd.depthmapfactor", "scale")
_LENSES = ("distortion_coefficients", "dist_coeffs", "distortion", "dist", "coeffs", "d")
_K = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_FISHEYES = ("fisheye", "equidistant", "opencv_fisheye", "kannala_brandt", "kannalabrandt8")

_NAMED_LINE = re.compile(
    r"^\s*([A-Za-z][\w.]*)\s*[:=\s]\s*([-+]?[\d.][\d.eE+-]*)\s*[,;]?\s*$", re.M
)
_MOST_BYTES = 1 << 16
_NEEDED = "fx, fy, cx, cy, or a camera matrix, called as fx, fy, cx, cy, K or camera_matrix"


@dataclass(frozen=True)
class CameraRecord:
    """What a file tells of a camera.

    Attributes:
        values: ``fx, fy, cx, cy`` in pixels of images of ``size``.
        size: of the images that it is for; None: not told.
        lens: distortion, or None.
        units_per_m: depth units a metre, where the file tells.
    """

    values: Values
    size: Size | None = None
    lens: Lens | None = None
    units_per_m: float | None = None


def read_camera_record(path: Path) -> CameraRecord:
    """Read a ``.json``, ``.yaml``, ``.npy`` or ``.txt`` file with a camera.

    Raises:
        CaptureError: missing, damaged, or without a camera.
    """
    if path.suffix.lower() == ".npy":
        return CameraRecord(_of_numbers(read_floats(path), str(path)))
    found = _named_lines(path) if path.suffix.lower() == ".txt" else _fields(path)
    if found is None:
        return CameraRecord(camera_numbers(path))
    if not isinstance(found, Mapping):
        return CameraRecord(_of_numbers(_numbers(found), str(path)))
    fields = _lowered(found)
    for part in _PARTS:
        below = fields.get(part)
        if isinstance(below, Mapping) and _values(_lowered(below), str(path)) is not None:
            fields = {**fields, **_lowered(below)}
            break
    values = _values(fields, str(path))
    if values is None:
        raise _no_camera(path, f"the fields {', '.join(list(fields)[:8]) or 'none'}")
    return CameraRecord(values, _size(fields), _lens(fields, path), _units(fields))


def read_any_camera(path: Path, size: Size) -> Intrinsics:
    """Read the camera of images of ``size`` from a file of any of these kinds, but for its lens.

    Raises:
        CaptureError: missing, damaged, or without a camera of such images.
    """
    if path.suffix.lower() not in ENDINGS or _is_matrix(path):
        return read_camera(path, size)
    told = read_camera_record(path)
    return camera_or_error(told.values, told.size or size, str(path)).resized(size)


def _is_matrix(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and _named_lines(path) is None


def _named_lines(path: Path) -> dict[str, float] | None:
    """Names and numbers of a text file; None where it has no such lines."""
    text = read_bytes(path)[:_MOST_BYTES].decode("utf-8-sig", "replace")
    pairs = _NAMED_LINE.findall(text)
    try:
        return {name: float(value) for name, value in pairs} or None
    except ValueError:
        return None


def _fields(path: Path) -> Any:
    data = read_bytes(path)
    if len(data) > _MOST_BYTES:
        raise _no_camera(path, f"{len(data)} bytes")
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise CaptureError(
            f"given: {path}, which cannot be read ({str(error)[:200]}); needed: {_NEEDED}; "
            f"do: check the file"
        ) from None


def _yaml(text: str) -> Any:
    """YAML, with what OpenCV adds to it: a head of its own, and a tag for matrices.

    Raises:
        ValueError: it is none.
    """
    import yaml

    lines = [line for line in text.splitlines() if not line.startswith("%")]
    try:
        return yaml.safe_load("\n".join(lines).replace("!!opencv-matrix", ""))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _lowered(fields: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in fields.items()}


def _values(fields: Mapping[str, Any], source: str) -> Values | None:
    single = [_number(fields, names) for names in _SINGLE]
    if None not in single:
        return single[0], single[1], single[2], single[3]  # type: ignore[return-value]
    for name in _MATRICES:
        value = fields.get(name)
        if isinstance(value, Mapping):
            below = _lowered(value)
            inside = _values(below, source)
            if inside is not None:
                return inside
            value = below.get("data")
        if isinstance(value, list):
            return _of_numbers(_numbers(value), source)
    return None


def _number(fields: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # No number of a camera is longer: what is not finite, or no float at all, is none.
            return float(value) if abs(value) < 1e300 else None
    return None


def _numbers(value: Any) -> NDArray[np.float64]:
    """Numbers of lists in lists; empty where there is anything else."""
    try:
        return np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return np.zeros(0)


def _of_numbers(array: NDArray[np.float64], source: str) -> Values:
    """Four numbers, or a matrix by rows or columns.

    Raises:
        CaptureError: something else.
    """
    side = {4: 0, 9: 3, 12: 4, 16: 4}.get(array.size)
    if side == 0 and array.ndim == 1:
        fx, fy, cx, cy = array.tolist()
        return fx, fy, cx, cy
    matrix = array.reshape(-1, side) if side else np.zeros((3, 3))
    if not matrix[:2, 2].any() and matrix[2, :2].any():
        matrix = matrix.T  # column by column, as Open3D
    expect(
        not matrix[2, :2].any() and matrix[2, 2] == 1,
        given=f"{source} with {array.size} numbers that are no camera matrix",
        needed="fx 0 cx, 0 fy cy, 0 0 1, by rows or by columns, or fx fy cx cy",
        do="check the file",
        error=CaptureError,
    )
    return float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])


def _size(fields: Mapping[str, Any]) -> Size | None:
    width, height = (_number(fields, names) for names in _SIZES)
    sound = width is not None and height is not None and 1 <= min(width, height) < 1e6
    return (round(width), round(height)) if sound else None  # type: ignore[arg-type]


def _units(fields: Mapping[str, Any]) -> float | None:
    value = _number(fields, _UNITS)
    if value is None or value <= 0:
        return None
    return value if value >= 1 else 1 / value


def _lens(fields: Mapping[str, Any], path: Path) -> Lens | None:
    listed = next((fields[name] for name in _LENSES if name in fields), None)
    if isinstance(listed, Mapping):
        listed = _lowered(listed).get("data")
    coefficients = _numbers(listed).ravel().tolist() if isinstance(listed, list) else None
    if coefficients is None:
        prefixed = [(name, f"camera.{name}", f"camera1.{name}") for name in _K]
        single = [_number(fields, names) for names in prefixed]
        coefficients = [value or 0.0 for value in single]
    while len(coefficients) > 4 and not coefficients[-1]:
        coefficients.pop()
    if not any(coefficients):
        return None
    told = [fields.get(name) for name in ("distortion_model", "camera_model", "model", "type")]
    fisheye = any(str(name).lower() in _FISHEYES for name in told)
    length = 4 if fisheye else next((n for n in (4, 5, 8) if n >= len(coefficients)), 0)
    coefficients += [0.0] * (length - len(coefficients))
    try:
        return Lens("fisheye" if fisheye else "brown", tuple(coefficients))
    except ParamsError as error:
        raise CaptureError(f"{path}: {error}") from None


def _no_camera(path: Path, what: str) -> CaptureError:
    return CaptureError(
        f"given: {path} with {what}; needed: {_NEEDED}; do: write them into a file as "
        f'{{"fx": 600, "fy": 600, "cx": 320, "cy": 240}}, or pass --intrinsics FX,FY,CX,CY'
    )
