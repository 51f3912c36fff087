"""Runs of labels in 3D, read back from their folders."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.artifact import file_digest
from crossvox.core.params import from_plain
from crossvox.recipes.label3d import Label3dRunParams
from crossvox.recipes.run_input import RunInput
from crossvox.train.chosen import Taken, chosen
from crossvox.train.folder import read_record
from crossvox.train.params import NETWORK, CheckpointName

if TYPE_CHECKING:
    from crossvox.predict.learnt_labels import LearntLabels


def read_label_run(run: Path) -> Label3dRunParams:
    """How a run of labels in 3D was trained.

    Raises:
        ArtifactError: it is no run folder, or one of another task.
    """
    return from_plain(Label3dRunParams, read_record(run, "label3d").recipe["params"])


def label_run_input(run: Path, checkpoint: CheckpointName = "auto") -> RunInput:
    """A run of labels in 3D as an input: what its weights are.

    Raises:
        ArtifactError: it is no such run, or has no weights.
        CheckpointError: it has no such checkpoint.
    """
    read_label_run(run)
    taken = chosen(run, checkpoint)
    return RunInput(run, file_digest(run / taken / NETWORK), taken)


@lru_cache(maxsize=1)
def label_network(run: Path, taken: Taken, device: str = "cpu") -> LearntLabels:
    """What corrects the classes of a surface by a trained run; kept for the next scene.

    Raises:
        ArtifactError: no such run.
        CheckpointError: its weights are damaged, or do not fit.
    """
    from crossvox.doors.devices import pick_device
    from crossvox.predict.learnt_labels import LearntLabels
    from crossvox.tasks.label3d import Label3d
    from crossvox.train.checkpoint import load_run_network

    network = Label3d(read_label_run(run).task).build()
    load_run_network(run, network, taken)
    return LearntLabels(network.to(pick_device(device)).eval())
