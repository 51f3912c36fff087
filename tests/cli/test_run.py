"""Running commands: exit codes, ``--json``, ``--dry-run``, signals, errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from crossvox.cli import main
from crossvox.cli.plan import duration
from crossvox.cli.run import flags_as_given, run
from crossvox.core.checks import CrossvoxError
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import write_ply
from crossvox.flow.progress import Progress
from crossvox.flow.runner import DryRunEnds, Planned, Runner
from crossvox.recipes.commands import Command


@dataclass(frozen=True)
class Ended:
    """A result, as far as the exit code goes."""

    interrupted: bool = False
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def end(kind: str, *, how: str = "well", progress: Progress | None = None) -> Ended:
    """End in some way.

    Args:
        kind: never given by position, for it is no path.
        how: which.
        progress: who watches.
    """
    assert progress is not None
    progress.say("at work")
    if how == "interrupted":
        raise KeyboardInterrupt
    if how == "error":
        raise CrossvoxError("given: this; needed: that; do: something")
    if how == "disk":
        raise OSError(28, "No space left on device", "file")
    if how == "memory":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9e15 bytes")
    return Ended(how == "stopped", ("a",) * (how == "failed"), ("b",) * (how == "broken"))


def plan(out: Path, *, runner: Runner | None = None) -> Ended:
    """Work in stages.

    Args:
        out: where to.
        runner: who does it.
    """
    assert runner is not None
    if runner.dry:
        runner.plan += [Planned("prepare", f"scene{n}", "make", 30.0) for n in range(40)]
        runner.plan += [
            Planned("prepare", "scene[red]40", "keep", 0.0),
            Planned("train", "run", "continue", 600.0),
            Planned("predict", "", "unknown"),
        ]
        raise DryRunEnds
    out.mkdir()
    return Ended()


def command(function: str) -> Command:
    return Command(function, f"{__name__}:{function}", "a test")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())


def _this() -> object:
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module


@pytest.mark.parametrize(
    ("how", "code", "text"),
    [
        ("well", 0, "at work"),
        ("stopped", 130, "run the same command again"),
        ("failed", 2, "at work"),
        ("broken", 2, "at work"),
        ("interrupted", 130, "run the same command again"),
        ("error", 2, "error: given: this"),
        ("disk", 2, "error: given: file (No space left on device); needed: room on the disk; do: "),
        ("memory", 2, "given: end, which needs more memory than there is"),
    ],
)
def test_the_exit_code_follows_from_the_result(
    how: str, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command("end"), ["x", "--how", how]) == code
    assert text in capsys.readouterr().err


def test_json_may_stand_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    for words in (
        ["x", "--json", str(file), "--how", "failed"],
        [f"--json={file}", "x", "--how", "failed"],
        ["x", "--how", "failed", "--json", str(file)],
    ):
        assert run(command("end"), words) == 2
        assert json.loads(file.read_text())["failed"] == ["a"]
        file.unlink()


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "", "out"],
        ["prepare", "raw", ""],
        ["report", "run", "out", "--json", ""],
        ["scan", "--no-page", "", "out"],
        ["scan", "--anyway", "", "out"],
        ["scan", "--verify", "", "out"],
    ],
)
def test_an_unset_variable_is_not_the_folder_where_one_is(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "an empty word" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, record = tmp_path / "out", tmp_path / "plan.json"
    assert run(command("plan"), [str(out), "--dry-run", "--json", str(record)]) == 0
    assert not out.exists()
    rows = [
        [cell.strip() for cell in line.strip("│┃").split("│")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["prepare", "40 items", "make", "20 min"],
        ["prepare", "scene[red]40", "keep", "-"],
        ["train", "run", "continue", "10 min"],
        ["predict", "", "unknown", "?"],
        ["in all", "42 to do, 1 kept", "", "30 min and 1 of unknown length"],
    ]
    assert len(json.loads(record.read_text())) == 43
    assert run(command("plan"), [str(out)]) == 0
    assert out.is_dir()


def test_a_dry_run_of_a_command_without_stages_does_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(command("end"), ["x", "--how", "error", "--dry-run"]) == 0
    assert "1 to do, 0 kept" in capsys.readouterr().out


def test_a_dry_run_of_rooms_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rooms", str(tmp_path / "raw"), "--count", "3", "--dry-run"]) == 0
    assert "3 to do, 0 kept" in capsys.readouterr().out
    assert not (tmp_path / "raw").exists()


def test_lengths_of_time() -> None:
    assert [duration(s) for s in (0, 0.25, 40, 600, 12000)] == [
        "0 s",
        "0.2 s",
        "40 s",
        "10 min",
        "3 h 20 min",
    ]


WAITS = (
    "import sys, threading, types\n"
    "from crossvox.cli.run import run\n"
    "from crossvox.recipes.commands import Command\n"
    "def wait(*, runner=None):\n"
    "    'Wait.'\n"
    "    print('waiting', flush=True)\n"
    "    threading.Event().wait(60)\n"
    "sys.modules['waiting'] = types.SimpleNamespace(wait=wait)\n"
    "sys.exit(run(Command('wait', 'waiting:wait', ''), []))"
)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as POSIX has it")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_a_command_and_says_how_to_go_on(number: str) -> None:
    # A shell that runs the tests in the background has its children ignore Ctrl-C, nohup SIGHUP.
    with subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(getattr(signal, number), signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(getattr(signal, number))
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said == "wait: loading\ninterrupted; run the same command again to continue\n"


@pytest.mark.skipif(os.name != "posix", reason="closes a terminal as POSIX has it")
def test_a_terminal_that_is_closed_ends_a_command_as_well() -> None:
    """What it says at its end cannot be written there any more."""
    seen, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as process:
        os.close(terminal)
        said = b""
        while b"waiting" not in said:
            said += os.read(seen, 1000)
        os.close(seen)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 130


def square(z_m: float) -> Mesh:
    vertices = np.array([[0, 0, z_m], [1, 0, z_m], [1, 1, z_m], [0, 1, z_m]], dtype=np.float32)
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))


def test_score_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ply(tmp_path / "a.ply", square(0.0))
    write_ply(tmp_path / "b.ply", square(0.02))
    arguments = ["score", str(tmp_path / "a.ply"), str(tmp_path / "b.ply")]
    assert main([*arguments, "--json", str(tmp_path / "out.json")]) == 0
    assert "F-score" in capsys.readouterr().out
    scores = {s["name"]: s for s in json.loads((tmp_path / "out.json").read_text())}
    assert scores["F-score"]["value"] == pytest.approx(1.0)
    assert scores["Acc"]["value"] == pytest.approx(0.02, abs=1e-3)
    assert scores["Acc"]["protocol"] == "surface"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["info", "nowhere"], "nowhere"),
        (["score", "a.ply", "b.ply"], "a.ply"),
        (["predict", "norun", "nodata", "out"], "norun"),
        (["evaluate", "reconstruct", "nopred", "nodata"], "nopred"),
        (["prepare", "noraw", "out"], "noraw"),
        (["scan", "nocapture", "out"], "nocapture"),
        (["train", "reconstruct", "nodata", "run"], "nodata"),
        (["report", "norun"], "at least one run"),
    ],
)
def test_bad_input_ends_with_2_and_a_text_that_names_it(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "needed:" in error
    assert "Traceback" not in error


def test_a_back_end_that_nobody_knows_or_needs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(command("plan"), [str(out), "--backend", "poll"]) == 2
    assert "did you mean 'pool'" in capsys.readouterr().err
    assert run(command("plan"), [str(out), "--backend", "poll", "--dry-run"]) == 2
    assert not out.exists()
    assert run(command("end"), ["x", "--backend", "pool"]) == 2
    assert "makes no scenes" in capsys.readouterr().err
    assert run(command("plan"), [str(out), "--backend", "pool"]) == 0


@pytest.mark.parametrize(
    ("told", "words", "called"),
    [
        ("correct --size", ["--predict.label.size", "0"], "correct --predict.label.size"),
        ("correct --label.size", ["--predict.label_size=0"], "correct --label.size"),
        ("correct --half-m", ["--predict.votes.half_m=0"], "correct --predict.votes.half-m"),
        ("correct --size", ["--size", "1", "--predict.size", "0"], "correct --size"),
        ("correct --size", ["--a.size", "1", "--b.size", "0"], "correct --size"),
        ("leave --run-size or --size out", ["--p.size=1"], "leave --run-size or --p.size out"),
    ],
)
def test_an_error_calls_a_flag_as_it_was_given(told: str, words: list[str], called: str) -> None:
    assert flags_as_given(told, words) == called


def test_scan_tells_a_wrong_parameter_by_its_own_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["scan", str(tmp_path), str(tmp_path / "out"), "--predict.label.shown-height", "0"])
    assert code == 2
    assert "do: correct --predict.label.shown-height" in capsys.readouterr().err
