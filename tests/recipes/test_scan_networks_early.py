"""What labels frames is looked at before a scan does any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.core.checks import CrossvoxError
from crossvox.recipes.labels import NONE, label_source
from crossvox.recipes.scan_networks import choose_networks


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"images": Path("labels3d")}, "a run of task 'label3d'"),
        ({"labels3d": Path("default2d")}, "a run of task 'segment2d'"),
        ({"images": NONE, "labels3d": Path("labels3d")}, "nothing that labels frames"),
        ({"frame_labels": Path("nowhere")}, "nowhere, which is no folder"),
    ],
)
def test_what_cannot_label_frames_is_refused_at_once(asked: dict[str, Path], told: str) -> None:
    with pytest.raises(CrossvoxError, match=told):
        choose_networks(Path("default"), **asked)  # type: ignore[arg-type]


def test_no_labels_and_the_networks_of_a_set_are_taken() -> None:
    assert choose_networks(Path("default"), images=NONE).images == NONE
    assert choose_networks(Path("default"), labels3d=NONE).labels3d == NONE


def test_label_images_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(CrossvoxError, match="which is no folder"):
        label_source(None, tmp_path / "labels", None)
