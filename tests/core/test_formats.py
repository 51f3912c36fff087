"""Numbers as readers see them."""

from __future__ import annotations

import doctest

import pytest

from crossvox.core import formats


def test_examples_hold() -> None:
    found = doctest.testmod(formats)
    assert found.attempted == 10
    assert found.failed == 0


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_undefined_numbers_are_a_dash(value: float | None) -> None:
    assert formats.value_text(value) == formats.spread_text(value, 0.1) == formats.NONE
    assert formats.spread_text(0.5, value) == "0.500"
    assert formats.interval_text(value, 1.0) == formats.interval_text(0.0, value) == "no interval"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (89.9, "90 s"), (90, "2 min"), (5400, "1.5 h")],
)
def test_durations_at_the_edges(seconds: float, text: str) -> None:
    assert formats.duration_text(seconds) == text


def test_only_the_whole_is_all() -> None:
    assert formats.share_text(0.99999) == "99.9%"
    assert formats.share_text(1) == "100%"
    assert formats.share_text(0.0001) == "under 0.1%"
    assert formats.share_text(0) == "0%"


def test_an_area_that_is_there_is_never_nothing() -> None:
    texts = [formats.area_text(area) for area in (0, 0.001, 0.02, 9.876, 12.34)]
    assert texts == ["0.00 m²", "under 0.01 m²", "0.02 m²", "9.88 m²", "12.3 m²"]


def test_numbers_that_count_nothing_are_written_as_they_are() -> None:
    assert formats.counted(-40, "image") == "-40 images"
