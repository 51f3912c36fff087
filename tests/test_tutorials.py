"""The tutorials do what they say: every block of commands and of Python on them is run in order.

A page's ``console`` blocks are lines that begin with ``$``; ``python`` blocks are run as they are;
a block with a ``title`` is a file of that name. Blocks without a language are only shown.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.core.room_contents import RoomContents
from crossvox.doors.meshes import read_mesh

pytestmark = pytest.mark.timeout(900)  # whole chains: long where others work beside

DOCS = Path(__file__).resolve().parents[1] / "docs"

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the file that it is, if any, and its text."""

    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page that have a language, in order."""
    return [Block(*found) for found in FENCE.findall((DOCS / page).read_text(encoding="utf-8"))]


def run(page: str) -> int:
    """Run a page in the current folder; returns how many commands and programs it was."""
    count = 0
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for line in block.text.splitlines():
                dollar, program, *words = shlex.split(line)
                assert (dollar, program) == ("$", "crossvox"), line
                assert main(words) == 0, line
                count += 1
        elif block.language == "python":
            exec(compile(block.text, page, "exec"), {"__name__": "__main__"})
            count += 1
        else:
            raise AssertionError(f"{page}: nobody runs a block of {block.language}")
    return count


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which the page is run in; its files can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_my_own_capture_becomes_a_labelled_room(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tutorial-own-capture.md") == 6
    mesh = read_mesh(folder / "room" / "room.ply")
    assert mesh.labels is not None
    assert mesh.label_confidence is not None
    assert (mesh.labels > 0).mean() > 0.5
    assert RoomContents.read(folder / "room" / "objects.json").area_m2 > 0
    assert b"<canvas" in (folder / "room.html").read_bytes()
    assert (folder / "room" / "report" / "index.html").is_file()
    assert re.search(
        r"^\d+\.\d m2 of floor\n +\d+\.\d m2 \w", capsys.readouterr().out, re.MULTILINE
    )


def test_raw_scans_become_an_answer_to_both_questions(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tutorial-experiments.md") == 9
    said = capsys.readouterr().out
    for asked in ("help reconstruction more than plain colours", "start from a reconstruction"):
        assert re.search(rf"^Do.*{asked}\? \w+$", said, re.MULTILINE)
    assert (folder / "study" / "index.html").is_file()
    assert (folder / "data" / "val.txt").read_text().split() == ["scene0001_00", "scene0003_00"]


def test_the_docs_lead_to_a_reader_of_ones_own(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.capture.formats import READERS

    monkeypatch.setattr(READERS, "_parts", dict(READERS._parts))
    monkeypatch.delitem(sys.modules, "arrays", raising=False)
    assert run("tutorial-code.md") == 3
    sys.modules.pop("arrays")
    assert re.search(
        r"^kitchen walk 11 frames: \d+ vertices$", capsys.readouterr().out, re.MULTILINE
    )


def test_a_page_that_is_run_holds_no_block_that_is_not() -> None:
    pages = sorted(path.name for path in DOCS.glob("tutorial-*.md"))
    assert pages == ["tutorial-code.md", "tutorial-experiments.md", "tutorial-own-capture.md"]
    for page in pages:
        told = {block.language for block in blocks(page) if not block.title}
        assert told <= {"console", "python"}, page
