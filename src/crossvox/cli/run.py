"""Calls a command: arguments from the words, what is injected, the result, the exit code."""

from __future__ import annotations

import inspect
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from crossvox.cli.compiling import told_of_compiling
from crossvox.cli.following import following, made
from crossvox.cli.pipes import printing
from crossvox.cli.plan import show_plan
from crossvox.cli.signals import INTERRUPTED, REMARK, terminating
from crossvox.cli.signature import STDOUT, Asked, ItemOptions, Options, parse
from crossvox.cli.tables import show
from crossvox.cli.terminal import Terminal, shown
from crossvox.core.artifact import json_text, write_json
from crossvox.core.checks import CrossvoxError, ParamsError, error_text, expect, is_out_of_memory
from crossvox.flow.choice import Choice, read_names, read_shard, slurm_shard
from crossvox.flow.folder import expect_own_json, expect_writable
from crossvox.flow.memory import read_size
from crossvox.flow.runner import DryRunEnds, Planned, Runner
from crossvox.recipes.commands import Command

OK, BROKEN = 0, 2


def run(command: Command, words: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        with terminating():
            preset, words = _preset(command, words)
            function = command.load(preset)
            with printing(), _telling_presets(command, function, words), _telling_json(words):
                asked = parse(function, command.name, words, by_item=command.by_item)
            if asked.options.json not in (None, STDOUT):
                expect_own_json(asked.options.json)
                expect_writable(asked.options.json)
            if asked.options.dry_run:
                return _plan(command, function, asked)
            return _do(command, function, asked)
    except CrossvoxError as error:
        return _broken(flags_as_given(error_text(error), words))
    except (OSError, MemoryError) as error:
        return _broken(f"{error_text(error)}; what was finished before is kept")
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        text = f"given: {command.name}, which needs more memory than there is; needed: less; "
        return _broken(text + "do: ask for a smaller network, batch or volume")
    except KeyboardInterrupt:
        print(REMARK, file=sys.stderr)
        return INTERRUPTED


def _preset(command: Command, words: Sequence[str]) -> tuple[str, list[str]]:
    """The recipe that words name, and all the other words; both stay where there is no choice."""
    if not command.presets:
        return "", list(words)
    named: list[str] = []
    rest: list[str] = []
    following = iter(words)
    for word in following:
        name, equals, value = word.partition("=")
        if name == "--preset":
            named.append(value if equals else next(following, ""))
        else:
            rest.append(word)
    if not named:
        return "", rest
    wrong = "twice" if len(named) > 1 else "without a name"
    expect(
        len(named) == 1 and named[0] != "" and not named[0].startswith("-"),
        given=f"--preset {wrong}",
        needed=f"one of {', '.join(command.presets)}",
        do=f"pass one, for example --preset {next(iter(command.presets))}",
        error=ParamsError,
    )
    return named[0], rest


@contextmanager
def _telling_presets(
    command: Command, function: Callable[..., Any], words: Sequence[str]
) -> Iterator[None]:
    """Where words do not fit the recipe that was chosen, tell the one that takes them."""
    try:
        yield
    except ParamsError as error:
        fitting = _fitting_preset(command, function, words)
        if not fitting:
            raise
        text = f"{error_text(error)}, or pass --preset {fitting}, which takes these parameters"
        raise ParamsError(text) from None
    except SystemExit as end:
        fitting = _fitting_preset(command, function, words) if end.code else ""
        if fitting:
            print(f"--preset {fitting} takes these flags", file=sys.stderr)
        raise


@contextmanager
def _telling_json(words: Sequence[str]) -> Iterator[None]:
    """Where words do not fit, and one of them was taken for the file of ``--json``, tell it."""
    try:
        yield
    except SystemExit as end:
        taken = words[words.index("--json") + 1 :][:1] if "--json" in words else []
        if end.code and taken and not taken[0].startswith("-"):
            text = f"--json took {taken[0]} for its file: put a --json without a file last"
            print(shown(text).plain, file=sys.stderr)
        raise


def _fitting_preset(command: Command, function: Callable[..., Any], words: Sequence[str]) -> str:
    """The first recipe of a command, but for this one, that all words make sense to; else ""."""
    for preset in command.presets:
        other = command.load(preset)
        if other is function:
            continue
        unseen = io.StringIO()
        with redirect_stdout(unseen), redirect_stderr(unseen), suppress(CrossvoxError, SystemExit):
            parse(other, command.name, words, by_item=command.by_item)
            return preset
    return ""


def flags_as_given(text: str, words: Sequence[str]) -> str:
    """A text whose flags are called as they were given.

    What takes a parameter does not know under which name a command that holds it offers it: what
    ``predict`` calls ``--label.votes.half-m`` is ``--predict.label.votes.half-m`` of ``scan``.

    Example:
        >>> flags_as_given("do: correct --label.size", ["scan", "--predict.label.size=0"])
        'do: correct --predict.label.size'
    """
    given = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")}

    def called(found: re.Match[str]) -> str:
        flag = found.group()
        longer = [name for name in given if name.endswith(f".{flag.removeprefix('--')}")]
        return longer[0] if flag not in given and len(longer) == 1 else flag

    return re.sub(r"(?<![\w-])--[a-z0-9]+(?:[.-][a-z0-9]+)*", called, text)


def _broken(text: str) -> int:
    print(shown(f"error: {text}").plain, file=sys.stderr)
    return BROKEN


def exit_code(result: Any) -> int:
    """What a result means to the shell: interrupted, partly failed or broken, or done."""
    if getattr(result, "interrupted", False):
        return INTERRUPTED
    if getattr(result, "failed", ()) or getattr(result, "broken", ()):
        return BROKEN
    return OK


def _do(command: Command, function: Callable[..., Any], asked: Asked) -> int:
    with _showing(asked.options) as terminal:
        with terminal:
            # What a command needs may take seconds to load: it says that it lives before it does.
            terminal.say(f"{command.name}: loading")
            with told_of_compiling(terminal.say):
                result = function(**asked.arguments, **_injected(function, asked.options, terminal))
        show(result, terminal)
        code = exit_code(result)
        if code != INTERRUPTED and (path := made(command, asked.arguments, result)):
            terminal.say(f"made: {path}")
        if code == OK and (after := following(command, asked.arguments, result)):
            terminal.say(f"next: {after}")
    _write_result(asked.options.json, result)
    if code == INTERRUPTED:
        print(REMARK, file=sys.stderr)
    return code


def _plan(command: Command, function: Callable[..., Any], asked: Asked) -> int:
    """Tell what the command would do; one without stages is made anew each time."""
    plan: Sequence[Planned] = [Planned(command.name, "", "make")]
    with _showing(asked.options) as terminal:
        if "runner" in inspect.signature(function).parameters:
            runner = _runner(asked.options, terminal, dry=True)
            with terminal, suppress(DryRunEnds):
                terminal.say(f"{command.name}: loading")
                function(**asked.arguments, runner=runner)
            plan = runner.plan
        show_plan(plan, terminal)
    _write_result(asked.options.json, plan)
    return OK


@contextmanager
def _showing(options: Options) -> Iterator[Terminal]:
    """Who tells and shows; the result has standard output for itself where it goes there."""
    with ExitStack() as stack:
        answers = sys.stdout if options.quiet and options.json != STDOUT else None
        if options.quiet:
            stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        elif options.json == STDOUT:
            stack.enter_context(redirect_stdout(sys.stderr))
        yield Terminal(quiet=options.quiet, answers=answers)


def _write_result(path: Path | None, result: Any) -> None:
    if path == STDOUT:
        with printing():
            sys.stdout.write(json_text(result))
    elif path is not None:
        expect_own_json(path, result)
        write_json(path, result)


def _injected(function: Callable[..., Any], options: Options, terminal: Terminal) -> dict[str, Any]:
    """What a recipe gets from the command line besides what was asked for."""
    takes = inspect.signature(function).parameters
    made: dict[str, Any] = {}
    for name in ("backend", "memory", "retry_failed", "verify"):
        option = f"--{name.replace('_', '-')}"
        expect(
            "runner" in takes or not getattr(options, name),
            given=f"{option} for a command that makes no scenes",
            needed="a command such as prepare or predict",
            do=f"leave {option} out",
            error=ParamsError,
        )
    if "runner" in takes:
        made["runner"] = _runner(options, terminal)
    if "progress" in takes:
        made["progress"] = terminal
    return made


def _runner(options: Options, terminal: Terminal, *, dry: bool = False) -> Runner:
    """Who makes what was asked for, as the options say."""
    return Runner(
        terminal,
        backend=options.backend,
        choice=_choice(options, terminal),
        memory=read_size(options.memory) if options.memory else None,
        dry=dry,
        verify=options.verify,
    )


def _choice(options: Options, terminal: Terminal) -> Choice:
    """Which items are asked for; the shard may come from a job array of Slurm."""
    if not isinstance(options, ItemOptions):
        return Choice(retry_failed=options.retry_failed)
    shard = read_shard(options.shard) if options.shard else slurm_shard(os.environ)
    if shard is not None and not options.shard:
        part, parts = shard
        terminal.say(f"works on part {part} of {parts}: this task's place in the job array")
    return Choice(
        shard,
        read_names(options.only) if options.only else None,
        read_names(options.skip) if options.skip else (),
        options.retry_failed,
    )
