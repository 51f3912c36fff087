"""In which order samples are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Key = tuple[int, int]
"""``(epoch, i)``: which sample, and in which epoch; fixes its augmentation."""


class SampleStream:
    """The batches of keys of one process, in training order.

    Place ``p`` of the stream holds sample ``permutation(seed, p // count)[p % count]`` of epoch
    ``p // count``. Each forward pass takes ``processes * batch_size`` places; process ``rank``
    takes the ``rank``-th ``batch_size`` of them.

    Args:
        count: samples in the data set.
        seed: with the epoch, the seed of each permutation.
        batch_size: keys in a batch.
        start: place of the stream to begin at.
        batches: how many batches to give.
        rank: number of this process.
        processes: how many processes there are.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        batch_size: int,
        *,
        start: int = 0,
        batches: int = 1,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.count = count
        self.seed = seed
        self.batch_size = batch_size
        self.start = start
        self.batches = batches
        self.rank = rank
        self.processes = processes

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, order = -1, np.zeros(0, dtype=np.int64)
        for batch in range(self.batches):
            first = self.start + (batch * self.processes + self.rank) * self.batch_size
            keys: list[Key] = []
            for place in range(first, first + self.batch_size):
                if place // self.count != epoch:
                    epoch = place // self.count
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
                keys.append((epoch, int(order[place % self.count])))
            yield keys


def validation_batches(
    count: int, batch_size: int, limit: int = 0, rank: int = 0, processes: int = 1
) -> list[list[Key]]:
    """Keys ``(0, i)`` of one validation, in order, each sample at most once.

    The last batch may be shorter. With ``limit > 0`` only ``limit`` batches are taken, of samples
    spread evenly over the split. Batches are dealt to the processes in turn.
    """
    chosen = np.arange(count)
    if 0 < limit * batch_size < count:
        chosen = np.arange(limit * batch_size) * count // (limit * batch_size)
    keys: list[Key] = [(0, int(i)) for i in chosen]
    batches = [keys[i : i + batch_size] for i in range(0, len(keys), batch_size)]
    return batches[rank::processes]
