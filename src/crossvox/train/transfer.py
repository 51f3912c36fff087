"""What a run takes over from another: which weights are loaded, which stay, which learn slowly.

Transfer is data: :class:`TransferParams` says what is asked for, :class:`TransferReport` what
became of every weight. Names are those of the 3D network, whether or not images are lifted inside
it, so that runs with colours and runs with features can follow each other; what does not fit is
told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.networks.rescale import fit_rescaling
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.loop import best_or_last

Part = Literal["images", "input", "encoder", "decoder", "last", "classifier"]
"""Parts of a network, see :meth:`crossvox.networks.scene_unet.SceneUNet.parts`."""

Mode = Literal["full", "published", "decoder", "probe"]

FILE = "transfer.json"
"""The report in a run folder."""

IMAGES = "image_network."
"""Prefix of the 2D network's weights."""

INNER = "volume_network."
"""Prefix of the 3D network's weights where images are lifted inside."""

_FROZEN: dict[str, tuple[Part, ...]] = {
    "full": (),
    "published": (),
    "decoder": ("input", "encoder"),
    "probe": ("input", "encoder", "decoder", "last"),
}
_SLOW: tuple[Part, ...] = ("input", "encoder", "decoder")


@dataclass(frozen=True)
class TransferParams:
    """How a run starts from another one.

    Attributes:
        mode: what learns. ``full``: everything at the run's rate. ``published``: the last two
            blocks at the run's rate, what was loaded before them at ``rest_share`` of it.
            ``decoder``: what was loaded into input and encoder stays as it is. ``probe``: all that
            was loaded but the classifier stays as it is (linear probe). What could not be loaded
            always learns at the full rate.
        load: parts that are loaded. ``images`` is the 2D network, which otherwise comes from
            ``--features``.
        rest_share: rate of the rest for ``published``, as a share of the run's rate; published:
            5e-5 beside 1e-3.
        head: what becomes of a two-class classifier where 41 classes are asked for. ``spread``: its
            free class stays, each other class starts as an equal share of its occupied class, so
            that geometry is kept from the first step on; ``new``: it starts from chance.

    Raises:
        ParamsError: a value makes no sense.
    """

    mode: Mode = "full"
    load: tuple[Part, ...] = ("input", "encoder", "decoder", "last", "classifier")
    rest_share: float = 0.05
    head: Literal["spread", "new"] = "spread"

    def __post_init__(self) -> None:
        expect(
            len(self.load) > 0 and 0 <= self.rest_share <= 1,
            given=f"parts {self.load}, a rest share of {self.rest_share}",
            needed="at least one part to load, a share from 0 to 1",
            do="correct --transfer.*",
            error=ParamsError,
        )


