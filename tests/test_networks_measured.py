"""What measures the networks that come with the package tells every score on their cards."""

from __future__ import annotations

import pytest
from trials.networks import everything, told

from crossvox.core.files import CARD
from crossvox.recipes.cards import read_card_file
from crossvox.recipes.shipped import FOLDER


@pytest.mark.parametrize("network", ["default2d", "labels3d", "free-labels3d"])
def test_every_score_of_a_card_is_measured(network: str) -> None:
    measured = {called for one in everything() for name, called, _ in one.cards if name == network}
    assert {score.name for score in read_card_file(FOLDER / network / CARD).scores} <= measured


def test_no_two_are_made_in_one_place() -> None:
    slugs = [one.slug for one in everything()]
    assert len({*slugs}) == len(slugs)


def test_a_score_of_images_by_hand() -> None:
    place = "scores/mIoU present"
    numbers = {
        f"{place}/value": 0.47193646,
        f"{place}/details/low": 0.4,
        f"{place}/details/high": 0.5,
        f"{place} (majority class)/value": 0.02,
    }
    found = told({}, numbers, "mIoU present")
    assert found == {"value": 0.471936, "interval": [0.4, 0.5], "baseline_value": 0.02}


def test_a_score_of_rooms_by_hand() -> None:
    numbers = {
        "whole/learnt/mIoU present/value": 0.5,
        "whole/learnt/mIoU present/details/low": 0.4,
        "whole/learnt/mIoU present/details/high": 0.6,
        "whole/votes_2d/mIoU present/value": 0.48,
        "ahead/votes_2d/mIoU present/value": 0.02,
        "ahead/votes_2d/mIoU present/low": -0.0101,
        "ahead/votes_2d/mIoU present/high": 0.0501,
    }
    words = "the same; difference {} (95 % by the jackknife over rooms {} to {}), and no more"
    entry = {"protocol": words.format("+0.045", "+0.028", "+0.061")}
    found = told(entry, numbers, "mIoU present")
    assert found["protocol"] == words.format("+0.020", "-0.010", "+0.050")
    assert (found["value"], found["baseline_value"]) == (0.5, 0.48)
