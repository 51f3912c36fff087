"""``transforms.json`` as nerfstudio, instant-ngp, NeRFCapture, SplaTAM and others write it.

They agree on ``frames`` with ``file_path`` and ``transform_matrix``, and differ in the names of
everything about depth. Keys of a frame come before those of the whole file.

Pixels: the image's corner is (0, 0), so that ``cx`` is half a pixel more than ours.

Source:
    https://docs.nerf.studio/quickstart/data_conventions.html; the loader of instant-ngp, which
    multiplies depth by ``integer_depth_scale``
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.depth_files import usual_units
from crossvox.capture.json_files import read_record
from crossvox.capture.lens import Lens
from crossvox.capture.several_cameras import camera_told_for
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect

PERSPECTIVE = {"", "PERSPECTIVE", "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"}
FISHEYE = {"FISHEYE", "OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}

METRES_A_UNIT = ("depth_unit_scale_factor", "integer_depth_scale", "depth_integer_scale")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What may stand in a frame, or in the file for all frames."""

    fl_x: float | None = None
    fl_y: float | None = None
    cx: float | None = None
    cy: float | None = None
    w: float | None = None
    h: float | None = None
    camera_angle_x: float | None = None
    camera_angle_y: float | None = None
    camera_model: str | None = None
    is_fisheye: bool | None = None
    k1: float | None = None
    k2: float | None = None
    k3: float | None = None
    k4: float | None = None
    p1: float | None = None
    p2: float | None = None
    depth_unit_scale_factor: float | None = None
    integer_depth_scale: float | None = None
    depth_integer_scale: float | None = None
    depth_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class ListedFrame(Keys):
    """One entry of ``frames``."""

    file_path: str
    transform_matrix: list[list[float | None]] = field(default_factory=list)
    depth_file_path: str | None = None
    depth_path: str | None = None
    mask_path: str | None = None
    timestamp: float | None = None

    @property
    def depth(self) -> str | None:
        """What the depth image is called, under whichever key."""
        return self.depth_file_path or self.depth_path

    def matrix(self) -> NDArray[np.float64]:
        """``transform_matrix`` as ``(4, 4)``; -inf where it is absent or not all numbers.

        Raises:
            ValueError: another shape.
        """
        if not self.transform_matrix:
            return LOST_POSE.copy()
        rows = np.array(self.transform_matrix, dtype=np.float64)
        if rows.shape == (3, 4):
            rows = np.vstack([rows, (0, 0, 0, 1)])
        if rows.shape != (4, 4):
            raise ValueError(f"a transform_matrix of shape {rows.shape}")
        return rows


@dataclass(frozen=True, kw_only=True)
class TransformsFile(Keys):
    """The whole file."""

    frames: list[ListedFrame]
    applied_scale: float | None = None

    @property
    def up(self) -> tuple[float, float, float] | None:
        """Where up is, where a key tells that a phone wrote the file, in ARKit's world."""
        return None if self.depth_integer_scale is None else (0.0, 1.0, 0.0)

    def merged(self, frame: ListedFrame) -> Keys:
        """The keys that hold for a frame."""
        names = Keys.__dataclass_fields__
        own = {name: getattr(frame, name) for name in names}
        return Keys(**{n: getattr(self, n) if v is None else v for n, v in own.items()})


def read_transforms(path: Path) -> TransformsFile:
    """Read the file.

    Raises:
        CaptureError: missing, no JSON, or without frames.
    """
    told = read_record(path, TransformsFile, "frames, each with file_path and transform_matrix")
    expect(
        len(told.frames) > 0,
        given=f"{path} without frames",
        needed="frames, each with file_path and transform_matrix",
        do="export the capture again",
        error=CaptureError,
    )
    scale = told.applied_scale
    expect(
        scale is None or (math.isfinite(scale) and scale > 0),
        given=f"{path} with applied_scale {scale}",
        needed="a positive number",
        do="correct or delete it",
        error=CaptureError,
    )
    return told


def camera_of(keys: Keys, size: Size, source: str) -> Intrinsics:
    """The camera for images of ``size``, also where the keys are for images of another size.

    Raises:
        CaptureError: there is no focal length, or one that cannot be true; or the keys are for
            images of another shape.
    """
    width, height = keys.w or size[0], keys.h or size[1]
    fx = _focal(keys.fl_x, keys.camera_angle_x, width)
    fy = _focal(keys.fl_y, keys.camera_angle_y, height)
    focal = fx or fy
    if focal is None:
        raise CaptureError(
            f"given: {source} without a focal length; needed: fl_x and fl_y, or camera_angle_x; "
            f"do: pass --intrinsics FX,FY,CX,CY"
        )
    cx = (width / 2 if keys.cx is None else keys.cx) - 0.5
    cy = (height / 2 if keys.cy is None else keys.cy) - 0.5
    return camera_told_for((fx or focal, fy or focal, cx, cy), (width, height), size, source)


def _focal(told: float | None, angle: float | None, side: float) -> float | None:
    if told is not None or angle is None:
        return told
    return side / 2 / math.tan(angle / 2) if 0 < angle < math.pi else 0.0


def lens_of(keys: Keys, source: str) -> Lens | None:
    """The distortion of colour (and of depth, which lies on the same grid); None: none is told.

    Raises:
        CaptureError: a camera model that is not read; names it.
    """
    model = (keys.camera_model or "").upper()
    k1, k2, k3, k4, p1, p2 = (
        value or 0.0 for value in (keys.k1, keys.k2, keys.k3, keys.k4, keys.p1, keys.p2)
    )
    try:
        if model in FISHEYE or keys.is_fisheye:
            return Lens("fisheye", (k1, k2, k3, k4))
        expect(
            model in PERSPECTIVE and k4 == 0,
            given=f"{source} with camera_model {model or 'OPENCV'}" + (f", k4 {k4:g}" * (k4 != 0)),
            needed=f"one of {', '.join(sorted((PERSPECTIVE | FISHEYE) - {''}))}; k4 is of fisheye "
            "lenses alone",
            do="undistort the images first",
            error=CaptureError,
        )
        lens = Lens("brown", (k1, k2, p1, p2, k3))
    except ParamsError as error:
        raise CaptureError(f"{source}: {error}") from None
    return None if lens.is_none else lens


def depth_units(keys: Keys, sample: NDArray[Any]) -> tuple[float, str]:
    """Depth units a metre, and what to tell about them.

    Args:
        keys: of a frame.
        sample: a depth image as stored. Programs write floats in metres and whole numbers in
            millimetres if they tell nothing, and some tell 1 for whole numbers.
    """
    usual = usual_units(sample)
    floats = usual == 1
    names = [
        name
        for name in (*METRES_A_UNIT, "depth_scale")
        if not (floats and "integer" in name)
        and (value := getattr(keys, name)) is not None
        and math.isfinite(value)
        and value > 0
        and (floats or value != 1)
    ]
    if names:
        value = float(getattr(keys, names[0]))
        return (value if value > 1 else 1 / value), ""
    unit = "metres, as floats are" if floats else "millimetres, nerfstudio's default"
    return usual, f"no unit of depth is told: {unit} (--depth-scale for others)"
