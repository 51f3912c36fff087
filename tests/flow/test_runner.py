"""The runner: kept or made, nothing foreign touched, failures counted, crashes put right."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from crossvox.core import threads as budget
from crossvox.core.artifact import MANIFEST, Manifest, digest, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError, CrossvoxError
from crossvox.flow import folder as folders
from crossvox.flow import locks, rates
from crossvox.flow.choice import Choice
from crossvox.flow.collection import enter, failures, items_of, open_collection
from crossvox.flow.folder import building, is_current, recover
from crossvox.flow.jobs import BACKENDS, Carry, Job, Outcome, attempt
from crossvox.flow.runner import DryRunEnds, Runner
from crossvox.flow.stage import Continued, Input, Stage, State
from crossvox.flow.worker import death

sys.path.insert(0, str(Path(__file__).parent))
from stages_for_tests import Echo, Echoes


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import the stages too."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


def state(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and locks.FOLDER not in path.parts
    }


def hidden(folder: Path) -> list[str]:
    """Leftovers."""
    return [p.name for p in folder.iterdir() if p.name.endswith((folders.PART, folders.OLD))]


# Identity


def test_identity_covers_parameters_numbers_and_inputs_but_not_how(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    one = Echo("x", Input.file(tmp_path / "a"))
    assert one.manifest().identity == replace(one, fault="slow").manifest().identity
    assert one.manifest().identity != replace(one, word="y").manifest().identity
    other = replace(one, source=Input.file(tmp_path / "b"))
    assert one.manifest().identity != other.manifest().identity

    class Newer(Echo):
        NUMBERS = 4

    assert Newer("x", one.source).manifest().identity != one.manifest().identity


def test_the_same_content_elsewhere_is_the_same_input(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    first, second = (Input.file(tmp_path / name) for name in ("a", "b"))
    assert Echo("x", first).manifest().identity == Echo("x", second).manifest().identity


def test_files_are_another_input_when_one_of_them_changes(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "frame").write_text("1")
    before = Input.files(tmp_path / "scan")
    assert Input.files(tmp_path / "scan") == before
    (tmp_path / "scan" / "frame").write_text("12")
    assert Input.files(tmp_path / "scan") != before


def test_files_are_told_by_path_size_and_time_wherever_their_folder_lies(tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    for name in ("b/z", "b.c", "b b/1", "a/b/2", "a.b", "A"):
        (scan / name).parent.mkdir(parents=True, exist_ok=True)
        (scan / name).write_text(name)
    (scan / "lost").symlink_to("nowhere")
    (scan / "file").symlink_to(scan / "A")
    (scan / "folder").symlink_to(scan / "a")
    files = sorted(path for path in scan.rglob("*") if path.is_file())
    told = [
        [path.relative_to(scan).as_posix(), path.stat().st_size, path.stat().st_mtime_ns]
        for path in files
    ]
    assert len(told) == 7
    assert Input.files(scan).digest == digest(told)
    assert Input.files(scan / "A").digest == digest([row for row in told if row[0] == "A"])
    assert Input.files(tmp_path / "nothing").digest == digest([])


# One folder


def test_made_once_then_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert Runner().make(Echo("word"), out).status == "made"
    before = state(out)
    kept = Runner().make(Echo("word"), out)
    assert (kept.status, kept.notes["letters"]) == ("kept", 4)
    assert state(out) == before
    manifest = read_manifest(out)
    assert (manifest.stage, manifest.numbers, manifest.params) == ("echo", 3, {"word": "word"})
    assert list(manifest.seconds) == ["write"]


def test_made_anew_when_the_numbers_rise(tmp_path: Path) -> None:
    class Newer(Echo):
        NUMBERS = 4

    out = tmp_path / "out"
    Runner().make(Echo("word"), out)
    assert Runner().make(Newer("word"), out).status == "made"
    assert Runner().make(Newer("word"), out).status == "kept"


def test_links_are_relative_and_parents_are_digests(tmp_path: Path) -> None:
    Runner().make(Echo("first"), tmp_path / "a" / "first")
    source = Input.folder(tmp_path / "a" / "first")
    Runner().make(Echo("second", source), tmp_path / "b")
    manifest = read_manifest(tmp_path / "b")
    assert manifest.links == {"source": "../a/first"}
    assert manifest.parents == {"source": read_manifest(tmp_path / "a" / "first").digest}


def foreign(kind: str, out: Path, tmp_path: Path) -> None:
    """A folder that the stage ``echo`` did not write."""
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "photo.jpg").write_text("dear")
        out.symlink_to(tmp_path / "elsewhere")
        return
    if kind == "file":
        out.write_text("dear")
        return
    out.mkdir()
    (out / "photo.jpg").write_text("dear")
    if kind == "another stage's":
        write_manifest(out, Manifest("train"))
    if kind == "damaged":
        (out / MANIFEST).write_text("{")


@pytest.mark.parametrize("kind", ["stranger's", "another stage's", "damaged", "link", "file"])
def test_what_the_stage_did_not_write_is_refused_and_stays(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    foreign(kind, out, tmp_path)
    before = state(tmp_path)
    with pytest.raises(ArtifactError, match="needed"):
        Runner().make(Echo("word"), out)
    with pytest.raises(ArtifactError, match="needed"):
        Runner().make_all(Echoes(), {"one": Echo("one")}, out)
    assert state(tmp_path) == before


def test_an_item_that_another_stage_wrote_is_refused_before_any_work(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make_all(Echoes(), {"one": Echo("one")}, out)
    foreign("stranger's", out / "two", tmp_path)
    before = state(out)
    with pytest.raises(ArtifactError, match="did not write"):
        Runner().make_all(Echoes(), {"three": Echo("three"), "two": Echo("two")}, out)
    assert state(out) == before


@pytest.mark.parametrize("inside", [".", "below/source"])
def test_what_a_stage_is_made_from_is_not_replaced_by_it(inside: str, tmp_path: Path) -> None:
    """Neither one's own folder, nor one of which it is a part."""
    out = tmp_path / "out"
    Runner().make(Echo("first"), out)
    Runner().make(Echo("source"), out / "below" / "source")
    source = Input.folder(out / inside)
    before = state(tmp_path)
    with pytest.raises(ArtifactError, match="to be made from the source"):
        Runner().make(Echo("second", source), out)
    with pytest.raises(ArtifactError, match="to be made from the source"):
        Runner().make_all(Echoes(), {"out": Echo("second", source)}, tmp_path)
    assert state(tmp_path) == before


