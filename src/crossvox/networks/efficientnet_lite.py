"""The encoders of efficientnet-lite, without the library that they are best known from.

After Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019),
in the variant without attention and with ReLU6 that its authors made for phones. Names of
parameters, order of construction and draws of random numbers are those of ``timm``'s
``tf_efficientnet_lite*`` with ``features_only``, so that weights, runs and seeds mean the same: but
importing ``timm`` takes seconds and 200 MB, which whoever labels a room need not pay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import nearest

EPSILON = 1e-3
"""Of the batch norms, as where the weights come from."""

STEM = 32
"""Channels of the first convolution."""

EXPANSION = 6
"""Channels within a block by those that it takes."""

LEVEL_BLOCKS = (0, 1, 2, 4, 6)
"""Stages that end a size: 1/2, 1/4, 1/8, 1/16, 1/32."""


@dataclass(frozen=True)
class _Stage:
    """Blocks of one kind, of which the first may halve the image."""

    blocks: int
    kernel: int
    stride: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 16),
    _Stage(2, 3, 2, 24),
    _Stage(2, 5, 2, 40),
    _Stage(3, 3, 2, 80),
    _Stage(3, 5, 1, 112),
    _Stage(4, 5, 2, 192),
    _Stage(1, 3, 1, 320),
)

SCALES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "tf_efficientnet_lite0": (1.0, 1.0),
        "tf_efficientnet_lite1": (1.0, 1.1),
        "tf_efficientnet_lite2": (1.1, 1.2),
    }
)
"""Encoders by their names in ``timm``: how much wider and deeper than the first they are."""


class EfficientNetLite(nn.Module):
    """One of :data:`SCALES`, without its last convolution and classifier.

    Args:
        name: which.

    Attributes:
        channels: of the maps at 1/2, 1/4, 1/8, 1/16 and 1/32.

    Raises:
        ParamsError: there is none of this name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        expect(
            name in SCALES,
            given=f"encoder {name!r}",
            needed=f"one of {', '.join(SCALES)}",
            do=nearest(name, tuple(SCALES)) or "correct the name",
            error=ParamsError,
        )
        width, depth = SCALES[name]
        self.conv_stem = _convolution(3, STEM, 3, stride=2)
        self.bn1 = _Norm(STEM)
        for _ in range(2):
            # timm tries its attention out here: what follows draws as it does there.
            nn.Conv2d(8, 8, 1)
        stages, channels, levels = [], STEM, []
        for number, stage in enumerate(_STAGES):
            ends = number in (0, len(_STAGES) - 1)
            made = _rounded(width * stage.channels)
            blocks: list[nn.Module] = []
            for again in range(stage.blocks if ends else math.ceil(depth * stage.blocks)):
                stride = 1 if again else stage.stride
                block = _Block if number else _First
                blocks.append(block(channels, made, stage.kernel, stride))
                channels = made
            stages.append(nn.Sequential(*blocks))
            if number in LEVEL_BLOCKS:
                levels.append(channels)
        self.blocks = nn.Sequential(*stages)
        self.channels = tuple(levels)
        _draw(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of ``(B, 3, H, W)`` images."""
        value = self.bn1(self.conv_stem(images))
        levels = []
        for number, block in enumerate(self.blocks):
            value = block(value)
            if number in LEVEL_BLOCKS:
                levels.append(value)
        return levels


class _Norm(nn.BatchNorm2d):
    """A batch norm with the activation that follows it."""

    def __init__(self, channels: int, *, active: bool = True) -> None:
        super().__init__(channels, eps=EPSILON)
        self.act = nn.ReLU6(inplace=True) if active else nn.Identity()

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.act(super().forward(value))
        return made


class SameConv2d(nn.Conv2d):
    """A convolution of square kernel that halves an image and pads it, by its size, as TensorFlow
    does: where one row or column more is needed, below and to the right."""

    def forward(self, value: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        down, across = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in value.shape[-2:]
        )
        around = (across // 2, across - across // 2, down // 2, down - down // 2)
        return super().forward(functional.pad(value, around))


class _First(nn.Module):
    """The first stage's block: a convolution of single channels, and one of single pixels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _convolution(inputs, inputs, kernel, stride=stride, groups=inputs)
        self.bn1 = _Norm(inputs)
        self.conv_pw = _convolution(inputs, outputs, 1)
        self.bn2 = _Norm(outputs, active=False)

    def forward(self, value: Tensor) -> Tensor:
        value = self.bn1(self.conv_dw(value))
        made: Tensor = self.bn2(self.conv_pw(value))
        return made


class _Block(nn.Module):
    """An inverted residual: more channels, a convolution of each, and few channels again."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = EXPANSION * inputs
        self._adds = stride == 1 and inputs == outputs
        self.conv_pw = _convolution(inputs, inner, 1)
        self.bn1 = _Norm(inner)
        self.conv_dw = _convolution(inner, inner, kernel, stride=stride, groups=inner)
        self.bn2 = _Norm(inner)
        self.conv_pwl = _convolution(inner, outputs, 1)
        self.bn3 = _Norm(outputs, active=False)

    def forward(self, value: Tensor) -> Tensor:
        made = self.bn1(self.conv_pw(value))
        made = self.bn2(self.conv_dw(made))
        made = self.bn3(self.conv_pwl(made))
        return made + value if self._adds else made


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    if stride == 1:
        return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return SameConv2d(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not smaller by more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def _draw(encoder: nn.Module) -> None:
    """Start from nothing: He's normal draws by the outputs of each group."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            outputs = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / outputs))
