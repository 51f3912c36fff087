"""Whether a network that was packed is what it was, and answers here as it answered there.

Beside the weights of a run that was packed lies ``selftest.safetensors``: a small input, a part of
what the network answered to it, and the SHA-256 of the file of weights. Whoever loads such a run
looks at both, once a process: a file that was damaged or mixed up is found before anything is
predicted, and so is a library or a processor that computes otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, CrossvoxError, expect, reason
from crossvox.train.params import SELFTEST

TOLERANCE = 1e-3
"""How far an answer may lie from the stored one, as a share of the root mean square of that.

Other kernels for the same processor differ by 1e-6, weights of 8 bits from those of 16 by 1e-2.
"""

_VALUES = 8192
"""So many values of the answer are stored, evenly chosen."""

_INPUT, _OUTPUT = "input", "output"

_passed: set[str] = set()
"""Digests of weights that were tested in this process."""


@dataclass(frozen=True, eq=False)
class SelfTest:
    """A stored input and what the network answered to it.

    Attributes:
        inputs: what the network is called with.
        output: every so many-th value of the answer, ``(N,)`` float32.
        sha256: of the file of weights.
        tolerance: how far an answer may lie from the stored one, see :data:`TOLERANCE`.
    """

    inputs: tuple[Tensor, ...]
    output: Tensor
    sha256: str
    tolerance: float

    def expect_weights(self, file: Path) -> None:
        """Refuse a file of weights that is not the one that was packed.

        Raises:
            CheckpointError: it is damaged, or another one.
        """
        found = sha256_of(file)
        expect(
            found == self.sha256,
            given=f"{file}, whose SHA-256 is {found[:16]}...",
            needed=f"the weights that were packed with {SELFTEST} ({self.sha256[:16]}...)",
            do="the file is damaged or another one's: install the package again, or pack the run "
            "again",
            error=CheckpointError,
        )

    def difference(self, network: nn.Module) -> float:
        """How far the network's answer lies from the stored one, as a share of its size.

        Infinite where the answer has another size, or is not finite.
        """
        found = answered(network, self.inputs)
        if found.shape != self.output.shape or not bool(torch.isfinite(found).all()):
            return float("inf")
        size = self.output.square().mean().sqrt().clamp(min=1e-12)
        return float((found - self.output).abs().max() / size)

    def expect_answer(self, network: nn.Module, source: Path) -> None:
        """Refuse a network that answers something else than it did when it was packed.

        What was found right in this process is not asked again.

        Args:
            network: on the CPU, with the weights that :meth:`expect_weights` found right.
            source: what to name in an error.

        Raises:
            CheckpointError: it does.
        """
        if self.sha256 in _passed:
            return
        try:
            difference = self.difference(network)
        except (CrossvoxError, RuntimeError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(
                f"given: {source}, which cannot answer to its stored input ({reason(error)}); "
                f"needed: {SELFTEST} as it was packed with it; do: install the package again, or "
                f"pack the run again"
            ) from None
        expect(
            difference <= self.tolerance,
            given=f"{source}, whose answer to its stored input differs by {difference:.2g} of its "
            f"size",
            needed=f"at most {self.tolerance:g}: the answer that was stored with it",
            do="the libraries or the device of this machine compute otherwise: try another version "
            "of torch, or train a run here",
            error=CheckpointError,
        )
        _passed.add(self.sha256)


def read_self_test(run: Path) -> SelfTest | None:
    """The self-test of a run; None where it has none.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = run / SELFTEST
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            names = sorted(name for name in file.keys() if name != _OUTPUT)  # noqa: SIM118
            inputs = tuple(file.get_tensor(name) for name in names)
            output = file.get_tensor(_OUTPUT)
        tolerance = float(told["tolerance"])
        if not 0 < tolerance < 1:
            raise ValueError(f"a tolerance of {tolerance}")
        return SelfTest(inputs, output, told["sha256"], tolerance)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"given: {path}, which is damaged ({error}); needed: the file as it was packed; do: "
            f"install the package again, or pack the run again"
        ) from None


def write_self_test(run: Path, network: nn.Module, inputs: Sequence[Tensor], weights: Path) -> None:
    """Store what a network answers to an input.

    Args:
        run: the run's folder.
        network: with the weights as they are read back.
        inputs: what it is called with.
        weights: the file of weights.
    """
    tensors = {f"{_INPUT}.{n}": tensor.contiguous() for n, tensor in enumerate(inputs)}
    tensors[_OUTPUT] = answered(network, inputs)
    told = {"sha256": sha256_of(weights), "tolerance": str(TOLERANCE)}
    (run / SELFTEST).write_bytes(save(tensors, told))


def answered(network: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    """Part of a network's answer, ``(N,)`` float32: logits where it gives more than one thing."""
    with _at_rest(network), torch.inference_mode():
        answer: Any = network(*map(as_read, inputs))
        values = getattr(answer, "logits", answer).float().flatten()
    # An odd step meets all channels of maps whose sizes are powers of two.
    step = -(-values.numel() // _VALUES) | 1
    return values[::step].clone()


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"given: {file} ({error.strerror}); needed: a file of weights; do: install the package "
            f"again, or name another run"
        ) from None


def as_read(tensor: Tensor) -> Tensor:
    """Stored in half the room, computed with in full."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


@contextmanager
def _at_rest(network: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards every module is as it was."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
