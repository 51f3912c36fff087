"""Break good captures in many ways, and see whether the doctor says how.

``python -m trials.doctor CAPTURE... [--work FOLDER] [--json FILE]`` writes each capture as an
exported folder, breaks it in every way of :data:`BREAKS`, and asks for the cheap diagnosis, and for
what ``prepare`` tells if it uses all frames (any word will do there). Exit code 1 where a good
capture raises an alarm, or fewer than nine in ten are told right.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture import open_capture
from crossvox.capture.doctor.diagnose import diagnose, expect_sound, worries
from crossvox.capture.doctor.findings import Diagnosis
from crossvox.capture.doctor.tune import lagged
from crossvox.capture.doctor.variants import quaternions, rotations
from crossvox.core.camera import Intrinsics, pixel_rays
from crossvox.core.checks import CaptureError
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import Capture, Parts
from crossvox.doors.images import encode_png

MOST_FRAMES, WIDTH = 120, 320

FUSED = 0.7
"""Where less than this lies within 5 cm, what is fused is rubble: it must be refused."""


@dataclass
class Files:
    """What an exported folder is written from: everything may be broken.

    Attributes:
        colors: ``(N, H, W, 3)``.
        depths: ``(N, H, W)`` float64 millimetres.
        poses: ``(N, 4, 4)`` as written.
        camera: as written: a matrix.
        cut: frames whose depth images are cut short.
    """

    colors: NDArray[np.uint8]
    depths: NDArray[np.float64]
    poses: NDArray[np.float64]
    camera: NDArray[np.float64]
    cut: tuple[int, ...] = ()

    def copy(self) -> Files:
        """One that may be changed."""
        return replace(self, poses=self.poses.copy(), camera=self.camera.copy())

    def write(self, folder: Path) -> Path:
        """As ``color/ depth/ pose/ intrinsic.txt``."""
        for part in ("color", "depth", "pose"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / "intrinsic.txt", self.camera)
        for n, (rgb, depth, pose) in enumerate(
            zip(self.colors, self.depths, self.poses, strict=True)
        ):
            (folder / "color" / f"{n}.png").write_bytes(encode_png(rgb))
            data = encode_png(np.clip(np.rint(depth), 0, 65535).astype(np.uint16))
            (folder / "depth" / f"{n}.png").write_bytes(data[:200] if n in self.cut else data)
            np.savetxt(folder / "pose" / f"{n}.txt", pose, fmt="%.9g")
        return folder


def files_of(capture: Capture) -> Files:
    """A capture's frames at about 320 pixels width; those without pose are left out."""
    posed = [i for i in range(len(capture)) if capture.pose(i) is not None]
    if len(posed) > MOST_FRAMES:  # as they come: the path must stay a path
        posed = posed[:MOST_FRAMES]
    own = capture.camera()
    width = min(WIDTH, own.width)
    camera = own.resized((width, round(own.height * width / own.width)))
    frames = [capture.frame(i, camera.size, Parts(labels=False)) for i in posed]
    return Files(
        np.array([f.rgb for f in frames]),
        np.array([1000.0 * np.asarray(f.depth_m, np.float64) for f in frames]),
        np.array([f.pose.world_from_camera for f in frames if f.pose is not None]),
        camera.matrix,
    )


def _camera(files: Files) -> Intrinsics:
    height, width = files.depths.shape[1:]
    return Intrinsics.from_matrix(files.camera, (width, height))


def stored_as(axes: Any, direction: Any) -> Callable[[Files], None]:
    """Poses of another convention."""

    def change(files: Files) -> None:
        convention = PoseConvention(axes, direction)
        files.poses = np.array([convention.stored(pose) for pose in files.poses])

    return change


def axes_as(matrix: Any) -> Callable[[Files], None]:
    """Camera axes of another kind; a mirrored world where the matrix mirrors."""
    turn = np.eye(4)
    turn[:3, :3] = matrix
    mirrored = np.linalg.det(turn) < 0

    def change(files: Files) -> None:
        world = turn if mirrored else np.eye(4)
        files.poses = world @ files.poses @ turn

    return change


def depth_times(factor: float) -> Callable[[Files], None]:
    """Depth in another unit."""

    def change(files: Files) -> None:
        files.depths = files.depths * factor

    return change


def positions_times(factor: float) -> Callable[[Files], None]:
    """Positions in another unit."""

    def change(files: Files) -> None:
        files.poses[:, :3, 3] *= factor

    return change


def focal_times(factor: float) -> Callable[[Files], None]:
    """Another focal length in the file."""

    def change(files: Files) -> None:
        files.camera[[0, 1], [0, 1]] *= factor

    return change


def camera_times(factor: float) -> Callable[[Files], None]:
    """The camera of images of another size."""

    def change(files: Files) -> None:
        files.camera[:2] *= factor

    return change


