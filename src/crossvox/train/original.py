"""Checkpoints of the published pipeline (``.pth.tar``), brought into this package's networks.

Such a file is a pickle, and a pickle is a program: it is read by torch's weights-only reader, which
knows tensors, numbers, text, lists and dictionaries and refuses everything else before it runs.
Which network it belongs to is told by the names and shapes of its weights, and these must then
agree with that network one for one.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, expect
from crossvox.networks import build_network, build_network2d
from crossvox.train.weights import SHOWN, LoadReport, put_weights

Architecture = Literal["surfacenet", "resnext_unet", "enet", "deeplab"]
"""Networks of the published pipeline, by their names in :mod:`crossvox.networks`."""

VOLUME_ARCHITECTURES: tuple[Architecture, ...] = ("surfacenet", "resnext_unet")
"""Those of them that read volumes."""

COLORS = 3
"""Channels of one view where colours are lifted."""

FEATURES = 128
"""Channels of one view where features are lifted."""

_PARALLEL = "module."
"""Prefix that torch's DataParallel puts before every name."""

_WEIGHTS = ("state_dict", "model_state_dict", "model")
"""Where a checkpoint keeps its weights; a dictionary of tensors alone is taken as it is."""

_REFUSED = re.compile(r"(?:unsupported|disallowed) (?:global|class):? (?:GLOBAL )?([\w.]+)", re.I)
"""How torch names what it refused to look up."""


@dataclass(frozen=True)
class _Signature:
    """How a network is told by its weights.

    Attributes:
        names: pattern that all its names begin with.
        first: a weight of its first layer; its second axis is the input's channels.
        last: a weight of its last layer; its first axis is the classes.
        rank: axes of both.
    """

    names: str
    first: str
    last: str
    rank: int


SIGNATURES: dict[Architecture, _Signature] = {
    "surfacenet": _Signature(
        r"(?:conv[1-5]|upconv[1-4]|classifier)\.\d", "conv1.0.weight", "classifier.0.weight", 5
    ),
    "resnext_unet": _Signature(
        r"(?:conv[1-5]|upconv[1-3]|(?:up_)?bottleneck[1-5]|classifier)\.\d",
        "conv1.0.weight",
        "classifier.3.weight",
        5,
    ),
    "enet": _Signature(r"\d+\.", "0.0.weight", "26.0.weight", 4),
    "deeplab": _Signature(
        r"dlv3\.", "dlv3.backbone.conv1.weight", "dlv3.classifier.conv.5.weight", 4
    ),
}
"""The networks that are known. A new one: a line here and a case in :meth:`OriginalCheckpoint`."""


@dataclass(frozen=True, eq=False)
class OriginalCheckpoint:
    """A checkpoint of the published pipeline, on the CPU.

    Attributes:
        source: the file, for error texts.
        architecture: the network it belongs to.
        in_channels: channels of the network's input.
        classes: classes of its output.
        weights: by the network's own names (those of parallel training are shortened).
        notes: numbers and texts that lay beside the weights (epoch, best score, ...), and the names
            of what was left aside (the optimizer, ...).
    """

    source: Path
    architecture: Architecture
    in_channels: int
    classes: int
    weights: dict[str, Tensor]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def view_channels(self) -> int:
        """Channels of one view of a 3D network: 3 for colours, 128 for features.

        Raises:
            CheckpointError: the input's channels are no multiple of either.
        """
        for channels in (FEATURES, COLORS):
            if self.in_channels % channels == 0:
                return channels
        raise CheckpointError(
            f"given: {self.source}, whose network reads {self.in_channels} channels; needed: a "
            f"multiple of {COLORS} (colours) or of {FEATURES} (features), one share a view; "
            f"do: take a checkpoint of the published pipeline"
        )

    def build(self) -> tuple[nn.Module, LoadReport]:
        """The network with these weights, and what became of each of them.

        Raises:
            CheckpointError: a weight is missing, left over, of another shape, or not finite.
        """
        broken = [
            name
            for name, value in self.weights.items()
            if value.is_floating_point() and not bool(value.isfinite().all())
        ]
        expect(
            not broken,
            given=f"{self.source}, in which {len(broken)} weights are not finite "
            f"({', '.join(broken[:SHOWN])})",
            needed="numbers",
            do="take an earlier checkpoint of that training",
            error=CheckpointError,
        )
        if self.architecture in VOLUME_ARCHITECTURES:
            network: nn.Module = build_network(self.architecture, self.in_channels, self.classes)
        else:
            network = build_network2d(self.architecture, self.classes, weights="none")
        return network, put_weights(self.weights, network, str(self.source))


