"""Label images of a folder: fields, sizes, ids, names of files, what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.capture.frame_names import FrameName, FrameNames
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.core.class_map import ClassMap
from crossvox.core.frame import Frame
from crossvox.doors.images import encode_png
from crossvox.predict.folder_labels import open_frame_labels, shares

CAMERA = Intrinsics(50.0, 50.0, 19.5, 14.5, 40, 30)


def frame(number: int) -> Frame:
    return Frame(number, CAMERA, None)


def test_fields_are_shares_of_labelled_pixels() -> None:
    labels = np.zeros((5, 9), np.uint8)
    labels[:2, :4] = 3
    labels[2, 0] = 7
    found = shares(labels, 4, 40)
    assert found.shape == (2, 3, 40)
    np.testing.assert_allclose(found[0, 0, [2, 6]], (8 / 9, 1 / 9), rtol=1e-6)
    assert found[0, 1:].sum() == 0
    assert found[1].sum() == 0


def test_images_of_any_size_and_depth_are_found_by_number(tmp_path: Path) -> None:
    left_right = np.repeat(np.array([[2, 5]]), 60, 0).repeat(40, 1)
    (tmp_path / "12.png").write_bytes(encode_png(left_right.astype(np.uint8)))
    (tmp_path / "frame_000013.png").write_bytes(encode_png(left_right.astype(np.uint16)))
    labeller = open_frame_labels(tmp_path)
    assert labeller.classes == 40
    for number in (12, 13):
        said = labeller(frame(number))
        assert said is not None
        assert said.probability.shape == (8, 10, 40)
        assert (said.probability[:, :5, 1] == 1).all()
        assert (said.probability[:, 5:, 4] == 1).all()
    assert labeller(frame(14)) is None
    assert labeller.remarks() == ["1 frames have no label image (frame 14)"]


def test_images_are_found_by_the_names_of_the_frames_own(tmp_path: Path) -> None:
    """Also where other numbers stand in those names than the frames have."""
    for number in (1, 2, 3):
        image = encode_png(np.full((30, 40), number, np.uint8))
        (tmp_path / f"IMG_{number}.png").write_bytes(image)
    names = FrameNames([FrameName(n, file=f"IMG_{n + 1}.jpg") for n in range(2)])
    labeller = open_frame_labels(tmp_path, frames=names)
    for number in (0, 1):
        said = labeller(frame(number))
        assert said is not None
        assert (said.probability[..., number] == 1).all()
    assert labeller(frame(2)) is None
    assert labeller.remarks() == [
        "label images belong to frames by the names of the frames' own images",
        "1 of 3 label images are of no frame that is used",
        "1 frames have no label image (frame 2)",
    ]


def test_images_are_found_by_time_within_half_an_interval(tmp_path: Path) -> None:
    start_s = 1305031102.0
    for number, late_s in enumerate((0.002, -0.003, 0.02, 0.0)):  # the third is nobody's
        name = f"{start_s + number / 30 + late_s:.6f}.png"
        (tmp_path / name).write_bytes(encode_png(np.full((30, 40), number + 1, np.uint8)))
    names = FrameNames([FrameName(10 * n, start_s + n / 30) for n in (0, 1, 2, 3, 4)])
    labeller = open_frame_labels(tmp_path, frames=names)
    for number, label in ((0, 1), (10, 2), (30, 4)):
        said = labeller(frame(number))
        assert said is not None
        assert (said.probability[..., label - 1] == 1).all()
    assert labeller(frame(20)) is None
    assert labeller(frame(40)) is None
    how, unused, missing = labeller.remarks()
    assert how.startswith("label images belong to frames by time, within 1")
    assert unused == "1 of 4 label images are of no frame that is used"
    assert missing == "2 frames have no label image (frame 20, 40)"
    # Frames that are far apart: an image between two is of neither.
    sparse = FrameNames([FrameName(n, start_s + n / 30) for n in (0, 30, 60)])
    for number in range(5, 30):
        name = f"{start_s + number / 30:.6f}.png"
        (tmp_path / name).write_bytes(encode_png(np.ones((30, 40), np.uint8)))
    assert open_frame_labels(tmp_path, frames=sparse).files.keys() == {0}


def test_times_of_another_clock_and_of_frames_without_any_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        name = f"{1305031102 + number / 30:.6f}.png"
        (tmp_path / name).write_bytes(encode_png(np.ones((30, 40), np.uint8)))
    with pytest.raises(CaptureError, match="whose times are not known"):
        open_frame_labels(tmp_path)
    other = FrameNames([FrameName(n, 5.0 + n / 30) for n in range(3)])
    with pytest.raises(CaptureError, match="times of the same clock"):
        open_frame_labels(tmp_path, frames=other)


def test_strange_ids_are_unlabelled_and_told(tmp_path: Path) -> None:
    ids = np.full((30, 40), 300, np.uint16)
    ids[:10] = 17
    (tmp_path / "0.png").write_bytes(encode_png(ids))
    labeller = open_frame_labels(tmp_path, ClassMap(rows=((17, 5),), strict=True))
    said = labeller(frame(0))
    assert said is not None
    assert (said.probability[:2, :, 4] == 1).all()
    assert said.probability[3:].sum() == 0
    assert labeller.remarks() == ["label ids that the classes do not name are unlabelled: "
                                  "300 (800 pixels)"]  # fmt: skip


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no folder"):
        open_frame_labels(tmp_path / "none")
    with pytest.raises(CaptureError, match="without a PNG image"):
        open_frame_labels(tmp_path)
    image = encode_png(np.ones((40, 30), np.uint8))
    (tmp_path / "0.png").write_bytes(image)
    with pytest.raises(CaptureError, match="neither cut nor turned"):
        open_frame_labels(tmp_path)(frame(0))
    (tmp_path / "a_0.png").write_bytes(image)
    with pytest.raises(CaptureError, match="frame's number"):
        open_frame_labels(tmp_path)
