"""What is released, when, and what changed are told alike wherever they are told."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

import crossvox

ROOT = Path(__file__).resolve().parents[1]

CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

KINDS = ("Added", "Changed", "Removed", "Fixed", "Numbers changed")
"""Sections of a release, in their order."""


def releases() -> list[tuple[str, str]]:
    """Version and date of each release, newest first."""
    return re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", CHANGES, re.MULTILINE)


def test_the_version_is_the_newest_release_everywhere() -> None:
    version, date = releases()[0]
    assert version == crossvox.__version__
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == version
    assert str(cited["date-released"]) == date


def test_what_is_not_released_comes_first_and_newer_releases_before_older_ones() -> None:
    headings = re.findall(r"^## (.*)$", CHANGES, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert len(headings) == len(releases()) + 1
    numbers = [[int(part) for part in version.split(".")] for version, _ in releases()]
    assert all(newer > older for newer, older in pairwise(numbers))


@pytest.mark.parametrize("part", re.split(r"^## ", CHANGES, flags=re.MULTILINE)[1:])
def test_sections_of_a_release_are_in_order(part: str) -> None:
    kinds = re.findall(r"^### (.*)$", part, re.MULTILINE)
    assert kinds == [kind for kind in KINDS if kind in kinds]