def read_original_checkpoint(path: Path) -> OriginalCheckpoint:
    """Read a ``.pth.tar`` file. Nothing in it is executed.

    Raises:
        CheckpointError: missing, damaged, asks for more than weights, or of another network; says
            which.
    """
    record = _load(path)
    weights, notes = _weights(record, path)
    architecture = _architecture(weights, path)
    signature = SIGNATURES[architecture]
    for name in (signature.first, signature.last):
        expect(
            name in weights and weights[name].ndim == signature.rank,
            given=f"{path}, whose weights look like {architecture} but "
            + (
                f"{name} has shape {tuple(weights[name].shape)}"
                if name in weights
                else f"{name} is missing"
            ),
            needed=f"all weights of {architecture}",
            do="take a complete checkpoint",
            error=CheckpointError,
        )
    return OriginalCheckpoint(
        path,
        architecture,
        in_channels=int(weights[signature.first].shape[1]),
        classes=int(weights[signature.last].shape[0]),
        weights=weights,
        notes=notes,
    )


def _load(path: Path) -> Any:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_plain_numbers()):
            # What the reader has to say about odd pickles is said below, or does not matter.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        found, do = "which does not exist", "check the path"
    # A hostile or damaged file can make the reader fail in any way; all of them mean one thing.
    except Exception as error:
        text = str(error).strip() or type(error).__name__
        refused = _REFUSED.search(text)
        if refused:
            found = f"which asks for {refused[1]}, and that is no weight; nothing was executed"
            do = (
                "take a file from a source you trust; there, save the weights alone: "
                "torch.save({'state_dict': network.state_dict()}, FILE)"
            )
        else:
            first = re.split(r"[.]\s|\n", text)[0]
            if isinstance(error, pickle.UnpicklingError):
                first = "not readable as plain weights; nothing was executed"
            found = f"which is damaged or no torch file ({first[:200]})"
            do = "copy or download it again"
    raise CheckpointError(f"given: {path}, {found}; needed: a file of weights; do: {do}")


def _plain_numbers() -> list[Any]:
    """numpy's numbers, which trainings like to store as their best score: plain data, as floats.

    Each function by the names that it has had.
    """
    scalar = np.float64(0).__reduce__()[0]
    kinds = [np.dtype(kind) for kind in ("f8", "f4", "i8", "i4", "b1")]
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *{type(kind) for kind in kinds},
    ]


def _weights(record: Any, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    found, notes = record, {}
    if isinstance(record, Mapping):
        for key in _WEIGHTS:
            if isinstance(record.get(key), Mapping):
                found = record[key]
                notes = {str(name): _note(value) for name, value in record.items() if name != key}
                break
    expect(
        isinstance(found, Mapping)
        and len(found) > 0
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()),
        given=f"{path}, which holds "
        + (
            f"a dictionary of {', '.join(map(str, list(found)[:SHOWN])) or 'nothing'}"
            if isinstance(found, Mapping)
            else f"a {type(found).__name__}"
        ),
        needed="weights by name, in an entry 'state_dict' or alone",
        do="take a checkpoint of the published pipeline",
        error=CheckpointError,
    )
    weights = {}
    for name, value in found.items():
        while name.startswith(_PARALLEL):
            name = name.removeprefix(_PARALLEL)
        weights[name] = value
    return weights, notes


def _note(value: Any) -> Any:
    """A number or short text as it is; of anything larger, what it is."""
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and value.numel() == 1):
        value = value.item()
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str):
        return value[:200]
    return f"left aside ({type(value).__name__})"


def _architecture(weights: Mapping[str, Tensor], path: Path) -> Architecture:
    shares = {
        name: sum(bool(re.match(signature.names, key)) for key in weights) / len(weights)
        for name, signature in SIGNATURES.items()
    }
    best = max(shares, key=lambda name: shares[name])
    expect(
        shares[best] > 0.5,
        given=f"{path} with {len(weights)} weights {', '.join(list(weights)[:SHOWN])}, ...",
        needed="those of " + ", ".join(SIGNATURES) + ", as the published pipeline names them",
        do="check that it is one of its checkpoints",
        error=CheckpointError,
    )
    return best
