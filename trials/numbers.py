"""Where numbers on the pages of docs/ come from: ``docs/numbers/PAGE.json``, a list of records.

A record tells a command, when, on what machine and by which version it was run, and the numbers
that pages show of what it wrote.

``python -m trials.numbers take PAGE WHAT FILE --command TEXT [--take REGEX]`` keeps numbers of a
JSON file that a command wrote, ``... curve PAGE WHAT FILE --command TEXT`` means of a
``curve.json``. ``... run PAGE WHAT [--folder FOLDER] -- COMMAND`` runs a command and keeps what it
took, the least of ``--times``, and how large the folder is that it wrote. ``... list [PAGE]`` tells
numbers of pages that stand in no record; a test asks that there are none. ``... chosen PAGE NUMBER
...`` enters numbers that were chosen, not measured.

What was read off an output that is gone stands in ``trials/notebook.md``, and on no page.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.methods import LEARNT, TSDF
from crossvox.metrics.curve import read_curve
from trials.results import KEPT as STUDIES
from trials.results import PUBLISHED

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
KEPT = DOCS / "numbers"
CARDS = ROOT / "src" / "crossvox" / "recipes" / "shipped_runs"

BY_COMMAND = ("benchmarks.md", "models.md")
"""Pages whose numbers a command wrote into them; other tests hold them to that."""

OF_NETWORKS = ("completion.md", "labels.md", "labels3d.md", "networks-2d.md")
"""Pages that tell what cards of networks tell."""

FILE, SETTINGS = "file", "settings"
FIELDS = {"what", "kind", "command", "version", "date", "machine", "numbers"}

_CODE = re.compile(r"^```.*?^```|<!--.*?-->|`[^`\n]*`|\]\([^)\n]*\)|^ {4}[^\n]*$", re.M | re.S)
_STUDIES = re.compile(r"<!-- ([\w-]+): \w+ -->")
_UNITS = "s|ms|kB|KB|MB|GB|MiB|minutes|hours|hour|frames/s|%"
_NUMBER = re.compile(
    r"(?<![\w.,/-])(?P<sign>[+-]?)(?P<digits>\d[\d,]*\.\d+|\d[\d,]*(?= (?:"
    + _UNITS
    + r")(?![\w/])))"
    r"(?![\w]|\.\d)(?P<percent> %)?"
)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """A number as a page shows it.

    Attributes:
        text: its digits, with its sign where it has one.
        line: where, from 1 on.
        percent: whether it is a share of a hundred.
    """

    text: str
    line: int
    percent: bool

    def is_of(self, value: float) -> bool:
        """Whether a value, rounded to as many digits, is this number."""
        _, _, decimals = self.text.partition(".")
        own = float(self.text.replace(",", ""))
        if self.text[0] not in "+-":
            value = abs(value)
        scaled = (value, 100 * value) if self.percent else (value,)
        last = 10.0 ** -len(decimals)
        if abs(own) >= 100 and not decimals and not self.percent:
            # 1,900 hours are rounded to hundreds.
            last = 10.0 ** (len(self.text) - len(self.text.rstrip("0")))
        # Half of the last digit: either way of rounding a five is fine.
        return any(abs(one - own) <= 0.5000001 * last for one in scaled)


def shown(text: str) -> Iterator[Shown]:
    """Numbers with a point or a unit, outside of code and addresses."""
    plain = _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for number, line in enumerate(plain.splitlines(), start=1):
        for found in _NUMBER.finditer(line):
            yield Shown(found["sign"] + found["digits"], number, bool(found["percent"]))


def values(numbers: Any) -> Iterator[float]:
    """All numbers of a JSON value."""
    if isinstance(numbers, Mapping):
        numbers = [*numbers.values()]
    if isinstance(numbers, list):
        for one in numbers:
            yield from values(one)
    elif isinstance(numbers, (int, float)) and not isinstance(numbers, bool):
        yield float(numbers)


def records(page: str) -> list[Record]:
    """The records of a page; none where it has no file."""
    path = KEPT / Path(page).with_suffix(".json").name
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def card_values() -> Iterator[float]:
    """What the cards of the networks that come along tell."""
    for path in CARDS.glob("*/card.json"):
        card = json.loads(path.read_text(encoding="utf-8"))
        for score in card["scores"]:
            yield from values([score["value"], score["baseline_value"], score["interval"]])
            yield from (float(n) for n in re.findall(r"[+-]?\d+\.\d+", score["protocol"]))


def study_values(text: str) -> Iterator[float]:
    """What the studies found whose tables a page shows, and what stands beside it as published."""
    for name in dict.fromkeys(_STUDIES.findall(text)):
        yield from values(json.loads((STUDIES / f"{name}.json").read_text(encoding="utf-8")))
        yield from values([[*row] for target in PUBLISHED.values() for row in target.values()])


def unsourced(page: str, text: str) -> list[Shown]:
    """Numbers of a page that no record tells, no card where it tells of networks, and no study."""
    every = [value for record in records(page) for value in values(record["numbers"])]
    every += card_values() if page in OF_NETWORKS else ()
    every += study_values(text)
    return [one for one in shown(text) if not any(one.is_of(value) for value in every)]


def pages() -> list[str]:
    """Pages whose numbers stand in records, those in folders among them."""
    every = (path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    return sorted(page for page in every if page not in BY_COMMAND)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a JSON value by their place, ``whole/learnt/calibration error/value``.

    Members of a list that have a name are called by it.
    """
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flat(one, f"{path}/{key}" if path else str(key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            name = one.get("name", number) if isinstance(one, Mapping) else number
            yield from flat(one, f"{path}/{name}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


def keep(page: str, record: Record) -> None:
    """Enter a record in place of an older one of the same name."""
    path = KEPT / Path(page).with_suffix(".json").name
    every = [one for one in records(page) if one["what"] != record["what"]]
    path.parent.mkdir(exist_ok=True)
    text = json.dumps([*every, record], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def made(what: str, command: str, numbers: Mapping[str, Any]) -> Record:
    """A record of numbers that were made here and now."""
    return {
        "what": what,
        "kind": FILE,
        "command": command,
        "version": crossvox.__version__,
        "date": date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "numbers": numbers,
    }


def choose(page: str, chosen: Sequence[float]) -> None:
    """Enter numbers of a page that were chosen."""
    what = "chosen, not measured"
    before = [v for one in records(page) if one["what"] == what for v in values(one["numbers"])]
    numbers = {SETTINGS: [*dict.fromkeys([*before, *chosen])]}
    blank = dict.fromkeys(("command", "version", "date", "machine"), "")
    keep(page, {"what": what, "kind": SETTINGS, **blank, "numbers": numbers})


def processor() -> str:
    """Name of the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def taken(what: str, file: Path, command: str, pattern: str) -> Record:
    """Numbers of a file whose place the pattern matches."""
    found = flat(json.loads(file.read_text(encoding="utf-8")))
    numbers = {place: value for place, value in found if re.search(pattern, place)}
    if not numbers:
        raise SystemExit(f"given: {file}, where nothing is called {pattern!r}; do: mend --take")
    return made(what, command, numbers)


CURVES = ("F-score", "F-score 2 cm", "Recall unmeasured", "Prec unmeasured", "Seen-free")
"""What pages tell of scores over the number of frames."""


def curve_numbers(file: Path) -> dict[str, Any]:
    """Means over rooms by method and number of frames, and how far ahead of fusion a method is.

    Args:
        file: ``curve.json`` of ``crossvox evaluate frames``.
    """
    curve = read_curve(file)
    numbers: dict[str, Any] = {}
    for score in CURVES:
        for method in curve.methods:
            numbers[f"{score}, {method}"] = [_plain(one.mean) for one in curve.means(score, method)]
        numbers[f"{score}, {LEARNT} less {TSDF}"] = [
            [_plain(value) for value in (one.mean, one.low, one.high)]
            for one in curve.differences(score, LEARNT, TSDF)
        ]
    return numbers


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def ran(what: str, command: Sequence[str], folder: Path | None, times: int) -> Record:
    """What a command takes: seconds, seconds of the processor, the largest memory of a process.

    Args:
        what: name of the record.
        command: what is run.
        folder: what it writes, whose size counts as well; it must not be there yet, and is removed
            between runs. None: that is not asked.
        times: how often it is run; the run that took the processor least is kept.
    """
    if folder is not None and folder.exists():
        raise SystemExit(f"given: {folder}, which is there; do: name one that is not")
    best: dict[str, float] = {}
    for _ in range(times):
        if folder is not None and folder.exists():
            shutil.rmtree(folder)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise SystemExit(f"given: {' '.join(command)}, which ends with {done.returncode}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        if not best or seconds < best["processor_s"]:
            best = {
                "wall_s": round(time.monotonic() - start, 2),
                "processor_s": round(seconds, 2),
            }
    best["peak_gb"] = round(used.ru_maxrss * 1024 / 1e9, 3)
    if folder is not None:
        files = [path for path in folder.rglob("*") if path.is_file()]
        best["folder_mb"] = round(sum(path.stat().st_size for path in files) / 1e6, 2)
    return made(what, " ".join(command), best)


def page_text() -> str:
    """All records as a table in Markdown, page by page; chosen numbers are left out."""
    lines = []
    for path in sorted(KEPT.glob("*.json")):
        page = path.with_suffix(".md").name
        told = [one for one in records(page) if one["kind"] != SETTINGS]
        if not told:
            continue
        lines += [
            f"## {page}",
            "",
            "| what | how | crossvox | when | on |",
            "|---|---|---|---|---|",
        ]
        for one in told:
            how = f"`{one['command']}`"
            cells = (one["what"], how, one["version"], one["date"], one["machine"])
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    command = given[given.index("--") + 1 :] if "--" in given else []
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    take = kinds.add_parser("take", help="keep numbers of a file that a command wrote")
    run = kinds.add_parser("run", help="keep what a command takes; the command follows --")
    curve = kinds.add_parser("curve", help="keep means of a curve.json of 'evaluate frames'")
    for one in (take, run, curve):
        one.add_argument("page")
        one.add_argument("what")
    run.add_argument("--folder", type=Path, help="what the command writes; not there yet")
    run.add_argument("--times", type=int, default=1, help="the least of so many runs is kept")
    for one in (take, curve):
        one.add_argument("file", type=Path)
        one.add_argument("--command", required=True)
    take.add_argument("--take", default="")
    settings = kinds.add_parser("chosen", help="enter numbers that were chosen, not measured")
    settings.add_argument("page")
    settings.add_argument("number", type=float, nargs="+")
    tell = kinds.add_parser("list", help="numbers of pages that stand in no record")
    tell.add_argument("page", nargs="*")
    asked = parser.parse_args(given[: given.index("--")] if "--" in given else given)
    if asked.kind == "take":
        keep(asked.page, taken(asked.what, asked.file, asked.command, asked.take))
    elif asked.kind == "chosen":
        choose(asked.page, asked.number)
    elif asked.kind == "curve":
        keep(asked.page, made(asked.what, asked.command, curve_numbers(asked.file)))
    elif asked.kind == "run":
        keep(asked.page, ran(asked.what, command, asked.folder, asked.times))
    else:
        for page in asked.page or pages():
            text = (DOCS / page).read_text(encoding="utf-8")
            for number in unsourced(page, text):
                print(f"{page}:{number.line}: {number.text}{' %' if number.percent else ''}")


if __name__ == "__main__":
    main()
