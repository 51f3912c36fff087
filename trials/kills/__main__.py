"""``python -m trials.kills``: kill every long command at random moments, and tell what is lost."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trials.kills.world import TRIALS

APART = "CROSSVOX_KILLS_APART"


def main() -> int:
    """Run what the log lacks, then print the table; exit code 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m trials.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills in all")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other moments")
    parser.add_argument("--commands", nargs="+", default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument("--work", type=Path, default=Path("kills"), help="folder to work in")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--table", action="store_true", help="print the table of the log alone")
    asked = parser.parse_args()
    log = asked.work / "kills.jsonl"
    if not asked.table:
        _apart()
        _run(asked, log)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    print(table(records))
    return int(any(record["faults"] for record in records))


def _apart() -> None:
    """Give this process a shared memory of its own, where the system lets it."""
    if os.environ.get(APART) or not hasattr(os, "getuid") or os.getuid() != 0:
        return
    words = ['mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"]
    line = ["unshare", "--mount", "sh", "-c", *words, sys.executable, "-m", "trials.kills"]
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        return
    os.environ[APART] = "1"
    os.execvp(line[0], [*line, *sys.argv[1:]])


def _run(asked: argparse.Namespace, log: Path) -> None:
    work = asked.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        XDG_CACHE_HOME=str(work / "cache"),
        CROSSVOX_THREADS=os.environ.get("CROSSVOX_THREADS", "2"),
        OMP_NUM_THREADS="1",
    )
    from trials.kills.trial import attempt, build_world, reference
    from trials.kills.warm import warm_up

    warm_up()
    world = work / "world"
    if not world.is_dir():
        begun = work / "world.begun"
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        build_world(begun)
        begun.rename(world)
    done = (
        {json.loads(line)["number"] for line in log.read_text().splitlines()}
        if log.is_file()
        else set()
    )
    begin, known = time.monotonic(), {}
    for number in range(asked.count):
        key = asked.seed * 1_000_000 + number
        if key in done:
            continue
        if time.monotonic() - begin > 60 * asked.minutes:
            break
        name = asked.commands[number % len(asked.commands)]
        if name not in known:
            known[name] = reference(world, name, work / "reference")
            print(f"{name}: {known[name].seconds:.1f} s uninterrupted", flush=True)
        kill = attempt(world, work / "trial", key, name, known[name])
        with log.open("a") as stream:
            stream.write(json.dumps(asdict(kill)) + "\n")
        what = f" {json.dumps(kill.faults)}" if kill.faults else ""
        print(
            f"{number}: {name}, {kill.how} after {kill.after_s} s, code {kill.code}, "
            f"{kill.seconds} s{what}",
            flush=True,
        )


def table(records: list[dict[str, Any]]) -> str:
    """Kills and faults by command."""
    kinds = sorted({kind for record in records for kind in record["faults"]})
    heads = ["command", "kills", "SIGKILL", "SIGTERM", "worker", "too late", *kinds]
    rows = [heads]
    for name in [*TRIALS, "all"]:
        its = [r for r in records if name in ("all", r["command"])]
        hows = Counter(record["how"] for record in its)
        late = sum(record["code"] == 0 and record["how"] != "worker" for record in its)
        faults = Counter(kind for record in its for kind in record["faults"])
        counts = [len(its), *(hows[how] for how in heads[2:5]), late]
        rows.append([name, *map(str, counts), *(str(faults[kind]) for kind in kinds)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
