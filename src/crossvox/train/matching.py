"""Which weights of a run fit which weights of a network, part by part.

Names are those of the 3D network, whether or not images are lifted inside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, expect
from crossvox.networks.rescale import fit_rescaling
from crossvox.train.params import TransferParams

IMAGES = "image_network."
"""Prefix of the 2D network's weights, likewise."""

INNER = "volume_network."
"""Prefix of the 3D network's weights where images are lifted inside."""


@dataclass
class Matching:
    """What is to become of each weight of a network.

    Attributes:
        values: what is to be copied, by the weight's full name.
        parts: full names of all weights that belong to a part, by part.
        spread, gathered, missing, skipped, left, not_asked: see
            :class:`crossvox.train.transfer.TransferReport`.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    spread: list[str] = field(default_factory=list)
    gathered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    skipped: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)


def match(network: nn.Module, weights: Mapping[str, Tensor], params: TransferParams) -> Matching:
    """Decide for each weight of a network that belongs to a part; nothing is copied yet.

    Args:
        network: tells its parts.
        weights: of the other run, by name.
        params: which parts are loaded, and what becomes of the classifier.

    Raises:
        ParamsError: the network does not tell its parts.
    """
    if "images" in params.load and any(name.startswith(IMAGES) for name in weights):
        fit_rescaling(network, weights)
    part_of = weight_parts(network)
    takes_input = _input_fits(network, weights)
    found = Matching()
    for name, own in network.state_dict().items():
        part = part_of.get(name)
        if part is None:
            continue
        found.parts.setdefault(part, []).append(name)
        short = name.removeprefix(INNER)
        value = weights.get(short)
        if part not in params.load:
            found.not_asked.append(short)
        elif value is None:
            found.missing.append(short)
        elif value.shape == own.shape:
            if part == "input" and not takes_input:
                found.left.append(short)
            else:
                found.values[name] = value
        elif part == "classifier" and params.head == "spread" and _can_spread(value, own):
            found.values[name] = _spread(value, own)
            found.spread.append(short)
        elif part == "classifier" and params.head == "spread" and _can_spread(own, value):
            found.values[name] = _gathered(value)
            found.gathered.append(short)
        else:
            found.skipped.append((short, tuple(own.shape), tuple(value.shape)))
    return found


def weight_parts(network: nn.Module) -> dict[str, str]:
    """Part of each weight and buffer that belongs to one, by its full name.

    Raises:
        ParamsError: the network does not tell its parts.
    """
    return {
        f"{name}.{own}": part
        for part, name in _named_parts(network)
        for own in network.get_submodule(name).state_dict()
    }


def _named_parts(network: nn.Module) -> list[tuple[str, str]]:
    """Part and full name of each module that the network's ``parts`` lists."""
    parts = getattr(network, "parts", None)
    expect(
        callable(parts),
        given=f"a network {type(network).__name__} that does not tell its parts",
        needed="one with a method parts()",
        do="start from scratch",
        error=ParamsError,
    )
    assert callable(parts)
    names = {module: name for name, module in network.named_modules()}
    return [(part, names[module]) for part, modules in parts().items() for module in modules]


def _input_fits(network: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Whether the input's weights are all there, in these shapes, and no others.

    Shapes alone do not tell: the first 3x3x3 layer behind a reduction of features may have as many
    channels as one that reads colours.
    """
    inside = [name for part, name in _named_parts(network) if part == "input"]
    prefixes = tuple(f"{name.removeprefix(INNER)}." for name in inside)

    def shapes(named: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        short = {name.removeprefix(INNER): tuple(value.shape) for name, value in named.items()}
        return {name: shape for name, shape in short.items() if name.startswith(prefixes)}

    return shapes(network.state_dict()) == shapes(weights)


def _can_spread(two: Tensor, many: Tensor) -> bool:
    return len(two) == 2 and len(many) > 2 and two.shape[1:] == many.shape[1:]


def _spread(found: Tensor, own: Tensor) -> Tensor:
    """Free class, and the occupied class for every other, which share its probability evenly."""
    wide = torch.cat((found[:1], found[1:].expand(len(own) - 1, *found.shape[1:]))).clone()
    if wide.ndim == 1:
        wide[1:] -= math.log(len(own) - 1)
    return wide


def _gathered(found: Tensor) -> Tensor:
    """Free class, and the mean of all others as the occupied one: the way back of a spread."""
    two = torch.stack((found[0], found[1:].mean(dim=0)))
    if two.ndim == 1:
        two[1] += math.log(len(found) - 1)
    return two
