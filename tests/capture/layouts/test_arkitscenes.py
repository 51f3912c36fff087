"""ARKitScenes: raw and 3DOD folders, times that differ a little, parts that are not there."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.arkitscenes import read_trajectory, rotation_of
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_jpeg, encode_png

VIDEO, START_S, STEP_S = "41048190", 3447.514, 0.1
SIZE = (128, 96)
GEOMETRY = Parts(rgb=False, labels=False)


def stem(time_s: float) -> str:
    return f"{VIDEO}_{time_s:.3f}"


def write(
    frames: Path,
    walked,
    *,
    late_s: float = 0.0,
    names: tuple[str, str, str, str] = (
        "lowres_wide",
        "lowres_depth",
        "lowres_wide_intrinsics",
        "lowres_wide.traj",
    ),
    cameras: list[Intrinsics] | None = None,
    pincam_late_s: float = 0.0,
) -> Path:
    """A video, its poses ``late_s`` after its images."""
    color, depth, intrinsics, trajectory = names
    for name in (color, depth, intrinsics):
        (frames / name).mkdir(parents=True)
    lines = []
    for n, step in enumerate(walked.steps):
        time_s = START_S + STEP_S * n
        c = walked.camera if cameras is None else cameras[n]
        (frames / color / f"{stem(time_s)}.png").write_bytes(encode_png(step.rgb))
        millimetres = np.round(1000 * step.depth_m).astype(np.uint16)
        (frames / depth / f"{stem(time_s)}.png").write_bytes(encode_png(millimetres))
        text = f"{c.width} {c.height} {c.fx} {c.fy} {c.cx} {c.cy}"
        (frames / intrinsics / f"{stem(time_s + pincam_late_s)}.pincam").write_text(text)
        world_to_camera = np.linalg.inv(step.world_from_camera)
        vector = Rotation.from_matrix(world_to_camera[:3, :3]).as_rotvec()
        numbers = [*vector.tolist(), *world_to_camera[:3, 3].tolist()]
        lines.append(f"{time_s + late_s:.6f} " + " ".join(map(str, numbers)))
    (frames / trajectory).write_text("\n".join(lines) + "\n")
    return frames


@pytest.fixture(scope="module")
def walked(make_walk):
    return make_walk(12, size=SIZE)


@pytest.fixture(scope="module")
def raw(walked, tmp_path_factory) -> Path:
    path = write(tmp_path_factory.mktemp("raw") / VIDEO, walked, late_s=0.0031)
    (path / "confidence").mkdir()
    trust = np.full(SIZE[::-1], 2, np.uint8)
    trust[:, :16], trust[:, 16:32] = 0, 1
    for file in (path / "lowres_depth").iterdir():
        (path / "confidence" / file.name).write_bytes(encode_png(trust))
    (path / f"{VIDEO}_3dod_mesh.ply").write_text("ply\n")
    (path / f"{VIDEO}_3dod_annotation.json").write_text("{}")
    return path


@pytest.fixture
def copied(raw: Path, tmp_path: Path) -> Path:
    return shutil.copytree(raw, tmp_path / "some folder")


def expect_poses(capture, walked, steps: list[int]) -> None:
    found = [capture.pose(i).world_from_camera for i in range(len(capture))]
    np.testing.assert_allclose(found, [walked.steps[n].world_from_camera for n in steps], atol=1e-6)


def test_a_raw_video(raw: Path, walked, surface_f: Callable) -> None:
    capture = pickle.loads(pickle.dumps(open_capture(raw)))
    info = capture.info()
    assert (info.format, info.up, capture.name) == ("ARKitScenes", (0, 0, 1), VIDEO)
    assert info.mesh == raw / f"{VIDEO}_3dod_mesh.ply"
    assert capture.frame_ids == tuple(3447514 + 100 * n for n in range(12))
    assert capture.time_s(2) == pytest.approx(3447.714)
    assert capture.camera() == walked.camera
    assert info.depth_camera == walked.depth_camera
    expect_poses(capture, walked, list(range(12)))
    np.testing.assert_array_equal(capture.frame(5).rgb, walked.steps[5].rgb)
    for level, left in (("low", 0), ("medium", 16), ("high", 32)):
        depth = open_capture(raw, params=CaptureParams(confidence=level)).frame(3).depth_m
        assert not depth[:, :left].any()
        assert (depth[:, left:] > 0).all()
    assert surface_f(open_capture(raw, params=CaptureParams(confidence="low")), walked) >= 0.99


@pytest.mark.parametrize("inner", [False, True])
def test_a_3dod_video(tmp_path: Path, walked, surface_f: Callable, inner: bool) -> None:
    path = tmp_path / VIDEO
    frames = write(path / f"{VIDEO}_frames", walked)
    (path / f"{VIDEO}_3dod_mesh.ply").write_text("ply\n")
    capture = open_capture(frames if inner else path)
    assert (capture.name, len(capture)) == (VIDEO, 12)
    assert capture.info().mesh == path / f"{VIDEO}_3dod_mesh.ply"
    assert "no confidence: all depth is taken" in capture.info().notes
    expect_poses(capture, walked, list(range(12)))
    if inner:
        assert surface_f(capture, walked) >= 0.99


def test_images_between_poses_are_no_frames(copied: Path, walked) -> None:
    # Six images a pose, as raw videos have.
    for n, step in enumerate(walked.steps):
        for k in range(1, 6):
            name = f"{stem(START_S + STEP_S * n + k / 60)}.png"
            (copied / "lowres_wide" / name).write_bytes(encode_png(step.rgb[::-1].copy()))
            shutil.copy(
                copied / f"lowres_depth/{stem(START_S + STEP_S * n)}.png",
                copied / "lowres_depth" / name,
            )
    capture = open_capture(copied)
    assert len(capture) == 12
    expect_poses(capture, walked, list(range(12)))
    assert "left out: 60 images without a pose within 5 ms" in capture.info().notes
    # With other poses, or none at all, all images count.
    (copied / "lowres_wide.traj").unlink()
    capture = open_capture(copied)
    assert len(capture) == 72
    assert capture.pose(0) is None
    assert "no lowres_wide.traj: no poses" in capture.info().notes


def test_poses_that_are_too_far_in_time(tmp_path: Path, walked) -> None:
    path = write(tmp_path / VIDEO, walked, late_s=0.0046)
    assert open_capture(path).pose(0) is not None
    lines = (path / "lowres_wide.traj").read_text().splitlines()
    moved = [f"{float(line.split()[0]) + 0.004:.6f} {line.split(' ', 1)[1]}" for line in lines[:3]]
    (path / "lowres_wide.traj").write_text("\n".join(moved + lines[3:]))
    capture = open_capture(path)
    assert capture.frame_ids[0] == 3447814
    expect_poses(capture, walked, list(range(3, 12)))
    (path / "lowres_wide.traj").write_text("\n".join(moved))
    capture = open_capture(path)
    assert len(capture) == 12
    assert capture.pose(0) is None
    assert "12 frames have no pose within 5 ms" in capture.info().notes


def test_each_frame_has_its_camera(tmp_path: Path, make_walk, surface_f: Callable) -> None:
    near, far = (make_walk(12, size=SIZE, focal=f) for f in (0.8, 0.9))
    steps = [(far if n % 3 == 0 else near).steps[n] for n in range(12)]
    cameras = [(far if n % 3 == 0 else near).camera for n in range(12)]
    mixed = type(near)(steps, near.camera, near.depth_camera)
    path = write(tmp_path / VIDEO, mixed, cameras=cameras, pincam_late_s=-0.001)
    capture = open_capture(path)
    assert capture.camera() == near.camera
    assert surface_f(capture, near) >= 0.98
    for file in list((path / "lowres_wide_intrinsics").iterdir())[3:]:
        file.rename(file.with_name(f"{VIDEO}_1.000.pincam"))
    capture = open_capture(path)
    assert "9 frames have no .pincam of their time: the usual camera" in capture.info().notes


def test_a_tablet_held_upright(tmp_path: Path, make_walk, surface_f: Callable) -> None:
    walked = make_walk(12, size=SIZE, roll_deg=270)
    capture = open_capture(write(tmp_path / VIDEO, walked))
    assert capture.camera().size == SIZE[::-1]
    assert surface_f(capture, walked) >= 0.99


def test_vga_images_and_early_names(tmp_path: Path, make_walk) -> None:
    walked = make_walk(4, size=(256, 192), depth_size=SIZE)
    names = ("vga_wide", "lowres_depth", "vga_wide_intrinsics", "lowres_wide.traj")
    capture = open_capture(write(tmp_path / "vga" / VIDEO, walked, names=names))
    assert capture.camera() == walked.camera
    assert capture.info().depth_camera == walked.depth_camera
    names = ("wide", "depth_densified", "color_intrinsics", "color.traj")
    capture = open_capture(write(tmp_path / "early" / VIDEO, walked, names=names))
    expect_poses(capture, walked, list(range(4)))


def test_depth_of_early_samples_shows_more_than_colour(tmp_path: Path, make_walk) -> None:
    walked = make_walk(2, size=(256, 192))
    names = ("wide", "depth_densified", "color_intrinsics", "color.traj")
    path = write(tmp_path / VIDEO, walked, names=names)
    for n, file in enumerate(sorted((path / "depth_densified").iterdir())):
        wider = np.pad(np.round(1000 * walked.steps[n].depth_m).astype(np.uint16), ((48,), (64,)))
        file.write_bytes(encode_png(wider))
    depth = open_capture(path).frame(1).depth_m
    expected = walked.steps[1].depth_m
    # Reprojected by splatting: the same but for pixels at edges of things.
    assert (np.abs(depth - expected) < 0.002).mean() > 0.99


def test_a_camera_that_is_told_for_another_size(tmp_path: Path, walked) -> None:
    big = walked.camera.resized((256, 192))
    path = write(tmp_path / VIDEO, walked, cameras=[big] * 12)
    np.testing.assert_allclose(open_capture(path).camera().matrix, walked.camera.matrix, atol=1e-9)


def test_trajectories_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "lowres_wide.traj"
    path.write_text("1.0004999 0 0 0 1 2 3\n1.1 0.1 0 0 1 2 nan\n\n1.2 0 0")
    times, poses, notes = read_trajectory(path)
    assert times.tolist() == [1.0, 1.1]
    assert poses.shape == (2, 6)
    assert notes == ["the last line of lowres_wide.traj is cut and left out"]
    path.write_text("1.0 0 0\n1.1 0 0 0 1 2 3\n")
    with pytest.raises(CaptureError, match=r"lowres_wide\.traj, line 1"):
        read_trajectory(path)


def test_axis_and_angle() -> None:
    quarter = rotation_of(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_array_equal(rotation_of(np.zeros(3)), np.eye(3))


def without(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.rmtree(path / name)


def emptied(folder: str, text: str = "") -> Callable[[Path], None]:
    def change(path: Path) -> None:
        for file in (path / folder).iterdir():
            file.write_text(text)

    return change


def renamed(folder: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        for n, file in enumerate(sorted((path / folder).iterdir())):
            file.rename(file.with_name(f"{VIDEO}_{n}.000{file.suffix}"))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("lowres_depth"), r"without lowres_depth/VIDEO_SECONDS\.png: looks like ARKit"),
        (without("lowres_wide"), r"without lowres_wide/VIDEO_SECONDS\.png: looks like ARKit"),
        (without("lowres_wide_intrinsics"), r"without lowres_wide_intrinsics/VIDEO_SECONDS\.pinc"),
        (emptied("lowres_wide_intrinsics", "256 192 1"), "with 3 numbers"),
        (emptied("lowres_wide_intrinsics", "256 192 nan 1 1 1"), "pincam"),
        (emptied("lowres_wide_intrinsics", "0 1e99 1 1 1 1"), "pincam"),
        (emptied("lowres_wide"), "0 bytes"),
        (emptied("lowres_depth"), "no PNG"),
        (renamed("lowres_depth"), "none of the same time"),
        (lambda p: (p / "lowres_wide.traj").write_text("a b\nc d\n"), "line 1"),
    ],
)
def test_what_is_refused(copied: Path, change, told: str) -> None:
    change(copied)
    assert "(ARKitScenes)" in reader_of(copied).looks_for
    with pytest.raises(CaptureError, match=told):
        open_capture(copied)


def test_what_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "lowres_wide.traj").write_text("1 0 0 0 0 0 0\n")
    (tmp_path / "lowres_depth.zip").write_bytes(b"PK")
    with pytest.raises(CaptureError, match=r"lowres_depth\.zip are not unpacked"):
        open_capture(tmp_path)


def test_a_broken_frame_costs_itself_alone(copied: Path) -> None:
    for name in ("lowres_wide", "lowres_depth", "confidence"):
        file = sorted((copied / name).iterdir())[4]
        file.write_bytes(file.read_bytes()[:60])
        capture = open_capture(copied)
        with pytest.raises(CaptureError, match=str(file.name)):
            capture.frame(4)
        assert capture.frame(3).rgb is not None
        shutil.copy(file.with_name(sorted(p.name for p in file.parent.iterdir())[3]), file)


def test_a_video_in_a_zip_file(raw: Path, tmp_path: Path) -> None:
    file = Path(shutil.make_archive(str(tmp_path / VIDEO), "zip", raw))
    plain, capture = open_capture(raw), open_capture(file)
    assert capture.frame_ids == plain.frame_ids
    assert capture.info().mesh is not None
    np.testing.assert_array_equal(capture.frame(5).depth_m, plain.frame(5).depth_m)


def test_jpegs_count_too(tmp_path: Path, walked) -> None:
    path = write(tmp_path / VIDEO, walked)
    for n, file in enumerate(sorted((path / "lowres_wide").iterdir())):
        file.unlink()
        file.with_suffix(".jpg").write_bytes(encode_jpeg(walked.steps[n].rgb))
    assert open_capture(path).frame(2, parts=Parts(stored=True)).stored.color is not None
