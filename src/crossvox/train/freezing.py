"""Modules that do not learn while the network around them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def freeze(network: nn.Module, chosen: Callable[[str], bool]) -> list[str]:
    """Stop modules from learning; their norms keep the statistics that they have.

    A module is frozen if all parameters that it holds itself are chosen. It computes in evaluation
    mode, whatever mode the network is put into, until its parameters are to learn again
    (``requires_grad_(True)``). What is frozen can be copied and pickled like any module.

    Args:
        network: in which modules are frozen.
        chosen: whether the parameter of this full name is to stay as it is.

    Returns:
        Full names of the parameters that were frozen.
    """
    frozen: list[str] = []
    for prefix, module in network.named_modules():
        own = {f"{prefix}.{name}": p for name, p in module.named_parameters(recurse=False)}
        if not own or not all(chosen(name) for name in own):
            continue
        for parameter in own.values():
            parameter.requires_grad_(False)
        frozen += own
        module.eval()
        module.register_forward_pre_hook(_rest)
    return frozen


def _rest(module: nn.Module, _: Any) -> None:
    """Before each pass: into evaluation mode, if nothing that the module holds learns."""
    if module.training and not any(p.requires_grad for p in module.parameters(recurse=False)):
        module.eval()
