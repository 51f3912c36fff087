"""Axes, directions, units, lenses, cameras a frame, confidence and sideways images: one of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.lens import Lens, rectify
from crossvox.capture.params import CaptureParams
from crossvox.capture.registration import Registration
from crossvox.capture.stored import FrameCameras, StoredCapture
from crossvox.capture.turned import TurnedCapture, turned_camera, upright
from crossvox.core.camera import Intrinsics, unproject
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_png


class Walked(StoredCapture):
    """The walk as a reader would hand it over."""

    format = "a walk"
    units_per_m = 1.0

    def __init__(self, walked, convention=PoseConvention(), confidence=None, cameras=None, up=None):  # noqa: B008
        super().__init__(
            "walk",
            tuple(range(len(walked.steps))),
            Registration(walked.camera, walked.depth_camera),
        )
        self._walked, self._confidence, self._own = walked, confidence, cameras
        self.convention = self._written = convention
        self.up = up

    def pose_matrix(self, index):
        return self._written.stored(self._walked.steps[index].world_from_camera)

    def color_data(self, index):
        return encode_png(self._walked.steps[index].rgb)

    def depth_raw(self, index):
        return self._walked.steps[index].depth_m.astype(np.float32)

    def confidence_raw(self, index):
        return self._confidence

    def frame_cameras(self, index):
        return None if self._own is None else self._own[index]


@pytest.mark.parametrize("axes", ["opencv", "opengl"])
@pytest.mark.parametrize("poses", ["camera-to-world", "world-to-camera"])
def test_poses_of_every_convention_are_delivered_alike(make_walk, axes: str, poses: str) -> None:
    walked = make_walk(3)
    capture = Walked(walked, PoseConvention(axes, poses))  # type: ignore[arg-type]
    for index, step in enumerate(walked.steps):
        pose = capture.pose(index)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-12)
    # What the files hold is told as such only where it is what is delivered.
    stored = capture.frame(0, parts=Parts(stored=True)).stored
    assert stored is not None
    assert (stored.pose is not None) == (axes == "opencv" and poses == "camera-to-world")


def test_flags_say_what_stored_poses_mean(make_walk) -> None:
    walked = make_walk(2)
    capture = Walked(walked, PoseConvention("opengl"))
    capture.depart(CaptureParams(axes="opencv", poses="world-to-camera", depth_scale=0.001))
    stored = PoseConvention("opengl").stored(walked.steps[1].world_from_camera)
    pose = capture.pose(1)
    assert pose is not None
    np.testing.assert_allclose(pose.world_from_camera, np.linalg.inv(stored), atol=1e-12)
    assert capture.units_per_m == pytest.approx(1000)


def test_a_lost_pose_stays_lost_in_every_convention() -> None:
    lost = np.full((4, 4), -np.inf)
    for convention in (PoseConvention("opengl"), PoseConvention("opengl", "world-to-camera")):
        assert not np.isfinite(convention.delivered(lost)).any()
    singular = PoseConvention("opencv", "world-to-camera").delivered(np.zeros((4, 4)))
    assert not np.isfinite(singular).any()


def test_intrinsics_by_flag_and_by_file(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(320, 240), depth_size=(160, 120))
    (tmp_path / "k.txt").write_text("300 0 150\n0 310 100\n0 0 1\n")
    for given in ("300,310,150,100", str(tmp_path / "k.txt")):
        capture = Walked(walked).depart(CaptureParams(intrinsics=given))
        assert capture.camera() == Intrinsics(300, 310, 150, 100, 320, 240)
        # Depth shared the camera of colour, and still does.
        depth = capture.registration.depth_camera
        assert depth == Intrinsics(300, 310, 150, 100, 320, 240).resized((160, 120))
    with pytest.raises(ParamsError, match="FX,FY,CX,CY"):
        Walked(walked).depart(CaptureParams(intrinsics="300,310"))
    with pytest.raises(CaptureError, match="intrinsics"):
        Walked(walked).depart(CaptureParams(intrinsics="0.9,0.9,0.5,0.5"))


def test_confidence_masks_depth_and_is_counted(make_walk) -> None:
    walked = make_walk(1, size=(64, 48))
    confidence = np.zeros((24, 32), np.uint8)
    confidence[:, 8:] = 1
    confidence[:, 16:] = 2
    for level, left in (("low", 0), ("medium", 16), ("high", 32)):
        capture = Walked(walked, confidence=confidence).depart(CaptureParams(confidence=level))
        frame = capture.frame(0, parts=Parts(stored=True))
        assert frame.depth_m is not None
        assert not frame.depth_m[:, :left].any()
        assert (frame.depth_m[:, left:] > 0).all()
        assert frame.stored is not None
        assert frame.stored.count_left_out is not None
        assert frame.stored.count_left_out() == left * 48


def test_cameras_a_frame_are_brought_onto_one(make_walk, surface_f: Callable) -> None:
    zoomed = make_walk(12, focal=0.9)
    plain = make_walk(12, focal=0.8)
    own = [FrameCameras(zoomed.camera, zoomed.depth_camera)] * 12
    capture = Walked(replace(plain, steps=zoomed.steps), cameras=own)
    assert surface_f(capture, zoomed) > 0.99
    wrong = Walked(replace(plain, steps=zoomed.steps))
    assert surface_f(wrong, zoomed) < 0.9
    # Colour lies where the capture's camera says: what the narrower view lacks is black.
    rgb, expected = capture.frame(0).rgb, plain.steps[0].rgb
    assert rgb is not None
    inside = slice(40, 150), slice(40, 210)
    assert np.abs(rgb[inside].astype(int) - expected[inside]).mean() < 2
    assert not rgb[0].any()


@pytest.mark.parametrize(
    "lens", [Lens("brown", (-0.15, 0.03, 0.001, -0.002)), Lens("fisheye", (0.02, -0.01, 0, 0))]
)
def test_distortion_is_taken_out(lens: Lens) -> None:
    camera = Intrinsics(200, 210, 158, 121, 320, 240)
    # A picture of what each pixel of the distorted image looks at, by the forward model.
    target = Intrinsics(200, 210, 158, 121, 320, 240)
    v, u = np.mgrid[:240, :320]
    image = np.stack([u, v], -1).astype(np.float32)
    seen = rectify(image, camera, target, lens, smooth=True)
    x, y = (40 - 158) / 200, (30 - 121) / 210
    r2 = x * x + y * y
    if lens.model == "brown":
        k1, k2, p1, p2 = lens.coefficients
        radial = 1 + k1 * r2 + k2 * r2**2
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )
    else:
        theta = np.arctan(np.sqrt(r2))
        k1, k2, k3, k4 = lens.coefficients
        scale = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
        x, y = x * scale / np.sqrt(r2), y * scale / np.sqrt(r2)
    np.testing.assert_allclose(seen[30, 40], [200 * x + 158, 210 * y + 121], atol=0.05)


def test_a_lens_of_no_distortion_changes_nothing() -> None:
    image = np.arange(48 * 64, dtype=np.float32).reshape(48, 64)
    camera = Intrinsics(50, 50, 31.5, 23.5, 64, 48)
    assert rectify(image, camera, camera, Lens("brown", (0.0,) * 5), smooth=False) is image
    with pytest.raises(ParamsError, match="coefficients"):
        Lens("fisheye", (0.1, 0.2))


@pytest.mark.parametrize(("roll", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3), (30, 0)])
def test_sideways_images_come_out_upright(
    make_walk, surface_f: Callable, roll: float, turns: int
) -> None:
    walked = make_walk(12, roll_deg=roll)
    capture = upright(Walked(walked, up=(0, 0, 1)))
    assert isinstance(capture, TurnedCapture) == (turns > 0)
    size = walked.camera.size
    assert capture.camera().size == (size if turns % 2 == 0 else size[::-1])
    assert surface_f(capture, walked) > 0.99
    frame = capture.frame(3)
    assert frame.rgb is not None
    assert frame.pose is not None
    np.testing.assert_array_equal(frame.rgb, np.rot90(walked.steps[3].rgb, -turns))
    up_in_camera = frame.pose.world_from_camera[:3, :3].T @ [0, 0, 1]
    assert up_in_camera[1] < -0.75  # towards the top
    notes = " ".join(capture.info().notes)
    assert ("turned" in notes) == (turns > 0)


def test_a_turned_camera_sees_the_same_points() -> None:
    camera = Intrinsics(50, 52, 30, 25, 64, 48)
    depth = np.random.default_rng(0).uniform(1, 3, (48, 64))
    points = unproject(depth, camera)
    turned = unproject(np.rot90(depth, -1), turned_camera(camera, 1))
    # x' = -y, y' = x
    np.testing.assert_allclose(np.rot90(points, -1)[..., [1, 0, 2]] * [-1, 1, 1], turned)


def test_headers_tell_where_gravity_is_unknown(make_walk) -> None:
    capture = Walked(make_walk(2))
    assert upright(capture, 1) is capture
    assert upright(capture, 5) is capture  # mirrored ones are left alone
    assert upright(capture, 6).camera().size == capture.camera().size[::-1]


def test_flags_are_refused_where_nothing_lies_in_files(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="depth units"):
        CaptureParams(depth_scale=-1)
    with pytest.raises(CaptureError, match="does not exist"):
        open_capture(tmp_path / "none", params=CaptureParams(axes="opengl"))
