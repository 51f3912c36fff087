"""Other things that stored poses, cameras and depth may mean, and what to pass if they do.

A world that is mirrored as a whole shows in no pair of frames; what counts is the way from one
camera to another. So the 24 ways to name a camera's axes, and their 24 mirror images, stand for
every convention there is of left and right hands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import Trail, values
from crossvox.core.camera import Intrinsics
from crossvox.core.convention import PoseConvention

Array = NDArray[Any]
Kind = Literal["poses", "quaternion", "numbering", "images", "camera", "focal", "depth", "scale"]


@dataclass(frozen=True, eq=False)
class Variant:
    """One other meaning.

    Attributes:
        kind: what is taken otherwise.
        is_so: what is true if it fits, to be read after "given: ... ;".
        flag: what to pass; empty where no flag does it.
        do: what to do.
        poses: ``(N, 4, 4)`` world_from_camera of all frames.
        camera: ``fx, fy, cx, cy``, fx negative where images are mirrored; None: as it is.
        along_ray: depth is the distance from the camera.
        cost: how far-fetched it is: of what fits equally well the cheapest is named.
        factor: on positions, or on the focal length.
    """

    kind: Kind
    is_so: str
    flag: str
    do: str
    poses: NDArray[np.float64]
    camera: NDArray[np.float64] | None = None
    along_ray: bool = False
    cost: float = 1.0
    factor: float = 1.0


_OPENGL = np.diag([1.0, -1.0, -1.0])
_NAMES = ("x", "y", "z")


def pose_variants(trail: Trail) -> Iterator[Variant]:
    """Axes, directions, hands, and orders of the quaternion's numbers."""
    usual = trail.convention
    directions = tuple(_directions(trail.stored))
    for axes in _all_axes():
        for name, direction, matrices, cost in directions:
            same_axes = np.array_equal(axes, _axes_of(usual))
            if same_axes and direction == usual.direction:
                continue
            poses = _with_axes(matrices, axes) @ trail.stored_from_camera
            yield _pose_variant(usual, axes, name, direction, poses, cost)
    for order, reordered in _quaternions(trail.stored):
        for name, _, matrices, _ in tuple(_directions(reordered))[:2]:
            for axes in (np.eye(3), _OPENGL):
                convention = f"{_axes_text(axes)}, {name}"
                yield Variant(
                    "quaternion",
                    f"the rotations' quaternions are stored {order} (poses {convention})",
                    "",
                    f"write them in the other order: they are {order}",
                    _with_axes(matrices, axes) @ trail.stored_from_camera,
                    cost=1.5
                    + 0.2 * (not np.array_equal(axes, _axes_of(usual)))
                    + 0.2 * (name != usual.direction),
                )


def _pose_variant(
    usual: PoseConvention,
    axes: Array,
    name: str,
    direction: str | None,
    poses: NDArray[np.float64],
    cost: float,
) -> Variant:
    named = {"opencv": np.eye(3), "opengl": _OPENGL}
    flag_axes = next((key for key, value in named.items() if np.array_equal(axes, value)), None)
    changed = not np.array_equal(axes, _axes_of(usual))
    if flag_axes is not None and direction is not None:
        flags = []
        if changed:
            flags.append(f"--axes {flag_axes}")
        if direction != usual.direction:
            flags.append(f"--poses {direction}")
        flag = " ".join(flags)
        is_so = f"the stored poses are {direction} with {flag_axes} axes"
        return Variant("poses", is_so, flag, f"pass {flag}", poses, cost=cost + 0.1 * len(flags))
    text = f"the stored poses are {name} with camera axes {_axes_text(axes)}"
    mirrored = np.linalg.det(axes) < 0
    if mirrored:
        text += f" (left-handed: {_mirror_text(axes)})"
    do = f"write poses as camera-to-world with x right, y down, z forward ({_recipe(axes, name)})"
    return Variant("poses", text, "", do, poses, cost=cost + (2 if mirrored else 1))


def transposed_variants(trail: Trail) -> Iterator[Variant]:
    """Matrices that are no rigid transforms as they stand: column by column, or scaled."""
    stored = trail.stored
    good = stored[np.isfinite(stored).all(axis=(1, 2))]
    if not len(good):
        return
    if np.abs(good[:, :3, 3]).max() < 1e-6 and np.abs(good[:, 3, :3]).max() > 1e-6:
        changed, what = np.swapaxes(stored, 1, 2), "stored column by column"
        advice = "write them row by row"
    else:
        finite = np.isfinite(stored).all(axis=(1, 2))
        sizes = np.full(len(stored), np.nan)
        sizes[finite] = np.cbrt(np.abs(np.linalg.det(stored[finite, :3, :3])))
        size = float(np.nanmedian(sizes))
        if not (size > 1e-6 and abs(size - 1) > 2e-3):
            return
        changed, what = stored.copy(), f"stored with rotations scaled by {size:.4g}"
        changed[:, :3, :3] /= sizes[:, None, None]
        advice = f"divide the rotations by {size:.4g} (the positions may be scaled likewise)"
    for name, direction, matrices, _ in tuple(_directions(changed))[:2]:
        for axes in (np.eye(3), _OPENGL):
            flags = []
            if not np.array_equal(axes, _axes_of(trail.convention)):
                flags.append("--axes opengl" if axes[1, 1] < 0 else "--axes opencv")
            if direction != trail.convention.direction:
                flags.append(f"--poses {direction}")
            beside = f", and pass {' '.join(flags)}" if flags else ""
            yield Variant(
                "poses",
                f"the pose matrices are {what} (then {name}, {_axes_text(axes)})",
                "",
                advice + beside,
                _with_axes(matrices, axes) @ trail.stored_from_camera,
                cost=0.8 + 0.1 * len(flags),
            )


