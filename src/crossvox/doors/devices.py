"""The one rule for which device computes."""

from __future__ import annotations

from crossvox.core.checks import ParamsError, expect


def pick_device(asked: str = "auto") -> str:
    """The device that is meant: "cuda", "mps", "cpu", or one of several, such as "cuda:1".

    Args:
        asked: ``auto`` takes the accelerator that torch finds, if there is one.

    Raises:
        ParamsError: the device is not there.
    """
    import torch

    there = torch.accelerator.current_accelerator(check_available=True)
    kind = "cpu" if there is None else there.type
    if asked == "auto":
        return kind
    expect(
        asked.partition(":")[0] in ("cpu", kind),
        given=f"device {asked}",
        needed=f"one that is there: {'cpu' if kind == 'cpu' else f'{kind}, cpu'}",
        do="pass auto",
        error=ParamsError,
    )
    return asked
