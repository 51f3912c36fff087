"""Finished folders: kept means checked, and what a stage did not write is never replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossvox.core.artifact import (
    Manifest,
    read_json,
    read_manifest,
    replacing,
    write_manifest,
)
from crossvox.core.checks import ArtifactError
from crossvox.flow.contents import damage, listed, strangers
from crossvox.flow.folder import building
from crossvox.flow.leftovers import clear_unfinished
from crossvox.flow.runner import Runner

sys.path.insert(0, str(Path(__file__).parent))
from stages_for_tests import Echo, Echoes


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import the stages too."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


class Heard:
    """Keeps remarks."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, label: str):  # type: ignore[no-untyped-def]
        return lambda done, total: None


def made(folder: Path, word: str = "word") -> Path:
    Runner().make(Echo(word), folder)
    return folder


def test_a_manifest_lists_files_links_and_empty_folders(tmp_path: Path) -> None:
    with building(tmp_path / "out") as folder:
        (folder / "color").mkdir()
        (folder / "color" / "0.jpg").write_bytes(b"abc")
        (folder / "label").mkdir()
        (folder / "frames").symlink_to("color")
        write_manifest(folder, Manifest("s"))
    files = read_manifest(tmp_path / "out").files
    assert files is not None
    assert sorted(files) == ["color/0.jpg", "frames", "label"]
    assert files["color/0.jpg"].split()[0] == "3"
    assert files["frames"] == "-> color"
    assert damage(tmp_path / "out", whole=True) == ""
    assert strangers(tmp_path / "out") == []
    assert listed(tmp_path / "out") == files


def test_damage_is_told_in_words(tmp_path: Path) -> None:
    out = made(tmp_path / "out")
    (out / "begun.txt").unlink()
    (out / "word.txt").write_text("longer than it was")
    assert damage(out) == "begun.txt is gone, word.txt has 18 bytes, not 4"
    (out / "begun.txt").write_text("half")
    (out / "word.txt").write_text("sord")
    assert damage(out) == ""
    assert damage(out, whole=True) == "word.txt has changed"


@pytest.mark.parametrize("notes", [5, {"letters": "many"}])
def test_a_manifest_that_was_changed_is_damage(tmp_path: Path, notes: object) -> None:
    """What it notes is shown and counted: it must be what the stage wrote."""
    out = made(tmp_path / "out")
    record = read_json(out / "manifest.json")
    (out / "manifest.json").write_text(json.dumps({**record, "seconds": {}, "created": ""}))
    assert damage(out) == ""
    (out / "manifest.json").write_text(json.dumps({**record, "notes": notes}))
    if isinstance(notes, dict):
        assert damage(out) == "manifest.json has changed"
        assert Runner().make(Echo("word"), out).notes["letters"] == 4
    else:
        with pytest.raises(ArtifactError, match="notes"):
            Runner().make(Echo("word"), out)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_damaged_is_told_and_made_again(tmp_path: Path, workers: int) -> None:
    items = {word: Echo(word) for word in ("a", "b", "c")}
    Runner().make_all(Echoes(), items, tmp_path / "out")
    (tmp_path / "out" / "a" / "word.txt").write_text("")
    (tmp_path / "out" / "b" / "word.txt").write_text("x")
    heard = Heard()
    again = Runner(heard).make_all(Echoes(), items, tmp_path / "out", workers=workers)
    assert [o.status for o in again.outcomes] == ["made", "kept", "kept"]
    assert heard.said == ["a is damaged and is made anew: word.txt has 0 bytes, not 1"]
    runner = Runner(heard, verify=True)
    again = runner.make_all(Echoes(), items, tmp_path / "out", workers=workers)
    assert [o.status for o in again.outcomes] == ["kept", "made", "kept"]
    assert [(tmp_path / "out" / w / "word.txt").read_text() for w in "abc"] == ["a", "b", "c"]


def test_a_folder_with_a_strangers_file_is_kept_but_not_replaced(tmp_path: Path) -> None:
    out = made(tmp_path / "out")
    (out / "notes.txt").write_text("dear")
    assert Runner().make(Echo("word"), out).status == "kept"
    with pytest.raises(ArtifactError, match=r"notes\.txt, which 'echo' did not write"):
        Runner().make(Echo("other"), out)
    (out / "word.txt").unlink()
    with pytest.raises(ArtifactError, match=r"notes\.txt"):
        Runner().make(Echo("word"), out)
    assert (out / "notes.txt").read_text() == "dear"
    (out / "notes.txt").unlink()
    assert Runner().make(Echo("word"), out).status == "made"


def test_a_strangers_file_costs_its_item_alone(tmp_path: Path) -> None:
    items = {word: Echo(word) for word in ("a", "b")}
    Runner().make_all(Echoes(), items, tmp_path / "out")
    for word in items:
        (tmp_path / "out" / word / "word.txt").unlink()
    (tmp_path / "out" / "a" / ".git").mkdir()
    (tmp_path / "out" / "a" / ".git" / "config").write_text("dear")
    made = Runner().make_all(Echoes(), items, tmp_path / "out")
    assert [outcome.status for outcome in made.outcomes] == ["failed", "made"]
    assert ".git/config" in made.outcomes[0].error
    assert (tmp_path / "out" / "a" / ".git" / "config").is_file()


def test_what_comes_while_a_folder_is_made_anew_stays(tmp_path: Path) -> None:
    out = made(tmp_path / "out")
    with pytest.raises(ArtifactError, match="late"), building(out) as folder:
        write_manifest(folder, Manifest("echo", {"word": "other"}))
        (out / "late").mkdir()
    assert (out / "word.txt").is_file()
    assert (out / "late").is_dir()


def test_a_folder_without_a_list_is_kept_and_not_replaced(tmp_path: Path) -> None:
    """An older version wrote it, and nobody can tell what of it is somebody's own."""
    from dataclasses import replace

    out = made(tmp_path / "out")
    write_manifest(out, replace(read_manifest(out), files=None))
    assert Runner().make(Echo("word"), out).status == "kept"
    with pytest.raises(ArtifactError, match="no list tells who wrote it"):
        Runner().make(Echo("other"), out)


def test_views_that_are_kept_beside_a_scene_are_not_a_strangers(tmp_path: Path) -> None:
    out = made(tmp_path / "out")
    (out / "views").mkdir()
    assert strangers(out) == []
    (out / "views" / "0123456789abcdef.npz").touch()
    (out / "views" / ".0123456789abcdef.01234567.89abcdef.part.npz").touch()
    for kept in ("depth-0123456789abcdef", "said-0123456789abcdef"):
        (out / "views" / kept).mkdir()
        (out / "views" / kept / "kept.json").touch()
    assert strangers(out) == []
    (out / "views" / "mine.npz").touch()
    (out / "views" / "depth-mine").mkdir()
    assert strangers(out) == ["views/depth-mine", "views/mine.npz"]


def test_files_of_killed_processes_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from crossvox.core.artifact import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.touch()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.json")], check=False)
    with replacing(tmp_path / "b.json") as temporary:
        temporary.touch()
        names = [".x.json", ".a.01234567.part.json"]
        for name in names:
            (tmp_path / name).touch()
        assert len(os.listdir(tmp_path)) == 4
        clear_unfinished(tmp_path)
        assert temporary.is_file()
        assert len(os.listdir(tmp_path)) == 3
