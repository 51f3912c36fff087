"""Poses from a file of their own, in every form, matched by time, number or order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crossvox.capture.params import CaptureParams
from crossvox.capture.registration import Registration
from crossvox.capture.stored import StoredCapture
from crossvox.capture.trajectory import read_trajectory
from crossvox.core.checks import CaptureError
from crossvox.core.convention import PoseConvention

IDS = (0, 1, 3, 4, 7)
TIMES = tuple(1700000000.0 + 0.1 * n for n in range(5))
SMALL = np.array([[1.0, 0, 0, 0.1], [0, 0, -1, 0.2], [0, 1, 0, 0.3], [0, 0, 0, 1]])


class Frames(StoredCapture):
    """Frames with numbers, perhaps with times, and poses that nobody should see."""

    format = "frames"
    convention = PoseConvention("opengl")
    up = (0.0, 1.0, 0.0)

    def __init__(self, camera, ids=IDS, times=None):
        super().__init__("frames", ids, Registration(camera, camera), SMALL)
        self._times = times

    def pose_matrix(self, index):
        raise AssertionError("the capture's own pose")

    def depth_raw(self, index):
        raise AssertionError("depth")

    def time_s(self, index):
        return None if self._times is None else self._times[index]


@pytest.fixture(scope="module")
def steps(make_walk):
    return make_walk(8, size=(32, 24))


@pytest.fixture
def check(steps, tmp_path: Path) -> Callable[..., str]:
    """Give a text to a capture as its trajectory; poses of ``wanted`` steps come out."""

    def run(text: str, wanted, *, ids=IDS, times=None, how=None) -> str:
        file = tmp_path / "poses.dat"
        file.write_text(text, encoding="utf-8")
        capture = Frames(steps.camera, ids, times)
        capture.depart(CaptureParams(trajectory=file, **(how or {})))
        for index, step in enumerate(wanted):
            pose = capture.pose(index)
            if step is None:
                assert pose is None
                continue
            assert pose is not None
            expected = steps.steps[step].world_from_camera
            np.testing.assert_allclose(pose.world_from_camera, expected, atol=1e-6)
        info = capture.info()
        assert info.up is None  # it was that of another world
        return info.notes[-1]

    return run


def tum(pose: np.ndarray, w_first: bool = False) -> str:
    q = Rotation.from_matrix(pose[:3, :3]).as_quat()
    q = np.roll(q, 1) if w_first else q
    return " ".join(f"{x:.9f}" for x in (*pose[:3, 3], *(-2 * q)))  # of any length and sign


def rows(pose: np.ndarray, count: int = 4) -> str:
    return " ".join(repr(float(x)) for x in pose[:count].ravel())


def lines(steps, form: Callable, order=range(5)) -> str:
    return "\n".join(form(n, steps.steps[n].world_from_camera) for n in order)


IN_ORDER = (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    "form",
    [
        lambda n, p: rows(p, 3),  # KITTI
        lambda n, p: rows(p),
        lambda n, p: _block(p),
        lambda n, p: f"{n} {n} {n + 1}\n" + _block(p),  # Open3D's log, numbered by lines
        lambda n, p: f"{0.5 * n} {tum(p)}",
        lambda n, p: rows(p, 3).replace(" ", ", "),
    ],
)
def test_one_pose_a_frame_in_order(steps, check, form: Callable) -> None:
    note = check(lines(steps, form), IN_ORDER)
    assert note == "poses from poses.dat: 5 of 5 frames, one a frame in order"


def _block(pose: np.ndarray) -> str:
    return "\n".join(" ".join(repr(float(x)) for x in row) for row in pose)


@pytest.mark.parametrize(
    "form",
    [
        lambda i, p: f"{i} {i} {i + 1}\n" + _block(p),
        lambda i, p: f"{i} {tum(p)}",
        lambda i, p: f"{i}.0 " + rows(p),
        lambda i, p: f"{i} " + rows(p, 3),
        lambda i, p: f"{99.5 + i} {tum(p)} {i}",  # RTAB-Map's: time, pose, identifier
    ],
)
@pytest.mark.parametrize("times", [None, tuple(float(n) for n in (0, 2, 9, 11, 13))])
def test_by_frame_number(steps, check, form: Callable, times) -> None:
    # A frame that the file lacks is lost; numbers win over times that fit by chance.
    ids = (7, 0, 4, 1)
    text = "\n".join(form(i, steps.steps[n].world_from_camera) for n, i in enumerate(ids))
    note = check(text, (1, 3, None, 2, 0), times=times)
    assert "4 of 5 frames, by frame number" in note
    more = "\n".join(form(n, steps.steps[n].world_from_camera) for n in range(8))
    assert "by frame number" in check(more, IDS, times=times)


def test_by_time(steps, check) -> None:
    order = (3, 0, 2, 4)  # in any order, between others, one frame without
    text = "# time x y z qx qy qz qw\n" + "\n".join(
        f"{TIMES[n] + shift:.6f} {tum(steps.steps[n if shift < 0.03 else 7].world_from_camera)}"
        for n in order
        for shift in (0.005, 0.05)
    )
    note = check(text, (0, None, 2, 3, 4), times=TIMES)
    assert "4 of 5 frames, by time, within 20 ms" in note
    assert "drift" not in note
    note = check("# crossvox track: odometry\n" + text, (0, None, 2, 3, 4), times=TIMES)
    assert "drift" in note


def test_tables_with_a_header(steps, check) -> None:
    head = (
        "#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], "
        "q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z [], v_RS_R_x [m s^-1]\n"
    )
    for unit in ("#timestamp [ns]", "#ns"):
        text = head.replace("#timestamp", unit) + "\n".join(
            f"{round(TIMES[n] * 1e9)},{tum(p.world_from_camera, True)}".replace(" ", ",") + ",9"
            for n, p in enumerate(steps.steps[:5])
        )
        assert "by time" in check(text, IN_ORDER, times=TIMES)
    text = "timestamp, frame, x, y, z, qx, qy, qz, qw\n" + "\n".join(
        f"{TIMES[n]}, {n}, {tum(p.world_from_camera)}".replace(" ", ",")
        for n, p in enumerate(steps.steps[:5])
    )
    assert "by time" in check(text, IN_ORDER, times=TIMES)


def test_flags_tell_the_files_convention(steps, check) -> None:
    # Not that of the capture, which is another one (opengl, and of the depth camera).
    for axes in ("opencv", "opengl"):
        for poses in ("camera-to-world", "world-to-camera"):
            convention = PoseConvention(axes, poses)
            text = lines(steps, lambda n, p, c=convention: rows(c.stored(p)))
            check(text, IN_ORDER, how={"axes": axes, "poses": poses})


def test_a_line_for_each_number(steps, check) -> None:
    text = lines(steps, lambda n, p: rows(p), range(8))
    assert "counted from 0" in check(text, IDS)


def test_lost_frames_of_a_file(steps, check) -> None:
    text = lines(steps, lambda n, p: rows(p if n != 1 else np.full((4, 4), np.nan)))
    check(text, (0, None, 2, 3, 4))
    text = lines(steps, lambda n, p: f"{n} " + (tum(p) if n != 1 else "0 0 0 0 0 0 0"))
    check(text, (0, None, 2, 3, 4))


@pytest.mark.parametrize(
    ("form", "count", "times", "said"),
    [
        (lambda n, p: rows(p), 4, None, "4 poses, for 5 frames"),
        (lambda n, p: f"{n}.5 {tum(p)}", 6, None, "6 poses, for 5 frames"),
        (lambda n, p: f"{TIMES[n % 5] * 1e9:.0f} {tum(p)}", 5, TIMES, "nanoseconds"),
        (lambda n, p: f"{TIMES[n % 5] * 1e3:.0f} {tum(p)}", 5, TIMES, "milliseconds"),
        (lambda n, p: f"{TIMES[n % 5] + 50} {tum(p)}", 5, TIMES, "between both clocks"),
        (lambda n, p: "0 1 2 3 4 5 6", 5, None, "5 lines of 7 numbers"),
        (lambda n, p: "1 2 3" if n else rows(p), 5, None, "lines of 3, 16 numbers"),
        (lambda n, p: "a pose", 5, None, "the line 'a pose'"),
        (lambda n, p: "# nothing", 5, None, "0 lines"),
        (lambda n, p: "nan " * 12, 5, None, "no valid pose"),
        (lambda n, p: "t,x,y,z,qx,qy,qz,qw" if n == 0 else "1,2,3", 5, None, "its header"),
        (lambda n, p: f"{n} {n} 0\n" + _block(p)[:40], 5, None, "needed: TUM"),
    ],
)
def test_what_does_not_fit_is_refused(steps, check, form, count, times, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        check(lines(steps, form, range(count)), IN_ORDER, times=times)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="none"):
        read_trajectory(tmp_path / "none.txt")
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(CaptureError, match="needed"):
        read_trajectory(tmp_path / "noise")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 27)
    with pytest.raises(CaptureError, match="at most"):
        read_trajectory(tmp_path / "huge")
