"""The one training loop, for every task.

What it promises:

* *Order.* Samples are asked for by key ``(epoch, i)``. The order is one endless stream: a
  permutation of the data set for epoch 0, then one for epoch 1, ..., each drawn from
  ``(seed, epoch)``. The stream is cut into batches of equal size; a batch may span two epochs, so
  there is no short last batch, nothing is dropped, and every sample comes once an epoch.
* *Resume.* A run that was stopped and goes on gives, on a CPU with the same number of processes,
  bit for bit the weights of a run that never stopped: weights, optimizer moments, rate, place in
  the stream and torch's random state are all in the ``last`` checkpoint. The random states of
  ``random`` and ``numpy`` are not: networks draw from torch, data sets from their key.
* *Validation* never changes what is learnt: random states are put back after it.
* *Scores* are computed once, from counts added over the whole validation split.

The loop itself is :class:`crossvox.train.session.Session`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.checks import ParamsError, expect
from crossvox.train import folder
from crossvox.train.job import Groups, Job
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainProgress, TrainReport
from crossvox.train.stop import StopRequest
from crossvox.train.trackers import expect_trackers

if TYPE_CHECKING:
    from torch import nn

    from crossvox.tasks.task import Task


def train(
    task: Task,
    dataset: Any,
    collate: Callable[[list[Any]], Any],
    run: Path,
    params: TrainParams,
    *,
    validation: Any = None,
    parameter_groups: Groups | None = None,
    ready: Callable[[nn.Module], None] | None = None,
    recipe: Any = None,
    parents: Mapping[str, str] | None = None,
    links: Mapping[str, Path] | None = None,
    scenes: Sequence[str] | None = None,
    validation_scenes: Sequence[str] | None = None,
    ancestors: folder.Ancestors | None = None,
    progress: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a task's network, or go on training it, or find that it is trained.

    The run folder gets ``params.json`` at the start, ``log.jsonl``, ``tensorboard/``, the
    checkpoints ``best/`` (by ``task.monitor``; the first of equals) and ``last/``, and
    ``manifest.json`` at the end. A folder that holds the same run is gone on with; only
    parameters in :data:`crossvox.train.params.NEUTRAL` may differ. ``Ctrl-C``, SIGTERM and SIGHUP
    finish the step, write ``last`` and return (a second ``Ctrl-C`` raises at once). Started by
    ``torchrun`` or ``accelerate launch``, each process computes its share and the first one writes.

    Args:
        task: network, loss and scores. Its attributes ``params`` and ``numbers``, if any, are
            recorded.
        dataset: has ``len`` and gives a sample for a key ``(epoch, i)``, deterministic in it.
        collate: makes a batch of a list of samples; the batch has ``to(device)`` or is a tensor,
            or a list, tuple or dictionary of tensors.
        run: the run folder.
        params: how to train.
        validation: data set of the validation split, asked with keys ``(0, i)``; None: no
            validation, and no best checkpoint.
        parameter_groups: from the network to AdamW's groups, for different rates; ``lr`` of a
            group is its rate after warm-up. It may freeze parameters by ``requires_grad_(False)``.
            Default: all parameters that require a gradient, at ``params.rate``.
        ready: called once with the network when it is on the device and holds the weights that
            training begins or goes on with; for whoever needs a part of it beside the loop.
        recipe: parameters of the whole command, recorded and compared on resume.
        parents: digests of what the run is made from, by role; compared on resume.
        links: folders it is made from, by role; for reports only.
        scenes: names of the scenes that ``dataset`` is made of, recorded; None: they have no names.
        validation_scenes: likewise of ``validation``.
        ancestors: what :func:`crossvox.train.folder.lineage_of` tells of the runs that this one
            starts from or takes features from, by role. With ``scenes`` they are what the run has
            learnt from, which is recorded.
        progress: called after every step, in the first process.

    Returns:
        How it ended.

    Raises:
        ArtifactError: the folder holds another run, or something else.
        CheckpointError: a checkpoint is damaged, or cannot be written.
        CrossvoxError: a loss or gradient is not finite; nothing is saved then, the last good
            checkpoint stays.
        ParamsError: an empty data set, a device that is not there, an unknown monitor score, a
            tracker that is not installed.
    """
    expect(
        len(dataset) > 0 and (validation is None or len(validation) > 0),
        given=f"{len(dataset)} training samples"
        + ("" if validation is None else f", {len(validation)} validation samples"),
        needed="at least one sample in each split",
        do="check the scene lists and the data folder",
        error=ParamsError,
    )
    samples = {"train": len(dataset)}
    if validation is not None:
        samples["validation"] = len(validation)
    record = folder.make_record(
        task.name,
        getattr(task, "params", None),
        params,
        samples=samples,
        recipe=recipe,
        parents=parents,
        scenes=scenes,
        validation_scenes=validation_scenes,
        ancestors=ancestors,
        numbers=getattr(task, "numbers", 1),
    )
    folder.expect_same_run(run, record)
    done = folder.finished(run, task.monitor, params)
    if done is not None:
        return done
    expect_trackers(params.trackers)
    job = Job(
        task=task,
        dataset=dataset,
        collate=collate,
        run=run,
        params=params,
        record=record,
        validation=validation,
        parameter_groups=parameter_groups,
        ready=ready,
        links=links or {},
        progress=progress,
    )
    from crossvox.train.session import Session

    with _caller_random_kept():
        session = Session(job)
        try:
            with StopRequest() as stop:
                return session.run(stop)
        finally:
            session.close()


@contextmanager
def _caller_random_kept() -> Iterator[None]:
    """Give the caller's random state back: training seeds torch's generator."""
    import torch

    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
