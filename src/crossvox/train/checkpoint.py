"""Checkpoints: weights as safetensors, everything else as JSON; never pickle.

A checkpoint is a folder ``network.safetensors`` (all weights and buffers by name), ``state.json``
(step, scores, ...), and, for the checkpoint that training goes on from, ``optimizer.safetensors``
(optimizer moments and random states). It is replaced as a whole: whoever looks sees the old one
or the new one, and if writing fails the old one stays.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from crossvox.core.artifact import Manifest, building, read_json, write_json, write_manifest
from crossvox.core.checks import ArtifactError, CheckpointError
from crossvox.networks.rescale import fit_rescaling

NETWORK = "network.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
RANDOM = "random."
"""Prefix of random states in ``optimizer.safetensors``."""

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


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint as read from disk; all tensors on the CPU.

    Attributes:
        network: weights and buffers by name.
        state: what ``state.json`` holds.
        optimizer: optimizer moments and random states by name, or None where none were saved.
    """

    network: dict[str, Tensor]
    state: dict[str, Any]
    optimizer: dict[str, Tensor] | None


def save_checkpoint(
    folder: Path,
    network: nn.Module,
    state: Mapping[str, Any],
    optimizer: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint; what ``folder`` held before is replaced only once all is written.

    Args:
        folder: the checkpoint folder.
        network: whose weights and buffers are saved.
        state: JSON types, goes to ``state.json``.
        optimizer: tensors for ``optimizer.safetensors``, see :func:`optimizer_tensors`.

    Raises:
        CheckpointError: it cannot be written (full disk, no permission); the old one stays.
    """
    try:
        restore_swapped(folder)
        with building(folder) as temporary:
            _write_tensors(temporary / NETWORK, network.state_dict())
            if optimizer is not None:
                _write_tensors(temporary / OPTIMIZER, optimizer)
            write_json(temporary / STATE, state)
            write_manifest(
                temporary, Manifest("checkpoint", notes={"step": dict(state).get("step")})
            )
    except (OSError, SafetensorError) as error:
        kept = "the checkpoint before it is untouched" if folder.is_dir() else "nothing was saved"
        raise CheckpointError(
            f"given: {folder}, which cannot be written ({error}); needed: room for "
            f"{_megabytes(network, optimizer):.0f} MB and permission to write; do: free some space "
            f"and run the same command again; {kept}"
        ) from None


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: missing or damaged; names the file.
    """
    try:
        state = read_json(folder / STATE)
    except ArtifactError as error:
        raise CheckpointError(str(error)) from None
    if not isinstance(state, dict):
        raise CheckpointError(
            f"given: {folder / STATE}, which holds no JSON object; needed: the file as training "
            f"wrote it; do: delete {folder} and train again"
        )
    optimizer = _read_tensors(folder / OPTIMIZER) if (folder / OPTIMIZER).is_file() else None
    return Checkpoint(_read_tensors(folder / NETWORK), state, optimizer)


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


def load_network_weights(folder: Path, network: nn.Module, *, strict: bool = True) -> LoadReport:
    """Put a checkpoint's weights into a network; see :func:`put_weights`.

    Args:
        folder: a checkpoint folder, for example ``RUN/best``.
        network: where they go.
        strict: refuse unless every name and shape agrees.

    Raises:
        CheckpointError: missing, damaged, or does not fit.
    """
    return put_weights(_read_tensors(folder / NETWORK), network, str(folder), strict=strict)


def load_run_network(
    run: Path, network: nn.Module, which: Literal["best", "last"] = "best"
) -> LoadReport:
    """Put the weights of a training run into a network that fits exactly.

    Args:
        run: the run folder.
        network: built with the run's parameters.
        which: the checkpoint with the best validation score, or the newest one. A run without
            validation has no best one.

    Raises:
        CheckpointError: there is none, or it is damaged, or it does not fit.
    """
    folder = run / which
    if not folder.is_dir():
        other = "last" if which == "best" else "best"
        there = (run / other).is_dir()
        raise CheckpointError(
            f"given: {run}, which has no '{which}' checkpoint; needed: a training run that has "
            f"reached its first {'validation' if which == 'best' else 'checkpoint'}; do: "
            + (f"ask for '{other}', which is there" if there else "check the path, or train")
        )
    return load_network_weights(folder, network)


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
    """Undo :func:`optimizer_tensors`; entries that start with :data:`RANDOM` are not looked at.

    Raises:
        CheckpointError: a moment belongs to no parameter of this optimizer, or has another shape.
    """
    names = {parameter: name for name, parameter in network.named_parameters()}
    record = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    left = {name for name in tensors if not name.startswith(RANDOM)}
    number = 0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            prefix = f"{names[parameter]}/"
            for name in [name for name in left if name.startswith(prefix)]:
                value, slot = tensors[name], name.removeprefix(prefix)
                if value.ndim and value.shape != parameter.shape:
                    raise CheckpointError(
                        f"given: {source} with {name} of shape {tuple(value.shape)}; needed: "
                        f"{tuple(parameter.shape)}; do: train in a new folder"
                    )
                # The optimizer updates its moments in place: what was read stays as it is.
                state.setdefault(number, {})[slot] = value.clone()
                left.discard(name)
            number += 1
    if left:
        raise CheckpointError(
            f"given: {source} with optimizer state of {len(left)} unknown parameters "
            f"({', '.join(sorted(left)[:SHOWN])}); needed: the parameters that the run trained; "
            f"do: train in a new folder"
        )
    record["state"] = state
    optimizer.load_state_dict(record)


def restore_swapped(folder: Path) -> None:
    """Undo a replacement that was cut off between its two renames; clear what it left behind.

    Replacing a folder moves the old one aside and then moves the new one in. A process killed
    exactly in between leaves only the old one, under a hidden name; it is moved back here. Only
    for the process that writes the run: a reader could disturb a replacement under way.
    """
    if not folder.parent.is_dir():
        return
    aside = sorted(folder.parent.glob(f".{folder.name}.*.old"), key=lambda p: p.stat().st_mtime)
    if aside and not folder.exists():
        os.replace(aside.pop(), folder)
    for stale in aside:
        shutil.rmtree(stale, ignore_errors=True)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    # Weights that share memory are refused by the format, so each gets its own copy.
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, value in tensors.items():
        tensor = value.detach().cpu().contiguous()
        address = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if address in seen else tensor
        seen.add(address)
    # Not the library's own file writer, which makes files that only their owner can read.
    path.write_bytes(save(plain))


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except FileNotFoundError:
        found = "which does not exist"
    except (SafetensorError, ValueError, KeyError) as error:
        found = f"which is damaged ({error})"
    except OSError as error:
        found = f"which cannot be read ({error})"
    raise CheckpointError(
        f"given: {path}, {found}; needed: a complete safetensors file as training wrote it; "
        f"do: take the run's other checkpoint (best or last), or delete {path.parent} and "
        f"train again"
    )


def _megabytes(network: nn.Module, optimizer: Mapping[str, Tensor] | None) -> float:
    tensors = [*network.state_dict().values(), *(optimizer or {}).values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6
