"""A folder of items that any number of calls work on: always the same in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.flow import locks, runner
from crossvox.flow.choice import Choice
from crossvox.flow.collection import failures, planned_items
from crossvox.flow.items import Call
from crossvox.flow.jobs import Outcome
from crossvox.flow.runner import DryRunEnds, Made, Runner
from crossvox.flow.stage import Stage
from crossvox.flow.state import item_states, seconds_left

sys.path.insert(0, str(Path(__file__).parent))
from stages_for_tests import Echo, Echoes

HERE = str(Path(__file__).parent)
NAMES = [f"n{number:02}" for number in range(9)]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import the stages too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, but for times: hidden ones as well."""
    return {
        path.relative_to(folder).as_posix(): _timeless(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.name == locks.FOLDER
    }


def _timeless(path: Path) -> bytes:
    if path.name != MANIFEST:
        return path.read_bytes() if path.is_file() else b"a folder"
    told = json.loads(path.read_text())
    told["created"], told["seconds"] = "", sorted(told["seconds"])
    if told["notes"].pop("threads", None):  # this stage tells how it was made
        told.pop("check")
    for failure in told["notes"].get("failed", {}).values():
        failure["when"] = ""
    return json.dumps(told, sort_keys=True).encode()


def items(**faults: str) -> dict[str, Stage]:
    return {name: Echo(name, fault=faults.get(name, "")) for name in NAMES}


def listed(out: Path) -> Callable[[Sequence[Outcome]], Mapping[str, Any]]:
    """Notes as a data folder has them: a list beside the manifest."""

    def write(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
        done = [outcome.item for outcome in outcomes if outcome.status != "failed"]
        (out / "list.txt").write_text("\n".join(done))
        return {"letters": sum(o.notes.get("letters", 0) for o in outcomes)}

    return write


def make(out: Path, faults: Mapping[str, str] | None = None, **how: Any) -> Made:
    workers = how.pop("workers", 1)
    return Runner(**how).make_all(
        Echoes(), items(**(faults or {})), out, workers=workers, notes=listed(out)
    )


@pytest.fixture(scope="module")
def plain_tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("plain") / "out"
    make(out)
    return tree(out)


def test_a_finished_folder_holds_nothing_but_items_lists_and_manifest(
    plain_tree: dict[str, bytes],
) -> None:
    assert {name.partition("/")[0] for name in plain_tree} == {*NAMES, MANIFEST, "list.txt"}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_make_the_same_folder(
    order: Sequence[int], tmp_path: Path, plain_tree: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    for part in order:
        make(out, choice=Choice((part, 3)))
        states = item_states(out, read_manifest(out))
        assert [state.item for state in states] == NAMES
    assert tree(out) == plain_tree


def test_any_number_of_workers_makes_the_same_folder(
    tmp_path: Path, plain_tree: dict[str, bytes]
) -> None:
    make(tmp_path / "out", workers=2)
    assert tree(tmp_path / "out") == plain_tree


def test_shards_at_once_make_the_same_folder(tmp_path: Path, plain_tree: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    calls = [
        threading.Thread(target=make, args=(out,), kwargs={"choice": Choice((part, 3))})
        for part in (1, 2, 3)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert tree(out) == plain_tree


def test_items_by_name_and_without_some(tmp_path: Path, plain_tree: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    first = make(out, choice=Choice(only=("n03", "n05")))
    assert [outcome.item for outcome in first.outcomes] == ["n03", "n05"]
    manifest = read_manifest(out)
    assert (list(manifest.items), list(planned_items(manifest))) == (["n03", "n05"], NAMES)
    second = make(out, choice=Choice(skip=("n00",)))
    assert second.kept == ("n03", "n05")
    make(out)
    assert tree(out) == plain_tree


def test_a_shard_without_items_is_no_error(tmp_path: Path) -> None:
    made = make(tmp_path / "out", choice=Choice((10, 16)))
    assert made.outcomes == ()


def test_what_failed_is_not_tried_again_until_asked_for(
    tmp_path: Path, plain_tree: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    failed = make(out, {"n04": "input"}, workers=2).failed
    assert [(o.item, "not tried again" in o.error) for o in failed] == [("n04", False)]
    first = failures(read_manifest(out))
    again = make(out).failed
    assert [(o.item, "not tried again" in o.error) for o in again] == [("n04", True)]
    assert "a broken scan" in again[0].error
    assert "--retry-failed" in again[0].error
    assert failures(read_manifest(out)) == first
    for retry, status in ((False, "failed"), (True, "make")):
        dry = Runner(dry=True, choice=Choice(retry_failed=retry, only=("n04", "n05")))
        with pytest.raises(DryRunEnds):
            dry.make_all(Echoes(), items(), out)
        found = {planned.item: planned.status for planned in dry.plan}
        assert found == {"n04": status, "n05": "keep"}
    assert make(out, choice=Choice(only=("n00",))).failed == ()
    make(out, choice=Choice(retry_failed=True))
    assert tree(out) == plain_tree


def test_items_that_a_disk_takes_for_one_are_refused(tmp_path: Path) -> None:
    out, two = tmp_path / "out", {"Room": Echo("one"), "room": Echo("two")}
    Runner().make_all(Echoes(), {"Room": Echo("one")}, out)
    (out / MANIFEST.upper()).hardlink_to(out / MANIFEST)  # as a disk without capitals has it
    with pytest.raises(ArtifactError, match=r"Room and room, which are one name on the disk"):
        Runner().make_all(Echoes(), two, out)
    assert (out / "Room" / "word.txt").read_text() == "one"
    other = Runner().make_all(Echoes(), {"Room": Echo("one"), "room 2": Echo("two")}, out)
    assert other.failed == ()
    (out / MANIFEST.upper()).unlink()
    assert Runner().make_all(Echoes(), two, out).failed == ()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_system_refused_is_tried_again_by_the_same_call(
    tmp_path: Path, plain_tree: dict[str, bytes], workers: int
) -> None:
    """A full disk says nothing of the item."""
    out = tmp_path / "out"
    failed = make(out, {"n04": "disk"}, workers=workers).failed
    assert [outcome.item for outcome in failed] == ["n04"]
    assert "room on the disk" in failures(read_manifest(out))["n04"].reason
    assert make(out, workers=workers).failed == ()
    assert tree(out) == plain_tree


def test_what_would_be_made_from_something_else_is_tried_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make_all(Echoes(), {"a": Echo("a"), "b": Echo("b", fault="input")}, out)
    made = Runner().make_all(Echoes(), {"a": Echo("a"), "b": Echo("bb")}, out)
    assert [outcome.status for outcome in made.outcomes] == ["kept", "made"]
    assert failures(read_manifest(out)) == {}


def test_an_item_whose_new_input_fails_is_not_listed_any_more(tmp_path: Path) -> None:
    """The folder stays, for nothing is deleted; but scores are not averaged over it."""
    out = tmp_path / "out"
    Runner().make_all(Echoes(), {"a": Echo("a"), "b": Echo("b")}, out)
    Runner().make_all(Echoes(), {"a": Echo("a"), "b": Echo("bb", fault="input")}, out)
    assert list(read_manifest(out).items) == ["a"]
    assert (out / "b" / "word.txt").read_text() == "b"


def test_a_failure_of_all_is_remembered_and_leaves_the_folder_free(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("a broken scan", "not tried again"):
        with pytest.raises(CrossvoxError, match=text):
            Runner().make_all(Echoes(), {"a": Echo("a", fault="input")}, out)
    Runner().make_all(Echoes(loud=True), {"a": Echo("a")}, out)


def test_an_item_that_fails_meanwhile_elsewhere_is_not_tried_again(tmp_path: Path) -> None:
    out, marks = tmp_path / "out", tmp_path / "marks"
    marks.mkdir()
    bad = {name: Echo(name, fault="input", marks=marks) for name in NAMES[:4]}
    calls = [
        threading.Thread(target=Runner().make_all, args=(Echoes(), {**bad, "x": Echo("x")}, out))
        for _ in range(3)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert sorted(path.name[:3] for path in marks.iterdir()) == NAMES[:4]


CALL = """
import os, sys
from pathlib import Path
from test_items import make
from crossvox.cli.signals import terminating
if __name__ == "__main__":
    try:
        with terminating():
            print("ready", flush=True)
            make(Path(sys.argv[1]), dict.fromkeys(["n02", "n05"], "nap"), workers=int(sys.argv[2]))
    except KeyboardInterrupt:
        os._exit(130)
    os._exit(0)
"""


def start(tmp_path: Path, workers: int) -> subprocess.Popen[bytes]:
    script = tmp_path / "call.py"
    script.write_text(CALL)
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "out"), str(workers)],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )


def until(condition: Callable[[], object], patience_s: float = 30.0) -> None:
    end = time.monotonic() + patience_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def nobody_of(session: int) -> bool:
    """Whether all processes of a session are gone, or zombies."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return False
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_end_at_a_random_moment_the_next_call_makes_the_same_folder(
    number: signal.Signals, workers: int, tmp_path: Path, plain_tree: dict[str, bytes]
) -> None:
    """No process stays; after SIGTERM nothing is left half-written either."""
    chance = random.Random(f"{number} {workers}")
    out = tmp_path / "out"
    for _ in range(2):
        call = start(tmp_path, workers)
        assert call.stdout is not None
        assert call.stdout.readline() == b"ready\n"
        until((out / "n00" / MANIFEST).exists)
        time.sleep(chance.uniform(0, 0.5))
        call.send_signal(number)
        code = call.wait(60)
        call.stdout.close()
        until(partial(nobody_of, call.pid))
        if number == signal.SIGTERM:
            assert code in (0, 130)
            assert list(out.rglob(".*")) == []
            done = [path.parent.name for path in out.glob("*/manifest.json")]
            assert sorted(read_manifest(out).items) == sorted(done)
    make(out)
    assert tree(out) == plain_tree


@pytest.mark.parametrize("moment", ["clear_items", "close"])
def test_an_end_after_the_last_item_leaves_none_unlisted(
    moment: str, tmp_path: Path, plain_tree: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    where = runner if moment == "clear_items" else Call
    real = getattr(where, moment)
    ended = []

    def end(*given: Any) -> Any:
        if (out / NAMES[-1] / MANIFEST).exists() and not ended:
            ended.append(moment)
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(where, moment, end)
    with pytest.raises(KeyboardInterrupt):
        make(out)
    assert sorted(read_manifest(out).items) == NAMES
    assert tree(out) == plain_tree


def test_what_is_left_of_items_that_nobody_asks_for_any_more_is_cleared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out, choice=Choice(only=("n00",)))
    (out / ".gone.0123abcd.part" / "deep").mkdir(parents=True)
    (out / ".held.0123abcd.part").mkdir()
    os.replace(out / "n00", out / ".n00.0123abcd.old")
    (out / locks.FOLDER).mkdir()
    for name in ("gone.lock", "gone.lock.holder", "collection.wait"):
        (out / locks.FOLDER / name).write_text("{")
    with locks.taken(out, "held") as mine:
        assert mine
        assert make(out, choice=Choice(only=("n01",))).failed == ()
        assert (out / ".held.0123abcd.part").is_dir()
    assert list(read_manifest(out).items) == ["n00", "n01"]
    make(out, choice=Choice(only=("n01",)))
    assert [path.name for path in out.rglob(".*")] == []


def test_who_is_at_work_is_seen_and_nothing_changes_by_looking(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out, {"n03": "input"}, choice=Choice(only=("n00", "n03")))
    with locks.taken(out, "n01") as mine:
        assert mine
        before = tree(out)
        states = {state.item: state for state in item_states(out, read_manifest(out))}
        assert tree(out) == before
        assert [states[n].state for n in NAMES[:4]] == ["done", "running", "missing", "failed"]
        who = states["n01"].who
        assert who is not None
        assert who.process == os.getpid()
        assert "a broken scan" in states["n03"].detail
        assert seconds_left(out, list(states.values())) is not None
    # What a killed process left is not taken for one at work.
    (out / locks.FOLDER).mkdir()
    (out / locks.FOLDER / "n01.lock").touch()
    (out / locks.FOLDER / "n01.lock.holder").write_text(
        json.dumps({"item": "n01", "host": who.host, "process": 1, "since": who.since})
    )
    assert {s.item: s.state for s in item_states(out, read_manifest(out))}["n01"] == "missing"
