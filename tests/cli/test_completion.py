"""``crossvox --completion``: scripts that complete commands, flags and choices."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.recipes.commands import COMMANDS


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_script_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", shell]) == 0
    script = capsys.readouterr().out
    for name in COMMANDS:
        assert name.split()[-1] in script
    assert "--train.steps" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_flags_and_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--completion", "bash"]) == 0
    script = tmp_path / "crossvox.bash"
    script.write_text(
        capsys.readouterr().out
        + r"""
complete_words() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  $(complete -p crossvox | sed 's/.*-F \([^ ]*\) .*/\1/')
  echo "${COMPREPLY[*]}"
}
complete_words crossvox pre
complete_words crossvox train ""
complete_words crossvox train segment3d --train.ste
complete_words crossvox evaluate reconstruct --protocol ""
"""
    )
    lines = subprocess.run(
        ["bash", str(script)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert set(lines[0].split()) == {"predict", "predict2d", "prepare"}
    assert {"reconstruct", "segment2d", "segment3d"} <= set(lines[1].split())
    assert lines[2].split() == ["--train.steps"]
    assert {"surface", "thesis"} <= set(lines[3].split())


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_other_shells_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", *words]) == 2
    assert "one of bash, zsh, fish" in capsys.readouterr().err
