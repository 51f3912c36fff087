"""Any run as a network with its weights, and whether a packed one is what its card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossvox.core.checks import CheckpointError, expect
from crossvox.core.params import from_plain
from crossvox.recipes.cards import read_card
from crossvox.recipes.image_run import read_segment2d_run
from crossvox.recipes.scene_run import read_any_run
from crossvox.tasks.label3d import Label3d
from crossvox.tasks.label_params import Label3dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.checkpoint import load_run_network
from crossvox.train.chosen import weights_file
from crossvox.train.folder import read_record
from crossvox.train.params import SELFTEST
from crossvox.train.selftest import read_self_test, sha256_of


def task_of(run: Path) -> Any:
    """The task of a run, of any kind that a network can be packed of.

    Raises:
        ArtifactError: ``run`` is no run folder, or one of another task.
    """
    record = read_record(run)
    if record.task == Segment2d.name:
        return read_segment2d_run(run).task
    if record.task == Label3d.name:
        return Label3d(from_plain(Label3dParams, record.task_params))
    return read_any_run(run).task


def built(task: Any) -> Any:
    """A network of a task, without the weights that training starts from."""
    return task.build(weights=False) if isinstance(task, Segment2d) else task.build()


def check_model(run: Path) -> None:
    """Load a run that was packed, and compare it with its card and its self-test.

    Raises:
        ArtifactError: no run that was packed, or a card that lacks something.
        CheckpointError: the weights are damaged or others than the card tells, there is no
            self-test, or the network answers something else than it did.
    """
    card, weights = read_card(run), weights_file(run)
    found = sha256_of(weights)
    expect(
        found == card.sha256,
        given=f"{weights}, whose SHA-256 is {found[:16]}...",
        needed=f"what the card tells, {card.sha256[:16]}...",
        do="install the package again, or pack the run again",
        error=CheckpointError,
    )
    network = built(task_of(run))
    load_run_network(run, network)
    expect(
        read_self_test(run) is not None,
        given=f"{run} without {SELFTEST}",
        needed="a stored input, and the answer to it",
        do="install the package again, or pack the run again",
        error=CheckpointError,
    )
    parameters = sum(parameter.numel() for parameter in network.parameters())
    expect(
        parameters == card.parameters,
        given=f"{run}, a network of {parameters:,} parameters",
        needed=f"what the card tells, {card.parameters:,}",
        do="pack the run again",
        error=CheckpointError,
    )
