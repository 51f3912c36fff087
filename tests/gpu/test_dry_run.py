"""``make gpu`` on a CPU: small, against itself, so that the script stays fit to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.gpu import __main__ as script
from benchmarks.gpu import equality
from benchmarks.gpu.equality import Comparison, compare, way_between
from benchmarks.gpu.material import SMALL, batch_of

from crossvox.core.artifact import read_json


def test_it_runs_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    assert script.main(["--device", "cpu", "--no-tests", "--out", str(out)]) == 0
    record = read_json(out)
    assert record["dry_run"]
    assert len(record["comparisons"]) >= 11
    assert all(one["ok"] and one["difference"] == 0 for one in record["comparisons"])
    assert {one["what"] for one in record["rates"]} == {
        "scene_unet, training",
        "lite, training",
        "scene_unet, inference",
        "lite, features",
        "scene_unet, a scene",
    }
    assert all(one["per_s"] > 0 for one in record["rates"])
    told = capsys.readouterr().out
    assert "dry run" in told
    assert "all agree" in told
    assert "DIFFERS" not in told


def test_what_differs_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [Comparison("lift", 0.1, 1e-6), Comparison("network", float("nan"), 1e-4)]
    monkeypatch.setattr(script, "comparisons", lambda device, size: wrong)
    monkeypatch.setattr(script, "rates", lambda device, size: [])
    out = tmp_path / "gpu.json"
    assert script.main(["--device", "cpu", "--no-tests", "--out", str(out)]) == 1
    assert capsys.readouterr().out.count("DIFFERS") == 2
    assert [one["ok"] for one in read_json(out)["comparisons"]] == [False, False]


def test_differences_are_shares_of_the_largest_value() -> None:
    reference = torch.tensor([0.0, -4.0])
    assert compare("a", torch.tensor([0.0, -4.0]), reference, 0.0).ok
    assert compare("a", torch.tensor([0.4, -4.0]), reference, 1.0).difference == pytest.approx(0.1)
    assert not compare("a", torch.tensor([torch.nan, -4.0]), reference, 1.0).ok
    assert way_between([torch.tensor([3.0, 3.0])], [torch.tensor([3.0, 4.0])]) == 0.2


def test_a_device_that_learns_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights' way tells a rate that is a tenth larger."""
    shares = iter((1.1, 1.0))
    original = equality.train

    def other(task: Any, data: Any, collate: Any, run: Path, params: Any) -> Any:
        changed = replace(params, rate=params.rate * next(shares))
        return original(task, data, collate, run, changed)

    monkeypatch.setattr(equality, "train", other)
    (found,) = equality._steps("cpu", SMALL)
    assert not found.ok


def test_drawn_batches_depend_on_their_number_alone() -> None:
    one, same, other = (batch_of(SMALL, seed) for seed in (1, 1, 2))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
