"""Networks: modules from ``(B, C, X, Y, Z)`` lifted features to ``(B, classes, X, Y, Z)`` logits,
and 2D ones from ``(B, 3, H, W)`` images to logits and a feature map.

They know nothing of tasks, losses or data. Adding one: a file here and a line in the table below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from crossvox.core.checks import ParamsError, expect

if TYPE_CHECKING:
    from torch import nn

    from crossvox.networks.features2d import Network2D

NetworkName = Literal["scene_unet", "surfacenet"]
"""Names that :func:`build_network` knows."""

NETWORKS_2D = ("lite", "enet", "deeplab", "projection")
"""Names that :func:`build_network2d` knows, besides ``smp:ARCHITECTURE/ENCODER`` and
``projection:CHANNELS/STRIDE``."""


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


def build_network2d(name: str, classes: int, **options: Any) -> Network2D:
    """Build a 2D network with its initial weights (drawn from torch's global random state).

    Args:
        name: ``lite`` (the default of this package: efficientnet-lite0 from ImageNet with a light
            decoder, :class:`crossvox.networks.lite.Lite`), ``enet`` or ``deeplab`` (as published,
            :class:`crossvox.networks.enet.ENet`, :class:`crossvox.networks.deeplab.DeepLab`),
            ``smp:ARCHITECTURE/ENCODER`` (:class:`crossvox.networks.smp.SmpNetwork`), or the control
            ``projection``, also ``projection:CHANNELS/STRIDE``, which learns no features
            (:class:`crossvox.networks.projection.Projection`).
        classes: channels of the logits.
        options: further keywords of the network. All take ``weights``: ``auto`` (what is there
            without a download), ``none``, or a name that the network knows.

    Returns:
        A module from ``(B, 3, H, W)`` normalised images to
        :class:`crossvox.networks.features2d.Prediction2D`, with the attributes ``feature_stride``
        and ``feature_channels``.

    Raises:
        ParamsError: no network has this name, or it does not take these options.
    """
    expect(
        name in NETWORKS_2D or name.startswith(("smp:", "projection:")),
        given=f"2D network {name!r}",
        needed=f"one of {', '.join(NETWORKS_2D)}, or smp:ARCHITECTURE/ENCODER",
        do="check --task.network",
        error=ParamsError,
    )
    network: Network2D
    try:
        if name == "lite":
            from crossvox.networks.lite import Lite

            network = Lite(classes, **options)
        elif name == "enet":
            from crossvox.networks.enet import ENet

            network = ENet(classes, **options)
        elif name == "deeplab":
            from crossvox.networks.deeplab import DeepLab

            network = DeepLab(classes, **options)
        elif name.startswith("projection"):
            from crossvox.networks.projection import Projection

            network = Projection(classes, name=name, **options)
        else:
            from crossvox.networks.smp import SmpNetwork

            network = SmpNetwork(name, classes, **options)
    except TypeError as error:
        raise ParamsError(
            f"given: options {options} for {name} ({error}); needed: keywords it takes; "
            f"do: see the documentation of crossvox.networks"
        ) from None
    return network
