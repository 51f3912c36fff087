"""What a run takes over from another: which weights are loaded, which stay, which learn slowly.

Transfer is data: :class:`crossvox.train.params.TransferParams` says what is asked for,
:class:`TransferReport` what became of every weight. Names are those of the 3D network, whether or
not images are lifted inside it, so that runs with colours and runs with features can follow each
other; what does not fit is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, expect
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.chosen import chosen
from crossvox.train.freezing import freeze
from crossvox.train.matching import INNER, Matching, match, weight_parts
from crossvox.train.params import CheckpointName, Mode, Part, TransferParams

_FROZEN: dict[str, tuple[Part, ...]] = {
    "full": (),
    "published": (),
    "decoder": ("input", "encoder"),
    "probe": ("input", "encoder", "decoder", "last"),
}
_SLOW: tuple[Part, ...] = ("input", "encoder", "decoder")


@dataclass(frozen=True)
class TransferReport:
    """What became of each weight of a network that starts from another run.

    Attributes:
        source: name of the other run's folder.
        checkpoint: ``average``, ``best`` or ``last``.
        mode: see :class:`crossvox.train.params.TransferParams`.
        parts: weights loaded and weights there, by part.
        loaded: names that were copied, ``spread`` and ``gathered`` ones included.
        spread: classifier weights that were spread over the classes.
        gathered: those that were gathered from the classes.
        missing: names that were asked for and the source lacks.
        skipped: names that both have in different shapes: name, shape here, shape there.
        left: names of the input that would fit, while others of it do not. Behind another first
            layer they mean nothing, so the input is taken over as a whole or not at all.
        not_asked: names of parts that were not to be loaded.
        frozen: names that do not learn.
        rates: share of the run's rate, and how many weights learn at it; without the 2D network,
            which has a rate of its own.
    """

    source: str
    checkpoint: str
    mode: Mode
    parts: dict[str, tuple[int, int]]
    loaded: tuple[str, ...]
    spread: tuple[str, ...]
    gathered: tuple[str, ...]
    missing: tuple[str, ...]
    skipped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    left: tuple[str, ...]
    not_asked: tuple[str, ...]
    frozen: tuple[str, ...]
    rates: dict[str, int]

    @property
    def summary(self) -> str:
        """One line."""
        text = (
            f"from {self.source} ({self.checkpoint}, {self.mode}): {len(self.loaded)} loaded"
            + (f" ({len(self.spread)} spread over the classes)" if self.spread else "")
            + (f" ({len(self.gathered)} gathered from the classes)" if self.gathered else "")
            + f", {len(self.missing)} missing, {len(self.skipped)} of another shape"
        )
        if self.skipped:
            text += f" ({', '.join(name for name, _, _ in self.skipped)})"
        if self.left:
            text += f", {len(self.left)} left with another input"
        return f"{text}, {len(self.frozen)} frozen"


@dataclass
class Transfer:
    """Puts the weights of another run into networks.

    Attributes:
        run: the other run.
        params: see :class:`crossvox.train.params.TransferParams`.
        which: which of its checkpoints, see :mod:`crossvox.train.chosen`.
        report: what became of the network that :meth:`initialise` saw last.

    Raises:
        CheckpointError: the run has no checkpoint, or it is damaged.
    """

    run: Path
    params: TransferParams = field(default_factory=TransferParams)
    which: CheckpointName = "auto"
    report: TransferReport | None = None

    def __post_init__(self) -> None:
        self.checkpoint = chosen(self.run, self.which)
        weights = load_checkpoint(self.run / self.checkpoint).network
        self.weights = {name.removeprefix(INNER): value for name, value in weights.items()}
        self._slow: set[nn.Parameter] = set()

    def initialise(self, network: nn.Module) -> TransferReport:
        """Load, freeze, and remember what is to learn slowly.

        Raises:
            CheckpointError: nothing fits.
            ParamsError: the network does not tell its parts.
        """
        found = match(network, self.weights, self.params)
        self._expect_some(network, found)
        _copy(network, found.values)
        part_of = weight_parts(network)
        stopped = _FROZEN[self.params.mode]
        frozen = freeze(network, lambda name: name in found.values and part_of[name] in stopped)
        self._slow = self._slow_ones(network, found, part_of)
        self.report = self._report(found, frozen, self._rates(network, part_of))
        return self.report

    def groups(self, groups: list[dict[str, Any]], rate: float) -> list[dict[str, Any]]:
        """A task's groups for the optimizer, what learns slowly at its own rate.

        Args:
            groups: of the network that :meth:`initialise` saw last.
            rate: the run's rate.
        """
        split: list[dict[str, Any]] = []
        for group in groups:
            slow = [p for p in group["params"] if p in self._slow]
            rest = [p for p in group["params"] if p not in self._slow]
            if rest:
                split.append({**group, "params": rest})
            if slow:
                split.append({**group, "params": slow, "lr": rate * self.params.rest_share})
        return split

    def _expect_some(self, network: nn.Module, found: Matching) -> None:
        own = network.state_dict()
        expect(
            # Counters and biases fit by chance: they have one size whatever the network's width.
            any(own[name].ndim > 1 for name in found.values),
            given=f"{self.run}, of whose {len(self.weights)} weights none fits "
            f"{type(network).__name__}: {len(found.missing)} missing, {len(found.skipped)} of "
            f"another shape, {len(found.left)} behind another input",
            needed="a run with the same 3D network",
            do="check --from, and pass the --task.* parameters of that run",
            error=CheckpointError,
        )

    def _slow_ones(
        self, network: nn.Module, found: Matching, part_of: Mapping[str, str]
    ) -> set[nn.Parameter]:
        """What was loaded before the last blocks, where that learns at a rate of its own."""
        if self.params.mode != "published":
            return set()
        return {
            parameter
            for name, parameter in network.named_parameters()
            if name in found.values and part_of[name] in _SLOW
        }

    def _rates(self, network: nn.Module, part_of: Mapping[str, str]) -> dict[str, int]:
        """How many weights learn at which share of the run's rate."""
        learning = [
            parameter
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and part_of.get(name) != "images"
        ]
        slow = sum(p.numel() for p in learning if p in self._slow)
        rates = {"1": sum(p.numel() for p in learning) - slow}
        if slow:
            share = f"{self.params.rest_share:g}"
            rates[share] = rates.get(share, 0) + slow
        return rates

    def _report(self, found: Matching, frozen: list[str], rates: dict[str, int]) -> TransferReport:
        return TransferReport(
            source=self.run.resolve().name,
            checkpoint=self.checkpoint,
            mode=self.params.mode,
            parts={
                part: (sum(name in found.values for name in names), len(names))
                for part, names in found.parts.items()
            },
            loaded=tuple(name.removeprefix(INNER) for name in found.values),
            spread=tuple(found.spread),
            gathered=tuple(found.gathered),
            missing=tuple(found.missing),
            skipped=tuple(found.skipped),
            left=tuple(found.left),
            not_asked=tuple(found.not_asked),
            frozen=tuple(name.removeprefix(INNER) for name in frozen),
            rates=rates,
        )


def _copy(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    own = network.state_dict()
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)
