"""A capture of any format, converted: what comes out is the same capture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trials.fuzz.captures import SAMPLES

from crossvox.capture import open_capture
from crossvox.capture.files import write_matrix
from crossvox.capture.params import CaptureParams
from crossvox.capture.sens.reader import SensReader
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError
from crossvox.core.frame import Capture
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.flow.runner import DryRunEnds, Runner
from crossvox.recipes.convert import ConvertParams, convert
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

FORMATS = ("folder", "room.sens")


def a_room(folder: Path, count: int = 8) -> Path:
    """Frames of a slanted wall, seen by a moving camera; the pose of one is lost."""
    v, u = np.mgrid[:48, :64].astype(np.float64)
    rays = np.stack([(u - 31) / 60, (v - 24.5) / 60, np.ones_like(u)], -1)
    for n in range(count):
        pose = np.eye(4)
        angle = 0.02 * n
        pose[:3, :3] = [
            [np.cos(angle), 0, np.sin(angle)],
            [0, 1, 0],
            [-np.sin(angle), 0, np.cos(angle)],
        ]
        pose[:3, 3] = (0.05 * n + 1 / 3, 0.01 * n, 0)
        turned = rays @ pose[:3, :3].T
        depth = np.minimum((2.5 - pose[2, 3]) / turned[..., 2], 2.2 / (1 - 0.1 * turned[..., 0]))
        image = (120 + 100 * np.sin(0.1 * np.stack([u, v, u + v], -1))).astype(np.uint8)
        write_bytes(folder / f"rgb/frame_{10 * n:04d}.jpg", encode_jpeg(image))
        write_bytes(folder / f"depth/{10 * n}.png", encode_png(np.rint(1000 * depth).astype("u2")))
        if n != 3:
            write_matrix(folder / f"poses/{10 * n}.txt", pose)
    (folder / "intrinsic.txt").write_text("60 60 31 24.5")
    return folder


def vertices(capture: Capture) -> np.ndarray:
    frames = [capture.frame(i) for i in range(len(capture)) if capture.pose(i) is not None]
    return fuse(iter(frames), TsdfParams(voxel_m=0.03)).mesh().vertices_m


def f_score(found: np.ndarray, truth: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    near = [(cKDTree(b).query(a)[0] < 0.02).mean() for a, b in ((found, truth), (truth, found))]
    return float(2 * near[0] * near[1] / sum(near))


@pytest.mark.parametrize("name", FORMATS)
def test_the_way_there_and_back(tmp_path: Path, name: str) -> None:
    source, out = a_room(tmp_path / "room"), tmp_path / name
    report = convert(source, out)
    assert (report.frames, report.lost_poses, report.broken) == (8, (30,), {})
    before, after = open_capture(source), open_capture(out)
    assert after.camera() == before.camera()
    ids = before.frame_ids if name == "folder" else tuple(range(8))
    assert after.frame_ids == ids
    for index in range(8):
        pose, expected = after.pose(index), before.pose(index)
        assert (pose is None) == (expected is None) == (index == 3)
        if pose is not None and expected is not None:
            np.testing.assert_allclose(
                pose.world_from_camera, expected.world_from_camera, atol=1e-6
            )
        one, other = after.frame(index), before.frame(index)
        np.testing.assert_array_equal(one.depth_m, other.depth_m)
        np.testing.assert_array_equal(one.rgb, other.rgb)  # the bytes were copied
    assert f_score(vertices(after), vertices(before)) >= 0.99


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_there_from_the_same_is_kept(tmp_path: Path, name: str) -> None:
    source, out = a_room(tmp_path / "room", 4), tmp_path / name
    assert not convert(source, out).kept
    assert convert(source, out).kept
    with pytest.raises(DryRunEnds):
        convert(source, out, runner=(runner := Runner(dry=True)))
    assert [plan.status for plan in runner.plan] == ["keep"]
    changed = convert(source, out, ConvertParams(frame_skip=2))
    assert (changed.kept, changed.frames) == (False, 2)
    small = convert(source, out, ConvertParams(width=32, height=24))
    assert not small.kept
    assert open_capture(out).camera().size == (32, 24)


@pytest.mark.parametrize("name", FORMATS)
def test_what_crossvox_did_not_write_is_never_replaced(tmp_path: Path, name: str) -> None:
    source, out = a_room(tmp_path / "room", 2), tmp_path / name
    if name == "folder":
        write_bytes(out / "mine.txt", b"mine")
    else:
        from_elsewhere = SAMPLES["scannet"][0](tmp_path) / "scene0000_00.sens"
        out.write_bytes(from_elsewhere.read_bytes())
    there = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArtifactError, match=r"did not write|was not written"):
        convert(source, out)
    assert sorted(tmp_path.rglob("*")) == there
    with pytest.raises(ArtifactError, match=r"from the capture .* around it"):
        convert(source, source / name)


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_whole_or_not_there(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.capture import export
    from crossvox.capture.sens.writer import SensWriter

    source, out = a_room(tmp_path / "room", 4), tmp_path / name

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SensWriter, "write", killed)
    monkeypatch.setattr(export, "write_matrix", killed)
    with pytest.raises(KeyboardInterrupt):
        convert(source, out)
    assert [path.name for path in tmp_path.iterdir()] == ["room"]


@pytest.mark.parametrize("name", FORMATS)
def test_broken_frames_are_counted_and_the_others_keep_their_numbers(
    tmp_path: Path, name: str
) -> None:
    source, out = a_room(tmp_path / "room", 5), tmp_path / name
    (source / "rgb/frame_0010.jpg").write_bytes(b"\xff\xd8 cut")
    report = convert(source, out)
    assert list(report.broken) == ["10"]
    capture, before = open_capture(out), open_capture(source)
    last, expected = capture.pose(len(capture) - 1), before.pose(4)
    assert last is not None
    assert expected is not None
    np.testing.assert_allclose(last.world_from_camera, expected.world_from_camera, atol=1e-6)
    if name != "folder":
        assert capture.pose(1) is None
        depth = capture.frame(1).depth_m
        assert depth is not None
        assert not depth.any()
    for n in (0, 20, 30):
        (source / f"rgb/frame_{n:04d}.jpg").write_bytes(b"\xff\xd8 cut")
    with pytest.raises(CaptureError):
        convert(source, tmp_path / f"other_{name}")


def test_flags_turn_axes_and_units(tmp_path: Path) -> None:
    source = a_room(tmp_path / "room", 4)
    how = CaptureParams(depth_scale=500, axes="opengl", intrinsics="61,62,30,25")
    out = tmp_path / "out.sens"
    convert(source, out, how=how)
    header = SensReader(out).header
    assert header.sensor_name.startswith("crossvox convert ")
    assert header.depth_shift == 1000
    plain, flagged = open_capture(source), open_capture(source, params=how)
    found = open_capture(out)
    assert (found.camera().fx, found.camera().fy) == (61, 62)
    np.testing.assert_allclose(found.frame(1).depth_m, 2 * plain.frame(1).depth_m, atol=0.001)
    np.testing.assert_allclose(
        found.pose(1).world_from_camera, flagged.pose(1).world_from_camera, atol=1e-6
    )


@pytest.mark.parametrize("sample", ["scannet", "7-scenes", "tum", "transforms", "replica"])
def test_every_format_converts(tmp_path: Path, sample: str) -> None:
    (tmp_path / "made").mkdir()
    source = SAMPLES[sample][0](tmp_path / "made")
    before = open_capture(source)
    for name in FORMATS:
        convert(source, tmp_path / name)
        after = open_capture(tmp_path / name)
        assert len(after) == len(before)
        for index in range(len(before)):
            pose, expected = after.pose(index), before.pose(index)
            assert (pose is None) == (expected is None)
            if pose is not None and expected is not None:
                np.testing.assert_allclose(
                    pose.world_from_camera, expected.world_from_camera, atol=1e-6
                )


def test_places_and_devices_are_not_copied(tmp_path: Path) -> None:
    source = a_room(tmp_path / "room", 2)
    for file in source.glob("rgb/*.jpg"):
        exif = Image.Exif()
        exif[0x0110] = "a phone of somebody"
        exif.get_ifd(0x8825)[2] = (47.0, 11.0, 15.0)
        stream = io.BytesIO()
        Image.open(file).save(stream, "JPEG", exif=exif)
        file.write_bytes(stream.getvalue())
    for name in FORMATS:
        convert(source, tmp_path / name)
    assert b"somebody" not in (tmp_path / "room.sens").read_bytes()
    for path in (tmp_path / "folder").rglob("*.jpg"):
        assert b"Exif" not in path.read_bytes()


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="--width"):
        ConvertParams(width=100)
    with pytest.raises(CaptureError, match="does not exist"):
        convert(tmp_path / "none", tmp_path / "out")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("place", "skip", "size"),
    [
        ("redkitchen", 10, (320, 240)),
        ("captures/replica/room0_test", 3, (300, 170)),
        ("captures/scannerapp3d", 3, (256, 192)),
        ("captures/record3d_exr", 4, (192, 256)),
    ],
)
def test_real_captures_stay_the_same(
    shared: Path, tmp_path: Path, place: str, skip: int, size: tuple[int, int]
) -> None:
    source = shared / "data" / place
    before = open_capture(source)
    wanted = range(0, len(before), skip)
    frames = [before.frame(i, size) for i in wanted if before.pose(i) is not None]
    params = TsdfParams(voxel_m=0.03)
    truth = fuse(iter(frames), params).mesh().vertices_m
    for name in FORMATS:
        report = convert(source, tmp_path / name, ConvertParams(skip, *size))
        after = open_capture(tmp_path / name)
        assert report.frames == len(after) == len(wanted)
        for index, position in enumerate(wanted):
            pose, expected = after.pose(index), before.pose(position)
            assert pose is not None
            assert expected is not None
            np.testing.assert_allclose(
                pose.world_from_camera, expected.world_from_camera, atol=1e-6
            )
        seen = [after.frame(i, size) for i in range(len(after))]
        score = f_score(fuse(iter(seen), params).mesh().vertices_m, truth)
        print(f"surface of {place} as {name}: F {score:.4f}")
        assert score >= 0.99
