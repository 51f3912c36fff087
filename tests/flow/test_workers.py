"""Worker processes: their memory, their number, and what ends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from crossvox.core import threads as budget
from crossvox.flow import memory
from crossvox.flow.jobs import BACKENDS
from crossvox.flow.leftovers import clear_own
from crossvox.flow.memory import room_for
from crossvox.flow.progress import Silent
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Stage

sys.path.insert(0, str(Path(__file__).parent))
from stages_for_tests import Echo, Echoes


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import the stages too."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_an_item_that_needs_more_than_the_budget_fails_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    items: dict[str, Stage] = {name: Echo(name) for name in ("a", "c", "d")}
    items["b"] = Echo("b", fault="greedy")
    made = Runner(memory=300_000_000).make_all(Echoes(), items, out, workers=2)
    assert [o.status for o in made.outcomes] == ["made", "failed", "made", "made"]
    text = made.failed[0].error
    assert "more than 0.3 GB" in text
    assert "raise --memory" in text
    assert sorted(path.name for path in out.iterdir()) == ["a", "c", "d", "manifest.json"]


def test_one_worker_with_a_budget_is_a_process_of_its_own(tmp_path: Path) -> None:
    made = Runner(memory=10**9).make_all(
        Echoes(), {"a": Echo("a", fault="ended")} | {"b": Echo("b")}, tmp_path / "out"
    )
    assert [o.status for o in made.outcomes] == ["failed", "made"]


def test_no_more_workers_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10 * 10**9)
    assert room_for(4, 8, None) == (4, "")
    assert room_for(0, 8, 10**9) == (0, "")
    count, why = room_for(12, 8, None)
    assert (count, "8 cores" in why) == (8, True)
    count, why = room_for(12, 8, 3 * 10**9)
    assert (count, why) == (3, "10.0 GB of memory are free, and each may take 3.0 GB")
    assert room_for(2, 8, 20 * 10**9)[0] == 1


def test_fewer_workers_than_asked_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(budget.LIMIT, "1")
    heard = Heard()
    items: dict[str, Stage] = {name: Echo(name) for name in "abc"}
    made = Runner(heard).make_all(Echoes(), items, tmp_path / "out", workers=3)
    assert {o.notes["threads"] for o in made.outcomes} == {1}
    assert any("1 workers at once instead of 3" in text for text in heard.said)
    heard.said.clear()
    Runner(heard).make_all(Echoes(), items, tmp_path / "all", workers=0)
    assert not any("instead of" in text for text in heard.said)


def test_a_back_end_with_other_machines_is_asked_for_as_many_as_it_has(tmp_path: Path) -> None:
    asked = []

    class Far:
        remote = True

        def run(self, carry, jobs, workers, memory=None):  # type: ignore[no-untyped-def]
            asked.append((workers, memory))
            yield from map(carry, jobs)

    BACKENDS.register("far", Far())
    items: dict[str, Stage] = {name: Echo(name) for name in "abc"}
    for workers in (0, 64):
        far = Runner(backend="far", memory=4 * 10**12)
        far.make_all(Echoes(), items, tmp_path / str(workers), workers=workers)
    assert asked == [(0, 4 * 10**12), (3, 4 * 10**12)]


def test_a_worker_that_is_told_to_end_has_not_failed(tmp_path: Path) -> None:
    """A batch system signals every process of a job, in any order."""
    marks = tmp_path / "marks"
    marks.mkdir()
    items: dict[str, Stage] = {
        "a": Echo("a", fault="long nap", marks=marks),
        "b": Echo("b", fault="nap"),
    }

    def end() -> None:
        until = time.monotonic() + 30
        while not (found := list(marks.iterdir())) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(int(found[0].name.split("-")[1]), signal.SIGTERM)

    ender = threading.Thread(target=end)
    ender.start()
    made = Runner().make_all(Echoes(), items, tmp_path / "out", workers=2)
    ender.join()
    assert [o.status for o in made.outcomes] == ["made", "made"]
    assert len(list(marks.iterdir())) == 2
    assert multiprocessing.active_children() == []


def test_leftovers_of_a_folder_of_ones_own_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".best.0123abcd.part").mkdir()
    (tmp_path / ".last.0123abcd.old").mkdir()
    (tmp_path / ".last.0123abcd.old" / "state.json").write_text("{}")
    (tmp_path / ".notes").write_text("dear")
    clear_own(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes", "last"]
