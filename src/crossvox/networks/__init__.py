"""Networks: modules from ``(B, C, X, Y, Z)`` lifted features to ``(B, classes, X, Y, Z)`` logits.

They know nothing of tasks, losses or data. Adding one: a file here and a line in the table below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from crossvox.core.checks import ParamsError, expect

if TYPE_CHECKING:
    from torch import nn

NetworkName = Literal["scene_unet", "surfacenet"]
"""Names that :func:`build_network` knows."""


def build_network(name: NetworkName, in_channels: int, classes: int, **options: Any) -> nn.Module:
    """Build a 3D network with its initial weights (drawn from torch's global random state).

    Args:
        name: ``scene_unet`` (the default of this package, see
            :class:`crossvox.networks.scene_unet.SceneUNet`) or ``surfacenet`` (as published, see
            :class:`crossvox.networks.surfacenet.SurfaceNet`).
        in_channels: channels of the lifted input.
        classes: channels of the output.
        options: further keywords of the network, for example ``width`` and ``depth``.

    Returns:
        A module from ``(B, in_channels, X, Y, Z)`` to logits ``(B, classes, X, Y, Z)``.

    Raises:
        ParamsError: no network has this name, or it does not take these options.
    """
    expect(
        name in get_args(NetworkName),
        given=f"network {name!r}",
        needed=f"one of {', '.join(get_args(NetworkName))}",
        do="check --network",
        error=ParamsError,
    )
    # Here and not above: naming a network, as parameters do, should not cost the import of torch.
    if name == "surfacenet":
        from crossvox.networks.surfacenet import SurfaceNet as Network
    else:
        from crossvox.networks.scene_unet import SceneUNet as Network  # type: ignore[assignment]
    try:
        return Network(in_channels, classes, **options)
    except TypeError as error:
        raise ParamsError(
            f"given: options {options} for {name} ({error}); needed: keywords it takes; "
            f"do: see the documentation of {Network.__qualname__}"
        ) from None
