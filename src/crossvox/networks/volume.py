"""What a 3D network offers to those who train it, lift into it, and start others from it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from crossvox.core.checks import ParamsError


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
