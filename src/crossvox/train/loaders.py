"""Batches of a data set in the order that was decided, made here or by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader

from crossvox.train.job import Job
from crossvox.train.processes import Processes
from crossvox.train.resume import State
from crossvox.train.stop import ignore_interrupts
from crossvox.train.stream import Key, SampleStream, validation_batches


def _loader(
    dataset: Any,
    batches: Iterable[list[Key]],
    collate: Callable[[list[Any]], Any],
    workers: int,
) -> DataLoader[Any]:
    """Batches of the samples with these keys.

    Args:
        dataset: gives a sample for a key.
        batches: the keys of each batch.
        collate: makes a batch of a list of samples.
        workers: processes that load; 0 loads in this one.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=ignore_interrupts,
        # Without a generator of its own each new iterator draws from the global one, which would
        # shift dropout by the number of validations.
        generator=torch.Generator(),
        persistent_workers=workers > 0,
    )


def training_loader(job: Job, state: State, processes: Processes) -> DataLoader[Any]:
    """All batches of this process from a place in the stream to the end of the run."""
    params = job.params
    stream = SampleStream(
        len(job.dataset),
        params.seed,
        params.batch_size,
        start=state.place,
        batches=(params.steps - state.step) * params.accumulate,
        rank=processes.rank,
        processes=processes.count,
    )
    return _loader(job.dataset, stream, job.collate, params.workers)


def validation_loader(job: Job, processes: Processes) -> DataLoader[Any]:
    """The batches of this process in every validation."""
    params = job.params
    keys = validation_batches(
        len(job.validation),
        params.batch_size,
        params.validate_batches,
        processes.rank,
        processes.count,
    )
    return _loader(job.validation, keys, job.collate, params.workers)