def poses_from(shift: int) -> Callable[[Files], None]:
    """Images at places of other poses."""

    def change(files: Files) -> None:
        files.poses = np.roll(files.poses, shift, axis=0)

    return change


def poses_later(lag: float) -> Callable[[Files], None]:
    """Clocks that differ by a share of a frame."""

    def change(files: Files) -> None:
        later = lagged(files.poses, lag)
        files.poses = np.where(np.isfinite(later), later, files.poses)

    return change


def _along_ray(files: Files) -> None:
    files.depths = files.depths * np.linalg.norm(pixel_rays(_camera(files)), axis=2)


def _quaternion_order(files: Files) -> None:
    x, y, z, w = quaternions(files.poses[:, :3, :3]).T  # written w x y z, read x y z w
    files.poses[:, :3, :3] = rotations(np.stack([w, x, y, z], axis=1))


def _mirrored(files: Files) -> None:
    files.colors, files.depths = files.colors[:, :, ::-1], files.depths[:, :, ::-1]


def _upside_down(files: Files) -> None:
    files.colors, files.depths = files.colors[:, ::-1, ::-1], files.depths[:, ::-1, ::-1]


def _turned(files: Files) -> None:
    files.colors = np.rot90(files.colors, -1, (1, 2))
    files.depths = np.rot90(files.depths, -1, (1, 2))


def _transposed_camera(files: Files) -> None:
    files.camera = files.camera.T


def _transposed_poses(files: Files) -> None:
    files.poses = np.swapaxes(files.poses, 1, 2)


def _rotations_inverse(files: Files) -> None:
    files.poses[:, :3, :3] = np.swapaxes(files.poses[:, :3, :3], 1, 2)


def _scaled_rotations(files: Files) -> None:
    files.poses[:, :3, :3] *= 1.7


def _swapped_camera(files: Files) -> None:
    k = files.camera
    k[0, 0], k[1, 1], k[0, 2], k[1, 2] = k[1, 1], k[0, 0], k[1, 2], k[0, 2]


def _shuffled(files: Files) -> None:
    files.poses = files.poses[np.random.default_rng(3).permutation(len(files.poses))]


def _reversed(files: Files) -> None:
    files.poses = files.poses[::-1].copy()


