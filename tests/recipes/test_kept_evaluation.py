"""What a network has learnt from is told of an evaluation that is kept as of a fresh one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from walls import command

from crossvox.recipes import evaluate_images


def test_a_kept_evaluation_tells_seen_scenes(
    house: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("evaluate", "segment2d", house / "run2d", house / "data", "--out", tmp_path / "out")
    words = (*words, "--scenes", "all", "--json", tmp_path / "told.json")
    with monkeypatch.context() as older:
        older.setattr(evaluate_images, "seen_scenes", lambda *_: ())
        command(*words)
    assert "not held out" not in capsys.readouterr().err
    written = (tmp_path / "out" / "scores.json").read_bytes()
    assert json.loads(written)["seen"] == []
    command(*words)
    assert (tmp_path / "out" / "scores.json").read_bytes() == written, "it is kept"
    assert json.loads((tmp_path / "told.json").read_text())["seen"] == ["scene0001_00"]
    assert "learnt from them: scene0001_00" in capsys.readouterr().err
