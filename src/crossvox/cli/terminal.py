"""Progress bars, remarks and tables on one console. Text from files is never taken as mark-up."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from crossvox.cli.pace import Pace, Parts
from crossvox.cli.pipes import give_up
from crossvox.core.formats import duration_text

ROWS = 4
"""Bars on the screen at a time, at most: those that moved last."""

WORTH_A_LINE_S = 1.0
"""A step that took less leaves no line in a log."""

LOG_LINES = 20
"""Lines that a training leaves in a log, about."""

LEFT_LINE_S = 60.0
"""How often a log is told how much is left of the step that all others are parts of."""


UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

_TEMPORARY = re.compile(r"\.(?P<name>[^/\s]+?)(?:\.[0-9a-f]{8}){1,2}\.part\b")
"""What is being made has a name of its own until it is whole: nobody asked for that."""


class TrainState(Protocol):
    """Where training stands; see :class:`crossvox.train.report.TrainProgress`."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def steps(self) -> int:
        """Steps of the whole run."""

    @property
    def loss(self) -> float:
        """Loss of this step."""

    @property
    def eta_s(self) -> float:
        """Expected time to the last step, s."""

    @property
    def scores(self) -> Mapping[str, float]:
        """The newest validation scores by name."""


def shown(value: object) -> Text:
    """Text as it is: no mark-up, and no control characters that would steer the terminal.

    What is being made is called by the name that it is to have.
    """
    text = _TEMPORARY.sub(lambda found: found["name"], str(value))
    safe = (c if c.isprintable() or c in "\n\t" else UNPRINTABLE for c in text)
    return Text("".join(safe))


class _Console(Console):
    """A console whose reader may go away (``| head``); the work goes on without one."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        give_up(self.file)


class _LeftColumn(ProgressColumn):
    """The time that is left of a row, where it can be told."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """The time as text."""
        left_s = task.fields["pace"].left_s()
        return Text("" if left_s is None else f"{duration_text(left_s)} left")


class _Bars:
    """Rows of steps that go on: the first of them, and those that moved last."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _LeftColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self._rows: list[TaskID] = []
        self._lock = threading.RLock()

    def begin(self, label: str, pace: Pace | Parts | None = None) -> TaskID:
        """A row for a step that begins."""
        with self._lock:
            task = self.progress.add_task(
                shown(label).plain, total=None, note="", pace=pace or Pace()
            )
            self._show(task)
            return task

    def is_outermost(self, task: TaskID) -> bool:
        """Whether a step is the one that all others are parts of."""
        with self._lock:
            return self._rows[:1] == [task]

    def move(self, task: TaskID, done: int, total: int, note: str = "") -> None:
        """Show where a step stands; at its end it gives its row back."""
        with self._lock:
            if task not in self.progress.task_ids:
                return
            if done >= total:
                self.progress.remove_task(task)
                self._rows = [row for row in self._rows if row != task]
                return
            self.progress.update(
                task, completed=done, total=total, note=shown(note).plain, visible=True
            )
            self._show(task)

    def _show(self, task: TaskID) -> None:
        # The first row is the stage that all others are parts of: it moves least, and stays.
        if task not in self._rows[:1]:
            self._rows = [row for row in self._rows if row != task] + [task]
        if len(self._rows) > ROWS:
            self.progress.update(self._rows.pop(1), visible=False)


class Terminal:
    """Progress bars, remarks and tables; what recipes and tables speak to.

    Bars and remarks go to the error stream, tables to standard output.

    Args:
        console: of bars and remarks.
        out: of tables.
        quiet: show nothing of all that.
        answers: where tables go even so, once a command says that they are its answer.
    """

    def __init__(
        self,
        console: Console | None = None,
        out: Console | None = None,
        *,
        quiet: bool = False,
        answers: TextIO | None = None,
    ) -> None:
        self.console = console or _Console(stderr=True, highlight=False, emoji=False, quiet=quiet)
        self.out = out or _Console(highlight=False, emoji=False, quiet=quiet)
        self.answers = answers
        self.bars = _Bars(self.console)
        self._has_bars = self.console.is_terminal and not self.console.quiet

    def __enter__(self) -> Terminal:
        if self._has_bars:
            self.bars.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_bars:
            self.bars.progress.stop()

    def step(self, label: str) -> Callable[[int, int], None]:
        """Begin a step; see :mod:`crossvox.flow.progress`."""
        pace = Pace()
        task, begin = self.bars.begin(label, pace), time.monotonic()
        told = begin

        def report(done: int, total: int) -> None:
            nonlocal told
            pace.move(done, total)
            outermost = self.bars.is_outermost(task)
            self.bars.move(task, done, total)
            if self.console.is_terminal:
                return
            now, left_s = time.monotonic(), pace.left_s()
            if done >= total and now - begin >= WORTH_A_LINE_S:
                self.say(f"{label}: {total} in {now - begin:.1f} s")
            elif outermost and done < total and left_s is not None and now - told >= LEFT_LINE_S:
                told = now
                self.say(f"{label}: {done} of {total}, {duration_text(left_s)} left")

        return report

    def whole(self, label: str, parts: Mapping[str, float | None]) -> Callable[[str], None]:
        """Begin a job of several parts; see :mod:`crossvox.flow.progress`."""
        job, total = Parts(parts), len(parts)
        task = self.bars.begin(label, job)

        def begin(name: str) -> None:
            job.begin(name)
            self.bars.move(task, job.place, total, name)
            if name and not self.console.is_terminal:
                left_s = job.left_s()
                left = "" if left_s is None else f", {duration_text(left_s)} left"
                self.say(f"{label}: {name}, part {job.place + 1} of {total}{left}")

        return begin

    def say(self, text: str) -> None:
        """Print a remark above the bars."""
        self.console.print(shown(text), soft_wrap=True)

    def answer(self) -> None:
        """What is shown from here on is all that comes of the command: tables are not silenced."""
        if self.answers is not None:
            self.out = _Console(file=self.answers, highlight=False, emoji=False)

    def text(self, text: str) -> None:
        """Print a text on standard output."""
        self.out.print(shown(text), soft_wrap=True)

    def training(self, label: str = "train") -> Callable[[TrainState], None]:
        """A bar for a training, with loss, validation scores and time left."""
        pace = Pace()
        task = self.bars.begin(label, pace)

        def watch(state: TrainState) -> None:
            pace.tell(state.eta_s)
            note = f"loss {state.loss:.4f}"
            for score, value in list(state.scores.items())[:3]:
                note += f"  {score} {value:.3f}"
            self.bars.move(task, state.step, state.steps, note)
            every = max(1, state.steps // LOG_LINES)
            if not self.console.is_terminal and state.step % every == 0:
                left = f"{state.eta_s:.0f} s left"
                self.say(f"{label}: step {state.step}/{state.steps}  {note}  {left}")

        return watch

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table on standard output."""
        table = Table(
            *(Column(shown(column)) for column in columns),
            title=shown(title),
            title_justify="left",
            header_style="bold",
            show_header=any(columns),
        )
        for row in rows:
            table.add_row(*map(shown, row))
        self.out.print(table)