def numbering_variants(trail: Trail, most: int = 5) -> Iterator[Variant]:
    """Poses that belong to the images some places on."""
    delivered = trail.delivered
    for shift in sorted(range(-most, most + 1), key=abs):
        if shift and abs(shift) < len(trail):
            which = "later" if shift > 0 else "earlier"
            places = f"{abs(shift)} place{'s' if abs(shift) > 1 else ''}"
            yield Variant(
                "numbering",
                f"each image belongs to the pose {places} {which} in the list",
                "",
                f"number poses and images alike: shift the poses by {places}",
                shifted(delivered, shift),
                cost=1 + 0.05 * abs(shift),
            )


def shifted(poses: Array, shift: int) -> NDArray[np.float64]:
    """``out[i] = poses[i + shift]``; not finite beyond the ends."""
    out = np.full_like(poses, np.nan)
    if shift >= 0:
        out[: len(poses) - shift] = poses[shift:]
    else:
        out[-shift:] = poses[:shift]
    return out


def image_variants(trail: Trail, camera: Intrinsics) -> Iterator[Variant]:
    """Images that are mirrored or turned against what poses and camera say."""
    poses, f = trail.delivered, values(camera)
    flip_x, flip_y = camera.width - 1 - camera.cx, camera.height - 1 - camera.cy
    yield Variant(
        "images",
        "the images are mirrored left-right against the poses",
        "",
        "mirror colour and depth images (or the x axis of the poses, if that is what is mirrored)",
        poses,
        np.array([-f[0], f[1], flip_x, f[3]]),
        cost=1.5,
    )
    yield Variant(
        "images",
        "the images are mirrored top-bottom against the poses",
        "",
        "flip colour and depth images (or the y axis of the poses: left-handed, as of Unity)",
        poses,
        np.array([f[0], -f[1], f[2], flip_y]),
        cost=1.5,
    )
    for turns, text in ((1, "a quarter turn clockwise"), (3, "a quarter turn anticlockwise")):
        yield Variant(
            "images",
            f"the images are turned by {text} against poses and camera",
            "",
            "store the images as the camera took them, or turn poses and camera too",
            poses @ _roll(turns),
            _turned(f, camera, turns),
            cost=1.4,
        )
    yield Variant(
        "images",
        "the images are turned by half a turn against poses and camera",
        "",
        "store the images as the camera took them, or turn poses and camera too",
        poses @ _roll(2),
        np.array([f[0], f[1], flip_x, flip_y]),
        cost=1.4,
    )


def _turned(f: Array, camera: Intrinsics, turns: int) -> NDArray[np.float64]:
    """K as read is of the images before they were turned, and of their size."""
    # The camera's numbers were meant for an image of height x width pixels.
    cx, cy = f[2], f[3]
    if turns == 1:
        return np.array([f[1], f[0], camera.width - 1 - cy, cx])
    return np.array([f[1], f[0], cy, camera.height - 1 - cx])


def camera_variants(
    trail: Trail, camera: Intrinsics, others: dict[str, Array]
) -> Iterator[Variant]:
    """Cameras that are mixed up; ``others`` are more of them, by what they are."""
    f, poses = values(camera), trail.delivered
    middle = ((camera.width - 1) / 2, (camera.height - 1) / 2)
    yield Variant(
        "camera",
        "fx and fy, cx and cy are swapped in the camera file",
        "",
        "swap them, or pass --intrinsics FX,FY,CX,CY",
        poses,
        np.array([f[1], f[0], f[3], f[2]]),
        cost=1.2,
    )
    if abs(f[2]) < 1 and abs(f[3]) < 1:
        yield Variant(
            "camera",
            "the camera matrix is transposed: its centre was read as 0, 0",
            "",
            "write it row by row (fx 0 cx / 0 fy cy / 0 0 1), or pass --intrinsics FX,FY,CX,CY",
            poses,
            np.array([f[0], f[1], *middle]),
            cost=1.0,
        )
    for meant, numbers in others.items():
        yield Variant(
            "camera",
            f"the camera's numbers belong to {meant}",
            "",
            "give the camera of these images",
            poses,
            numbers,
            cost=1.1,
        )


