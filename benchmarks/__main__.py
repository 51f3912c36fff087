"""Run all benchmarks and write their table into ``docs/benchmarks.md``.

    python -m benchmarks [NAME ...]

Each module ``bench_*.py`` here has ``run(shared) -> rows``. A row compares our time with a baseline
that ran on the same data in the same run, in turns, so that the ratio holds on a noisy machine. A
baseline or data that is not there gives a row that says so: none is dropped in silence.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.peers import missing, versions
from crossvox.core.threads import cores

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table: written by python -m benchmarks -->", "<!-- end of table -->"


def main(names: list[str]) -> int:
    """Run the named modules (all by default); returns the exit code: 1 if one of them broke."""
    shared = Path(os.environ.get("CROSSVOX_SHARED", HERE.parent.parent / "shared"))
    modules = names or sorted(path.stem for path in HERE.glob("bench_*.py"))
    rows: list[dict[str, Any]] = []
    broken = 0
    print(machine(), flush=True)
    for name in modules:
        begin = time.perf_counter()
        print(f"{name} ...", flush=True)
        try:
            found = importlib.import_module(f"benchmarks.{name}").run(
                shared if shared.is_dir() else None
            )
        except Exception as error:
            traceback.print_exc()
            broken += 1
            found = [missing(name, f"broke: {type(error).__name__}: {error}")]
        rows += found
        for row in found:
            print("  " + line(row), flush=True)
        print(f"  {len(found)} rows in {time.perf_counter() - begin:.0f} s", flush=True)
    if not names:
        write(rows)
    return 1 if broken else 0


def machine() -> str:
    """What the times depend on: processor, system, versions of libraries and peers."""
    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"Measured on {processor()}, {cores()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {found}."
    )


def processor() -> str:
    """Its name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for text in info.read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    return platform.processor() or "an unknown processor"


def line(row: dict[str, Any]) -> str:
    """One row of the table, in Markdown."""
    return (
        f"| {row['stage']} | {seconds(row['ours_s'])} | {seconds(row['baseline_s'])} "
        f"| {number(row['factor'])} | {row['how']} |"
    )


def seconds(value: float | None) -> str:
    """A time, in a unit that suits it."""
    if value is None:
        return ""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} us"


def number(value: float | None) -> str:
    """A ratio."""
    return "" if value is None else f"{value:.3g}x"


def write(rows: list[dict[str, Any]]) -> None:
    """Replace the table between its two marks."""
    text = TABLE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = [
        machine(),
        "",
        "| stage | ours | baseline | factor | how |",
        "|---|---|---|---|---|",
        *map(line, rows),
    ]
    TABLE.write_text("\n".join([head + BEGIN, "", *table, "", END + tail]), encoding="utf-8")
    print(f"wrote {TABLE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
