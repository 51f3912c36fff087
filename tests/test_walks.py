"""Walks of a new user, word by word: the README's block on captures; what each command names next.

The three tutorials are walks too; ``tests/test_tutorials.py`` runs them.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.capture.box_room import write_box_room

from crossvox.cli import main
from crossvox.core.room_contents import RoomContents
from crossvox.doors.meshes import read_mesh

pytestmark = pytest.mark.timeout(900)  # whole chains: long where others work beside

ROOT = Path(__file__).resolve().parents[1]


def block_below(heading: str) -> list[list[str]]:
    """The words of each command in the first block below a heading of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return [shlex.split(line, comments=True) for line in found[1].splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the walk begins."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_leads_from_a_capture_to_a_labelled_room(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_box_room(folder / "CAPTURE", 8)
    lines = block_below("Your own capture")
    assert [words[1] for words in lines] == ["doctor", "scan", "models", "info", "convert"]
    for program, *words in lines:
        assert program == "crossvox"
        assert main(words) == 0, words
    mesh = read_mesh(folder / "OUT" / "room.ply")
    assert mesh.labels is not None
    assert (mesh.labels > 0).mean() > 0.5
    assert RoomContents.read(folder / "OUT" / "objects.json").objects
    assert (folder / "OUT" / "report" / "index.html").is_file()
    assert (folder / "EXPORT" / "color").is_dir()
    assert "next: crossvox view OUT" in capsys.readouterr().err


SMALLER = {
    "prepare": "--frame-skip 1 --width 96 --height 72 --workers 1",
    "train reconstruct": "--train.steps 2 --train.batch-size 1 --validation-samples 2 "
    "--train.no-tensorboard --task.network.width 4 --task.network.depth 1 "
    "--sparse.shape 16 16 16 --sparse.most 6",
    "predict": "--images none",
}
"""What makes the commands of a walk short; their paths are those that the one before has named."""


def test_each_command_names_the_next_up_to_a_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (
        "crossvox rooms scans --count 2 --validation-every 2 --frames 8 --frame-step 30 "
        "--width 96 --height 72"
    )
    walked = []
    while line:
        program, *words = shlex.split(line)
        assert program == "crossvox"
        name = " ".join(words[:2]) if words[0] in ("train", "evaluate") else words[0]
        walked.append(name)
        if name == "view":  # it serves until it is ended
            assert (folder / words[-1] / "manifest.json").is_file()
            break
        assert main([*words, *SMALLER.get(name, "").split()]) == 0, line
        told = re.findall(r"^next: (.*)$", capsys.readouterr().err, re.MULTILINE)
        line = told[0] if told else ""
    steps = ["rooms", "prepare", "train reconstruct", "predict", "evaluate reconstruct"]
    assert walked == [*steps, "report", "view"]
    pages = list(folder.glob("*/index.html"))
    assert len(pages) == 1
    assert b"F-score" in pages[0].read_bytes()