def test_a_damaged_manifest_says_what_may_be_deleted(tmp_path: Path) -> None:
    Runner().make_all(Echoes(), {"one": Echo("one")}, tmp_path / "out")
    (tmp_path / "out" / "one" / MANIFEST).write_text("{")
    with pytest.raises(ArtifactError, match="delete the whole folder"):
        Runner().make_all(Echoes(), {"one": Echo("one")}, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "one")
    made = Runner().make_all(Echoes(), {"one": Echo("one")}, tmp_path / "out")
    assert [outcome.status for outcome in made.outcomes] == ["made"]


def test_a_failed_stage_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make(Echo("old"), out)
    before = state(out)
    with pytest.raises(CaptureError):
        Runner().make(Echo("new", fault="input"), out)
    with pytest.raises(ZeroDivisionError):
        Runner().make(Echo("new", fault="bug"), out)
    assert state(out) == before
    assert hidden(tmp_path) == []


def test_two_processes_do_not_build_one_folder(tmp_path: Path) -> None:
    with locks.alone(tmp_path / "out"), pytest.raises(ArtifactError, match="another process"):
        Runner().make(Echo("word"), tmp_path / "out")
    assert Runner().make(Echo("word"), tmp_path / "out").status == "made"


# Crashes


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make(Echo("old"), out)
    before = state(out)
    os.replace(out, tmp_path / ".out.0123abcd.old")
    (tmp_path / ".out.4567abcd.part").mkdir()
    recover(out)
    assert state(out) == before
    assert hidden(tmp_path) == []


def test_a_crash_after_the_second_rename_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make(Echo("new"), out)
    shutil.copytree(out, tmp_path / ".out.0123abcd.old")
    assert Runner().make(Echo("newer"), out).status == "made"
    assert hidden(tmp_path) == []


