"""``crossvox --completion SHELL``: a script that completes commands and flags, made by tyro."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tyro.extras import SubcommandApp

from crossvox.cli.pipes import printing
from crossvox.cli.signature import CONFIG, interface, params_of
from crossvox.cli.spoken import speak
from crossvox.recipes.commands import COMMANDS

SHELLS = ("bash", "zsh", "fish")


def completion(words: Sequence[str]) -> int:
    """Print the script for a shell; returns the exit code."""
    if len(words) != 1 or words[0] not in SHELLS:
        given = " ".join(["--completion", *words]) + " without a shell" * (not words)
        text = f"given: {given}; needed: one of {', '.join(SHELLS)}"
        print(f"error: {text}; do: crossvox --completion bash", file=sys.stderr)
        return 2
    app = SubcommandApp()
    parts: dict[str, SubcommandApp] = {}
    for name, command in COMMANDS.items():
        first, _, second = name.partition(" ")
        into = app
        if second:
            if first not in parts:
                parts[first] = SubcommandApp()
                app.command(parts[first], name=first)
            into = parts[first]
        function = interface(command.load(), by_item=command.by_item)
        speak(map(params_of, function.__annotations__.values()))
        into.command(name=second or first, help=command.summary)(function)
    try:
        with printing():
            app.cli(prog="crossvox", args=["--tyro-print-completion", words[0]], config=CONFIG)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
