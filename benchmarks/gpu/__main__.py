"""Compare, test, measure; write a table and a JSON file."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.equality import Comparison, comparisons
from benchmarks.gpu.material import FULL, SMALL
from benchmarks.gpu.rates import Rate, rates
from crossvox.core.artifact import write_json
from crossvox.doors.devices import pick_device

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if everything agrees and all tests pass."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="where the JSON goes")
    parser.add_argument("--no-tests", action="store_true", help="leave the tests marked gpu out")
    given = parser.parse_args(arguments)
    device = pick_device(given.device)
    dry = device == "cpu"
    size = SMALL if dry else FULL
    begin = time.perf_counter()
    print(f"{name_of(device)}" + (", a dry run: small, and compared with itself" if dry else ""))
    compared = comparisons(device, size)
    print_comparisons(compared)
    passed = True if given.no_tests else run_tests()
    measured = rates(device, size)
    print_rates(measured)
    record: dict[str, Any] = {
        "device": name_of(device),
        "dry_run": dry,
        "torch": torch.__version__,
        "size": asdict(size),
        "comparisons": [{**asdict(one), "ok": one.ok} for one in compared],
        "tests_passed": None if given.no_tests else passed,
        "rates": [asdict(one) for one in measured],
        "seconds": time.perf_counter() - begin,
    }
    write_json(given.out, record)
    good = passed and all(one.ok for one in compared)
    print(f"{'all agree' if good else 'NOT ALL AGREE'}, {record['seconds']:.0f} s: {given.out}")
    return 0 if good else 1


def name_of(device: str) -> str:
    """What the device is called."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    return f"{device} on {platform.machine()}"


def run_tests() -> bool:
    """Run the tests that are marked gpu; those that need another device skip, saying so."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    return subprocess.run([*command, "tests/gpu"], cwd=ROOT, check=False).returncode == 0


def print_comparisons(found: list[Comparison]) -> None:
    """A line each."""
    for one in found:
        told = "" if one.ok else "   DIFFERS"
        print(f"  {one.what:40} {one.difference:9.1e}  (at most {one.tolerance:.0e}){told}")


def print_rates(found: list[Rate]) -> None:
    """A line each."""
    for one in found:
        memory = "" if one.memory_mb is None else f"  {one.memory_mb:8.0f} MB"
        per_s = f"{one.per_s:10.2f} {one.unit}/s"
        print(f"  {one.what:24} {per_s:28} {one.precision.split(' ')[0]:9}{memory}")


if __name__ == "__main__":
    sys.exit(main())
