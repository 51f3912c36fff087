"""What a published checkpoint is: its task, its parameters, and what completes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crossvox.chunks import ChunkParams
from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.recipes.published.params import THESIS_VIEWS
from crossvox.recipes.run_input import RunInput
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

if TYPE_CHECKING:
    from crossvox.train.original import OriginalCheckpoint


@dataclass(frozen=True, eq=False)
class Lifted:
    """A 2D run whose features a 3D network reads."""

    params: FeatureParams
    weights: dict[str, Any]


def lifted_features(checkpoint: OriginalCheckpoint, features: RunInput) -> Lifted:
    """The 2D run, if the file's network reads what it makes."""
    from crossvox.train.original import VOLUME_ARCHITECTURES

    run, reads_volumes = features.path, checkpoint.architecture in VOLUME_ARCHITECTURES
    expect(
        reads_volumes and checkpoint.view_channels != COLORS,
        given=f"--features {run} for {checkpoint.source}, whose {checkpoint.architecture} reads "
        + (f"{COLORS} channels a view" if reads_volumes else "images"),
        needed="a SurfaceNet or ResNeXt U-Net that reads features",
        do="leave --features out",
        error=ParamsError,
    )
    found = Lifted(*read_features(run, checkpoint=features.checkpoint)[:2])
    expect(
        found.params.channels == checkpoint.view_channels,
        given=f"{run}, a {found.params.network} that makes {found.params.channels} channels, for "
        f"{checkpoint.source}, which reads {checkpoint.view_channels} a view",
        needed="as many channels",
        do="pass a run of enet or deeplab, as the file was trained with",
        error=ParamsError,
    )
    return found


def joined(params: Any, lifted: Lifted, volume_network: Any) -> Any:
    """2D network, lifting, and the file's 3D network in one."""
    task: Reconstruct | Segment3d
    if isinstance(params, Segment3dParams):
        task = Segment3d(params, lifted.weights)
    else:
        task = Reconstruct(params, lifted.weights)
    network: Any = task.build()
    network.volume_network.load_state_dict(volume_network.state_dict())
    return network


def describe(checkpoint: OriginalCheckpoint, lifted: Lifted | None) -> tuple[str, Any, Any, str]:
    """Task, its parameters, recipe, and what the run is good for."""
    from crossvox.train.original import VOLUME_ARCHITECTURES

    if checkpoint.architecture not in VOLUME_ARCHITECTURES:
        return _describe_2d(checkpoint)
    channels = checkpoint.view_channels
    views = checkpoint.in_channels // channels
    expect(
        checkpoint.classes in (Reconstruct.classes, Segment3d.classes),
        given=f"{checkpoint.source}, a {checkpoint.architecture} with {checkpoint.classes} classes",
        needed=f"{Reconstruct.classes} (free, occupied) or {Segment3d.classes} (free and NYU40)",
        do="take a checkpoint of reconstruction, or one that was trained on NYU40 labels",
        error=CheckpointError,
    )
    segments = checkpoint.classes == Segment3d.classes
    name = Segment3d.name if segments else Reconstruct.name
    if channels != COLORS and lifted is None:
        shape = {
            "network": checkpoint.architecture,
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
        "network": checkpoint.architecture,
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