@dataclass(frozen=True)
class TransferReport:
    """What became of each weight of a network that starts from another run.

    Attributes:
        source: name of the other run's folder.
        checkpoint: ``best`` or ``last``.
        mode: see :class:`TransferParams`.
        parts: weights loaded and weights there, by part.
        loaded: names that were copied, ``spread`` ones included.
        spread: classifier weights that were spread over the classes.
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
        params: see :class:`TransferParams`.
        report: what became of the network that :meth:`initialise` saw last.

    Raises:
        CheckpointError: the run has no checkpoint, or it is damaged.
    """

    run: Path
    params: TransferParams = field(default_factory=TransferParams)
    report: TransferReport | None = None

    def __post_init__(self) -> None:
        self.checkpoint = best_or_last(self.run)
        expect(
            (self.run / self.checkpoint).is_dir(),
            given=f"{self.run}, which has no checkpoint",
            needed="a training run that has reached its first checkpoint",
            do="check the path of --from, or train that run first",
            error=CheckpointError,
        )
        weights = load_checkpoint(self.run / self.checkpoint).network
        self.weights = {name.removeprefix(INNER): value for name, value in weights.items()}
        self._slow: set[int] = set()

    def initialise(self, network: nn.Module) -> TransferReport:
        """Load, freeze, and remember what is to learn slowly.

        Raises:
            CheckpointError: nothing fits.
        """
        params = self.params
        if "images" in params.load and any(name.startswith(IMAGES) for name in self.weights):
            fit_rescaling(network, self.weights)
        own = network.state_dict()
        part_of = _parts(network)
        input_fits = self._input_fits(network)
        loaded, spread, missing, not_asked, left = [], [], [], [], []
        skipped: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
        there: dict[str, list[str]] = {}
        for name, value in own.items():
            short, part = name.removeprefix(INNER), part_of.get(name)
            if part is None:
                continue
            there.setdefault(part, []).append(name)
            found = self.weights.get(short)
            if part not in params.load:
                not_asked.append(short)
            elif found is None:
                missing.append(short)
            elif found.shape == value.shape and part == "input" and not input_fits:
                left.append(short)
            elif found.shape == value.shape:
                _copy(value, found)
                loaded.append(name)
            elif part == "classifier" and params.head == "spread" and _can_spread(found, value):
                _copy(value, _spread(found, value))
                loaded.append(name)
                spread.append(short)
            else:
                skipped.append((short, tuple(value.shape), tuple(found.shape)))
        # Counters and biases fit by chance: they have one size whatever the network's width.
        if not any(own[name].ndim > 1 for name in loaded):
            raise CheckpointError(
                f"given: {self.run}, of whose {len(self.weights)} weights none fits "
                f"{type(network).__name__}: {len(missing)} missing, {len(skipped)} of another "
                f"shape, {len(left)} behind another input; needed: a run with the same 3D "
                f"network; do: check --from, and pass the --task.* parameters of that run"
            )
        frozen = self._freeze(network, set(loaded), part_of)
        self._slow = set()
        if params.mode == "published":
            self._slow = {
                id(parameter)
                for name, parameter in network.named_parameters()
                if name in loaded and part_of[name] in _SLOW
            }
        learning = [
            parameter
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and part_of.get(name) != "images"
        ]
        slow = sum(p.numel() for p in learning if id(p) in self._slow)
        rates = {"1": sum(p.numel() for p in learning) - slow}
        if slow:
            share = f"{params.rest_share:g}"
            rates[share] = rates.get(share, 0) + slow
        self.report = TransferReport(
            source=self.run.resolve().name,
            checkpoint=self.checkpoint,
            mode=params.mode,
            parts={
                part: (sum(name in set(loaded) for name in names), len(names))
                for part, names in there.items()
            },
            loaded=tuple(name.removeprefix(INNER) for name in loaded),
            spread=tuple(spread),
            missing=tuple(missing),
            skipped=tuple(skipped),
            left=tuple(left),
            not_asked=tuple(not_asked),
            frozen=frozen,
            rates=rates,
        )
        return self.report

    def _input_fits(self, network: nn.Module) -> bool:
        """Whether the input's weights are all there, in these shapes, and no others.

        Shapes alone do not tell: the first 3x3x3 layer behind a reduction of features may have as
        many channels as one that reads colours.
        """
        inside = [name for part, name in _named_parts(network) if part == "input"]
        prefixes = tuple(f"{name.removeprefix(INNER)}." for name in inside)
        own = {
            short: tuple(value.shape)
            for name, value in network.state_dict().items()
            if (short := name.removeprefix(INNER)).startswith(prefixes)
        }
        there = {
            name: tuple(value.shape)
            for name, value in self.weights.items()
            if name.startswith(prefixes)
        }
        return own == there

    def groups(self, groups: list[dict[str, Any]], rate: float) -> list[dict[str, Any]]:
        """A task's groups for the optimizer, what learns slowly at its own rate.

        Args:
            groups: of the network that :meth:`initialise` saw last.
            rate: the run's rate.
        """
        split: list[dict[str, Any]] = []
        for group in groups:
            slow = [p for p in group["params"] if id(p) in self._slow]
            rest = [p for p in group["params"] if id(p) not in self._slow]
            if rest:
                split.append({**group, "params": rest})
            if slow:
                split.append({**group, "params": slow, "lr": rate * self.params.rest_share})
        return split

    def _freeze(
        self, network: nn.Module, loaded: set[str], part_of: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Stop what was loaded into frozen parts from learning; norms keep their statistics."""
        frozen, stopped = [], _FROZEN[self.params.mode]
        for prefix, module in network.named_modules():
            own = [f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)]
            if not own or any(n not in loaded or part_of[n] not in stopped for n in own):
                continue
            for name, parameter in module.named_parameters(recurse=False):
                parameter.requires_grad_(False)
                frozen.append(f"{prefix}.{name}".removeprefix(INNER))
            _rest(module)
        return tuple(frozen)


def _named_parts(network: nn.Module) -> list[tuple[str, str]]:
    """Part and full name of each module that :meth:`parts` lists.

    Raises:
        ParamsError: the network does not tell its parts.
    """
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


def _parts(network: nn.Module) -> dict[str, str]:
    """Part of each weight and buffer, by its full name."""
    return {
        f"{name}.{own}": part
        for part, name in _named_parts(network)
        for own in network.get_submodule(name).state_dict()
    }


def _can_spread(found: Tensor, own: Tensor) -> bool:
    return len(found) == 2 and len(own) > 2 and found.shape[1:] == own.shape[1:]


def _spread(found: Tensor, own: Tensor) -> Tensor:
    """Free class, and the occupied class for every other, which share its probability evenly."""
    wide = torch.cat((found[:1], found[1:].expand(len(own) - 1, *found.shape[1:]))).clone()
    if wide.ndim == 1:
        wide[1:] -= math.log(len(own) - 1)
    return wide


def _copy(target: Tensor, value: Tensor) -> None:
    with torch.no_grad():
        target.copy_(value)


def _rest(module: nn.Module) -> None:
    """Keep a module in evaluation mode, whatever is asked of the network that it is part of."""
    module.eval()
    module.train = lambda mode=True: module  # type: ignore[method-assign]
