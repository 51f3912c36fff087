"""What every 3D network must do, as one class that each network's tests inherit."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.networks import build_network
from crossvox.networks.volume import VolumeNetwork


class NetworkContract:
    """Inherit, name the network, and say how many parameters it has."""

    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    parameters: ClassVar[dict[int, int]]
    any_size: ClassVar[bool]
    shape: ClassVar[tuple[int, int, int]] = (8, 12, 16)

    def build(self, channels: int = 4, classes: int = 2) -> VolumeNetwork:
        torch.manual_seed(0)
        return build_network(self.name, channels, classes, **self.options)

    def volume(self, *shape: int, seed: int = 0) -> Tensor:
        """Mostly empty, as lifted features are."""
        generator = torch.Generator().manual_seed(seed)
        seen = torch.rand(shape[0], 1, *shape[2:], generator=generator) < 0.2
        return torch.randn(*shape, generator=generator) * seen

    @pytest.mark.parametrize("classes", [2, 41])
    @pytest.mark.parametrize("batch", [1, 2])
    def test_gives_logits_of_the_input_size(self, batch: int, classes: int) -> None:
        network = self.build(classes=classes)
        volume = self.volume(batch, 4, *self.shape)
        for mode in (True, False):
            logits = network.train(mode)(volume)
            assert logits.shape == (batch, classes, *self.shape)
            assert logits.dtype == torch.float32
            assert logits.isfinite().all()

    def test_takes_an_empty_volume(self) -> None:
        network = self.build()
        volume = torch.zeros(1, 4, *self.shape)
        network(volume).sum().backward()
        for parameter in network.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()

    def test_odd_sizes(self) -> None:
        network = self.build().eval()
        volume = self.volume(1, 4, 5, 8, 7)
        if self.any_size:
            assert network(volume).shape == (1, 2, 5, 8, 7)
        else:
            with pytest.raises(ShapeError, match=r"given: .*5, 8, 7.*; needed: .*; do: "):
                network(volume)

    def test_wrong_channels_are_refused(self) -> None:
        with pytest.raises(ShapeError, match=r"needed: \(B, 4, X, Y, Z\)"):
            self.build()(self.volume(1, 5, 8, 8, 8))

    def test_saved_and_loaded_it_is_the_same(self) -> None:
        network = self.build()
        network(self.volume(2, 4, 8, 8, 8))  # moves the running statistics
        data = save({name: value.contiguous() for name, value in network.state_dict().items()})
        torch.manual_seed(1)
        other = build_network(self.name, 4, 2, **self.options)
        other.load_state_dict(load(data))
        volume = self.volume(1, 4, 8, 8, 8, seed=1)
        assert torch.equal(network.eval()(volume), other.eval()(volume))

    def test_seed_decides_the_weights(self) -> None:
        first, second = self.build().state_dict(), self.build().state_dict()
        assert all(torch.equal(value, second[name]) for name, value in first.items())

    def test_evaluation_is_deterministic_and_sample_by_sample(self) -> None:
        network = self.build()
        volume = self.volume(3, 4, 8, 8, 8)
        network(volume)
        network.eval()
        with torch.no_grad():
            whole = network(volume)
            assert torch.equal(whole, network(volume))
            single = torch.cat([network(volume[n : n + 1]) for n in range(3)])
        # Other batch sizes sum in another order: what that rounds grows with the values.
        rounding = 1e-5 * max(1.0, float(whole.abs().max()))
        torch.testing.assert_close(whole, single, rtol=1e-4, atol=rounding)

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.build()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        target = self.volume(2, 4, 8, 8, 16)[:, 0].ne(0).long()
        for _ in range(2):  # the second step sees past branches that start at zero
            optimizer.zero_grad()
            logits = network(self.volume(2, 4, 8, 8, 16))
            nn.functional.cross_entropy(logits, target).backward()
            optimizer.step()
        idle = [
            name
            for name, parameter in network.named_parameters()
            if parameter.grad is None or not parameter.grad.isfinite().all()
        ]
        assert idle == []
        # A bias before batch norm has a zero gradient by nature; weights have none to spare.
        still = [
            name
            for name, parameter in network.named_parameters()
            if name.endswith("weight") and not parameter.grad.abs().max() > 0  # type: ignore[union-attr]
        ]
        assert still == []

    def test_gradients_reach_the_input(self) -> None:
        volume = self.volume(1, 4, *self.shape).requires_grad_()
        network = self.build()
        network(volume)[:, 1].square().sum().backward()
        assert volume.grad is not None
        assert volume.grad.abs().sum() > 0

    def test_parameter_count(self) -> None:
        found = {
            channels: sum(p.numel() for p in self.build(channels).parameters())
            for channels in self.parameters
        }
        assert found == self.parameters


class TestSurfaceNet(NetworkContract):
    name = "surfacenet"
    parameters: ClassVar[dict[int, int]] = {15: 8_825_070, 640: 9_365_070}
    any_size = False


class TestResNeXtUNet(NetworkContract):
    name = "resnext_unet"
    parameters: ClassVar[dict[int, int]] = {15: 6_483_618, 640: 7_023_618}
    any_size = False
    shape = (8, 16, 24)


class TestSceneUNet(NetworkContract):
    name = "scene_unet"
    parameters: ClassVar[dict[int, int]] = {16: 1_557_282, 640: 1_567_554}
    any_size = True


class TestShallowSceneUNet(NetworkContract):
    name = "scene_unet"
    options: ClassVar[dict[str, Any]] = {"width": 4, "depth": 1, "blocks": 2}
    parameters: ClassVar[dict[int, int]] = {4: 9_498}
    any_size = True


class TestFlatSceneUNet(NetworkContract):
    name = "scene_unet"
    options: ClassVar[dict[str, Any]] = {"width": 3, "depth": 0}
    parameters: ClassVar[dict[int, int]] = {4: 836}
    any_size = True


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ParamsError, match="needed: one of scene_unet, surfacenet, resnext_unet"):
        build_network("unet", 4, 2)
    with pytest.raises(ParamsError, match=r"given: options .*wide.* for surfacenet"):
        build_network("surfacenet", 4, 2, wide=3)
