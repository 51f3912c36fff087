"""Features of a network that does not learn: by a faster copy, and never by another one."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossvox.networks import build_network2d, frozen2d
from crossvox.networks.efficientnet_lite import SameConv2d
from crossvox.networks.features2d import Network2D
from crossvox.networks.frozen2d import FrozenNetwork, packed


class Small(Network2D):
    """Convolutions and batch norms; with ``crossed`` not joined in the order of their names."""

    def __init__(self, *, crossed: bool = False) -> None:
        super().__init__(3, 8, 1, 4)
        self.crossed = crossed
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding="same", padding_mode="reflect", bias=False)

    def _extract(self, images: Tensor) -> Tensor:
        made = self.first(images)
        found: Tensor = made + self.norm(made) if self.crossed else self.second(self.norm(made))
        return found

    def _classify(self, features: Tensor) -> Tensor:
        return features[:, :3]

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        return [], [], list(self.children())


def moved(network: Network2D) -> Network2D:
    """A network whose batch norms have seen something."""
    with torch.no_grad():
        network.train()(images(4, 64, 64))
    return network.eval()


def images(*size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size[0], 3, *size[1:], generator=generator)


def apart(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@torch.no_grad()
def test_norms_are_folded_and_features_stay() -> None:
    network = moved(build_network2d("lite", 4, weights="none"))
    copy = packed(network)
    assert copy is not None
    left, there = (
        [name for name, m in one.named_modules() if isinstance(m, nn.BatchNorm2d)]
        for one in (copy, network)
    )
    assert not left
    assert len(there) > 50
    shown = images(2, 50, 70)
    found, wanted = copy.features(shown), network.features(shown)
    assert found.shape == wanted.shape
    assert apart(found, wanted) < 1e-4
    assert apart(copy.features(shown[:1]), found[:1]) < 1e-4, "frames know nothing of each other"


@torch.no_grad()
@pytest.mark.parametrize("planes", [3, 6])
def test_logits_stay_as_well_with_depth_and_without(planes: int) -> None:
    network = moved(build_network2d("lite", 4, weights="none", depth=True))
    shown = torch.cat((images(2, 50, 70), images(2, 50, 70, seed=1)), dim=1)[:, :planes]
    frozen = FrozenNetwork(network)
    found, wanted = frozen(shown, 4), network(shown, 4)
    assert frozen._copy is not None
    assert found.logits.shape == wanted.logits.shape == (2, 4, 13, 18)
    assert apart(found.logits, wanted.logits) < 1e-4


@torch.no_grad()
def test_layers_in_another_order_are_left_alone() -> None:
    network, shown = moved(Small(crossed=True)), images(1, 8, 8)
    assert packed(network) is None
    assert torch.equal(FrozenNetwork(network).features(shown), network.features(shown))
    plain = moved(Small())
    copy = packed(plain)
    assert copy is not None
    assert isinstance(copy.second, nn.Conv2d), "a padding that oneDNN does not know"
    assert apart(copy.features(shown), plain.features(shown)) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("change", ["load", "add", "norm"])
def test_weights_that_change_are_followed(change: str) -> None:
    network, shown = moved(Small()), images(1, 8, 8)
    frozen = FrozenNetwork(network)
    before = frozen.features(shown)
    assert frozen._copy is not None
    assert frozen._current() is frozen._copy, "made once"
    if change == "load":
        network.load_state_dict({n: v + 1 for n, v in network.state_dict().items()})
    elif change == "add":
        network.first.weight += 1
    else:
        assert network.norm.running_mean is not None
        network.norm.running_mean += 1
    after = frozen.features(shown)
    assert apart(after, network.features(shown)) < 1e-5
    assert apart(after, before) > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("through", [deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_it_is_copied_with_its_network(through: Any) -> None:
    frozen, shown = FrozenNetwork(moved(Small())), images(1, 8, 8)
    wanted = frozen.features(shown)
    other = through(frozen)
    assert other.network is not frozen.network
    assert torch.equal(other.features(shown), wanted)


@torch.no_grad()
def test_without_onednn_the_network_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    network, shown = moved(Small()), images(1, 8, 8)
    monkeypatch.setattr(frozen2d, "_packs", lambda: False)
    assert torch.equal(FrozenNetwork(network).features(shown), network.features(shown))


@torch.no_grad()
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(16, 20), (15, 20), (15, 21), (16, 21)])
def test_strided_convolutions_pad_their_kernels_to_the_same_bits(
    kernel: int, size: tuple[int, int]
) -> None:
    conv = SameConv2d(8, 8, kernel, stride=2, groups=8)
    shown = torch.randn(2, 8, *size).contiguous(memory_format=torch.channels_last)
    wanted = conv(shown)
    assert wanted.shape[-2:] == (-(-size[0] // 2), -(-size[1] // 2))
    assert torch.equal(frozen2d._Packed(conv, "none", ())(shown), wanted)


@torch.no_grad()
@pytest.mark.parametrize(("act", "attribute"), frozen2d._ATTRIBUTES.items())
def test_activations_are_applied_by_the_convolution(
    act: type[nn.Module], attribute: tuple[str, tuple[float, ...]]
) -> None:
    conv, shown = nn.Conv2d(4, 8, 3, padding=1), 9 * torch.randn(1, 4, 12, 12)
    plain, joined = frozen2d._Packed(conv, "none", ()), frozen2d._Packed(conv, *attribute)
    wanted = act()(plain(shown))
    assert wanted.min() == 0
    assert torch.equal(joined(shown), wanted)


@torch.no_grad()
def test_no_pass_is_left_for_activations_of_batch_norms() -> None:
    copy = packed(moved(build_network2d("lite", 4, weights="none")))
    assert copy is not None
    left = [name for name, one in copy.named_modules() if isinstance(one, nn.ReLU6)]
    assert left == ["encoder.bn1.0"], "of the first convolution, which is not packed"
