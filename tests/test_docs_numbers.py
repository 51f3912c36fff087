"""What the pages tell of the networks that come along is what their cards tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.recipes.cards import CARD, read_card_file
from crossvox.recipes.shipped import FOLDER

DOCS = Path(__file__).parents[1] / "docs"

PAGES = {
    "default2d": "networks-2d.md",
    "labels3d": "labels3d.md",
    "free-labels3d": "labels3d.md",
    "default3d": "completion.md",
}


@pytest.mark.parametrize(("network", "page"), PAGES.items())
def test_scores_of_a_card_stand_on_its_page(network: str, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    scores = read_card_file(FOLDER / network / CARD).scores
    assert len(scores) >= 4
    missing = [
        f"{score.name}: {number:.3f}"
        for score in scores
        for number in (score.value, score.baseline_value)
        if number is not None and f"{number:.3f}" not in text
    ]
    assert missing == []
