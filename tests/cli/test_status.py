"""``crossvox status``: where folders of items, runs and studies stand, while others work there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossvox.cli import main
from crossvox.core.artifact import Manifest, write_json, write_manifest
from crossvox.flow import locks


def told(folder: Path, tmp_path: Path) -> dict[str, Any]:
    out = tmp_path / "status.json"
    assert main(["status", str(folder), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert isinstance(found, dict)
    return found


def item(out: Path, name: str, seconds: float) -> None:
    (out / name).mkdir(parents=True)
    write_manifest(out / name, Manifest("prepare-scene", seconds={"all": seconds}))


def test_a_folder_of_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "data"
    for name in ("a", "entered late"):
        item(out, name, 10.0)
    failed = {"bad": {"reason": "half a [scan]", "when": "2030", "identity": "0"}, "old": "broken"}
    notes = {"planned": ["a", "b", "bad", "c", "entered late", "old"], "failed": failed}
    write_manifest(out, Manifest("prepare", items={"a": "1"}, notes=notes))
    with locks.taken(out, "b"):
        found = told(out, tmp_path)
    states = {state["item"]: state["state"] for state in found["states"]}
    assert states == {
        "a": "done", "b": "running", "bad": "failed", "c": "missing", "entered late": "done",
        "old": "failed",
    }  # fmt: skip
    assert (found["kind"], found["workers"]) == ("prepare", 1)
    assert found["seconds_left"] == pytest.approx(20, abs=2)
    shown = capsys.readouterr()
    assert "half a [scan]" in shown.out
    assert "missing: c" in shown.err
    assert "1 at work" in shown.err
    assert told(out, tmp_path)["seconds_left"] == pytest.approx(20)


def run_folder(run: Path, steps: int, done: int) -> None:
    write_json(run / "params.json", {"train": {"steps": steps}, "task": {"name": "x"}})
    lines = [
        json.dumps({"step": n, "split": split, "seconds": 2.0 * n})
        for n in range(1, done + 1)
        for split in ("train", "validation")
    ]
    (run / "log.jsonl").write_text("\n".join(["[1]", "{", *lines, '{"step": 9']))


def test_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_folder(run, 100, 60)
    found = told(run, tmp_path)
    assert (found["counts"], found["seconds_left"]) == ({"stopped": 1}, 80.0)
    assert found["states"][0]["detail"] == "step 60 of 100"
    with locks.alone(run, inside=True):
        found = told(run, tmp_path)
    assert (found["kind"], found["counts"]) == ("run", {"running": 1})
    write_manifest(run, Manifest("train", notes={"step": 100}))
    assert told(run, tmp_path)["counts"] == {"done": 1}


def test_a_study(tmp_path: Path) -> None:
    out = tmp_path / "study"
    write_json(out / "params.json", {"task": "reconstruct"})
    write_json(out / "results" / "rgb" / "seed-0.json", {})
    run_folder(out / "runs" / "rgb" / "seed-1", 10, 5)
    run_folder(out / "runs" / "depth" / "seed-0", 10, 2)
    with locks.taken(out, "rgb/seed-1"):
        found = told(out, tmp_path)
    states = {state["item"]: (state["state"], state["detail"]) for state in found["states"]}
    assert states["rgb/seed-0"] == ("done", "")
    assert states["rgb/seed-1"][0] == "running"
    assert states["rgb/seed-1"][1].startswith("step 5 of 10; process")
    assert states["depth/seed-0"] == ("stopped", "step 2 of 10")
    assert states["depth/seed-1"] == ("missing", "")


def test_anything_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(tmp_path / "demo" / "data", Manifest("prepare", notes={"planned": []}))
    for folder in (tmp_path / "nowhere", tmp_path / "demo"):
        assert main(["status", str(folder)]) == 2
    assert "name one of data in it" in capsys.readouterr().err
