"""A 2D network that does not learn, laid out for a CPU that asks it about many frames.

Two things are done once instead of with every frame: the batch norms, which in evaluation mode are
a factor and an offset a channel, go into the weights of the convolutions before them; and weights
are brought into the order that oneDNN works in. That takes about half the time. Features change by
rounding: by 6e-6 at the most where they are 0.3 in the mean (``lite``). Activations that belong to
a batch norm, and the padding of strided convolutions, are left to the convolutions: to the same
bits, without another pass over the maps.
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from itertools import pairwise, zip_longest
from threading import Lock
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from crossvox.networks.efficientnet_lite import SameConv2d
from crossvox.networks.features2d import GEOMETRY, Network2D, Prediction2D

CLOSE = 1e-3
"""A copy whose features or logits differ by more than this share of the largest is not used."""

_SIDE = 64


class FrozenNetwork:
    """A network in evaluation mode, asked by a copy of it where that is faster.

    The copy is made when it is first asked on a CPU, and again when the network's weights have
    changed since. A network of which none can be made is asked itself. Several threads may ask.

    Args:
        network: asked without gradients alone.
    """

    def __init__(self, network: Network2D) -> None:
        self.network = network
        self._forget()

    def _forget(self) -> None:
        self._copy: Network2D | None = None
        self._made_from: Any = None
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        # Weights in oneDNN's order can neither be copied nor sent to another process.
        return {"network": self.network}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.network = state["network"]
        self._forget()

    def __call__(self, images: Tensor, logit_stride: int = 1) -> Prediction2D:
        """See :meth:`Network2D.forward`."""
        found: Prediction2D = self._asked(images)(images, logit_stride)
        return found

    def features(self, images: Tensor) -> Tensor:
        """See :meth:`Network2D.features`."""
        return self._asked(images).features(images)

    def _asked(self, images: Tensor) -> Network2D:
        if images.device.type != "cpu" or images.dtype != torch.float32 or not _packs():
            return self.network
        with self._lock:
            return self._current()

    def _current(self) -> Network2D:
        """The copy that has the network's weights, or the network."""
        made = self._made_from
        if made is None or made[1] != [_version(tensor) for tensor in made[0]]:
            tensors = [*self.network.parameters(), *self.network.buffers()]
            self._made_from = tensors, [_version(tensor) for tensor in tensors]
            self._copy = packed(self.network)
        return self.network if self._copy is None else self._copy


def packed(network: Network2D) -> Network2D | None:
    """A copy of a network in evaluation mode that answers faster, on a CPU, without gradients.

    Returns:
        None if the copy's answers are others: a network may join its layers in another way than
        their order tells.
    """
    with torch.inference_mode(mode=False), torch.no_grad():
        side = max(_SIDE, network.multiple)
        planes = 3 + GEOMETRY if network.reads_depth else 3
        noise = torch.randn(1, planes, side, side, generator=torch.Generator().manual_seed(0))
        wanted = network(noise)
        copy = deepcopy(network).requires_grad_(False).eval()
        try:
            _fold(copy)
            _pack(copy)
            found = copy(noise)
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            warnings.warn(f"{type(network).__name__} is asked as it is: {error}", stacklevel=2)
            return None
    close = all(
        bool((one - other).abs().max() <= CLOSE * other.abs().max())
        for one, other in zip(found, wanted, strict=True)
    )
    return copy if close else None


def _version(tensor: Tensor) -> tuple[int, int]:
    return (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)


def _packs() -> bool:
    """Whether this build of torch has oneDNN, and the call that takes weights in its order."""
    return torch.backends.mkldnn.is_available() and hasattr(
        torch.ops.mkldnn, "_convolution_pointwise"
    )


def _fold(module: nn.Module) -> None:
    """Put batch norms into the convolutions that stand right before them."""
    children = list(module.named_children())
    for (_, conv), (name, norm) in pairwise(children):
        after = _after(norm)
        if not isinstance(conv, nn.Conv2d) or after is None:
            continue
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.num_features != conv.out_channels or norm.running_mean is None:
            continue
        assert norm.running_var is not None
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        setattr(module, name, after)
    for _, child in children:
        _fold(child)


def _after(norm: nn.Module) -> nn.Module | None:
    """What is left of a batch norm once it is folded; None if it is none, or does more."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    # Batch norms of efficientnets hold the activation that follows.
    act = getattr(norm, "act", None)
    if isinstance(norm, nn.BatchNorm2d) and isinstance(act, nn.Module):
        return _Own(act)
    return None


class _Own(nn.Sequential):
    """What follows right after one convolution, and nothing else."""


def _pack(module: nn.Module) -> None:
    """Replace plain convolutions by such that hold their weights in oneDNN's order."""
    children = list(module.named_children())
    nothing = "", nn.Identity()
    for (name, child), (after_name, after) in zip_longest(
        children, children[1:], fillvalue=nothing
    ):
        if not _is_packable(child):
            _pack(child)
            continue
        attribute = _ATTRIBUTES.get(type(after[0])) if isinstance(after, _Own) else None
        setattr(module, name, _Packed(child, *(attribute or ("none", ()))))
        if attribute is not None:
            setattr(module, after_name, nn.Identity())


def _is_packable(child: nn.Module) -> TypeGuard[nn.Conv2d]:
    if type(child) is nn.Conv2d:
        return child.padding_mode == "zeros" and child.padding != "same"
    # One with many inputs a group gains nothing: what is padded costs more than the copy.
    return type(child) is SameConv2d and child.groups == child.in_channels


_ATTRIBUTES: dict[type[nn.Module], tuple[str, tuple[float, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.ReLU6: ("hardtanh", (0.0, 6.0)),
}
"""Activations that oneDNN applies to what a convolution gives: their names, and numbers."""


class _Packed(nn.Module):
    """A convolution with its weights in oneDNN's order, which is another one for other images.

    Args:
        conv: the convolution; its weights are taken over.
        attribute, numbers: the activation that follows, of :data:`_ATTRIBUTES`; or ``none``.
    """

    def __init__(self, conv: nn.Conv2d, attribute: str, numbers: tuple[float, ...]) -> None:
        super().__init__()
        padding: Any = (0, 0) if conv.padding == "valid" else conv.padding
        self._same = isinstance(conv, SameConv2d)
        if self._same:
            padding = tuple(size // 2 for size in conv.kernel_size)
        self._shape = (padding, conv.stride, conv.dilation, conv.groups)
        self._after = (attribute, list(numbers), "")
        self._bias = conv.bias
        # Plain attributes: a tensor in this order is no buffer that could be saved.
        self._plain = conv.weight.detach()
        self._ordered: tuple[torch.Size, Tensor] | None = None

    def forward(self, images: Tensor) -> Tensor:
        there = self._ordered
        if there is None or there[0] != images.shape:
            # Its type stub knows no size of images.
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            weight = self._weight(images).to_mkldnn()
            there = self._ordered = images.shape, reorder(weight, *self._shape, images.shape)
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, there[1], self._bias, *self._shape, *self._after
        )
        return made

    def _weight(self, images: Tensor) -> Tensor:
        """The kernel, padded instead of the images where these are padded on one side more.

        An even number of rows needs one more below than above. With as many above, and a first row
        of zeros in the kernel, what is added up is the same.
        """
        if not self._same:
            return self._plain
        down, across = (1 - size % 2 for size in images.shape[-2:])
        return functional.pad(self._plain, (across, 0, down, 0))
