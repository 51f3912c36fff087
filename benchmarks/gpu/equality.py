"""Does the device compute what the CPU computes?

All in float32 with TF32 switched off. Differences are given as shares of the largest value on the
CPU, and allowed up to a tolerance that says how long the sums are, and how often they are rounded.
"""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.gpu.material import VIEWS, Batches, Size, batch_of, images_of, scene_of, views_of
from crossvox.networks import build_network, build_network2d
from crossvox.predict.params import PredictParams
from crossvox.predict.windows import predict_scene
from crossvox.tasks.params import ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train.checkpoint import load_run_network
from crossvox.train.loop import train
from crossvox.train.params import TrainParams
from crossvox.views.lift import lift, lift_attended


@dataclass(frozen=True)
class Comparison:
    """One thing that was computed on both.

    Attributes:
        what: its name.
        difference: largest difference, as a share of the largest value on the CPU.
        tolerance: largest share that is allowed.
    """

    what: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether they agree; NaN does not."""
        return self.difference <= self.tolerance


EXACT, FORWARD, LEARNT = 1e-6, 1e-4, 0.05
"""Tolerances: moving and adding few numbers; passing through a network; some steps of learning,
see :func:`way_between`."""


def compare(what: str, own: Any, reference: Any, tolerance: float) -> Comparison:
    """Compare two tensors or arrays."""
    one, other = (np.asarray(_plain(value), np.float64) for value in (own, reference))
    largest = float(np.abs(other).max()) or 1.0
    return Comparison(what, float(np.abs(one - other).max()) / largest, tolerance)


def _plain(value: Any) -> Any:
    return value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value


@contextmanager
def exact_float32() -> Iterator[None]:
    """No TF32: products of float32 are those of float32."""
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def comparisons(device: str, size: Size) -> list[Comparison]:
    """All of them."""
    small = replace(size, batch=2, images=2)
    with exact_float32():
        return [
            *_lifts(device, small),
            *_networks(device, small),
            *_steps(device, small),
            _predicted(device, small),
        ]


def _lifts(device: str, size: Size) -> Iterator[Comparison]:
    batch = batch_of(size, 1)
    far = batch.to(torch.device(device))
    for fusion in ("concat", "mean", "max", "sum"):
        made = [
            lift(b.images, b.voxel, b.pixel, b.view, b.sample, b.shape, b.view_ok, fusion)
            for b in (far, batch)
        ]
        yield compare(f"lift, {fusion}", *made, EXACT)
    made = [
        lift_attended(
            b.images, b.images[:, :, 0], b.voxel, b.pixel, b.view, b.sample, b.shape, b.view_ok
        )
        for b in (far, batch)
    ]
    yield compare("lift, attention", *made, FORWARD)


def _networks(device: str, size: Size) -> Iterator[Comparison]:
    volume = torch.randn(1, 16, *size.chunk, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    built = {
        "scene_unet": build_network("scene_unet", 16, 2, width=size.width),
        "surfacenet": build_network("surfacenet", 16, 2),
    }
    for name, network in built.items():
        yield compare(f"{name}, forward", *_both(network, volume, device), FORWARD)
    for name in ("lite", "enet"):
        flat = build_network2d(name, 41, weights="none")
        images = images_of(size, 4).images
        yield compare(f"{name}, features", *_both(flat, images, device, "features"), FORWARD)


def _both(network: nn.Module, given: Tensor, device: str, method: str = "forward") -> list[Tensor]:
    """What a network answers on the device, and on the CPU."""
    network.eval()
    far = copy.deepcopy(network).to(device)
    with torch.no_grad():
        return [getattr(far, method)(given.to(device)), getattr(network, method)(given)]


def _steps(device: str, size: Size) -> Iterator[Comparison]:
    """What some steps of the training loop change in the weights."""
    task = Reconstruct(ReconstructParams(views=VIEWS, width=size.width, depth=2))
    params = TrainParams(
        steps=3, batch_size=size.batch, rate=1e-3, warmup_steps=1, tensorboard=False
    )
    data = Batches(size)
    torch.manual_seed(params.seed)
    start = dict(task.build().named_parameters())
    moved = []
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate((device, "cpu")):
            run = Path(folder) / str(number)
            train(task, data, data.collate, run, replace(params, device=_kind(name)))
            network = task.build()
            load_run_network(run, network, "last")
            moved.append([p.detach() - start[n].detach() for n, p in network.named_parameters()])
    yield Comparison("training, way of 3 steps", way_between(*moved), LEARNT)


def way_between(own: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Length of the difference of two ways of all weights, as a share of the second's length.

    Not weight by weight: the optimizer makes a whole step of a gradient that is rounding alone.
    """
    apart = sum(float((a - b).double().square().sum()) for a, b in zip(own, reference, strict=True))
    return math.sqrt(apart / sum(float(b.double().square().sum()) for b in reference))


def _kind(device: str) -> Any:
    return device.partition(":")[0]


def _predicted(device: str, size: Size) -> Comparison:
    """A scene, window by window, from one network."""
    task = Reconstruct(ReconstructParams(views=VIEWS, width=size.width, depth=2))
    torch.manual_seed(5)
    network = task.build().eval()
    source = scene_of(replace(size, scene=size.chunk, frames=min(size.frames, 8)))
    half: Any = tuple(max(1, length // 2) for length in size.chunk)
    answers = []
    for name in (device, "cpu"):
        far = copy.deepcopy(network).to(name)
        answers.append(
            predict_scene(
                lambda batch, far=far, name=name: task.probability(far, batch.to(name)),  # type: ignore[misc]
                source,
                PredictParams(stride=half, batch_size=size.batch),
                size.chunk,
                views_of(size),
            ).probability
        )
    return compare("prediction of a scene", *answers, FORWARD)