def depth_variants(trail: Trail) -> Iterator[Variant]:
    """Depth that is no z."""
    yield Variant(
        "depth",
        "depth is the distance along each pixel's ray, not along z",
        "",
        "divide depth by sqrt(x^2 + y^2 + 1), x = (u - cx) / fx, y = (v - cy) / fy",
        trail.delivered,
        along_ray=True,
        cost=1.1,
    )


def _axes_of(convention: PoseConvention) -> NDArray[np.float64]:
    return _OPENGL if convention.axes == "opengl" else np.eye(3)


def _all_axes() -> Iterator[NDArray[np.float64]]:
    """The 48 signed permutations: columns are x right, y down, z forward in the stored axes."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            axes = np.zeros((3, 3))
            axes[list(order), range(3)] = signs
            yield axes


def _with_axes(matrices: Array, axes: Array) -> NDArray[np.float64]:
    turn = np.eye(4)
    turn[:3, :3] = axes
    return np.asarray(matrices @ turn)


Directed = tuple[str, str | None, NDArray[np.float64], float]


def _directions(stored: Array) -> Iterator[Directed]:
    """Name, name as a flag, world_from_camera in stored axes, and how far-fetched it is."""
    turned = np.swapaxes(stored[:, :3, :3], 1, 2)
    there = stored[:, :3, 3:]
    yield "camera-to-world", "camera-to-world", stored, 0.5
    inverse = stored.copy()
    inverse[:, :3, :3], inverse[:, :3, 3:] = turned, -turned @ there
    yield "world-to-camera", "world-to-camera", inverse, 0.5
    mixed = stored.copy()
    mixed[:, :3, :3] = turned
    yield "world-to-camera rotations beside camera positions", None, mixed, 2.0
    mixed = stored.copy()
    mixed[:, :3, 3:] = -stored[:, :3, :3] @ there
    yield "camera-to-world rotations beside world-to-camera translations", None, mixed, 2.0


def _quaternions(stored: Array) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Matrices as they come out if the quaternion's numbers were read in the wrong order."""
    x, y, z, w = quaternions(stored[:, :3, :3]).T
    for order, numbers in (("w x y z", (y, z, w, x)), ("x y z w", (w, x, y, z))):
        reordered = stored.copy()
        reordered[:, :3, :3] = rotations(np.stack(numbers, axis=1))
        yield order, reordered


def quaternions(matrices: Array) -> NDArray[np.float64]:
    """``(N, 4)`` x, y, z, w of ``(N, 3, 3)``; NaN where not finite (Bar-Itzhack 2000)."""
    m = np.where(np.isfinite(matrices), matrices, 0.0)
    k = np.zeros((len(m), 4, 4))
    trace = np.trace(m, axis1=1, axis2=2)
    k[:, :3, :3] = m + np.swapaxes(m, 1, 2) - trace[:, None, None] * np.eye(3)
    odd = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], 1)
    k[:, :3, 3], k[:, 3, :3], k[:, 3, 3] = odd, odd, trace
    found = np.linalg.eigh(k)[1][:, :, -1]
    found[~np.isfinite(matrices).all(axis=(1, 2))] = np.nan
    return found


def rotations(quaternion: Array) -> NDArray[np.float64]:
    """``(N, 3, 3)`` of ``(N, 4)`` x, y, z, w of any length but 0."""
    with np.errstate(invalid="ignore"):
        x, y, z, w = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _roll(turns: int) -> NDArray[np.float64]:
    """From the turned image's camera to the stored one's, as of images turned clockwise."""
    angle = np.pi / 2 * turns
    roll = np.eye(4)
    roll[:2, :2] = np.round([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return roll


_ALONG = {
    (0, 1): "right",
    (0, -1): "left",
    (1, 1): "down",
    (1, -1): "up",
    (2, 1): "forward",
    (2, -1): "backward",
}


def _axes_text(axes: Array) -> str:
    """What each stored axis points to: ``x right, y down, z forward``."""
    words = []
    for row, name in enumerate(_NAMES):
        column = int(np.flatnonzero(axes[row])[0])
        words.append(f"{name} {_ALONG[column, int(axes[row, column])]}")
    return ", ".join(words)


def _mirror_text(axes: Array) -> str:
    for column, name in enumerate(_NAMES):
        flip = np.eye(3)
        flip[column, column] = -1
        if np.array_equal(axes, flip):
            shown = {"x": "left-right", "y": "top-bottom", "z": "in depth"}[name]
            return f"the {name} axis is mirrored, or the images are, {shown}"
    return "one axis is mirrored"


def _recipe(axes: Array, name: str) -> str:
    rows = "; ".join(" ".join(f"{int(value)}" for value in row) for row in axes)
    before = "" if name == "camera-to-world" else f"from {name}, then "
    return f"{before}multiply each rotation from the right by [{rows}]"
