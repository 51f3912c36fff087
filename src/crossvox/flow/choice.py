"""Which items of a folder a call works on: a shard of them, some by name, all but some."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import nearest
from crossvox.core.text import decoded

_SHARD = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*")

SLURM = "SLURM_ARRAY_TASK_"
"""Begin of the environment variables by which Slurm tells a task its place in a job array."""


@dataclass(frozen=True)
class Choice:
    """Which items a call works on; what is not chosen still belongs to the folder.

    Attributes:
        shard: ``(k, n)``, 1 <= k <= n: of all items in the order of their names, numbered from 0,
            those whose number leaves the remainder k - 1 when it is divided by n. It does not
            depend on what is done already, nor on the other attributes.
        only: names; None: all.
        skip: names that are left out.
        retry_failed: also try again what failed before and would be made from the same.
    """

    shard: tuple[int, int] | None = None
    only: tuple[str, ...] | None = None
    skip: tuple[str, ...] = ()
    retry_failed: bool = False

    def of(self, names: Iterable[str]) -> list[str]:
        """The chosen ones of all names, sorted.

        Raises:
            ParamsError: ``only`` or ``skip`` names what is not among them.
        """
        every = sorted(names)
        for option, listed in (("--only", self.only or ()), ("--skip", self.skip)):
            _expect_known(option, listed, every)
        part, parts = self.shard or (1, 1)
        return [
            name
            for number, name in enumerate(every)
            if number % parts == part - 1
            and (self.only is None or name in self.only)
            and name not in self.skip
        ]


ALL = Choice()
"""Everything that did not fail before."""


def _expect_known(option: str, listed: Collection[str], names: Collection[str]) -> None:
    for name in listed:
        expect(
            name in names,
            given=f"{option} with {name!r}, which is none of the {len(names)} items"
            + (f" ({', '.join(sorted(names)[:5])}, ...)" if names else ""),
            needed="names of items that the command would make",
            do=nearest(name, names) or f"correct {option}",
            error=ParamsError,
        )


def read_shard(text: str) -> tuple[int, int]:
    """``(k, n)`` of a text such as ``3/16``.

    Raises:
        ParamsError: it is no such text, or k is not one of 1 to n.
    """
    found = _SHARD.fullmatch(text)
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    expect(
        1 <= part <= parts,
        given=f"--shard {text}",
        needed="K/N with 1 <= K <= N: part K of N",
        do="pass for example --shard 3/16",
        error=ParamsError,
    )
    return part, parts


def read_names(text: str) -> tuple[str, ...]:
    """Names separated by commas, or those in a file, one a line.

    Raises:
        ParamsError: it names nothing, or the file cannot be read.
    """
    path = Path(text)
    if path.is_file():
        try:
            names = decoded(path.read_bytes()).split()
        except (OSError, UnicodeDecodeError) as error:
            raise ParamsError(
                f"given: {path} ({error}); needed: a list of names as plain text (UTF-8 or "
                f"UTF-16), one a line; do: correct the file"
            ) from None
    else:
        names = [name.strip() for name in text.split(",") if name.strip()]
    expect(
        bool(names),
        given=f"{text!r}, which names nothing",
        needed="names separated by commas, or a file with one a line",
        do="name at least one item",
        error=ParamsError,
    )
    return tuple(dict.fromkeys(names))


def slurm_shard(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """The shard of a task of a Slurm job array; None outside of one.

    Arrays may begin at any number and have a step; one whose numbers have gaps is refused.

    Source:
        https://slurm.schedmd.com/job_array.html

    Raises:
        ParamsError: the variables do not tell a place in an array.
    """
    told = {
        name: environment[SLURM + name]
        for name in ("ID", "COUNT", "MIN", "STEP")
        if environment.get(SLURM + name)
    }
    if "ID" not in told:
        return None
    text = ", ".join(f"{SLURM}{name}={value}" for name, value in told.items())
    numbers = {name: int(value) for name, value in told.items() if value.strip().isdigit()}
    whole = numbers.keys() == told.keys() and {"ID", "COUNT", "MIN"} <= numbers.keys()
    step = numbers.get("STEP") or 1
    place, rest = divmod(numbers.get("ID", 0) - numbers.get("MIN", 0), step)
    expect(
        whole and rest == 0 and 0 <= place < numbers.get("COUNT", 0),
        given=text,
        needed="a job array with numbers of equal distance, and its ID, COUNT and MIN",
        do="pass --shard K/N, or --shard 1/1 for everything",
        error=ParamsError,
    )
    return place + 1, numbers["COUNT"]
