"""Named parts: added from outside, found by name, never replaced silently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crossvox.core import registry
from crossvox.core.checks import ParamsError
from crossvox.core.registry import Registry, nearest


class Point:
    """An entry point of another package."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name, self.load = name, load


def test_parts_come_back_in_order() -> None:
    parts: Registry[int] = Registry("number", "crossvox.none")
    parts.register("two", 2)
    parts.register("one", 1)
    assert list(parts) == ["two", "one"]
    assert parts["one"] == 1
    assert parts.values() == (2, 1)


def test_two_parts_of_one_name_are_refused() -> None:
    parts: Registry[int] = Registry("number", "crossvox.none")
    parts.register("one", 1)
    with pytest.raises(ParamsError, match="second number called 'one'"):
        parts.register("one", 11)


def test_an_unknown_name_names_the_nearest() -> None:
    parts: Registry[int] = Registry("number", "crossvox.none")
    parts.register("eleven", 11)
    with pytest.raises(ParamsError, match="did you mean 'eleven'"):
        parts["elevn"]
    assert nearest("xyz", parts) == ""


def test_entry_points_of_other_packages_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def points(group: str) -> list[Point]:
        asked.append(group)
        return [Point("mine", lambda: 7)]

    monkeypatch.setattr(registry, "entry_points", points)
    parts: Registry[int] = Registry("number", "crossvox.numbers")
    assert "mine" in parts
    assert parts["mine"] == 7
    assert asked == ["crossvox.numbers"]


def test_a_part_goes_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named:
        name = "mean error"

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point("mean", Named)])
    parts: Registry[Named] = Registry("score", "crossvox.scores")
    assert list(parts) == ["mean error"]


def test_a_broken_entry_point_takes_nothing_else_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'gone'")

    points = [Point("bad", broken), Point("again", lambda: 8), Point("good", lambda: 7)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    parts: Registry[int] = Registry("number", "crossvox.numbers")
    parts.register("again", 1)
    with pytest.warns(UserWarning, match="is left out") as told:
        assert list(parts) == ["again", "good"]
    assert [str(one.message) for one in told] == [
        "entry point bad of crossvox.numbers is left out: No module named 'gone'",
        "entry point again of crossvox.numbers is left out: given: a second number called 'again'; "
        "needed: a name of its own; do: rename one of the two",
    ]
