"""Whether reconstruction and segmentation pull a network's weights the same way.

A segmentation's logits hold both tasks: all classes but free space together are *surface*, and what
is left is the class, given that there is a surface. So one network, at one batch, has the loss of
reconstruction (of those two logits, as the reconstruction task takes it) and that of classes (cross
entropy among the classes at annotated surface, weighted as in its training), and the cosine of
their gradients tells whether a step for the one helps the other (Du et al. 2018, "Adapting
Auxiliary Losses Using Gradient Similarity") or undoes it (Yu et al. 2020, "Gradient Surgery for
Multi-Task Learning"). Weights of a layer have thousands of directions: unrelated gradients have a
cosine of about 0.

The start is the network as its run began, the end its checkpoint. Nothing is trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Batch
from crossvox.evaluate.references import scene_folder
from crossvox.flow.runner import Runner
from crossvox.recipes.scene_run import SceneRun, read_scene_run
from crossvox.recipes.study.causes import CauseParams
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import window_index
from crossvox.samples.source import load_source
from crossvox.study.transfer import Description
from crossvox.tasks.params import ReconstructParams, SceneTaskParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment3d import FREE, Segment3d
from crossvox.train.checkpoint import load_run_network
from crossvox.train.folder import read_record
from crossvox.train.transfer import Transfer

CONFLICT = "gradient cosine, reconstruction and classes"
PARTS = ("input", "encoder", "decoder", "last")
"""Parts of the 3D network whose weights both losses share in any transfer; the classifier is not
one of them."""

READING = (
    "Cosine between the gradients of both losses on the same weights and batch, mean over batches: "
    "above 0 a step for the one helps the other, below 0 it undoes it, about 0 they do not meet."
)


def gradient_descriptions(
    arm: str, run: Path, data: Path, params: CauseParams, level: float, runner: Runner
) -> list[Description]:
    """Gradient cosines of a segmentation run, at its start and end, by part of the 3D network.

    Args:
        arm: what the run is called.
        run: a segment3d run.
        data: data folder that it was trained on.
        params: how many batches of how many sub-volumes.
        level: how often intervals shall hold the truth, over batches.
        runner: who watches.

    Raises:
        ArtifactError: no such run, or it does not tell its training scenes.
    """
    from crossvox.recipes.study.describe import described

    record = read_scene_run(run)
    task = record.task
    expect(
        isinstance(task, Segment3d),
        given=f"{run}, a run of {task.name}",
        needed="a run of 'crossvox train segment3d'",
        do="name such a run",
        error=ArtifactError,
    )
    assert isinstance(task, Segment3d)
    batches = list(training_batches(run, data, record, params))
    found = []
    for when, network in (("start", started(run, record)), ("end", trained(run, record))):
        report = runner.progress.step(f"gradients of {arm}, {when}")
        rows = []
        for done, batch in enumerate(batches, start=1):
            rows.append(gradient_cosines(task, network, batch))
            report(done, len(batches))
        for part in ("all", *PARTS):
            values = np.array([row[part] for row in rows if math.isfinite(row.get(part, math.nan))])
            if len(values):
                group = when if part == "all" else f"{when}, {part}"
                found.append(described(CONFLICT, arm, group, values, "", READING, level))
    return found


def training_batches(
    run: Path, data: Path, record: SceneRun, params: CauseParams
) -> Iterator[Batch]:
    """Batches of windows with surface, evenly chosen over the run's own training scenes."""
    names = read_record(run).scenes or ()
    expect(
        len(names) > 0,
        given=f"{run}, which does not tell its training scenes",
        needed="a run that this version trained",
        do="train it again",
        error=ArtifactError,
    )
    views, shape = record.params.views, record.params.chunks.shape
    count = params.batches * params.batch_size
    chosen = [names[i * len(names) // count] for i in range(min(count, len(names)))]
    samples = []
    for at, name in enumerate(dict.fromkeys(chosen)):
        source = load_source(scene_folder(data, name), views)
        index = window_index(source, shape, shape, views.max_views, occupied_only=True)
        share = count * (at + 1) // len(chosen) - count * at // len(chosen)
        windows = ChunkDataset({source.name: source}, index, views)
        take = np.linspace(0, len(windows) - 1, min(share, len(windows))).round().astype(int)
        samples += [windows[int(number)] for number in np.unique(take)]
    for first in range(0, len(samples), params.batch_size):
        yield collate(samples[first : first + params.batch_size])


def started(run: Path, record: SceneRun) -> nn.Module:
    """The network of a run as its training began.

    Its 2D network has the weights of the end: a frozen one has not changed.

    Raises:
        ArtifactError, CheckpointError: what it started from is not there any more.
    """
    task, start = record.task, read_manifest(run).links.get("start")
    if start is not None:
        transfer = Transfer((run / start).resolve(), record.params.transfer)
        task = replace(task, initialise=transfer.initialise)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(record.params.train.seed)
        network: Any = task.build()
    images = getattr(network, "image_network", None)
    if images is not None:
        images.load_state_dict(trained(run, record).image_network.state_dict())
    return _ready(network)


def trained(run: Path, record: SceneRun) -> Any:
    """The network of a run as its training ended."""
    network = record.task.build()
    load_run_network(run, network)
    return _ready(network)


def _ready(network: nn.Module) -> nn.Module:
    images = getattr(network, "image_network", None)
    network.requires_grad_(True)
    if images is not None:
        images.requires_grad_(False)
    return network.train()


class _Answered(nn.Module):
    """Stands for a network that has answered: the loss of a task of logits that are there."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self._logits = logits

    def forward(self, *_: Any) -> Tensor:
        """The answer."""
        return self._logits


def gradient_cosines(task: Segment3d, network: Any, batch: Batch) -> dict[str, float]:
    """Cosine of the gradients of both losses, by part; of ``all`` parts together.

    Args:
        task: whose network it is.
        network: in training mode.
        batch: with annotated surface; NaN without.
    """
    shared = {f.name: getattr(task.params, f.name) for f in fields(SceneTaskParams)}
    logits = task.logits(network, batch)
    surface = torch.stack((logits[:, FREE], logits[:, 1:].logsumexp(dim=1)), dim=1)
    shape = Reconstruct(ReconstructParams(**shared)).loss(_Answered(surface), batch).total
    classes = class_loss(task, logits, batch)
    names = {part: _weights(network, part) for part in PARTS}
    weights = [weight for part in names.values() for weight in part]
    found = [
        torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        for loss in (shape, classes)
    ]
    one, other = ([_flat(g, w) for g, w in zip(gs, weights, strict=True)] for gs in found)
    cosines = {"all": _cosine(one, other)}
    at = 0
    for part, own in names.items():
        cosines[part] = _cosine(one[at : at + len(own)], other[at : at + len(own)])
        at += len(own)
    return cosines


def class_loss(task: Segment3d, logits: Tensor, batch: Batch) -> Tensor:
    """Mean cross entropy among the classes, at annotated surface of the loss region."""
    target = task.targets(batch)
    kept = (target > FREE) & task.region(batch)
    rows = logits.movedim(1, -1)[kept][:, 1:]
    weights = logits.new_tensor(task.class_weights[1:])
    found = functional.cross_entropy(rows, target[kept] - 1, weights, reduction="sum")
    return found / weights[target[kept] - 1].sum().clamp(min=1e-12)


def _weights(network: Any, part: str) -> list[nn.Parameter]:
    return [weight for module in network.parts()[part] for weight in module.parameters()]


def _flat(gradient: Tensor | None, weight: Tensor) -> Tensor:
    return (torch.zeros_like(weight) if gradient is None else gradient).flatten().double()


def _cosine(one: list[Tensor], other: list[Tensor]) -> float:
    """Cosine of two gradients; NaN where either is 0."""
    if not one:
        return math.nan
    a, b = torch.cat(one), torch.cat(other)
    sizes = float(a.norm() * b.norm())
    return float(a @ b) / sizes if sizes > 0 else math.nan
