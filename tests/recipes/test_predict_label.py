"""At what height the networks that come with the package are shown frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.recipes.labels import calibrated_input
from crossvox.recipes.predict_label import image_labeller
from crossvox.recipes.shipped import find_run


@pytest.mark.parametrize(("name", "height"), [("default2d", 360), ("free2d", 300)])
def test_frames_are_shown_at_the_height_of_whole_images(name: str, height: int) -> None:
    run = calibrated_input(find_run(Path(name)), "auto")
    assert image_labeller(run, "cpu").shown_height == height
    assert image_labeller(run, "cpu", 96).shown_height == 96