def test_leftovers_of_another_name_stay(tmp_path: Path) -> None:
    """``.out.b.XXXXXXXX.part`` is of ``out.b``, which somebody may be at work on."""
    other = tmp_path / ".out.b.0123abcd.part"
    other.mkdir()
    Runner().make(Echo("word"), tmp_path / "out")
    assert other.is_dir()


def test_a_stage_without_manifest_is_not_swapped_in(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="without writing"), building(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


# Folders of items


def words(*names: str, **faults: str) -> dict[str, Stage]:
    return {name: Echo(name, fault=faults.get(name, "")) for name in names}


@pytest.mark.parametrize("workers", [1, 2])
def test_items_are_made_then_kept_and_listed(workers: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = Runner().make_all(Echoes(), words("b", "a", "c"), out, workers=workers)
    assert [(o.item, o.status) for o in made.outcomes] == [(n, "made") for n in "abc"]
    assert [path.name for path in items_of(out)] == ["a", "b", "c"]
    again = Runner().make_all(Echoes(), words("a", "d"), out, workers=workers)
    assert again.kept == ("a",)
    assert [path.name for path in items_of(out)] == ["a", "b", "c", "d"]
    assert read_manifest(out).items["d"] == read_manifest(out / "d").digest
    assert hidden(out) == []


def test_workers_change_no_byte_but_times(tmp_path: Path) -> None:
    for workers in (1, 3):
        out = tmp_path / str(workers)
        Runner().make_all(Echoes(), words("a", "b", "c"), out, workers=workers)
    one, three = (
        {n: t for n, t in state(tmp_path / w).items() if not n.endswith(MANIFEST)} for w in "13"
    )
    assert one == three
    first, second = (read_manifest(tmp_path / w) for w in "13")
    assert first.digest == second.digest


def test_items_of_another_identity_are_refused_with_a_text_that_names_both(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make_all(Echoes(loud=True), words("a"), out)
    before = state(out)
    with pytest.raises(ArtifactError, match="loud: True there, False asked"):
        Runner().make_all(Echoes(), words("b"), out)
    assert state(out) == before


def test_a_folder_in_which_nothing_was_made_is_free(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(CrossvoxError, match="none of the 1"):
        Runner().make_all(Echoes(loud=True), words("a", a="input"), out)
    Runner().make_all(Echoes(), words("a"), out)
    with pytest.raises(ArtifactError, match="loud"):
        Runner().make_all(Echoes(loud=True), words("b"), out)


def test_items_are_not_entered_into_a_folder_that_another_has_begun(tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_collection(out, Echoes(loud=True), {})
    mine = read_manifest(out).identity
    open_collection(out, Echoes(), {})
    before = state(out)
    with pytest.raises(ArtifactError, match="another process has begun"):
        enter(out, mine, {}, {})
    assert state(out) == before


def test_after_a_crash_between_the_renames_an_item_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make_all(Echoes(), words("a"), out)
    before = state(out / "a")
    os.replace(out / "a", out / ".a.0123abcd.old")
    assert Runner().make_all(Echoes(), words("a"), out).kept == ("a",)
    assert state(out / "a") == before


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("fault", "text"),
    [("input", "a broken scan"), ("bug", "ZeroDivisionError"), ("memory", "out of memory")],
)
def test_what_fails_is_reported_and_the_others_go_on(
    fault: str, text: str, workers: int, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made = Runner().make_all(Echoes(), words("a", "bad", "c", bad=fault), out, workers=workers)
    assert [o.status for o in made.outcomes] == ["made", "failed", "made"]
    assert text in made.failed[0].error
    before = failures(read_manifest(out))
    assert [(name, f.reason) for name, f in before.items()] == [("bad", made.failed[0].error)]
    assert [path.name for path in items_of(out)] == ["a", "c"]
    again = Runner().make_all(Echoes(), words("a", "bad", "c"), out, workers=workers)
    assert [o.status for o in again.outcomes] == ["kept", "failed", "kept"]
    assert "--retry-failed" in again.failed[0].error
    assert failures(read_manifest(out)) == before
    retry = Runner(choice=Choice(retry_failed=True))
    again = retry.make_all(Echoes(), words("a", "bad", "c"), out, workers=workers)
    assert [o.status for o in again.outcomes] == ["kept", "made", "kept"]
    assert failures(read_manifest(out)) == {}
    assert hidden(out) == []


def test_a_killed_worker_costs_its_item_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = ("a", "bad", "c", "d", "e")
    made = Runner().make_all(Echoes(), words(*names, bad="killed"), out, workers=2)
    assert [o.status for o in made.outcomes] == ["made", "failed", "made", "made", "made"]
    assert "SIGKILL" in made.failed[0].error
    retry = Runner(choice=Choice(retry_failed=True))
    again = retry.make_all(Echoes(), words(*names), out, workers=2)
    assert [o.status for o in again.outcomes] == ["kept", "made", "kept", "kept", "kept"]
    assert hidden(out) == []


def test_a_lack_of_memory_is_guessed_where_a_worker_was_killed_and_nowhere_else() -> None:
    assert "memory" in death(-signal.SIGKILL)
    for code, name in ((-signal.SIGSEGV, "SIGSEGV"), (1, "exit code 1"), (3, "exit code 3")):
        assert name in death(code)
        assert "memory" not in death(code)
    assert "could not start" in death(1)


def test_a_worker_that_ends_by_itself_tells_its_exit_code(tmp_path: Path) -> None:
    made = Runner().make_all(Echoes(), words("a", "bad", bad="ended"), tmp_path / "out", workers=2)
    assert [o.status for o in made.outcomes] == ["made", "failed"]
    assert "exit code 7" in made.failed[0].error
    assert "memory" not in made.failed[0].error


def test_a_script_from_standard_input_is_told_why_its_workers_do_not_start(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from crossvox.flow.runner import Runner\n"
        "from stages_for_tests import Echo, Echoes\n"
        f"out = Path({str(tmp_path / 'out')!r})\n"
        "Runner().make_all(Echoes(), {name: Echo(name) for name in 'ab'}, out, workers=2)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert "none of the 2 scenes could be made" in last
    assert "exit code 1" in last
    assert "a script read from standard input cannot be" in last
    assert "memory" not in last


def test_a_back_end_of_ones_own_makes_the_items(tmp_path: Path) -> None:
    class Backwards:
        def run(self, carry: Carry, jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
            for job in reversed(jobs):
                order.append(job.item)
                yield attempt(carry, job)

    order: list[str] = []
    BACKENDS.register("backwards", Backwards())
    made = Runner(backend="backwards").make_all(Echoes(), words("a", "b"), tmp_path / "out")
    assert order == ["b", "a"]
    assert [(o.item, o.status) for o in made.outcomes] == [("a", "made"), ("b", "made")]
    with pytest.raises(CrossvoxError, match="did you mean 'backwards'"):
        Runner(backend="backward").make_all(Echoes(), words("c"), tmp_path / "out")


def test_nothing_made_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CrossvoxError, match=r"none of the 1 scenes could be made.*broken scan"):
        Runner().make_all(Echoes(), words("a", a="input"), tmp_path / "out")


def test_an_item_in_work_elsewhere_is_left_to_the_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with locks.taken(out, "a") as mine:
        assert mine
        made = Runner().make_all(Echoes(), words("a", "b"), out)
    assert [o.status for o in made.outcomes] == ["elsewhere", "made"]


def test_two_callers_share_the_work(tmp_path: Path) -> None:
    out, marks = tmp_path / "out", tmp_path / "marks"
    marks.mkdir()
    items = {name: Echo(name, marks=marks) for name in "abcdef"}

    def work() -> None:
        Runner().make_all(Echoes(), items, out)

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(path.name.split("-")[0] for path in marks.iterdir()) == list("abcdef")
    assert [path.name for path in items_of(out)] == list("abcdef")


def test_workers_share_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(budget.LIMIT, "")
    available = budget.threads()
    made = Runner().make_all(Echoes(), words("a", "b"), tmp_path / "out", workers=2)
    assert {o.notes["threads"] for o in made.outcomes} == {max(1, available // 2)}
    assert os.environ[budget.LIMIT] == ""


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    script = tmp_path / "call.py"
    script.write_text(
        "from pathlib import Path\n"
        "from crossvox.flow.runner import Runner\n"
        "from stages_for_tests import Echo, Echoes\n"
        "if __name__ == '__main__':\n"
        f"    items = {{n: Echo(n, fault='slow', marks=Path({str(marks)!r})) for n in 'ab'}}\n"
        f"    Runner().make_all(Echoes(), items, Path({str(tmp_path / 'out')!r}), workers=2)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        end = time.monotonic() + 60
        while len(list(marks.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        workers = [int(path.name.split("-")[1]) for path in marks.iterdir()]
        assert len(workers) == 2
    finally:
        parent.kill()
        parent.wait()
    end = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# Dry runs


def test_a_dry_run_makes_nothing_and_tells_what_it_would(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Runner().make_all(Echoes(), words("a"), out)
    before = state(tmp_path)
    runner = Runner(dry=True)
    with pytest.raises(DryRunEnds):
        runner.make_all(Echoes(), words("a", "bbbb"), out)
    assert [(p.item, p.status) for p in runner.plan] == [("a", "keep"), ("bbbb", "make")]
    assert runner.plan[1].seconds == pytest.approx(rates.foretell("echo", 4))
    assert state(tmp_path) == before


def test_a_dry_run_of_several_parts_goes_on_where_inputs_are_missing(tmp_path: Path) -> None:
    runner = Runner(dry=True)
    with runner.part("first"):
        runner.make(Echo("one"), tmp_path / "one")
    with runner.part("second"):
        runner.make(Echo("two", Input.folder(tmp_path / "one")), tmp_path / "two")
    with pytest.raises(DryRunEnds):
        runner.end_dry_run()
    assert [(p.stage, p.status) for p in runner.plan] == [("echo", "make"), ("second", "unknown")]
    assert list(tmp_path.iterdir()) == []


class Done(Continued):
    """Is there, as far as its folder tells."""

    NAME = "done"

    def state(self, folder: Path) -> State:
        return "keep"


def test_a_dry_run_tells_that_later_parts_are_made_again_as_well(tmp_path: Path) -> None:
    def chain(runner: Runner, word: str, *more: str) -> list[tuple[str, str]]:
        one, two = tmp_path / "one", tmp_path / "two"
        with runner.part("first"):
            runner.make_all(Echoes(), words(word, *more), one)
        with runner.part("second"):
            runner.make(Echo("two", Input.folder(one / "a")), two)
        with runner.part("third"):
            runner.make(Echo("three"), tmp_path / "three")
        return [(p.item, p.status) for p in runner.plan]

    chain(Runner(), "a")
    kept = [("a", "keep"), ("two", "keep"), ("three", "keep")]
    assert chain(Runner(dry=True), "a") == kept
    # Another item of the first part says nothing of what is made from this one.
    assert chain(Runner(dry=True), "a", "b") == [kept[0], ("b", "make"), *kept[1:]]
    write_manifest(
        tmp_path / "one" / "a", replace(read_manifest(tmp_path / "one" / "a"), params={"text": "c"})
    )
    again = [(item, "make again") for item, _ in kept]
    assert chain(Runner(dry=True), "a") == again


def test_a_dry_run_does_not_know_of_trainings_on_what_is_not_there_yet(tmp_path: Path) -> None:
    runner = Runner(dry=True)
    with runner.part("first"):
        runner.make(Echo("one"), tmp_path / "one")
    with runner.part("second"):
        runner.go_on(Done(), tmp_path / "run")
    assert [(p.stage, p.status) for p in runner.plan] == [("echo", "make"), ("done", "unknown")]


@pytest.mark.usefixtures("no_rates")
def test_rates_are_means_a_unit_and_a_damaged_file_is_none() -> None:
    assert rates.foretell("echo", 10) is None
    rates.record_rate("echo", 6.0, 3)
    assert rates.foretell("echo", 10) == pytest.approx(20)
    rates.record_rate("echo", 12.0, 3)
    assert 20 < (rates.foretell("echo", 10) or 0) < 40
    rates.rates_file().write_text("{")
    assert rates.foretell("echo", 10) is None


def test_a_manifest_of_another_form_is_not_current(tmp_path: Path) -> None:
    Runner().make(Echo("word"), tmp_path / "out")
    assert is_current(tmp_path / "out", Echo("word").manifest())
    (tmp_path / "out" / MANIFEST).write_text('{"schema": 1, "stage": 7}')
    assert not is_current(tmp_path / "out", Echo("word").manifest())
