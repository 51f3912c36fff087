"""What a moving average of the weights costs a training step of the 2D network."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch

from crossvox.core.volume import ImageBatch
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.average import WeightAverage

BATCH, HEIGHT, WIDTH = 4, 240, 320
ROUNDS = 5


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure steps and updates in turns; needs no data."""
    task = Segment2d(Segment2dParams(weights="none"))
    network = task.build().train()
    optimizer = torch.optim.AdamW(network.parameters())
    average = WeightAverage(network, 0.998)
    generator = torch.Generator().manual_seed(0)
    batch = ImageBatch(
        torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator),
        torch.randint(0, 41, (BATCH, HEIGHT, WIDTH), generator=generator),
    )
    step_s, update_s = [], []
    for number in range(ROUNDS + 1):
        begin = time.perf_counter()
        task.loss(network, batch).total.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        learnt = time.perf_counter()
        average.update(number)
        update_s.append(time.perf_counter() - learnt)
        step_s.append(learnt - begin)
    step, update = (statistics.median(times[1:]) for times in (step_s, update_s))
    held = sum(t.numel() * t.element_size() for t in average.tensors.values())
    return [
        {
            "stage": f"training step of `lite` with --train.average, {BATCH} images of "
            f"{WIDTH}x{HEIGHT}",
            "ours_s": step + update,
            "baseline_s": step,
            "factor": step / (step + update),
            "how": f"forward, backward, AdamW and the average, median of {ROUNDS}, "
            f"{torch.get_num_threads()} threads; baseline: the same steps without the average, "
            f"which takes {1000 * update:.2f} ms and holds {held / 1e6:.1f} MB",
        }
    ]


if __name__ == "__main__":
    for row in run(None):
        print(row)
