"""``crossvox view`` as a program: one file, a live view that Ctrl-C ends, errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossvox import cli


def test_view_writes_one_file(labelled: Any, tmp_path: Path) -> None:
    out, record = tmp_path / "room.html", tmp_path / "record.json"
    words = ["view", str(labelled.prediction), "--out", str(out), "--faces", "3000"]
    assert cli.main([*words, "--json", str(record)]) == 0
    assert out.stat().st_size < 3_000_000
    written = json.loads(record.read_text())
    assert "sofa" in written["classes"]
    assert written["shots"] == 11


def test_view_of_nothing_is_an_error(
    labelled: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["view", str(labelled.prediction), "--scene", "attic"]) == 2
    assert "given: scene attic" in capsys.readouterr().err
    assert cli.main(["view", str(tmp_path / "gone")]) == 2


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C, as POSIX has it")
def test_ctrl_c_ends_the_live_view_well(labelled: Any) -> None:
    words = ["view", str(labelled.data), "--port", "0", "--faces", "2000"]
    # A shell that runs the tests in the background has its children ignore Ctrl-C.
    with subprocess.Popen(
        [sys.executable, "-m", "crossvox.cli", *words],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "http://localhost:" in line:
                break
        process.send_signal(signal.SIGINT)
        try:
            rest = process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert "Ctrl-C ends it" in said
    assert "view ended" in rest
    assert process.returncode == 0
