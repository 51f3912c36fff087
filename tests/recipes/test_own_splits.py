"""Folders of one's own with ``trainset`` and ``valset``: depth is found there as images are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.recipes.images import evaluation_pairs, find_images
from crossvox.recipes.segment2d import ImageSource
from crossvox.samples.pairs import ImagePair


@pytest.fixture
def own(tmp_path: Path) -> ImageSource:
    """Two images in each split, with labels and depth."""
    for split in ("trainset", "valset"):
        for name in ("a", "b"):
            color = encode_jpeg(np.full((6, 8, 3), 90, np.uint8))
            write_bytes(tmp_path / "images" / split / f"{name}.jpg", color)
            labels = encode_png(np.ones((6, 8), np.uint8))
            write_bytes(tmp_path / "labels" / split / f"{name}.png", labels)
            depth = encode_png(np.full((6, 8), 1500, np.uint16))
            write_bytes(tmp_path / "depths" / split / f"{name}.png", depth)
    folders = (tmp_path / name for name in ("images", "labels", "depths"))
    images, labels, depths = folders
    return ImageSource(images=images, labels=labels, depths=depths)


def places(pairs: tuple[ImagePair, ...]) -> list[str]:
    return [pair.depth.path.parent.name for pair in pairs if pair.depth is not None]


def test_depth_of_each_split_is_found(own: ImageSource) -> None:
    assert places(evaluation_pairs(own).pairs) == ["valset", "valset"]
    found = find_images(own)
    assert places(found.training) == ["trainset", "trainset"]
    assert places(found.validation) == ["valset", "valset"]


def test_depth_that_is_not_there_is_told(own: ImageSource) -> None:
    assert own.depths is not None
    (own.depths / "valset").rename(own.depths / "elsewhere")
    with pytest.raises(CaptureError, match="valset"):
        evaluation_pairs(own)
    for path in (own.depths / "elsewhere").iterdir():
        path.rename(path.with_name(f"other_{path.name}"))
    (own.depths / "elsewhere").rename(own.depths / "valset")
    with pytest.raises(CaptureError, match=r"2 depth images in .*valset, none with the name"):
        evaluation_pairs(own)
