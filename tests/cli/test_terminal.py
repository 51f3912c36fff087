"""Progress bars that do not flood the screen, and text that is never taken as mark-up."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from crossvox.cli import pace
from crossvox.cli import terminal as terminals
from crossvox.cli.pace import Pace, Parts
from crossvox.cli.terminal import ROWS, Terminal


def console(terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, emoji=False
    )


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def rows(terminal: Terminal) -> list[str]:
    return [task.description for task in terminal.bars.progress.tasks if task.visible]


def test_many_steps_leave_no_rows_behind() -> None:
    terminal = Terminal(console(True), console(True))
    with terminal:
        scenes = terminal.step("scenes")
        scenes(0, 300)
        for n in range(300):
            frames = terminal.step(f"scene{n}: frames")
            for done in range(3):
                frames(done, 2)
                assert len(rows(terminal)) <= 2
            scenes(n + 1, 300)
        assert rows(terminal) == []
        assert terminal.bars.progress.tasks == []


def test_steps_that_never_end_keep_a_few_rows() -> None:
    terminal = Terminal(console(True), console(True))
    with terminal:
        terminal.step("scenes")
        reports = [terminal.step(f"step {n}") for n in range(60)]
        assert len(rows(terminal)) == ROWS
        assert rows(terminal)[0] == "scenes"
        reports[7](1, 2)
        assert len(rows(terminal)) == ROWS
        assert "step 7" in rows(terminal)
        reports[7](2, 2)
        reports[7](2, 2)
        assert "step 7" not in rows(terminal)


def test_a_training_is_one_bar_with_its_scores() -> None:
    terminal = Terminal(console(True), console(True))
    with terminal:
        watch = terminal.training("rgb/seed-0")
        for step in range(1, 51):
            state = {"step": step, "steps": 50, "loss": 0.5, "eta_s": 3.0}
            watch(SimpleNamespace(**state, scores={"F-score": 0.25}))
            assert len(rows(terminal)) == (1 if step < 50 else 0)
            if step == 49:
                assert terminal.bars.progress.tasks[0].fields["note"] == (
                    "loss 0.5000  F-score 0.250"
                )


def test_a_log_gets_lines_now_and_then() -> None:
    terminal = Terminal(console(False), console(False))
    with terminal:
        for n in range(60):
            terminal.step(f"step {n}")(1, 1)
        watch = terminal.training()
        for step in range(1, 1001):
            watch(SimpleNamespace(step=step, steps=1000, loss=0.5, eta_s=3.0, scores={}))
    lines = written(terminal.console).splitlines()
    assert len(lines) == 20
    assert lines[-1] == "train: step 1000/1000  loss 0.5000  3 s left"


@pytest.mark.parametrize("name", ["[red]room[/red]", "[/nothing]", ":smile: [link=x]", "a\\[b"])
def test_names_are_shown_as_they_are(name: str) -> None:
    terminal = Terminal(console(False), console(False))
    terminal.say(f"scene {name}")
    terminal.table(f"Scenes in {name}", ["scene", name], [[name, 1], ["b", name]])
    assert f"scene {name}" in written(terminal.console)
    assert written(terminal.out).count(name) == 4
    screen = Terminal(console(True), console(True))
    with screen:
        watch = screen.training(name)
        watch(SimpleNamespace(step=1, steps=9, loss=0.5, eta_s=3.0, scores={name: 0.5}))
        screen.bars.progress.refresh()
    assert written(screen.console).count(name) >= 2


def test_control_characters_do_not_reach_the_terminal() -> None:
    terminal = Terminal(console(False), console(False))
    terminal.say("a\x1b[2Jb")
    terminal.table("\x1b]0;title\x07", ["\x1b[1m"], [["\x1b[31m"]])
    assert "\x1b" not in written(terminal.console) + written(terminal.out)
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in written(terminal.console)


@pytest.mark.parametrize(
    "name", [".exported.2503d52f.part", ".exported.2503d52f.1f00abcd.part", "exported"]
)
def test_what_is_being_made_is_called_by_the_name_that_it_is_to_have(name: str) -> None:
    terminal = Terminal(console(False), console(False))
    terminal.say(f"/rooms/{name}: fuse")
    terminal.table(name, ["scene"], [[name]])
    assert written(terminal.console) == "/rooms/exported: fuse\n"
    assert written(terminal.out).count("exported") == 2
    assert ".part" not in written(terminal.out)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(pace, "time", found)
    monkeypatch.setattr(terminals, "time", found)
    return found


def test_what_is_left_follows_from_the_items_that_were_made(clock: Clock) -> None:
    step = Pace()
    step.move(3, 10)
    assert step.left_s() is None, "three were there already"
    clock.now += 20
    step.move(5, 10)
    assert step.left_s() == 50.0
    clock.now += 4
    assert step.left_s() == 46.0
    clock.now += 100
    assert step.left_s() is None, "it is late: nobody knows"
    step.tell(7.0)
    assert step.left_s() == 7.0


def test_what_is_left_of_parts_is_known_where_all_of_them_are(clock: Clock) -> None:
    job = Parts({"a": None, "b": 10.0, "c": 30.0})
    job.begin("a")
    assert job.left_s() is None
    job.begin("b")
    clock.now += 4
    assert (job.place, job.left_s()) == (1, 36.0)
    clock.now += 60
    assert job.left_s() == 30.0
    job.begin("c")
    clock.now += 31
    assert job.left_s() is None
    job.begin("")
    assert (job.place, job.left_s()) == (3, None)


def test_a_log_is_told_how_much_of_the_whole_is_left(clock: Clock) -> None:
    terminal = Terminal(console(False), console(False))
    cells = terminal.step("arms and seeds")
    cells(0, 6)
    for done in range(1, 7):
        inner = terminal.step(f"cell {done}: frames")
        for frame in range(1, 3):
            clock.now += 70
            inner(frame, 2)
        cells(done, 6)
    lines = written(terminal.console).splitlines()
    assert [line for line in lines if line.startswith("arms")] == [
        "arms and seeds: 1 of 6, 12 min left",
        "arms and seeds: 2 of 6, 9 min left",
        "arms and seeds: 3 of 6, 7 min left",
        "arms and seeds: 4 of 6, 5 min left",
        "arms and seeds: 5 of 6, 2 min left",
        "arms and seeds: 6 in 840.0 s",
    ]
    assert not [line for line in lines if "frames" in line and "left" in line]


def test_a_job_of_parts_tells_which_one_it_is_at(clock: Clock) -> None:
    log, screen = Terminal(console(False), console(False)), Terminal(console(True), console(True))
    parts = {"fuse": 5.0, "label": 20.0}
    with screen:
        for terminal in (log, screen):
            begin = terminal.whole("scan", parts)
            begin("fuse")
            begin("label")
        assert rows(screen) == ["scan"]
        assert screen.bars.progress.tasks[0].completed == 1
        assert screen.bars.progress.tasks[0].fields["note"] == "label"
        screen.bars.progress.refresh()
        begin("")
        assert rows(screen) == []
    assert "20 s left" in written(screen.console)
    assert written(log.console).splitlines() == [
        "scan: fuse, part 1 of 2, 25 s left",
        "scan: label, part 2 of 2, 20 s left",
    ]


def test_a_quiet_terminal_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(quiet=True) as terminal:
        terminal.say("a")
        terminal.step("frames")(1, 1)
        terminal.text("b")
        terminal.table("c", ["d"], [["e"]])
    assert capsys.readouterr() == ("", "")
