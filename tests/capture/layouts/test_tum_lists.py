"""TUM RGB-D with pairs instead of lists, without poses, and ICL-NUIM's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crossvox.capture import open_capture
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_png, write_bytes

FLIP = np.diag([1.0, -1.0, 1.0, 1.0])


def line(time: object, pose: np.ndarray) -> str:
    values = (*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat())
    return " ".join([str(time), *(f"{x:.9f}" for x in values)])


def write(folder: Path, walked, pairs: str, *, first: str = "rgb", names=("rgb", "depth")) -> Path:
    rows = ["# pairs"]
    for n, step in enumerate(walked.steps):
        write_bytes(folder / f"{names[0]}/{n}.png", encode_png(step.rgb))
        depth = (step.depth_m * 5000).round().astype(np.uint16)
        write_bytes(folder / f"{names[1]}/{n}.png", encode_png(depth))
        both = [f"{0.1 * n:.2f} {names[0]}/{n}.png", f"{0.1 * n + 0.04:.2f} {names[1]}/{n}.png"]
        rows.append(" ".join(both if first == "rgb" else both[::-1]))
    (folder / pairs).write_text("\n".join(rows))
    c = walked.camera
    (folder / "intrinsics.txt").write_text(f"{c.fx} {c.fy} {c.cx} {c.cy}")
    return folder


@pytest.mark.parametrize(
    ("pairs", "first"),
    [("associations.txt", "rgb"), ("associate.txt", "depth"), ("associated.txt", "rgb")],
)
def test_pairs_in_either_order(
    make_walk, surface_f: Callable, tmp_path: Path, pairs: str, first: str
) -> None:
    walked = make_walk(8)
    folder = write(tmp_path / "a walk", walked, pairs, first=first)
    poses = [line(f"{0.1 * n + 0.01:.2f}", s.world_from_camera) for n, s in enumerate(walked.steps)]
    (folder / "groundtruth.txt").write_text("\n".join(poses))
    capture = open_capture(folder)
    assert capture.frame_ids == tuple(range(8))
    assert capture.time_s(3) == pytest.approx(0.3)
    for index, step in enumerate(walked.steps):
        np.testing.assert_allclose(
            capture.pose(index).world_from_camera, step.world_from_camera, atol=1e-6
        )
    assert surface_f(capture, walked) >= 0.99
    np.testing.assert_array_equal(capture.frame(2).rgb, walked.steps[2].rgb)


def test_without_poses_all_are_lost_and_it_is_said(make_walk, tmp_path: Path) -> None:
    folder = write(tmp_path / "walk", make_walk(2, size=(64, 48)), "associations.txt")
    capture = open_capture(folder)
    assert [capture.pose(0), capture.pose(1)] == [None, None]
    assert "no groundtruth.txt: frames without poses" in capture.info().notes
    (folder / "associations.txt").unlink()
    for name in ("rgb", "depth"):
        (folder / f"{name}.txt").write_text(f"0.1 {name}/0.png\n0.2 {name}/1.png\n")
    capture = open_capture(folder)
    assert len(capture) == 2
    assert capture.pose(0) is None
    assert capture.frame(1).depth_m is not None


def test_icl_nuim(make_walk, level_to_y_up, surface_f: Callable, tmp_path: Path) -> None:
    # The world that the poses tell is mirrored: y up, the images top down.
    walked = make_walk(8, world=np.diag([1.0, -1, -1, 1]) @ level_to_y_up)  # y down, right-handed
    folder = write(tmp_path / "living_room", walked, "associations.txt", first="depth")
    rows = [f"{n} depth/{n}.png {n} rgb/{n}.png" for n in range(8)]
    (folder / "associations.txt").write_text("\n".join(rows))
    poses = [line(n, FLIP @ s.world_from_camera @ FLIP) for n, s in enumerate(walked.steps)]
    (folder / "livingRoom0.gt.freiburg").write_text("\n\n".join(poses))
    capture = open_capture(folder)
    assert capture.info().format == "ICL-NUIM"
    assert capture.info().up == (0, -1, 0)
    for index, step in enumerate(walked.steps):
        np.testing.assert_allclose(
            capture.pose(index).world_from_camera, step.world_from_camera, atol=1e-6
        )
    assert surface_f(capture, walked) >= 0.99
    (folder / "intrinsics.txt").unlink()
    assert open_capture(folder).camera((640, 480)).fx == pytest.approx(481.2)


def test_pairs_that_tell_nothing_are_refused(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    folder = write(tmp_path / "walk", walked, "associations.txt", names=("a", "b"))
    with pytest.raises(CaptureError, match="do not tell which images are depth"):
        open_capture(folder)
    for text, said in (("0.1 rgb/0.png depth/0.png", "line 1, 3 words"), ("", "none within")):
        (folder / "associations.txt").write_text(text)
        with pytest.raises(CaptureError, match=said):
            open_capture(folder)
