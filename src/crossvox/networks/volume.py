"""What a 3D network offers to those who train it, lift into it, and start others from it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from crossvox.core.checks import ParamsError, ShapeError, expect


class VolumeNetwork(nn.Module):
    """A network from ``(B, in_channels, X, Y, Z)`` to logits ``(B, classes, X, Y, Z)``.

    All but ``forward`` may be left as it is.
    """

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by part, from input to output: what transfer loads, freezes and slows down.

        Every weight belongs to one of ``input``, ``encoder``, ``decoder``, ``last`` (before the
        classifier) and ``classifier``.

        Raises:
            ParamsError: the network has no parts, so that nothing can start from it.
        """
        raise ParamsError(
            f"given: a network {type(self).__name__} that does not tell its parts; needed: one "
            f"with a method parts(); do: start from scratch"
        )

    @property
    def reduction(self) -> Tensor | None:
        """Weights ``(width, in_channels)`` of a first 1x1x1 layer without bias, or None.

        It acts on each channel alone, so that it may as well act before lifting, on the features of
        an image, where there are far fewer pixels than voxels. ``forward(volume, True)`` then reads
        what it made: ``(B, width, X, Y, Z)``.
        """
        return None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups of what learns, for the optimizer; what lies around it joins the first."""
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]


def expect_channels(in_channels: int, classes: int) -> None:
    """Refuse a network that reads nothing, or has nothing to choose from.

    Raises:
        ParamsError: no input channel, or fewer than two classes.
    """
    expect(
        in_channels > 0 and classes > 1,
        given=f"{in_channels} input channels and {classes} classes",
        needed="at least one channel and two classes",
        do="check the task's parameters",
        error=ParamsError,
    )


def expect_multiples(volume: Tensor, channels: int, multiple: int) -> None:
    """Refuse a volume that is not ``(B, channels, X, Y, Z)`` with axes of a multiple each.

    Raises:
        ShapeError: it is not.
    """
    expect(
        volume.ndim == 5
        and volume.shape[1] == channels
        and all(length % multiple == 0 and length > 0 for length in volume.shape[2:]),
        given=f"a volume of shape {tuple(volume.shape)}",
        needed=f"(B, {channels}, X, Y, Z) with X, Y, Z multiples of {multiple}",
        do="cut sub-volumes of such a size, or take the network scene_unet, which pads",
        error=ShapeError,
    )
