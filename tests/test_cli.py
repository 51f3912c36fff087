"""The command line: help, exit codes, error texts. Commands themselves are tested in flow/."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossvox.cli import COMMANDS, main, split_command, take_json
from crossvox.core.checks import CrossvoxError
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import write_ply


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from crossvox.cli import main; main(['--help']); "
        "heavy = {'torch', 'numba', 'scipy', 'cv2', 'tyro', 'rich', 'trimesh', 'viser'}; "
        "print('imported:', sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "imported: []" in result.stdout
    for name, command in COMMANDS.items():
        assert name in result.stdout
        assert command.summary in result.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*name.split(), "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"crossvox {name}" in text
    assert "Args:" not in text


def test_unknown_commands_and_flags_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "no command is called 'fly'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["score", "--wings", "2"])
    assert stop.value.code == 2


def test_two_word_commands_are_found() -> None:
    assert split_command(["train", "reconstruct", "a"]) == ("train reconstruct", ["a"])
    assert split_command(["score", "a", "b"]) == ("score", ["a", "b"])
    assert split_command(["train"]) is None


def test_json_may_stand_anywhere() -> None:
    assert take_json(["a", "--json", "f", "b"]) == (["a", "b"], Path("f"))
    assert take_json(["--json=f", "b"]) == (["b"], Path("f"))
    assert take_json(["b"]) == (["b"], None)
    with pytest.raises(CrossvoxError, match="a file name after it"):
        take_json(["--json"])


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
