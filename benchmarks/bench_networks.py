"""Time of one training step (forward and backward) of our default network and of SurfaceNet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from crossvox.networks import build_network

SHAPE = (32, 32, 64)
CHANNELS = 15
SEEN_SHARE = 0.05


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure, the two networks in turn in one run; needs no data."""
    batch = 4
    scene_unet = build_network("scene_unet", CHANNELS, 2)
    surfacenet = build_network("surfacenet", CHANNELS, 2)
    ours_s, theirs_s = [], []
    for _ in range(3):
        ours_s.append(_step_s(scene_unet, batch) / batch)
        theirs_s.append(_step_s(surfacenet, 1))
    return [
        {
            "stage": "training step of the 3D network, a sub-volume of 32x32x64, 15 channels",
            "ours_s": min(ours_s),
            "baseline_s": min(theirs_s),
            "factor": min(theirs_s) / min(ours_s),
            "how": f"forward + backward, best of 3, {torch.get_num_threads()} threads; ours: "
            f"scene_unet at batch {batch}, a sample; baseline: SurfaceNet at batch 1, same run",
        }
    ]


def _step_s(network: nn.Module, batch: int) -> float:
    """Seconds of one step on mostly empty input, as lifted colours are."""
    generator = torch.Generator().manual_seed(0)
    seen = torch.rand(batch, 1, *SHAPE, generator=generator) < SEEN_SHARE
    volume = torch.randn(batch, CHANNELS, *SHAPE, generator=generator) * seen
    network.zero_grad(set_to_none=True)
    begin = time.perf_counter()
    functional.cross_entropy(network(volume), seen[:, 0].long()).backward()
    return time.perf_counter() - begin


if __name__ == "__main__":
    for row in run(None):
        print(row)
