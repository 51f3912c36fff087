"""What to do after a command: the next one, with the paths that the user gave."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from string import Formatter
from typing import Any

from crossvox.recipes.commands import Command


class _Filled(Formatter):
    """Braces that stand for something; what was not given cannot be filled in."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None or value == "":
            raise LookupError
        return str(super().format_field(value, format_spec))


def following(command: Command, arguments: Mapping[str, Any], result: Any) -> str:
    """The command line that goes on from where one has ended; empty where there is none.

    The first of ``command.then`` is taken whose braces can all be filled in.

    Args:
        command: what was done.
        arguments: what it was given, by parameter.
        result: what it returned.
    """
    known = {**arguments, "result": result}
    for line in command.then:
        try:
            words = [_Filled().vformat(word, (), known) for word in line.split()]
        except (LookupError, AttributeError):
            continue
        return shlex.join(["crossvox", *words])
    return ""
