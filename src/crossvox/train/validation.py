"""Validation: counts of the whole split, added once, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Score
from crossvox.train.processes import Processes, add_counts

if TYPE_CHECKING:
    from crossvox.tasks.task import Task
    from crossvox.train.learner import Learner


def count(
    task: Task,
    network: nn.Module,
    batches: Iterable[Any],
    processes: Processes,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Tensor] | None:
    """What a task counts on the batches of all processes; None if asked to stop before the end.

    Random states are put back afterwards, so that validation never changes what is learnt.

    Args:
        task: observes each batch.
        network: without the wrapper of several processes, which would wait for all of them in
            every forward pass: they may have different numbers of batches.
        batches: those of this process.
        processes: that count together.
        stop: asked before every batch.
    """
    counts: dict[str, Tensor] = {}
    processes.share_buffers(network)
    network.eval()
    devices = [processes.device] if processes.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        for batch in batches:
            if stop():
                return None
            counts = add_counts(counts, task.observe(network, processes.to_device(batch)))
    return processes.total(counts)


def validated(
    task: Task,
    learner: Learner,
    batches: Iterable[Any],
    processes: Processes,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[list[Score], list[Score] | None] | None:
    """Scores of the network as it stands and of its averaged weights, where there are any.

    Returns:
        Both; None if asked to stop before the end.
    """
    own = count(task, learner.bare, batches, processes, stop)
    if own is None:
        return None
    if learner.average is None:
        return task.scores(own), None
    with learner.average.put_in():
        averaged = count(task, learner.bare, batches, processes, stop)
    return None if averaged is None else (task.scores(own), task.scores(averaged))


def scores_by_name(task: Task, scores: Iterable[Score]) -> dict[str, float]:
    """Values of scores, among which the task's monitor must be.

    Raises:
        ParamsError: it is not.
    """
    by_name = {score.name: score.value for score in scores}
    expect(
        task.monitor in by_name,
        given=f"task {task.name} whose scores are {', '.join(by_name) or 'none'}",
        needed=f"one called {task.monitor!r}, by which the best checkpoint is picked",
        do="correct the task's monitor",
        error=ParamsError,
    )
    return by_name
