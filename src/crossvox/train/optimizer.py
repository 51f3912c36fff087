"""The optimizer: its groups, its rate over the steps, and its moments by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.train.params import TrainParams
from crossvox.train.weights import SHOWN

RANDOM = "random."
"""Prefix of random states among an optimizer's tensors; they are not its own."""


def rate_share(step: int, params: TrainParams) -> float:
    """Share of the full learning rate that step number ``step`` (0, 1, ...) takes.

    Warm-up: ``(step + 1) / warmup_steps`` for the first ``warmup_steps`` steps. After it, 1, or
    half a cosine, or the power 0.9 of the steps that are left, from 1 at step ``warmup_steps`` to
    ``final_share`` at step ``steps``.
    """
    if step < params.warmup_steps:
        return (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        return 1.0
    done = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    left = (1 + math.cos(math.pi * done)) / 2
    if params.schedule == "poly":
        left = max(0.0, 1 - done) ** _POLY_POWER
    return params.final_share + (1 - params.final_share) * left


_POLY_POWER = 0.9


def build_optimizer(groups: Sequence[dict[str, Any]], params: TrainParams) -> torch.optim.AdamW:
    """AdamW over these groups; each remembers its rate after warm-up as ``full_rate``.

    Args:
        groups: as AdamW takes them; ``lr`` and ``weight_decay`` of a group win over ``params``.
        params: how to train.

    Raises:
        ParamsError: there is nothing to train.
    """
    groups = [{**group, "params": list(group["params"])} for group in groups]
    expect(
        any(group["params"] for group in groups),
        given="a network without parameters to train",
        needed="at least one parameter that requires a gradient",
        do="check what is frozen",
        error=ParamsError,
    )
    if params.decay == "matrices":
        groups = [part for group in groups for part in _only_matrices_decay(group)]
    optimizer = torch.optim.AdamW(groups, lr=params.rate, weight_decay=params.weight_decay)
    for group in optimizer.param_groups:
        group["full_rate"] = float(group["lr"])
    return optimizer


def _only_matrices_decay(group: dict[str, Any]) -> list[dict[str, Any]]:
    """A group in two: kernels and matrices; biases, scales of norms and scalars without decay."""
    matrices = [p for p in group["params"] if p.ndim > 1]
    vectors = [p for p in group["params"] if p.ndim <= 1]
    parts = [{**group, "params": matrices}, {**group, "params": vectors, "weight_decay": 0.0}]
    return [part for part in parts if part["params"]]


def set_rates(optimizer: Any, share: float) -> float:
    """Set each group to this share of its full rate; returns the first group's rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["full_rate"] * share
    return float(optimizer.param_groups[0]["lr"])


def gradient_norm(parameters: Sequence[Tensor]) -> Tensor | None:
    """Norm of all gradients together, or None where there are none."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else None


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimizer's moments by ``parameter name/slot``, for example ``head.weight/exp_avg``."""
    names: dict[Tensor, str] = {p: name for name, p in network.named_parameters()}
    return {
        f"{names[parameter]}/{slot}": value
        for parameter, slots in optimizer.state.items()
        for slot, value in slots.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor], source: str
) -> None:
    """Undo :func:`optimizer_tensors`; names without a slot are of others, and not looked at.

    Raises:
        CheckpointError: a moment belongs to no parameter of this optimizer, or has another shape.
    """
    names = {parameter: name for name, parameter in network.named_parameters()}
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = {names[parameter]: number for number, parameter in enumerate(trained)}
    state: dict[int, dict[str, Tensor]] = {}
    unknown = []
    for name, value in tensors.items():
        if "/" not in name:
            continue
        owner, _, slot = name.rpartition("/")
        number = numbers.get(owner)
        if number is None:
            unknown.append(name)
            continue
        expect(
            value.ndim == 0 or value.shape == trained[number].shape,
            given=f"{source} with {name} of shape {tuple(value.shape)}",
            needed=f"{tuple(trained[number].shape)}",
            do="train in a new folder",
            error=CheckpointError,
        )
        # The optimizer updates its moments in place: what was read stays as it is.
        state.setdefault(number, {})[slot] = value.clone()
    expect(
        not unknown,
        given=f"{source} with optimizer state of {len(unknown)} unknown parameters "
        f"({', '.join(sorted(unknown)[:SHOWN])})",
        needed="the parameters that the run trained",
        do="train in a new folder",
        error=CheckpointError,
    )
    every = {slot for slots in state.values() for slot in slots}
    lacking = [number for number, slots in state.items() if slots.keys() != every]
    expect(
        not lacking and (not every or "step" in every),
        given=f"{source} with {len(lacking)} parameters that lack some of "
        f"{', '.join(sorted(every))}",
        needed="all moments of every parameter",
        do="train in a new folder",
        error=CheckpointError,
    )
    record = optimizer.state_dict()
    record["state"] = state
    optimizer.load_state_dict(record)
