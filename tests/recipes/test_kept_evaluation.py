"""What a network has learnt from is told of an evaluation that is kept as of a fresh one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from walls import command

from crossvox.doors.images import encode_png, write_bytes
from crossvox.recipes import evaluate_images, images


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


def test_images_are_listed_and_the_lineage_is_read_once(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for module in (images, evaluate_images):
        for name in ("evaluation_pairs", "seen_scenes"):
            told = getattr(module, name, None)
            if told is not None:

                def counted(*given: Any, name: str = name, told: Any = told) -> Any:
                    asked.append(name)
                    return told(*given)

                monkeypatch.setattr(module, name, counted)
    command("evaluate", "segment2d", house / "run2d", house / "data", "--out", tmp_path / "out",
            "--scenes", "all")  # fmt: skip
    assert sorted(asked) == ["evaluation_pairs", "seen_scenes"]


def test_an_evaluation_is_not_kept_where_depth_is_read_otherwise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        color = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        write_bytes(tmp_path / "images" / f"{name}.png", encode_png(color))
        write_bytes(tmp_path / "labels" / f"{name}.png", encode_png(np.ones((48, 64), np.uint8)))
        depth = np.linspace(500, 3000, 48 * 64).reshape(48, 64).astype(np.uint16)
        write_bytes(tmp_path / "depths" / f"{name}.png", encode_png(depth))
    out = tmp_path / "out"
    folders = [word for n in ("images", "labels", "depths") for word in (f"--{n}", tmp_path / n)]
    camera = ("--depth-images.size", 64, 48, "--depth-images.focal", 60, 60)
    words = ("evaluate", "segment2d", "default2d", *folders, *camera, "--out", out)
    made = []
    for units in (1000, 1000, 5000):
        command(*words, "--depth-images.units-per-m", units)
        made.append((out / "scores.json").stat().st_mtime_ns)
    assert made[0] == made[1] < made[2]
