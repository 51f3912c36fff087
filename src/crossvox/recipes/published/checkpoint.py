"""A checkpoint of the published pipeline becomes a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.artifact import (
    write_json,
)
from crossvox.core.checks import CheckpointError, expect
from crossvox.core.files import PARAMS
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.run_input import RunInput
from crossvox.train.chosen import expect_run_of
from crossvox.train.folder import make_record
from crossvox.train.params import CheckpointName, TrainParams

if TYPE_CHECKING:
    from crossvox.train.weights import LoadReport


IMPORT_CHECKPOINT = "import-checkpoint"
"""Stage of a run folder that holds imported weights."""


@dataclass(frozen=True)
class CheckpointImport:
    """What became of an imported checkpoint.

    Attributes:
        run: the run folder.
        task: its task: ``reconstruct``, ``segment2d``, ``segment3d``; with ``-features`` behind it
            where the 2D network is still to be named.
        architecture: the network.
        classes: its classes.
        parameters: its weights, without buffers.
        loaded: names that were taken over; all of them, or the import fails.
        kept: the folder held exactly this already.
        note: what the run is good for.
    """

    run: Path
    task: str
    architecture: str
    classes: int
    parameters: int
    loaded: int
    kept: bool
    note: str


@dataclass(frozen=True)
class ImportCheckpoint(Stage):
    """A checkpoint as a run folder.

    Attributes:
        file: the checkpoint.
        features: the 2D run whose features its 3D network reads.
    """

    NAME = IMPORT_CHECKPOINT

    file: Input
    features: RunInput | None = None

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``best/`` and ``params.json``; there is nothing to go on training from."""
        from crossvox.recipes.published.describe import describe, joined, lifted_features
        from crossvox.train.checkpoint import save_checkpoint
        from crossvox.train.original import read_original_checkpoint

        checkpoint = read_original_checkpoint(self.file.path)
        lifted = None if self.features is None else lifted_features(checkpoint, self.features)
        task, task_params, recipe, note = describe(checkpoint, lifted)
        network, report = checkpoint.build()
        whole = network if lifted is None else joined(task_params, lifted, network)
        parents = {role: given.digest for role, given in self.inputs.items()}
        record = make_record(
            task, task_params, TrainParams(), samples={"train": 0}, recipe=recipe, parents=parents
        )
        save_checkpoint(work.out / "best", whole, {"step": 0, "imported": self.file.path.name})
        write_json(work.out / PARAMS, record)
        return {
            "task": task,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "architecture": checkpoint.architecture,
            "in_channels": checkpoint.in_channels,
            "classes": checkpoint.classes,
            "file": self.file.path.name,
            "file_notes": checkpoint.notes,
            "load": _load_notes(report),
            "note": note,
        }


def import_checkpoint(
    file: Path,
    run: Path,
    *,
    features: Path | None = None,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> CheckpointImport:
    """Turn a checkpoint of the published pipeline into a run folder; nothing in it is executed.

    The run holds ``best/`` (there is nothing to go on training from), ``params.json`` with the
    published parameters, and a manifest that tells what was loaded.

    Args:
        file: its .pth.tar file: ENet, DeepLabv3, SurfaceNet or ResNeXt U-Net.
        run: run folder; new, empty, or one that an import wrote.
        features: 2D run whose features a 3D network reads that was trained on features. Its weights
            become a part of the run, which is complete with them. Which 2D network a file was
            trained with is not told by its weights.
        checkpoint: which weights of ``features``: auto, average, best or last.
        runner: who imports.

    Raises:
        CheckpointError: the file is missing, damaged, wants to execute something, or its weights do
            not fit a known network one for one.
        ArtifactError: RUN holds something else, or ``features`` is no 2D run.
        ParamsError: ``features`` makes other channels than the file's network reads, or it reads no
            features.
    """
    from crossvox.recipes.trained import run2d_input

    expect(
        file.is_file(),
        given=f"{file}, which is no file",
        needed="a checkpoint (.pth.tar)",
        do="check the path",
        error=CheckpointError,
    )
    expect_run_of(checkpoint, {"--features": features})
    read = None if features is None else run2d_input(features, checkpoint)
    stage = ImportCheckpoint(Input.file(file), read)
    outcome = (runner or Runner()).make(stage, run)
    notes = outcome.notes
    return CheckpointImport(
        run,
        notes["task"],
        notes["architecture"],
        notes["classes"],
        notes["parameters"],
        notes["load"]["loaded"],
        outcome.status == "kept",
        notes["note"],
    )


def _load_notes(report: LoadReport) -> dict[str, Any]:
    return {
        "summary": str(report),
        "loaded": len(report.loaded),
        "missing": report.missing,
        "unexpected": report.unexpected,
        "mismatched": report.mismatched,
    }
