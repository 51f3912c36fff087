"""Finds the command that words ask for: the list of commands, groups, the nearest name.

Nothing heavy is imported before a command is chosen: ``crossvox --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import crossvox
from crossvox.cli.pipes import printing
from crossvox.cli.signals import INTERRUPTED, REMARK, terminating
from crossvox.core.registry import nearest
from crossvox.recipes.commands import COMMANDS

OK, WRONG = 0, 2
HELP = ("-h", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    chosen = split_command(words)
    if chosen is not None and asks_for_group(words):
        # A command that begins others, such as study: what there is below it comes first.
        with printing():
            print(group_usage(words[0]), end="\n\n" if words[1:] else "\n")
        if not words[1:]:
            return OK
    if chosen is not None:
        try:
            with terminating():
                from crossvox.cli.run import run

                name, rest = chosen
                return run(COMMANDS[name], rest)
        except KeyboardInterrupt:  # while it was loaded
            print(REMARK, file=sys.stderr)
            return INTERRUPTED
    if words[:1] == ["--completion"]:
        from crossvox.cli.completion import completion

        return completion(words[1:])
    text = help_text(words)
    if text is None:
        print(f"error: {unknown(words)}", file=sys.stderr)
        return WRONG
    with printing():
        print(text)
    return OK


def help_text(words: Sequence[str]) -> str | None:
    """What is printed where no command is chosen; None where one was meant, but there is none."""
    if not words or words[0] in HELP:
        return usage()
    if words[0] in ("-V", "--version"):
        return crossvox.__version__
    return group_usage(words[0]) if asks_for_group(words) else None


def asks_for_group(words: Sequence[str]) -> bool:
    """Whether words name a first word of commands, and nothing more or help."""
    return words[0] in groups() and (len(words) == 1 or words[1] in HELP)


def usage() -> str:
    """The text of ``crossvox --help``."""
    return "\n".join(
        [
            f"crossvox {crossvox.__version__}: from posed RGB-D captures to labelled 3D rooms",
            "",
            "usage: crossvox COMMAND ... [--params FILE] [--dry-run] [--json [FILE]] [--quiet]",
            "",
            *_lines(COMMANDS),
            "",
            "crossvox COMMAND --help lists a command's flags. --params FILE takes parameters from",
            "a run folder, a manifest or a JSON file, and flags go on top; --dry-run tells what",
            "would be done; --json writes the result to standard output or a file, --quiet leaves",
            "out what is said on the way. crossvox --completion bash (zsh, fish) prints what a",
            "shell needs to complete all of it.",
            "Exit codes: 0 done; 2 wrong input or usage, or a part failed; 130 interrupted by",
            "Ctrl-C, SIGTERM or a closed terminal: the same command goes on.",
        ]
    )


def groups() -> dict[str, list[str]]:
    """Commands by their first word, where they have two."""
    found: dict[str, list[str]] = {}
    for name in COMMANDS:
        first, _, second = name.partition(" ")
        if second:
            found.setdefault(first, []).append(name)
    return found


def group_usage(group: str) -> str:
    """What there is to do below a first word: the text of ``crossvox train --help``."""
    names = groups()[group]
    return "\n".join(
        [
            f"usage: crossvox {group} COMMAND ...",
            "",
            *_lines(names),
            "",
            f"crossvox {names[0]} --help lists its flags.",
        ]
    )


def split_command(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Command name and remaining words; None where no command has this name."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name, list(words[length:])
    return None


def unknown(words: Sequence[str]) -> str:
    """What to say of words that name no command: the nearest one, or all there are."""
    first = words[0]
    if first in groups():
        given, names = " ".join(words[:2]), groups()[first]
        return "\n".join([_unknown(given, names), "", group_usage(first)])
    # Where the first word is right but for a letter, the second may be one of its group.
    both, names = " ".join(words[:2]), [*COMMANDS]
    if nearest(both, [name for name in names if " " in name]) and len(words) > 1:
        return _unknown(both, names)
    return _unknown(first, [*(name for name in names if " " not in name), *groups()])


def _unknown(given: str, names: Iterable[str]) -> str:
    hint = nearest(given, names) or "crossvox --help lists all"
    return f"no command is called {given!r}; {hint}"


def _lines(names: Iterable[str]) -> list[str]:
    chosen = [COMMANDS[name] for name in names]
    width = max(len(command.name) for command in chosen)
    return [f"  {command.name:<{width}}  {command.summary}" for command in chosen]
