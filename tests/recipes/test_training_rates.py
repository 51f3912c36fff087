"""How long a training will take is told by trainings of its own kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crossvox.flow import rates
from crossvox.flow.runner import DryRunEnds, Runner
from crossvox.recipes.complete import CompleteRunParams, TrainComplete
from crossvox.recipes.label3d import Label3dRunParams, TrainLabel3d
from crossvox.recipes.training import Training


def foretold(stage: Any, folder: Path) -> float | None:
    """What a dry run tells of a run."""
    runner = Runner(dry=True)
    with pytest.raises(DryRunEnds):
        runner.go_on(stage, folder)
    return runner.plan[0].seconds


@pytest.mark.usefixtures("no_rates")
def test_one_task_does_not_foretell_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "foresee", lambda self, work: "make")
    sources: Any = None
    room = TrainComplete(tmp_path, CompleteRunParams(), sources)
    labels = TrainLabel3d(tmp_path, Label3dRunParams(), sources)
    rates.record_rate(room.rate(), 30.0, 1)
    assert foretold(room, tmp_path / "room") == pytest.approx(30 * room.size())
    assert foretold(labels, tmp_path / "labels") is None
