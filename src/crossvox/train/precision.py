"""The number format of forward passes: which one is used where, and why.

``bf16`` on a CPU depends on the processor. Those with instructions for it (AVX512-BF16 or AMX on
x86, BF16 on ARM) may be faster with it than with float32, all others are many times slower. It is
therefore used where the instructions are there *and* one convolution, measured once a process, is
faster. Volumes that are two voxels long are refused there, see :func:`refuse_flat_volumes`.
``fp16`` is never used on a CPU: none is fast at it, and its gradients overflow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crossvox.core.checks import ParamsError, expect

if TYPE_CHECKING:
    from torch import nn

Format = Literal["no", "fp16", "bf16"]

CPUINFO = Path("/proc/cpuinfo")
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Names of the instructions in Linux's list, on x86 and on ARM."""

LEAST_GAIN = 1.05
"""From how many times as fast bf16 is worth its rounding."""


@dataclass(frozen=True)
class Precision:
    """What number format is used.

    Attributes:
        used: ``no`` means float32.
        note: a few words for the manifest.
        gain: how many times as fast as float32 a convolution is on this CPU; None: not measured.
    """

    used: Format
    note: str
    gain: float | None = None


def choose_precision(
    asked: Format,
    device: str,
    *,
    kept: Format | None = None,
    supported: Callable[[], bool] | None = None,
    measure: Callable[[], float] | None = None,
) -> Precision:
    """The number format for a device.

    Args:
        asked: what the parameters ask for.
        device: ``cpu``, ``cuda`` or ``mps``.
        kept: what the run used before on a CPU: it goes on with that, so that a measurement that
            comes out otherwise does not change what is learnt.
        supported: whether the processor has instructions for bf16; default: ask it.
        measure: how many times as fast as float32 bf16 is; default: measure it.
    """
    if asked == "no":
        return Precision("no", "float32")
    if device == "cuda":
        return _on_cuda(asked)
    if device != "cpu" or asked != "bf16":
        return Precision("no", f"float32 ({asked} was asked for, which {device} does not do well)")
    if kept is not None:
        used = "float32" if kept == "no" else kept
        return Precision(kept, f"{used} (bf16 was asked for; as this run began)")
    if not (supported or cpu_has_bf16)():
        return Precision("no", "float32 (bf16 was asked for, which this processor does not have)")
    gain = (measure or cpu_bf16_gain)()
    told = f"bf16 convolutions run at {gain:.2g} times the speed of float32 on this processor"
    if gain < LEAST_GAIN:
        return Precision("no", f"float32 (bf16 was asked for; {told})", gain)
    return Precision("bf16", f"bf16 ({told})", gain)


def _on_cuda(asked: Format) -> Precision:
    import torch

    if asked == "bf16" and not torch.cuda.is_bf16_supported():
        return Precision("no", f"float32 ({asked} was asked for, which this GPU does not have)")
    return Precision(asked, asked)


def cpu_has_bf16() -> bool:
    """Whether this processor has instructions for bf16, as far as it tells (on Linux alone)."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    for line in text.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return not BF16_FLAGS.isdisjoint(flags.split())
    return False


def refuse_flat_volumes(network: nn.Module) -> None:
    """Have 3D convolutions refuse to learn from volumes that are shorter than their kernel.

    In bf16, the CPU library (oneDNN 3.12 with torch 2.14) reads memory that it never wrote where it
    takes the gradient of a 3x3x3 kernel on a volume whose first axis has two voxels: weights become
    anything, NaN or not. Measured; all other shapes agree with float32 to 0.5 %.
    """
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_pre_hook(_refuse_flat)


def _refuse_flat(module: Any, inputs: Any) -> None:
    import torch

    length, kernel = inputs[0].shape[2], module.kernel_size[0]
    expect(
        length >= kernel or not torch.is_grad_enabled(),
        given=f"bf16 on a CPU, and a convolution of {kernel} voxels over a volume of {length}",
        needed="volumes at least as long as the kernel: the gradients of others are wrong",
        do="pass --train.mixed-precision no, larger sub-volumes, or a smaller --task.depth",
        error=ParamsError,
    )


@cache
def cpu_bf16_gain() -> float:
    """How many times as fast as float32 a 3D convolution with its gradient runs in bf16.

    About half a second; the shortest of a few repetitions each.
    """
    import torch

    random = torch.get_rng_state()
    layer = torch.nn.Conv3d(16, 16, 3, padding=1)
    volume = torch.randn(2, 16, 24, 24, 24)
    torch.set_rng_state(random)

    def seconds(enabled: bool) -> float:
        times = []
        for _ in range(4):  # the first one prepares the kernels
            begin = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                made = layer(volume)
            made.float().sum().backward()
            times.append(time.perf_counter() - begin)
        return min(times[1:])

    return seconds(False) / seconds(True)
