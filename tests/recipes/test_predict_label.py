"""At what height the networks that come with the package are shown frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crossvox.core.artifact import Stopwatch
from crossvox.flow.progress import Silent
from crossvox.predict.params import LabelParams
from crossvox.recipes import predict_label
from crossvox.recipes.labels import LabelSource, calibrated_input
from crossvox.recipes.predict_label import image_labeller, labels_of, worth_labelling
from crossvox.recipes.shipped import find_run


@pytest.mark.parametrize(("name", "height"), [("default2d", 360), ("free2d", 300)])
def test_frames_are_shown_at_the_height_of_whole_images(name: str, height: int) -> None:
    run = calibrated_input(find_run(Path(name)), "auto")
    assert image_labeller(run, "cpu").shown_height == height
    assert image_labeller(run, "cpu", 96).shown_height == 96


def test_what_labels_all_frames_is_told_by_the_flag_of_either_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    class Listening(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    anything: Any = None
    worth = worth_labelling([], anything, LabelParams())
    worth.left_out = 3
    monkeypatch.setattr(predict_label, "label_scene", lambda *_, **__: anything)
    labels_of(
        LabelSource(),
        anything,
        Path("room"),
        anything,
        worth,
        LabelParams(),
        "cpu",
        Stopwatch(),
        Listening(),
    )
    (remark,) = said
    flags = [word.strip("(),;:") for word in remark.split() if word.strip("(").startswith("--")]
    assert flags == ["--label.looks", "--predict.label.looks"]
    assert all(f"{flag} 0" in remark for flag in flags)
