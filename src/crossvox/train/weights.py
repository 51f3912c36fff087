"""Weights into a network by name, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError
from crossvox.networks.rescale import fit_rescaling

SHOWN = 5
"""How many problems of one kind an error text lists."""


@dataclass(frozen=True)
class LoadReport:
    """What became of each weight when a checkpoint was put into a network.

    Attributes:
        loaded: names that were copied.
        missing: names that the network has and the checkpoint lacks.
        unexpected: names that the checkpoint has and the network lacks.
        mismatched: names that both have, in different shapes; each with both shapes.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the checkpoint and the network agree in every name and shape."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} loaded"]
        for kind in ("missing", "unexpected", "mismatched"):
            names: tuple[str, ...] = getattr(self, kind)
            if names:
                more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                parts.append(f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{more})")
        return ", ".join(parts)


def put_weights(
    weights: Mapping[str, Tensor], network: nn.Module, source: str, *, strict: bool = True
) -> LoadReport:
    """Copy weights into a network by name.

    Args:
        weights: by name, any device.
        network: where they go; keeps its device and data types.
        source: what to name in an error.
        strict: refuse unless every name and shape agrees; nothing is copied then. If False, what
            fits is copied, and it is an error only if nothing fits.

    Raises:
        CheckpointError: they do not fit; the text lists the first few problems of each kind.
    """
    fit_rescaling(network, weights)
    own = network.state_dict()
    mismatched = tuple(
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    )
    report = LoadReport(
        loaded=tuple(n for n in own if n in weights and weights[n].shape == own[n].shape),
        missing=tuple(name for name in own if name not in weights),
        unexpected=tuple(name for name in weights if name not in own),
        mismatched=mismatched,
    )
    if (strict and not report.complete) or not report.loaded:
        needed = "the same names and shapes" if strict else "at least one weight that fits"
        raise CheckpointError(
            f"given: {source}, which does not fit {type(network).__name__}: {report}; needed: "
            f"{needed}; do: build the network with the parameters of the run (its params.json)"
        )
    with torch.no_grad():
        for name in report.loaded:
            own[name].copy_(weights[name])
    return report