def jumps(way_m: float) -> Callable[[Files], None]:
    """One pose away from all others."""

    def change(files: Files) -> None:
        files.poses[len(files.poses) // 2, 0, 3] += way_m

    return change


def _lasting_jump(files: Files) -> None:
    files.poses[len(files.poses) // 2 :, :3, 3] += (0.9, 0.4, 0.0)


def _frozen(files: Files) -> None:
    half = len(files.poses) // 2
    files.poses[half : half + max(4, len(files.poses) // 6)] = files.poses[half]


def _cut(files: Files) -> None:
    files.cut = tuple(range(0, len(files.poses), 2))


def _gl_and_5000(files: Files) -> None:
    stored_as("opengl", "camera-to-world")(files)
    depth_times(5)(files)


@dataclass(frozen=True)
class Break:
    """One way to break a capture.

    Attributes:
        change: what is done.
        expect: each of these must stand in the first finding that is no note (kind, text, advice).
        refused: whether it must not be fused.
    """

    change: Callable[[Files], None]
    expect: tuple[str, ...]
    refused: bool = True


BREAKS: dict[str, Break] = {
    "opengl axes": Break(stored_as("opengl", "camera-to-world"), ("pass --axes opengl",)),
    "world to camera": Break(
        stored_as("opencv", "world-to-camera"), ("pass --poses world-to-camera",)
    ),
    "opengl, world to camera": Break(
        stored_as("opengl", "world-to-camera"), ("--axes opengl", "--poses world-to-camera")
    ),
    "robot axes": Break(axes_as([[0, -1, 0], [0, 0, -1], [1, 0, 0]]), ("poses", "x forward")),
    "left-handed (Unity)": Break(axes_as(np.diag([1, -1, 1])), ("top-bottom",)),
    "rotations inverse": Break(_rotations_inverse, ("world-to-camera rotations",)),
    "poses column by column": Break(_transposed_poses, ("column by column",)),
    "scaled rotations": Break(_scaled_rotations, ("scaled by 1.7",)),
    "quaternion order": Break(_quaternion_order, ("quaternion", "w x y z")),
    "depth 1/5000": Break(depth_times(5), ("--depth-scale 5000",)),
    "depth 1/6553.5": Break(depth_times(6.5535), ("--depth-scale 6553.5",)),
    "depth 1/4000": Break(depth_times(4), ("--depth-scale 4000",)),
    "depth 1/10000": Break(depth_times(10), ("--depth-scale 10000",)),
    "depth in cm": Break(depth_times(0.1), ("--depth-scale 100",)),
    "positions in mm": Break(positions_times(1000), ("millimetres",)),
    "positions in cm": Break(positions_times(100), ("centimetres",)),
    "positions times 0.37": Break(positions_times(0.37), ("scale", "positions times 2.")),
    "opengl and 1/5000": Break(_gl_and_5000, ("--axes opengl", "--depth-scale 5000")),
    "depth along the ray": Break(_along_ray, ("ray",)),
    "poses one on": Break(poses_from(1), ("numbering", "1")),
    "poses three back": Break(poses_from(-3), ("numbering", "3")),
    "lag of 1.5 frames": Break(poses_later(1.5), ("frames",), refused=False),
    "mirrored images": Break(_mirrored, ("left-right",)),
    "upside-down images": Break(_upside_down, ("half a turn",)),
    "images a quarter turn": Break(_turned, ("quarter turn",)),
    "camera of twice the size": Break(camera_times(2), ("camera", "--intrinsics")),
    "camera column by column": Break(_transposed_camera, ("transposed",)),
    "camera x and y swapped": Break(_swapped_camera, ("swapped",)),
    "focal length + 8 %": Break(focal_times(1.08), ("focal", "--intrinsics"), refused=False),
    "focal length - 8 %": Break(focal_times(0.92), ("focal", "--intrinsics"), refused=False),
    "focal length + 30 %": Break(focal_times(1.3), ("focal", "--intrinsics"), refused=False),
    "focal length - 20 %": Break(focal_times(0.8), ("focal", "--intrinsics"), refused=False),
    "one pose 3 km off": Break(jumps(3000.0), ("jump",), refused=False),
    "one pose 150 m off": Break(jumps(150.0), ("jump",), refused=False),
    "one pose 0.8 m off": Break(jumps(0.8), ("jump",), refused=False),
    "path jumps": Break(_lasting_jump, ("jump",), refused=False),
    "frozen poses": Break(_frozen, ("frozen",), refused=False),
    "poses shuffled": Break(_shuffled, ("contradict",)),
    "poses reversed": Break(_reversed, ("contradict",)),
    "half of the depth images cut": Break(_cut, ("unreadable",), refused=False),
}


@dataclass(frozen=True)
class Outcome:
    """What the doctor said of one broken capture."""

    capture: str
    kind: str
    right: bool
    silent: bool
    seconds: float
    said: str
    findings: list[dict[str, Any]] = field(default_factory=list)


def try_break(name: str, files: Files, kind: str, folder: Path) -> Outcome:
    """Break, diagnose, judge."""
    one, broken = BREAKS[kind], files.copy()
    one.change(broken)
    began = time.perf_counter()
    try:
        capture = open_capture(broken.write(folder))
        began = time.perf_counter()
        found = diagnose(capture, cheap=True)
    except CaptureError as error:  # refused by the reader, in words
        return Outcome(name, kind, True, False, 0.0, f"refused: {error}")
    seconds = time.perf_counter() - began
    told = [f for f in found.findings if f.severity != "note"]
    said = "; ".join(f"{f.severity} {f.kind}: {f.text} ({f.advice})" for f in told)
    right = any(
        all(word in f"{f.kind} {f.text} {f.advice}" for word in one.expect) for f in told[:2]
    )
    fused = one.refused and found.agreement is not None and found.agreement.within < FUSED
    silent = not told or (fused and not _refused(capture)) or not worries(capture, capture)
    records = [asdict(f) for f in found.findings]
    return Outcome(name, kind, right, silent, seconds, said or "nothing", records)


def _refused(capture: Capture) -> bool:
    try:
        expect_sound(capture)
    except CaptureError:
        return True
    return False


def alarms(found: Diagnosis) -> list[str]:
    """What is said of a good capture that should not be."""
    return [f"{f.severity} {f.kind}: {f.text}" for f in found.findings if f.severity != "note"]


def main() -> int:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="doctor-"))
    outcomes, false = [], 0
    for path in asked.captures:
        capture = open_capture(path)
        files = files_of(capture)
        good = work / "good"
        shutil.rmtree(good, ignore_errors=True)
        said = alarms(diagnose(open_capture(files.write(good)), cheap=True))
        false += bool(said)
        print(f"{capture.name}: {len(files.poses)} frames; alarms: {'; '.join(said) or 'none'}")
        for kind in (kind for kind in BREAKS if asked.only in kind):
            folder = work / "broken"
            shutil.rmtree(folder, ignore_errors=True)
            one = try_break(capture.name, files, kind, folder)
            outcomes.append(one)
            mark = "ok   " if one.right and not one.silent else "WRONG"
            print(f"  {mark} {kind:30} {one.seconds:5.2f} s  {one.said[:230]}", flush=True)
    right = sum(one.right for one in outcomes)
    silent = sum(one.silent for one in outcomes)
    print(f"{right} of {len(outcomes)} right, {silent} silent, {false} good captures alarmed")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=1))
    return int(false > 0 or silent > 0 or right < 0.9 * len(outcomes))


if __name__ == "__main__":
    sys.exit(main())
