"""Runs of 2D segmentation, read back from their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.colors import check_recorded
from crossvox.core.params import from_plain
from crossvox.doors.devices import pick_device
from crossvox.recipes.segment2d import Segment2dRunParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.folder import read_record, shares_of
from crossvox.train.params import CheckpointName


@dataclass(frozen=True)
class Segment2dRun:
    """What a 2D run's folder tells.

    Attributes:
        params: how it was trained.
        task: its task, with the class shares of its training labels.
    """

    params: Segment2dRunParams
    task: Segment2d


def read_segment2d_run(run: Path) -> Segment2dRun:
    """Params and task of a 2D run, read back from its folder.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
    """
    record = read_record(run, "segment2d")
    check_recorded(record.recipe, str(run))
    params = from_plain(Segment2dRunParams, record.recipe["params"])
    return Segment2dRun(params, Segment2d(params.task, shares_of(record, run)))


def load_segment2d(
    run: Path, which: CheckpointName = "auto", device: str = "cpu"
) -> tuple[Segment2dRun, Any]:
    """A trained 2D network in evaluation mode, and what it was trained with.

    Args:
        run: a run of ``crossvox train segment2d``.
        which: which checkpoint, see :mod:`crossvox.train.chosen`.
        device: where the network goes; ``auto`` takes an accelerator if there is one.

    Raises:
        ArtifactError: no such run.
        CheckpointError: no such checkpoint, or it does not fit.
    """
    from crossvox.train.checkpoint import load_run_network

    record = read_segment2d_run(run)
    network = record.task.build(weights=False)
    load_run_network(run, network, which)
    return record, network.to(pick_device(device)).eval()
