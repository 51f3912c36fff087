"""How fast the device learns and predicts, in float32 and in bf16."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks.gpu.material import VIEWS, Size, batch_of, endless, images_of, scene_of, views_of
from crossvox.predict.params import PredictParams
from crossvox.predict.windows import predict_scene
from crossvox.tasks.params import ReconstructParams, Segment2dParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.params import TrainParams
from crossvox.train.processes import Processes


@dataclass(frozen=True)
class Rate:
    """How fast something is.

    Attributes:
        what: its name.
        precision: number format.
        per_s: how many a second.
        unit: of what.
        memory_mb: largest memory on the device meanwhile; None where it is not told.
    """

    what: str
    precision: str
    per_s: float
    unit: str
    memory_mb: float | None


def rates(device: str, size: Size) -> list[Rate]:
    """All of them."""
    volumes = Reconstruct(ReconstructParams(views=VIEWS, width=size.width))
    images = Segment2d(Segment2dParams(network="lite", weights="none"))
    found: list[Rate] = []
    for asked in ("no", "bf16"):
        learn = _learning(volumes, lambda seed: batch_of(size, seed), device, asked, size)
        found.append(replace(learn, what="scene_unet, training", unit="sub-volumes"))
        learn = _learning(images, lambda seed: images_of(size, seed), device, asked, size)
        found.append(replace(learn, what="lite, training", unit="images"))
        found += _answering(volumes, images, device, asked, size)
    return [*found, _scene(volumes, device, size)]


def _learning(task: Any, make: Callable[[int], Any], device: str, asked: Any, size: Size) -> Rate:
    """Forward pass, backward pass and optimizer step, with batches that are there already."""
    processes = Processes(device.partition(":")[0], asked)
    torch.manual_seed(0)
    network = task.build()
    optimizer = torch.optim.AdamW(network.parameters(), lr=TrainParams().rate)
    network, optimizer = processes.prepare(network, optimizer)
    network.train()
    batches: Iterator[Any] = endless(lambda seed: processes.to_device(make(seed)))

    def step() -> None:
        processes.backward(task.loss(network, next(batches)).total)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    seconds, memory = _best(step, device, size.repeats)
    count = len(next(batches).images)
    return Rate("", processes.precision.note, count / seconds, "", memory)


def _answering(volumes: Any, images: Any, device: str, asked: str, size: Size) -> Iterator[Rate]:
    batch = batch_of(size, 0).to(torch.device(device))
    flat = images_of(size, 0).to(torch.device(device))
    network, network2d = (task.build().to(device).eval() for task in (volumes, images))
    half = torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=asked == "bf16")

    def windows() -> None:
        with torch.inference_mode(), half:
            volumes.probability(network, batch)

    def pictures() -> None:
        with torch.inference_mode(), half:
            network2d.features(flat.images)

    told = "bf16" if asked == "bf16" else "float32"
    for what, work, count, unit in (
        ("scene_unet, inference", windows, size.batch, "sub-volumes"),
        ("lite, features", pictures, size.images, "images"),
    ):
        seconds, memory = _best(work, device, size.repeats)
        yield Rate(what, told, count / seconds, unit, memory)


def _scene(task: Any, device: str, size: Size) -> Rate:
    """A whole scene with everything that happens on the CPU: decoding, cutting, blending."""
    network, source = task.build().to(device).eval(), scene_of(size)
    half: Any = tuple(length // 2 for length in size.chunk)

    def answer(batch: Any) -> Any:
        return task.probability(network, batch.to(torch.device(device)))

    def scene() -> None:
        params = PredictParams(stride=half, batch_size=size.batch)
        predict_scene(answer, source, params, size.chunk, views_of(size))

    seconds, memory = _best(scene, device, 1)
    return Rate("scene_unet, a scene", "float32", 1 / seconds, "scenes", memory)


def _best(work: Callable[[], None], device: str, repeats: int) -> tuple[float, float | None]:
    """Shortest of some repetitions after one to warm up, and the largest memory."""
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        begin = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - begin)
    return min(times[1:]), torch.cuda.max_memory_allocated() / 1e6 if cuda else None


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device.startswith("mps"):
        torch.mps.synchronize()
