"""Images whose headers say how they are to be shown: upright or turned, never mirrored."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from crossvox.capture import open_capture
from crossvox.capture.export import export_folder
from crossvox.capture.files import write_matrix
from crossvox.capture.params import CaptureParams
from crossvox.doors.images import encode_png, write_bytes

PLACE = 47.1875, 8.4375


def with_header(rgb: np.ndarray, orientation: int, ending: str) -> bytes:
    """An image as a phone writes it, with the place where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "Somebody's phone"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (47.0, 11.0, 15.0)
    stream = io.BytesIO()
    options = {"quality": 95} if ending == "jpg" else {}
    image = Image.fromarray(rgb)
    image.save(stream, "JPEG" if ending == "jpg" else "PNG", exif=exif, **options)
    return stream.getvalue()


def exported(folder: Path, walked, orientation: int, ending: str = "jpg") -> Path:
    for n, step in enumerate(walked.steps):
        write_bytes(folder / f"color/{n}.{ending}", with_header(step.rgb, orientation, ending))
        depth = np.rint(step.depth_m * 1000).astype(np.uint16)
        write_bytes(folder / f"depth/{n}.png", encode_png(depth))
        write_matrix(folder / f"pose/{n}.txt", step.world_from_camera)
    write_matrix(folder / "intrinsic.txt", walked.camera.matrix)
    return folder


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize(("orientation", "roll", "turns"), [(6, 90, 1), (3, 180, 2), (8, 270, 3)])
def test_upright_by_the_header(
    make_walk, surface_f: Callable, tmp_path: Path, orientation: int, roll: int, turns: int,
    ending: str,
) -> None:  # fmt: skip
    walked = make_walk(12, roll_deg=roll)
    folder = exported(tmp_path / "room", walked, orientation, ending)
    capture = open_capture(folder)
    assert "their headers say so" in capture.info().notes[-1]
    width, height = walked.camera.size
    assert capture.camera().size == ((height, width) if turns % 2 else (width, height))
    rgb = capture.frame(0).rgb
    assert rgb is not None
    expected = np.rot90(walked.steps[0].rgb, -turns)
    assert np.abs(rgb.astype(int) - expected).mean() < 3
    # The room's up is up in the images.
    poses = [capture.pose(i) for i in range(len(capture))]
    ups = [pose.world_from_camera[2, :3] for pose in poses if pose is not None]
    assert np.mean(ups, axis=0)[1] < -0.75
    assert surface_f(capture, walked) >= 0.99
    as_stored = open_capture(folder, params=CaptureParams(upright=False))
    assert as_stored.camera().size == (width, height)


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_mirrored_images_are_left_alone(make_walk, tmp_path: Path, orientation: int) -> None:
    walked = make_walk(2)
    capture = open_capture(exported(tmp_path / "room", walked, orientation))
    assert any("mirrored" in note for note in capture.info().notes)
    rgb = capture.frame(0).rgb
    assert rgb is not None
    assert np.abs(rgb.astype(int) - walked.steps[0].rgb).mean() < 3
    depth, expected = capture.frame(0).depth_m, walked.steps[0].depth_m
    assert depth is not None
    np.testing.assert_allclose(depth, expected, atol=0.001)


def test_copies_tell_nothing_but_the_picture(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2)
    folder = exported(tmp_path / "room", walked, 6)
    # As stored, so that bytes are copied: the copy says nothing of a turn either.
    capture = open_capture(folder, params=CaptureParams(upright=False))
    export_folder(capture, tmp_path / "out", frame_skip=1, size=None)
    data = (tmp_path / "out/color/0.jpg").read_bytes()
    assert not dict(Image.open(io.BytesIO(data)).getexif())
    assert b"phone" not in data
    assert b"phone" in (folder / "color/0.jpg").read_bytes()
    again = open_capture(tmp_path / "out")
    assert again.camera().size == walked.camera.size
    original = np.asarray(Image.open(folder / "color/0.jpg"))
    np.testing.assert_array_equal(again.frame(0).rgb, original)


@pytest.mark.parametrize("name", ["folder", "room.sens"])
def test_upright_images_stay_so_when_converted(
    make_walk, surface_f: Callable, tmp_path: Path, name: str
) -> None:
    from crossvox.recipes.convert import convert

    walked = make_walk(12, size=(128, 96), depth_size=(64, 48), roll_deg=90)
    convert(exported(tmp_path / "room", walked, 6), tmp_path / name)
    capture = open_capture(tmp_path / name)
    assert capture.camera().size == (96, 128)
    assert surface_f(capture, walked) >= 0.99
    if name == "room.sens":
        assert capture.info().depth_camera.size == (48, 64)
