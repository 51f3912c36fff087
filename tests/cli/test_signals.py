"""SIGTERM while a command works: the exit code, what is left, and that the same call goes on."""

from __future__ import annotations

import importlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.cli.signals import INTERRUPTED, ToldToEnd, terminating
from crossvox.core.artifact import read_manifest
from crossvox.flow import locks
from crossvox.train.stop import StopRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
from walls import SMALL, TRAIN, write_wall


def test_sigterm_is_heard_once_and_only_inside() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ToldToEnd), terminating():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # disturbs nothing
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal as POSIX has it")
def test_what_is_to_outlive_its_terminal_does() -> None:
    """``nohup`` has it ignore SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminating(), StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_ends_with_the_exit_code_even_where_a_library_executes_text() -> None:
    """The interpreter would end by the signal, had the plain exception left an ``exec``."""
    code = (
        "import signal, sys\n"
        "from crossvox.cli.signals import terminating\n"
        # What runs in the background of a shell ignores Ctrl-C from the start.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n"
        "    with terminating():\n"
        "        exec('signal.raise_signal(signal.SIGINT)')\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == INTERRUPTED


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal as POSIX has it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_import_is_not_torn_apart(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C++ of torch 2.14 aborts the process when that happens to it."""
    name = f"import_with_{number.name.lower()}"
    (tmp_path / f"{name}.py").write_text(
        f"import signal, time\nsignal.raise_signal({int(number)})\ntime.sleep(0.2)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(ToldToEnd), terminating():
            importlib.import_module(name)
            time.sleep(30)
    finally:
        signal.signal(signal.SIGINT, before)
        module = sys.modules.pop(name, None)
    assert getattr(module, "whole", False)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal as POSIX has it")
def test_a_training_that_is_told_to_end_goes_on(tmp_path: Path) -> None:
    """At a random moment: while libraries are loaded, data is read, or steps are made."""
    raw, data, run = tmp_path / "raw", tmp_path / "data", tmp_path / "run"
    for grey, name in enumerate(("a", "b"), start=90):
        write_wall(raw / name, grey)
    assert main(["prepare", str(raw), str(data), *SMALL, "--workers", "1"]) == 0
    words = [
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        str(data),
        str(run),
        *TRAIN,
        "--scenes",
        "a,b",
    ]
    words[words.index("--train.steps") + 1] = "400"
    call = subprocess.Popen([sys.executable, "-m", "crossvox", *words], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not (run / locks.FOLDER).exists() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(random.uniform(0, 2))
    call.send_signal(signal.SIGTERM)
    assert call.wait(60) == INTERRUPTED
    assert list(run.rglob(".*")) == []
    assert main([*words, "--train.max-minutes", "0.02"]) == 0
    assert read_manifest(run).notes["step"] >= 1
    assert list(run.rglob(".*")) == []
