"""What a command has made, and what to do after it, with the paths that the user gave."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from crossvox.core.checks import CrossvoxError
from crossvox.recipes.commands import Command

HELD_OUT, CORRECTS = "val", "label3d"
"""Behind a brace's colon: it stands for a data folder that holds scenes out, for a run that
corrects labels in 3D."""


class _Filled(Formatter):
    """Braces that stand for something; what was not given, or is gone, cannot be filled in."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None or value == "" or (isinstance(value, Path) and not value.exists()):
            raise LookupError
        if format_spec in (HELD_OUT, CORRECTS):
            from crossvox.recipes.data import holds_out
            from crossvox.train.folder import read_record

            fits = holds_out(value) if format_spec == HELD_OUT else read_record(value).task
            if fits not in (True, CORRECTS):
                raise LookupError
            return str(value)
        return str(super().format_field(str(value), format_spec))


def made(command: Command, arguments: Mapping[str, Any], result: Any) -> str:
    """Where what a command made lies, as ``command.makes`` tells; empty where it does not.

    Args:
        command: what was done.
        arguments: what it was given, by parameter.
        result: what it returned.
    """
    return (_filled(command.makes, arguments, result) or [""])[0]


def following(command: Command, arguments: Mapping[str, Any], result: Any) -> str:
    """The command line that goes on from where one has ended; empty where there is none.

    The first of ``command.then`` is taken whose braces can all be filled in: a run may be kept
    where the data that it was asked for with are gone.

    Args:
        command: what was done.
        arguments: what it was given, by parameter.
        result: what it returned.
    """
    for line in command.then:
        words = [_filled(word, arguments, result) for word in line.split()]
        if all(words):
            return shlex.join(["crossvox", *(word for found in words for word in found)])
    return ""


def _filled(text: str, arguments: Mapping[str, Any], result: Any) -> list[str]:
    """A text whose braces are filled in; none where one stands for nothing."""
    try:
        return [_Filled().vformat(text, (), {**arguments, "result": result})]
    except (LookupError, AttributeError, CrossvoxError):
        return []
