"""A checkpoint of the published pipeline becomes a run folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crossvox
from crossvox.chunks import ChunkParams
from crossvox.core.artifact import (
    SCHEMA,
    Manifest,
    building,
    file_digest,
    is_current,
    plain,
    write_json,
    write_manifest,
)
from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.recipes.published.folder import claim
from crossvox.recipes.published.params import THESIS_VIEWS
from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
from crossvox.recipes.train_scenes import read_features
from crossvox.tasks.params import (
    COLORS,
    FeatureParams,
    ReconstructParams,
    SceneTaskParams,
    Segment3dParams,
)
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import PUBLISHED_SHARES
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.params import PARAMS, TrainParams

if TYPE_CHECKING:
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


def import_checkpoint(file: Path, run: Path, *, features: Path | None = None) -> CheckpointImport:
    """Turn a checkpoint of the published pipeline (``.pth.tar``) into a run folder.

    Nothing in the file is executed. The run holds ``best/`` (there is nothing to go on training
    from), ``params.json`` with the published parameters, and a manifest that tells what was loaded.

    Args:
        file: the checkpoint.
        run: run folder; new, empty, or one that an import wrote.
        features: a 2D run whose features the file's 3D network reads, an imported one for example.
            Its weights become a part of the run, which is complete with them. Which 2D network a
            file was trained with is not told by its weights.

    Raises:
        CheckpointError: the file is missing, damaged, wants to execute something, or its weights do
            not fit a known network one for one.
        ArtifactError: ``run`` holds something else, or ``features`` is no 2D run.
        ParamsError: ``features`` makes other channels than the file's network reads, or it reads no
            features.
    """
    from crossvox.train.checkpoint import save_checkpoint
    from crossvox.train.original import read_original_checkpoint

    claim(run, (IMPORT_CHECKPOINT,), "run")
    checkpoint = read_original_checkpoint(file)
    lifted = None if features is None else _lifted_features(checkpoint, features)
    task, task_params, recipe, note = _describe(checkpoint, lifted)
    parents = {"file": file_digest(file)}
    if lifted is not None:
        parents["features"] = lifted.digest
    record = plain(
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "task": {"name": task, "params": task_params},
            "train": TrainParams(),
            "recipe": recipe,
            "parents": parents,
            "samples": {"train": 0},
        }
    )
    manifest = Manifest(
        IMPORT_CHECKPOINT,
        params={key: record[key] for key in ("task", "train", "recipe", "samples")},
        parents=parents,
        links={} if features is None else {"features": os.path.relpath(features, run)},
    )
    network, report = checkpoint.build()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    whole = network if lifted is None else _joined(task_params, lifted, network)
    notes = {
        "parameters": parameters,
        "architecture": checkpoint.architecture,
        "in_channels": checkpoint.in_channels,
        "classes": checkpoint.classes,
        "file": file.name,
        "file_notes": checkpoint.notes,
        "load": _load_notes(report),
        "note": note,
    }
    kept = is_current(run, manifest)
    if not kept:
        with building(run) as temporary:
            save_checkpoint(temporary / "best", whole, {"step": 0, "imported": file.name})
            write_json(temporary / PARAMS, record)
            write_manifest(temporary, replace(manifest, notes=plain(notes)))
    return CheckpointImport(
        run,
        task,
        checkpoint.architecture,
        checkpoint.classes,
        parameters,
        len(report.loaded),
        kept,
        note,
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
    digest: str


def _lifted_features(checkpoint: OriginalCheckpoint, run: Path) -> _Lifted:
    """The 2D run, if the file's network reads what it makes."""
    wide = checkpoint.architecture == "surfacenet" and checkpoint.view_channels != COLORS
    expect(
        wide,
        given=f"--features {run} for {checkpoint.source}, whose {checkpoint.architecture} reads "
        + (f"{COLORS} channels a view" if checkpoint.architecture == "surfacenet" else "images"),
        needed="a SurfaceNet that reads features",
        do="leave --features out",
        error=ParamsError,
    )
    found = _Lifted(*read_features(run))
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
    from crossvox.tasks.segment2d import CLASSES

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
