"""A network and its optimizer, and one step of learning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crossvox.core.artifact import Stopwatch
from crossvox.train.average import WeightAverage
from crossvox.train.job import Groups
from crossvox.train.optimizer import build_optimizer, gradient_norm, rate_share, set_rates
from crossvox.train.params import TrainParams
from crossvox.train.precision import refuse_flat_volumes
from crossvox.train.processes import Processes

if TYPE_CHECKING:
    from crossvox.tasks.task import Task


class NotFiniteError(Exception):
    """A loss or gradient is NaN or infinite; its arguments say which, and the value."""


@dataclass(frozen=True)
class StepResult:
    """What one step tells.

    Attributes:
        loss: mean over the step's batches and processes.
        rate: learning rate of the first group.
        parts: what the loss is made of, by name; empty where it has no parts, or a single one.
    """

    loss: float
    rate: float
    parts: dict[str, float]


class Learner:
    """Makes the network and takes steps.

    The initial weights are drawn with ``params.seed``. :meth:`prepare` must be called before the
    first step; weights can be put into ``bare`` in between.

    Args:
        task: gives network and loss.
        params: how to train.
        processes: where to compute.
        groups: from the network to AdamW's groups; None: all that requires a gradient.

    Attributes:
        bare: the network, without the wrapper of several processes.
        network: the network as it learns; ``bare`` until :meth:`prepare` was called.
        trained: the parameters that learn.
        average: the moving average of the weights, once :meth:`prepare` was called; None: none is
            asked for.

    Raises:
        ParamsError: there is nothing to train.
    """

    def __init__(
        self, task: Task, params: TrainParams, processes: Processes, groups: Groups | None
    ) -> None:
        self._task, self._params, self._processes = task, params, processes
        torch.manual_seed(params.seed)
        self.bare: nn.Module = task.build()
        self.network: nn.Module = self.bare
        found = (
            [{"params": [p for p in self.bare.parameters() if p.requires_grad]}]
            if groups is None
            else groups(self.bare)
        )
        self.optimizer: Any = build_optimizer(found, params)
        self.average: WeightAverage | None = None
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.trained)

    def prepare(self) -> None:
        """Move network and optimizer to the device; from now on, torch draws for dropout."""
        self.network, self.optimizer = self._processes.prepare(self.bare, self.optimizer)
        self.bare = self._processes.bare(self.network)
        if self._processes.device.type == "cpu" and self._processes.precision.used == "bf16":
            refuse_flat_volumes(self.bare)
        if self._params.average > 0:
            self.average = WeightAverage(self.bare, self._params.average)
        # A second seed for dropout: each process its own, and the same whether or not the initial
        # weights were drawn.
        torch.manual_seed(self._params.seed * 1_000_003 + 1 + self._processes.rank)

    def step(self, batches: Iterator[Any], number: int, watch: Stopwatch) -> StepResult:
        """One optimizer step.

        Args:
            batches: from which the step's batches are taken.
            number: of the step, from 0.
            watch: adds up the times of ``data`` and ``learn``.

        Raises:
            NotFiniteError: a loss or gradient is not finite; the weights are as they were.
        """
        rate = set_rates(self.optimizer, rate_share(number, self._params))
        self.network.train()
        values = self._add_gradients(batches, watch)
        with watch("learn"):
            values = self._processes.mean(values)
            loss = values.pop("")
            if not math.isfinite(loss):
                raise NotFiniteError("loss", loss)
            self._limit_gradients()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.average is not None:
                self.average.update(number)
        return StepResult(loss, rate, values if len(values) > 1 else {})

    def _add_gradients(self, batches: Iterator[Any], watch: Stopwatch) -> dict[str, float]:
        """Gradients of the step's batches, averaged; returns the mean loss ("") and its parts."""
        count = self._params.accumulate
        values: dict[str, float] = {}
        for number in range(count):
            with watch("data"):
                batch = self._processes.to_device(next(batches))
            last = number == count - 1
            with watch("learn"), self._processes.gathering(self.network, last=last):
                losses = self._task.loss(self.network, batch)
                self._processes.backward(losses.total / count)
                for name, value in (("", losses.total), *losses.parts.items()):
                    values[name] = values.get(name, 0.0) + float(value.detach()) / count
        return values

    def _limit_gradients(self) -> None:
        longest = self._params.clip_norm
        if longest > 0:
            norm = self._processes.clip(self.trained, longest)
        else:
            norm = gradient_norm(self.trained)
        # With fp16 a gradient that overflows is normal: the scaler skips that step.
        if self._processes.scaler is None and norm is not None and not math.isfinite(float(norm)):
            raise NotFiniteError("gradient norm", float(norm))
