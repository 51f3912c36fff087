"""The device of a run, and its processes, one or several: the one place that knows accelerate.

Numbers that go between processes through a device are float32, and what is counted in float64 is
on the CPU: there are devices that know no float64.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from crossvox.doors.devices import pick_device
from crossvox.train.precision import Format, choose_precision

if TYPE_CHECKING:
    from accelerate import Accelerator


class Processes:
    """This process among those that train together, and the device that it computes on.

    Args:
        device: see :func:`crossvox.doors.devices.pick_device`.
        mixed_precision: number format that is asked for.
        kept: see :func:`crossvox.train.precision.choose_precision`.

    Attributes:
        device: where network and batches go.
        precision: the number format that is used.
        count: number of processes.
        rank: number of this one.
        main: whether this one writes files.

    Raises:
        ParamsError: the device is not there.
    """

    def __init__(self, device: str, mixed_precision: Format, kept: Format | None = None) -> None:
        from accelerate import Accelerator, PartialState
        from accelerate.utils import broadcast_object_list

        kind = pick_device(device)
        forget_setup()
        PartialState(cpu=kind == "cpu")
        _part_at_exit()
        # A measurement may come out otherwise in each process; all take the first one's.
        precision = [choose_precision(mixed_precision, kind, kept=kept)]
        if PartialState().num_processes > 1:
            broadcast_object_list(precision)
        self.precision = precision[0]
        self._accelerator: Accelerator = Accelerator(
            cpu=kind == "cpu",
            mixed_precision=self.precision.used,
            kwargs_handlers=_parallel_options(),
        )
        self.device: torch.device = self._accelerator.device
        self.count: int = self._accelerator.num_processes
        self.rank: int = self._accelerator.process_index
        self.main: bool = self._accelerator.is_main_process

    # Learning

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Any, Any]:
        """Network and optimizer on the device, wrapped for several processes."""
        prepared: tuple[Any, Any] = self._accelerator.prepare(network, optimizer)
        return prepared

    def bare(self, network: nn.Module) -> nn.Module:
        """The network without the wrapper of several processes."""
        found: nn.Module = self._accelerator.unwrap_model(network)
        return found

    def to_device(self, batch: Any) -> Any:
        """A batch on this process's device."""
        if hasattr(batch, "to"):
            return batch.to(self.device)
        from accelerate.utils import send_to_device

        return send_to_device(batch, self.device)

    def gathering(self, network: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Around a forward and backward pass; only the last one of a step exchanges gradients."""
        return nullcontext() if last else self._accelerator.no_sync(network)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradients to those that are there."""
        self._accelerator.backward(loss)

    def clip(self, parameters: Sequence[Tensor], norm: float) -> Tensor | None:
        """Scale gradients down to a norm; returns the norm before."""
        found: Tensor | None = self._accelerator.clip_grad_norm_(parameters, norm)
        return found

    @property
    def scaler(self) -> Any:
        """What scales losses up for fp16, or None."""
        return self._accelerator.scaler

    # Between processes

    def wait(self) -> None:
        """Go on when all processes are here."""
        self._accelerator.wait_for_everyone()

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag, true if it is true in any process: all must stop at the same step."""
        if self.count == 1:
            return flags
        total = self._accelerator.reduce(self._tensor([float(flag) for flag in flags]), "sum")
        return tuple(value > 0 for value in total.tolist())

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Means over the processes, which all have the same names."""
        if self.count == 1:
            return values
        mean = self._accelerator.reduce(self._tensor(list(values.values())), "mean")
        return dict(zip(values, mean.tolist(), strict=True))

    def total(self, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sums over the processes of counts on the CPU, which not all need to have."""
        return add_counts(*self.gather(dict(counts)))

    def gather(self, value: Any) -> list[Any]:
        """The value of each process, in order of rank."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        found: list[Any] = gather_object([value])
        return found

    def share_buffers(self, network: nn.Module) -> None:
        """Give every process the first one's buffers (running means), which are what is saved."""
        if self.count > 1:
            from accelerate.utils import broadcast

            for buffer in network.buffers():
                broadcast(buffer)

    def _tensor(self, values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)


def forget_setup() -> None:
    """Let the next run of this process have another device or number format.

    The library keeps its set-up for the life of the process and refuses another one. Both names
    begin with an underscore, so this is the one use of them; there since version 0.20, tried with
    1.0 to 1.15. Processes that train together stay together: they cannot meet twice.
    """
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=not _are_together())
    GradientState._reset_state()


def _are_together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


@cache
def _part_at_exit() -> None:
    """Have the processes part when Python ends, and not before: there may be another run."""

    def part() -> None:
        if _are_together():
            torch.distributed.destroy_process_group()

    atexit.register(part)


def _parallel_options() -> list[Any]:
    """How gradients are exchanged: a batch without any view leaves the 2D network unused."""
    from accelerate import DistributedDataParallelKwargs

    return [DistributedDataParallelKwargs(find_unused_parameters=True)]


def add_counts(*parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Counts added by name, in float64 on the CPU."""
    total: dict[str, Tensor] = {}
    for part in parts:
        for name, value in part.items():
            # Two moves: in one, the device would be asked to make the float64.
            exact = value.detach().cpu().double()
            total[name] = total[name] + exact if name in total else exact
    return total
