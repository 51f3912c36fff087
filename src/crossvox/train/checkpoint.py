"""Checkpoints: weights as safetensors, everything else as JSON; never pickle.

A checkpoint is a folder ``network.safetensors`` (all weights and buffers by name; what was packed,
:mod:`crossvox.train.packing`, is read as well), ``state.json`` (step, scores, ...), and, for the
checkpoint that training goes on from, ``optimizer.safetensors`` (optimizer moments and random
states). It is replaced as a whole: whoever looks sees the old one
or the new one, and if writing fails the old one stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from crossvox.core.artifact import Manifest, read_json, write_json, write_manifest
from crossvox.core.checks import ArtifactError, CheckpointError, given_in, reason
from crossvox.core.files import STATE
from crossvox.flow.folder import building
from crossvox.train.chosen import chosen
from crossvox.train.folder import CHECKPOINT_FILES
from crossvox.train.packing import unpack
from crossvox.train.params import NETWORK, OPTIMIZER, CheckpointName
from crossvox.train.selftest import read_self_test
from crossvox.train.weights import LoadReport, put_weights


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
        optimizer: tensors for ``optimizer.safetensors``, see
            :func:`crossvox.train.optimizer.optimizer_tensors`.

    Raises:
        CheckpointError: it cannot be written (full disk, no permission); the old one stays.
    """
    try:
        with building(folder, CHECKPOINT_FILES) as temporary:
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
            f"given: {folder}, which cannot be written ({reason(error)}); needed: room for "
            f"{_megabytes(network, optimizer):.1f} MB and permission to write; do: free some "
            f"space and run the same command again; {kept}"
        ) from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: missing or damaged; names the file.
    """
    try:
        state = read_json(folder / STATE)
    except ArtifactError as error:
        raise _damaged(folder / STATE, given_in(error)) from None
    if not isinstance(state, dict):
        raise _damaged(folder / STATE, f"{folder / STATE}, which holds no JSON object")
    optimizer = _read_tensors(folder / OPTIMIZER) if (folder / OPTIMIZER).is_file() else None
    return Checkpoint(_read_tensors(folder / NETWORK), state, optimizer)


def load_network_weights(folder: Path, network: nn.Module, *, strict: bool = True) -> LoadReport:
    """Put a checkpoint's weights into a network; see :func:`crossvox.train.weights.put_weights`.

    Args:
        folder: a checkpoint folder, for example ``RUN/best``.
        network: where they go.
        strict: refuse unless every name and shape agrees.

    Raises:
        CheckpointError: missing, damaged, or does not fit.
    """
    return put_weights(_read_tensors(folder / NETWORK), network, str(folder), strict=strict)


def load_run_network(run: Path, network: nn.Module, which: CheckpointName = "auto") -> LoadReport:
    """Put the weights of a training run into a network that fits exactly.

    A run that was packed has a self-test, which is made; see :mod:`crossvox.train.selftest`.

    Args:
        run: the run folder.
        network: built with the run's parameters.
        which: which checkpoint, see :mod:`crossvox.train.chosen`.

    Raises:
        CheckpointError: there is none, or it is damaged, or it does not fit, or it answers
            something else than it did when it was packed.
    """
    taken = chosen(run, which)
    folder = run / chosen(run, taken)  # by its name, so that one that is missing is told
    weights, test = folder / NETWORK, read_self_test(run)
    if test is not None:
        test.expect_weights(weights)
    report = load_network_weights(folder, network)
    if test is not None:
        test.expect_answer(network, weights)
    return report


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
        return unpack(load_file(path), str(path))
    except FileNotFoundError:
        found = "which does not exist"
    except (SafetensorError, ValueError, KeyError) as error:
        found = f"which is damaged ({error})"
    except OSError as error:
        found = f"which cannot be read ({error})"
    raise _damaged(path, f"{path}, {found}")


def _damaged(path: Path, given: str) -> CheckpointError:
    """That a file of a checkpoint cannot be read."""
    return CheckpointError(
        f"given: {given}; needed: the file as training wrote it; do: take another checkpoint of "
        f"the run (best or last), or delete {path.parent} and train again"
    )


def _megabytes(network: nn.Module, optimizer: Mapping[str, Tensor] | None) -> float:
    """Size on the disk, rounded up: never "0.0"."""
    tensors = [*network.state_dict().values(), *(optimizer or {}).values()]
    return math.ceil(sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e5) / 10
