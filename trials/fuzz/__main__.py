"""``python -m trials.fuzz``: damaged files for every reader, until time or inputs run out."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from trials.fuzz.engine import OUTCOMES, Batch, Damage, Finding, Ready, run_batch
from trials.fuzz.targets import Target, all_targets, unsampled_readers

KEPT = Path(__file__).with_name("kept.jsonl")
"""Inputs that once failed, as descriptions: each must be read, or refused, ever after."""

ROUND = 400
"""Inputs of a target before the next one's turn, for a target of share 1."""

GOOD = ("accepted", "clean error")


class State:
    """How far each target has come, what became of it, and what was found; kept in a file.

    Args:
        path: the file; None: nothing is kept.
        seed: of the row of inputs; another one begins anew.
    """

    def __init__(self, path: Path | None, seed: int) -> None:
        self.path, self.seed = path, seed
        self.next: Counter[str] = Counter()
        self.counts: dict[str, Counter[str]] = {}
        self.slowest: dict[str, float] = {}
        self.findings: dict[str, dict[str, Any]] = {}
        if path is not None and path.is_file():
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["seed"] == seed:
                self.next.update(record["next"])
                self.counts = {name: Counter(found) for name, found in record["counts"].items()}
                self.slowest = record["slowest"]
                self.findings = record["findings"]

    def enter(self, target: str, batch: Batch) -> list[Finding]:
        """Add what a batch gave; its findings that are new."""
        self.counts.setdefault(target, Counter()).update(batch.counts)
        self.slowest[target] = max(self.slowest.get(target, 0.0), batch.slowest_s)
        new = []
        for finding in batch.findings:
            key = f"{target}: {finding.outcome}: {finding.where}"
            if key not in self.findings:
                new.append(finding)
                self.findings[key] = {**finding.damage.plain(), "text": finding.text, "times": 0}
            self.findings[key]["times"] += 1
        return new

    def save(self) -> None:
        """Write the file."""
        if self.path is None:
            return
        record = {
            "seed": self.seed, "next": self.next, "counts": self.counts, "slowest": self.slowest,
            "findings": self.findings,
        }  # fmt: skip
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
        os.replace(temporary, self.path)

    def table(self) -> str:
        """Counts by target."""
        heads = ("target", "tried", *OUTCOMES, "slowest, s")
        rows = []
        for name, found in sorted(self.counts.items()):
            numbers = [str(found[outcome]) for outcome in OUTCOMES]
            rows.append((name, str(sum(found.values())), *numbers, f"{self.slowest[name]:.2f}"))
        whole: Counter[str] = sum(self.counts.values(), Counter())
        numbers = [str(whole[outcome]) for outcome in OUTCOMES]
        rows.append(("all", str(sum(whole.values())), *numbers, ""))
        lines = [heads, tuple("---" for _ in heads), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def kept_inputs() -> list[Damage]:
    """Inputs that once failed."""
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    found = [json.loads(text) for text in lines if text.strip()]
    return [
        Damage(one["target"], one["number"], tuple((name, edit) for name, edit in one["edits"]))
        for one in found
    ]


def replay(targets: dict[str, Target], damages: list[Damage]) -> list[Finding]:
    """Inputs that failed once, each read again in this process; those that still fail."""
    found = []
    for name in dict.fromkeys(damage.target for damage in damages):
        ready = Ready(targets[name])
        try:
            outcomes = [ready.one(damage) for damage in damages if damage.target == name]
        finally:
            ready.close()
        found += [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    return found


def run(targets: list[Target], state: State, asked: argparse.Namespace) -> None:
    """Targets in turn until time or inputs run out."""
    inputs, minutes = asked.inputs, asked.minutes
    until = time.monotonic() + (minutes * 60 if minutes is not None else 1e9)
    left = inputs if inputs is not None else sys.maxsize
    ready: dict[str, Ready] = {}
    try:
        while left > 0 and time.monotonic() < until:
            for target in targets:
                if target.name not in ready:
                    ready[target.name] = Ready(target)
                count = min(left, max(1, round(asked.round * target.share)))
                if minutes is not None and inputs is None:
                    # Every target gets its turn in a short trial.
                    shares = sum(one.share for one in targets)
                    slice_s = max(1.0, minutes * 60 * target.share / shares)
                    end = min(until, time.monotonic() + min(slice_s, 20.0))
                else:
                    end = until
                for batch in run_batch(
                    ready[target.name], state.next[target.name], count, state.seed, end
                ):
                    done = sum(batch.counts.values())
                    state.next[target.name] += done
                    left -= done
                    for finding in state.enter(target.name, batch):
                        _tell(finding)
                state.save()
                if left <= 0 or time.monotonic() > until:
                    break
    finally:
        for one in ready.values():
            one.close()
        state.save()


def _tell(finding: Finding) -> None:
    """Show a finding; its last line can be added to the kept inputs."""
    print(f"{finding.damage.target}: {finding.outcome}: {finding.where}\n  {finding.text}")
    print(json.dumps(finding.damage.plain()), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 if nothing was found, 1 if something was."""
    # Whoever ends the trial finds no files of it in memory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m trials.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--targets", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--round", type=int, default=ROUND, help="inputs of a target in turn")
    parser.add_argument("--state", type=Path, default=None, help="file to go on from")
    asked = parser.parse_args(arguments)
    if asked.minutes is None and asked.inputs is None:
        asked.minutes = 10.0
    _alone()
    every = all_targets()
    for reader in unsampled_readers():
        print(f"reader {reader}: no sample, so it is not tried (trials/fuzz/captures.py)")
    chosen = [
        target
        for name, target in every.items()
        if not asked.targets
        or name in asked.targets
        or any(part in name for part in asked.targets if part not in every)
    ]
    again = [damage for damage in kept_inputs() if damage.target in {t.name for t in chosen}]
    failed = replay(every, again)
    for finding in failed:
        _tell(finding)
    if asked.workers > 1:
        state = _shared_out(chosen, asked)
    else:
        state = State(asked.state, asked.seed)
        run(chosen, state, asked)
    print(state.table())
    print(f"{len(again)} kept inputs read again, {len(failed)} of them failed")
    return 1 if failed or state.findings else 0


def _shared_out(chosen: list[Target], asked: argparse.Namespace) -> State:
    """Targets shared out over processes, each with a state of its own."""
    import subprocess

    parts = [chosen[number :: asked.workers] for number in range(asked.workers)]
    base = asked.state or Path(f"fuzz-{os.getpid()}.json")
    files = [base.with_suffix(f".{number}.json") for number in range(asked.workers)]

    def call(number: int) -> None:
        command = [sys.executable, "-m", "trials.fuzz", "--seed", str(asked.seed)]
        command += ["--round", str(asked.round), "--state", str(files[number])]
        command += ["--targets", *(target.name for target in parts[number])]
        if asked.minutes is not None:
            command += ["--minutes", str(asked.minutes)]
        if asked.inputs is not None:
            command += ["--inputs", str(asked.inputs // asked.workers)]
        subprocess.run(command, check=False)

    with ThreadPoolExecutor(asked.workers) as pool:
        list(pool.map(call, range(asked.workers)))
    whole = State(None, asked.seed)
    for file in files:
        part = State(file, asked.seed)
        whole.counts |= part.counts
        whole.slowest |= part.slowest
        whole.findings |= part.findings
    return whole


def _alone() -> None:
    """One thread: forks are safe, and processor time is one input's own."""
    os.environ.setdefault("CROSSVOX_THREADS", "1")
    import cv2
    import torch

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


if __name__ == "__main__":
    sys.exit(main())
