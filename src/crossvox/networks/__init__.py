"""Networks: modules from ``(B, C, X, Y, Z)`` lifted features to ``(B, classes, X, Y, Z)`` logits,
and 2D ones from ``(B, 3, H, W)`` images to logits and a feature map.

They know nothing of tasks, losses or data. Adding one is one file, here or in another package:

- a 3D network: a :class:`crossvox.networks.volume.VolumeNetwork` and a
  :class:`crossvox.networks.params.NetworkParams` that builds it, which goes into :data:`NETWORKS`
  (entry points ``crossvox.networks``);
- a 2D network: a :class:`crossvox.networks.features2d.Network2D`, which goes into
  :data:`NETWORKS_2D` (entry points ``crossvox.networks2d``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossvox.core.checks import ParamsError
from crossvox.core.registry import Registry
from crossvox.networks.params import (
    NetworkParams,
    ResNeXtUNetParams,
    SceneUNetParams,
    SurfaceNetParams,
)

if TYPE_CHECKING:
    from crossvox.networks.features2d import Network2D
    from crossvox.networks.volume import VolumeNetwork


@dataclass(frozen=True)
class _Lazy:
    """A class by its place, imported when it is called: a name costs no import of torch."""

    place: str

    def __call__(self, *args: Any, **options: Any) -> Any:
        module, _, name = self.place.partition(":")
        return getattr(import_module(f"crossvox.networks.{module}"), name)(*args, **options)


NETWORKS: Registry[type[NetworkParams]] = Registry("3D network", "crossvox.networks")
"""Parameters of 3D networks by name: ``scene_unet`` (the default of this package), ``surfacenet``
and ``resnext_unet`` (both as published)."""

NETWORKS.register("scene_unet", SceneUNetParams)
NETWORKS.register("surfacenet", SurfaceNetParams)
NETWORKS.register("resnext_unet", ResNeXtUNetParams)

NETWORKS_2D: Registry[Callable[..., Any]] = Registry("2D network", "crossvox.networks2d")
"""2D networks by name; each is called with the number of classes and the options, of which all take
``weights``. A name with a colon (``smp:unet/resnet18``) is given to the network before the colon as
the option ``name``."""

NETWORKS_2D.register("lite", _Lazy("lite_depth:lite"))
NETWORKS_2D.register("lite1", _Lazy("lite_depth:lite1"))
NETWORKS_2D.register("lite2", _Lazy("lite_depth:lite2"))
NETWORKS_2D.register("enet", _Lazy("enet:ENet"))
NETWORKS_2D.register("deeplab", _Lazy("deeplab:DeepLab"))
NETWORKS_2D.register("projection", _Lazy("projection:Projection"))
NETWORKS_2D.register("smp", _Lazy("smp:SmpNetwork"))
NETWORKS_2D.register("timm", _Lazy("timm_taps:TimmBackbone"))
NETWORKS_2D.register("both", _Lazy("both:Both"))


def build_network(name: str, in_channels: int, classes: int, **options: Any) -> VolumeNetwork:
    """Build a 3D network with its initial weights (drawn from torch's global random state).

    Args:
        name: one of :data:`NETWORKS`.
        in_channels: channels of the lifted input.
        classes: channels of the output.
        options: fields of the network's parameters, for example ``width`` and ``depth``.

    Returns:
        A module from ``(B, in_channels, X, Y, Z)`` to logits ``(B, classes, X, Y, Z)``.

    Raises:
        ParamsError: no network has this name, or it does not take these options.
    """
    kind = NETWORKS[name]
    try:
        params = kind(**options)
    except TypeError as error:
        raise _unfit(name, options, error) from None
    return params.build(in_channels, classes)


def build_network2d(name: str, classes: int, **options: Any) -> Network2D:
    """Build a 2D network with its initial weights (drawn from torch's global random state).

    Args:
        name: ``lite`` (the default of this package: efficientnet-lite0 from ImageNet with a light
            decoder, :class:`crossvox.networks.lite.Lite`; with the option ``depth`` it reads depth
            as well, :class:`crossvox.networks.lite_depth.LiteDepth`), ``lite1`` and ``lite2`` (the
            same on larger encoders), ``enet`` or ``deeplab`` (as
            published, :class:`crossvox.networks.enet.ENet`,
            :class:`crossvox.networks.deeplab.DeepLab`),
            ``smp:ARCHITECTURE/ENCODER`` (:class:`crossvox.networks.smp.SmpNetwork`), ``timm:NAME``,
            any backbone of timm (:class:`crossvox.networks.timm_taps.TimmBackbone`),
            ``both:FIRST&SECOND``, the features of two behind each other
            (:class:`crossvox.networks.both.Both`), the control
            ``projection``, also ``projection:CHANNELS/STRIDE``, which learns no features
            (:class:`crossvox.networks.projection.Projection`), or another of :data:`NETWORKS_2D`.
        classes: channels of the logits.
        options: further keywords of the network. All take ``weights``: ``auto`` (what is there
            without a download), ``none``, or a name that the network knows.

    Returns:
        A module from ``(B, 3, H, W)`` normalised images to
        :class:`crossvox.networks.features2d.Prediction2D`, with the attributes ``feature_stride``
        and ``feature_channels``.

    Raises:
        ParamsError: no network has this name, or it does not take these options.
        CheckpointError: the weights are not at hand.
    """
    family, colon, _ = name.partition(":")
    build = NETWORKS_2D[family]
    if colon:
        options = {"name": name, **options}
    try:
        network: Network2D = build(classes, **options)
    except TypeError as error:
        raise _unfit(name, options, error) from None
    return network


def _unfit(name: str, options: dict[str, Any], error: TypeError) -> ParamsError:
    return ParamsError(
        f"given: options {options} for {name} ({error}); needed: keywords it takes; "
        f"do: see the documentation of crossvox.networks"
    )
