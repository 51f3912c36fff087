"""A device without float64, as Apple's GPUs are, played by the CPU.

Its tensors say that they are on ``meta`` and hold one on the CPU, which does the work. Making a
float64 there is an error, in whatever operation; so is mixing its tensors with those of the CPU
where a real device would refuse it too (numbers without axes may be mixed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

KIND = "meta"
"""A device that every build of torch knows, and that no code asks for."""


class FarTensor(Tensor):
    """A tensor on the device; ``held`` is on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> FarTensor:
        made: FarTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(KIND),
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"far {self.held!r}"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


class FarDevice(TorchDispatchMode):
    """Operations whose result is asked for on the device, or whose arguments are there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


class _Numbers(TorchFunctionMode):
    """Tensors of numbers and numbers of tensors, which are made without any dispatch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if args and isinstance(args[0], FarTensor):
            if func is Tensor.new_tensor:
                kind = {"dtype": args[0].dtype, **kwargs}
                return torch.tensor(*args[1:], **kind).to(KIND)
            if func is Tensor.tolist:
                return args[0].held.tolist()
        return func(*args, **kwargs)


@contextmanager
def far_device() -> Iterator[None]:
    """While it is entered, tensors can be made on the device and moved to it."""
    with FarDevice(), _Numbers():
        yield


def dispatch(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation: on the device if its arguments are, or if the result is asked for there."""
    target = kwargs.get("device")
    asked_far = target is not None and torch.device(target).type == KIND
    given, _ = tree_flatten((args, kwargs))
    far = [value for value in given if isinstance(value, FarTensor)]
    if not far and not asked_far:
        return func(*args, **kwargs)
    name = str(func)
    moves = "copy" in name
    near = [v for v in given if isinstance(v, Tensor) and not isinstance(v, FarTensor)]
    # Numbers without axes, and indices, may be on the CPU.
    if far and not moves and "index" not in name and any(value.ndim > 0 for value in near):
        raise RuntimeError(f"{name}: tensors on {KIND} and on the CPU together")
    if asked_far:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    held = {id(value.held): value for value in far}
    out = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    leaves_device = target is not None and not asked_far
    if leaves_device and kwargs.get("dtype") == torch.float64 and far[0].dtype != torch.float64:
        raise TypeError(f"{name} has {KIND} make a float64, which it does not know")

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor) or leaves_device:
            return value
        if id(value) in held:
            return held[id(value)]
        if any(value is own for own in given):
            return value  # copied into a tensor of the CPU
        if value.dtype == torch.float64:
            raise TypeError(f"{name} makes a float64 on {KIND}, which does not know it")
        return FarTensor(value)

    return tree_map(wrap, out)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, FarTensor) else value
