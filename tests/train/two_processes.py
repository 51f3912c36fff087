"""Trains in each of several processes; started by ``test_two_processes.py``, and no test itself.

    python -m torch.distributed.run --nproc-per-node 2 two_processes.py OUT CASE ...

Each process writes ``OUT/CASE.RANK.json``: the sums of its weights, and what validation counted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossvox.core.volume import Batch, LabelledBatch, Score
from crossvox.tasks.params import FeatureParams, ProxyParams, ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import PUBLISHED_SHARES
from crossvox.train.loop import train
from crossvox.train.params import TrainParams

SHAPE = (4, 4, 8)
PARAMS = TrainParams(
    steps=3,
    batch_size=2,
    rate=0.01,
    warmup_steps=1,
    validate_every=2,
    device="cpu",
    tensorboard=False,
)


@dataclass(frozen=True)
class Counted(Reconstruct):
    """A task that remembers what was counted."""

    pools: list[dict[str, float]] = field(default_factory=list, compare=False)

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        self.pools.append({name: float(value) for name, value in counts.items()})
        return super().scores(counts)


class Rooms:
    """Numbers of samples; ``blind`` ones are seen by no frame."""

    def __init__(self, count: int, blind: bool = False, labels: bool = False) -> None:
        self.count, self.blind, self.labels = count, blind, labels

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> int:
        return key[1]

    def collate(self, numbers: list[int]) -> Batch:
        """A batch of samples that are drawn one by one, so that they do not depend on it."""
        return join([room(number, self.blind and number % 2 == 1) for number in numbers], self)


def room(number: int, blind: bool) -> dict[str, Tensor]:
    """One sample: two frames, 100 pairs."""
    random = torch.Generator().manual_seed(number)
    voxels = SHAPE[0] * SHAPE[1] * SHAPE[2]
    chosen = torch.randperm(2 * voxels, generator=random)[:100]
    return {
        "images": torch.randn(2, 3, 16, 24, generator=random),
        "view_ok": torch.full((2,), not blind),
        "voxel": chosen[:0] if blind else chosen % voxels,
        "view": chosen[:0] if blind else chosen // voxels,
        "pixel": torch.randint(0, 16 * 24, (0 if blind else 100,), generator=random),
        "occupied": torch.rand(*SHAPE, generator=random) < 0.3,
        "image_labels": torch.randint(0, 41, (2, 16, 24), generator=random),
    }


def join(rooms: list[dict[str, Tensor]], dataset: Rooms) -> Batch:
    """Samples to a batch."""
    stacked = {
        name: torch.stack([one[name] for one in rooms])
        for name in ("images", "view_ok", "occupied", "image_labels")
    }
    occupied = stacked["occupied"]
    own = {
        "images": stacked["images"],
        "view_ok": stacked["view_ok"],
        "voxel": torch.cat([one["voxel"] for one in rooms]),
        "pixel": torch.cat([one["pixel"] for one in rooms]),
        "view": torch.cat([one["view"] for one in rooms]),
        "sample": torch.cat(
            [torch.full_like(one["voxel"], number) for number, one in enumerate(rooms)]
        ),
        "occupied": occupied,
        "observed": torch.ones_like(occupied),
        "inside": torch.ones_like(occupied),
        "labels": occupied.long(),
    }
    if dataset.labels:
        return LabelledBatch(**own, image_labels=stacked["image_labels"])
    return Batch(**own)


def task(**params: Any) -> Counted:
    """A small reconstruction task."""
    return Counted(ReconstructParams(**{"views": 2, "width": 4, "depth": 1, **params}))


FEATURES = FeatureParams("enet", 128, 8)
LEARNING = replace(FEATURES, rate=1e-3)
CASES: dict[str, tuple[Counted, Rooms, TrainParams]] = {
    "colours": (task(), Rooms(9), PARAMS),
    "accumulated": (task(), Rooms(9), replace(PARAMS, accumulate=2, clip_norm=0.0)),
    "frozen features": (task(features=FEATURES), Rooms(9), PARAMS),
    "learning features": (task(features=LEARNING), Rooms(9), PARAMS),
    "proxy loss": (
        task(features=replace(LEARNING, proxy=ProxyParams(PUBLISHED_SHARES))),
        Rooms(9, labels=True),
        PARAMS,
    ),
    "nothing seen": (
        task(features=LEARNING),
        Rooms(8, blind=True),
        replace(PARAMS, batch_size=1, steps=6),
    ),
    "nothing seen, proxy loss": (
        task(features=replace(LEARNING, proxy=ProxyParams(PUBLISHED_SHARES))),
        Rooms(8, blind=True, labels=True),
        replace(PARAMS, batch_size=1, steps=6),
    ),
}


def main(out: Path, names: list[str]) -> None:
    """Train the cases, each in its own folder."""
    for name in names:
        chosen, rooms, params = CASES[name]
        networks: list[nn.Module] = []
        report = train(
            chosen,
            rooms,
            rooms.collate,
            out / name,
            params,
            validation=rooms,
            parameter_groups=chosen.parameter_groups,
            ready=networks.append,
        )
        found = {
            "step": report.step,
            "weights": {key: value.tolist() for key, value in networks[0].state_dict().items()},
            "pools": chosen.pools,
        }
        (out / f"{name}.{os.environ.get('RANK', '0')}.json").write_text(json.dumps(found))
        print(name, "ended", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
