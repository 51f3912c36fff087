"""Jobs of several parts: what is left is told as they begin, and how long each took is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from crossvox.core.checks import CrossvoxError, MadeOtherwise
from crossvox.flow.progress import Begin, Silent
from crossvox.flow.rates import foretell, record_rate
from crossvox.flow.renew import renewing
from crossvox.flow.runner import DryRunEnds, Planned, Runner

pytestmark = pytest.mark.usefixtures("no_rates")

PARTS = ("fuse", "label")


class Heard(Silent):
    """Somebody who notes what is told."""

    def __init__(self) -> None:
        self.expected: list[tuple[str, dict[str, float | None]]] = []
        self.begun: list[str] = []

    def whole(self, label: str, parts: Mapping[str, float | None]) -> Begin:
        self.expected.append((label, dict(parts)))
        return self.begun.append


def test_parts_are_told_as_they_begin_and_timed() -> None:
    heard = Heard()
    record_rate("scan: label", 3.0, 10)
    runner = Runner(heard)
    runner.expect_parts("scan", PARTS, size=20)
    for name in ("fuse", "page", "label"):
        with runner.part(name):
            pass
    assert heard.expected == [("scan", {"fuse": None, "label": 6.0})]
    assert heard.begun == ["fuse", "label", ""], "the page is no part of it"
    assert set(runner.seconds) == {"fuse", "page", "label"}
    assert foretell("scan: fuse", 20) is not None
    assert foretell("scan: page", 20) is None


def test_what_was_partly_there_or_failed_tells_nothing_of_how_long_it_takes() -> None:
    runner = Runner(Heard())
    runner.expect_parts("scan", PARTS, fresh=False)
    with runner.part("fuse"):
        pass
    assert foretell("scan: fuse", 1) is None
    runner.expect_parts("scan", PARTS)
    with pytest.raises(CrossvoxError, match="no frame"), runner.part("label"):
        raise CrossvoxError("no frame")
    assert foretell("scan: label", 1) is None


def test_a_dry_run_is_of_no_parts() -> None:
    heard = Heard()
    Runner(heard, dry=True).expect_parts("scan", PARTS)
    assert heard.expected == []


def test_a_dry_run_tells_what_would_be_made_anew(tmp_path: Path) -> None:
    folder, runner = tmp_path / "data", Runner(dry=True)
    folder.mkdir()

    def make(place: Path) -> None:
        if place == folder:
            raise MadeOtherwise(f"{place} was made otherwise", "voxel_m", "0123456789abcdef")
        runner.plan.append(Planned("prepare", place.name, "make"))
        raise DryRunEnds

    with pytest.raises(DryRunEnds):
        renewing(runner, folder, make)
    assert runner.plan == [Planned("prepare", "data", "make again")]
    assert list(tmp_path.iterdir()) == [folder]
