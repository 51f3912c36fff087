"""A checkpoint of the published pipeline becomes a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.chunks import ChunkParams
from crossvox.core.artifact import (
    write_json,
)
from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.published.params import THESIS_VIEWS
from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
from crossvox.tasks.params import (
    COLORS,
    FeatureParams,
    ReconstructParams,
    SceneTaskParams,
    Segment3dParams,
)
from crossvox.train.params import PARAMS, TrainParams

if TYPE_CHECKING:
    from crossvox.tasks.reconstruct import Reconstruct
    from crossvox.tasks.segment3d import Segment3d
    from crossvox.train.original import OriginalCheckpoint
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
    features: Input | None = None

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``best/`` and ``params.json``; there is nothing to go on training from."""
        from crossvox.train.checkpoint import save_checkpoint
        from crossvox.train.folder import make_record
        from crossvox.train.original import read_original_checkpoint

        checkpoint = read_original_checkpoint(self.file.path)
        lifted = None if self.features is None else _lifted(checkpoint, self.features.path)
        task, task_params, recipe, note = _describe(checkpoint, lifted)
        network, report = checkpoint.build()
        whole = network if lifted is None else _joined(task_params, lifted, network)
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
    file: Path, run: Path, *, features: Path | None = None, runner: Runner | None = None
) -> CheckpointImport:
    """Turn a checkpoint of the published pipeline into a run folder; nothing in it is executed.

    The run holds ``best/`` (there is nothing to go on training from), ``params.json`` with the
    published parameters, and a manifest that tells what was loaded.

    Args:
        file: its .pth.tar file: ENet, DeepLabv3 or SurfaceNet.
        run: run folder; new, empty, or one that an import wrote.
        features: 2D run whose features a SurfaceNet reads that was trained on features. Its weights
            become a part of the run, which is complete with them. Which 2D network a file was
            trained with is not told by its weights.
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
    stage = ImportCheckpoint(Input.file(file), None if features is None else run2d_input(features))
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


@dataclass(frozen=True, eq=False)
class _Lifted:
    """A 2D run whose features a 3D network reads."""

    params: FeatureParams
    weights: dict[str, Any]


def _lifted(checkpoint: OriginalCheckpoint, run: Path) -> _Lifted:
    """The 2D run, if the file's network reads what it makes."""
    from crossvox.recipes.train_scenes import read_features

    wide = checkpoint.architecture == "surfacenet" and checkpoint.view_channels != COLORS
    expect(
        wide,
        given=f"--features {run} for {checkpoint.source}, whose {checkpoint.architecture} reads "
        + (f"{COLORS} channels a view" if checkpoint.architecture == "surfacenet" else "images"),
        needed="a SurfaceNet that reads features",
        do="leave --features out",
        error=ParamsError,
    )
    found = _Lifted(*read_features(run)[:2])
    expect(
        found.params.channels == checkpoint.view_channels,
        given=f"{run}, a {found.params.network} that makes {found.params.channels} channels, for "
        f"{checkpoint.source}, which reads {checkpoint.view_channels} a view",
        needed="as many channels",
        do="pass a run of enet or deeplab, as the file was trained with",
        error=ParamsError,
    )
    return found


def _joined(params: Any, lifted: _Lifted, volume_network: Any) -> Any:
    """2D network, lifting, and the file's 3D network in one."""
    from crossvox.tasks.reconstruct import Reconstruct
    from crossvox.tasks.segment3d import Segment3d

    task: Reconstruct | Segment3d
    if isinstance(params, Segment3dParams):
        task = Segment3d(params, lifted.weights)
    else:
        task = Reconstruct(params, lifted.weights)
    network: Any = task.build()
    network.volume_network.load_state_dict(volume_network.state_dict())
    return network


def _describe(checkpoint: OriginalCheckpoint, lifted: _Lifted | None) -> tuple[str, Any, Any, str]:
    """Task, its parameters, recipe, and what the run is good for."""
    from crossvox.tasks.reconstruct import Reconstruct
    from crossvox.tasks.segment2d import PUBLISHED_SHARES
    from crossvox.tasks.segment3d import Segment3d

    if checkpoint.architecture != "surfacenet":
        return _describe_2d(checkpoint)
    channels = checkpoint.view_channels
    views = checkpoint.in_channels // channels
    expect(
        checkpoint.classes in (Reconstruct.classes, Segment3d.classes),
        given=f"{checkpoint.source}, a SurfaceNet with {checkpoint.classes} classes",
        needed=f"{Reconstruct.classes} (free, occupied) or {Segment3d.classes} (free and NYU40)",
        do="take a checkpoint of reconstruction, or one that was trained on NYU40 labels",
        error=CheckpointError,
    )
    segments = checkpoint.classes == Segment3d.classes
    name = Segment3d.name if segments else Reconstruct.name
    if channels != COLORS and lifted is None:
        shape = {
            "network": "surfacenet",
            "views": views,
            "view_channels": channels,
            "in_channels": checkpoint.in_channels,
            "classes": checkpoint.classes,
        }
        return (
            f"{name}-features",
            shape,
            {"params": shape},
            "weights for lifted features; import the file again with --features RUN2D, the 2D run "
            "that they were trained with, and crossvox predict runs it",
        )
    common: dict[str, Any] = {
        "network": "surfacenet",
        "views": views,
        "seen_channel": False,
        "loss_region": "all",
        "features": None if lifted is None else lifted.params,
    }
    options: dict[str, Any] = {
        "views": replace(THESIS_VIEWS, max_views=views),
        "chunks": ChunkParams(require_views=views),
    }
    recipe: dict[str, Any] = {"scenes": "imported", "validation_scenes": "none"}
    task: SceneTaskParams
    if segments:
        task = Segment3dParams(**common, weighting="published", class_prior=False)
        recipe["params"] = Segment3dRunParams(task=task, **options)
        recipe["class_shares"] = PUBLISHED_SHARES
    else:
        task = ReconstructParams(**common, class_weights=(1.0, 13.0))
        recipe["params"] = ReconstructRunParams(task=task, **options)
    return name, task, recipe, "crossvox predict runs it"


def _describe_2d(checkpoint: OriginalCheckpoint) -> tuple[str, Any, Any, str]:
    from crossvox.recipes.segment2d import Segment2dRunParams
    from crossvox.samples.params import ImageParams
    from crossvox.tasks.params import Segment2dParams
    from crossvox.tasks.segment2d import CLASSES, PUBLISHED_SHARES

    expect(
        checkpoint.classes == CLASSES,
        given=f"{checkpoint.source}, a {checkpoint.architecture} with {checkpoint.classes} classes",
        needed=f"{CLASSES}: unannotated and NYU40",
        do="take a checkpoint that was trained on NYU40 labels",
        error=CheckpointError,
    )
    task = Segment2dParams(
        network=checkpoint.architecture,
        weights="none",
        freeze="early" if checkpoint.architecture == "deeplab" else "nothing",
        weighting="published",
        loss_stride=1,
    )
    params = Segment2dRunParams(task=task, images=ImageParams(328, 256, "nearest"))
    recipe = {"params": params, "split": "imported", "class_shares": PUBLISHED_SHARES}
    return "segment2d", task, recipe, "crossvox evaluate segment2d runs it"
