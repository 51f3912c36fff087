"""Backbones of timm: what is tapped, how images are normalised for it, what happens offline."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch

from crossvox.core.checks import CheckpointError, ParamsError
from crossvox.networks import build_network2d, timm_taps
from crossvox.networks.rescale import Rescale


def test_features_are_the_maps_of_the_taps_at_the_finest_stride() -> None:
    """Against the same backbone asked by timm itself."""
    network = build_network2d("timm:test_resnet@1+3", 4, weights="none").eval()
    alone: Any = timm.create_model("test_resnet", features_only=True, out_indices=(1, 3)).eval()
    alone.load_state_dict(network.backbone.state_dict())  # type: ignore[union-attr]
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, (fine, coarse) = network.features(image), alone(image)
    assert network.feature_stride == 4
    torch.testing.assert_close(found[:, : fine.shape[1]], fine)
    # A coarse pixel lies over four by four fine ones, whose mean is its own value inside the map.
    rest = torch.nn.functional.interpolate(coarse, fine.shape[-2:], mode="bilinear")
    torch.testing.assert_close(found[:, fine.shape[1] :], rest)


@pytest.mark.parametrize(
    ("name", "taps", "stride"),
    [
        ("test_resnet", (2, 3), 8),
        ("test_convnext", (1, 2), 8),
        ("test_vit", (5,), 16),
        ("test_resnet@4", (4,), 32),
    ],
)
def test_taps_by_default_are_those_at_an_eighth_and_a_sixteenth(
    name: str, taps: tuple[int, ...], stride: int
) -> None:
    network = build_network2d(f"timm:{name}", 4, weights="none")
    assert (network.taps, network.feature_stride) == (taps, stride)
    assert network.feature_channels == sum(network.widths)  # type: ignore[arg-type]


def test_maps_with_channels_behind_are_turned() -> None:
    found = torch.randn(2, 4, 6, 8)
    assert timm_taps._channels_first(found, 8).shape == (2, 8, 4, 6)
    assert timm_taps._channels_first(found, 4) is found


def test_weights_read_images_as_timm_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub can be reached in a test: what it would give are weights of one."""
    real = timm.create_model

    def give(name: str, pretrained: bool = False, **options: Any) -> Any:
        model = real(name, pretrained=False, **options)
        if pretrained:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.fill_(1.0)
        return model

    monkeypatch.setattr(timm, "create_model", give)
    network = build_network2d("timm:test_efficientnet", 4, weights="pretrained")
    assert float(next(network.backbone.parameters()).detach().mean()) == 1  # type: ignore[union-attr]
    told = timm.data.resolve_model_data_config(network.backbone)
    ones = Rescale(timm_taps.Normalisation(told["mean"], told["std"]))
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(network.rescale(image), ones(image))
    assert network.rescale.needed


def test_weights_that_no_hub_gives_are_missed_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, pretrained: bool = False, **__: Any) -> Any:
        raise OSError("no route to the hub")

    monkeypatch.setattr("crossvox.networks.download.reachable", lambda *_: False)
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(CheckpointError, match=r"timm:test_vit@0.*no route to the hub"):
        build_network2d("timm:test_vit@0", 4, weights="pretrained")


def test_packaged_weights_are_taken_where_there_are_some() -> None:
    network = build_network2d("timm:tf_efficientnet_lite0", 4)
    own = build_network2d("lite", 4).encoder.conv_stem.weight  # type: ignore[union-attr]
    assert torch.equal(network.backbone.conv_stem.weight, own)  # type: ignore[union-attr, arg-type]
    assert network.rescale.needed


@pytest.mark.parametrize("name", ["timm:", "timm:no_such_net", "timm:test_resnet@9", "timm:a@b"])
def test_strange_names_are_refused(name: str) -> None:
    with pytest.raises(ParamsError, match="do: correct the name"):
        build_network2d(name, 4, weights="none")


def test_two_side_by_side_are_both() -> None:
    network = build_network2d("both:projection:6/8&projection:4/4", 5).eval()
    first, second = network.first, network.second
    image = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        found = network(image)
        assert torch.equal(found.features[:, :6], first.features(image))  # type: ignore[operator]
        fine = second.features(image)  # type: ignore[operator]
    torch.testing.assert_close(found.features[:, 6:], torch.nn.functional.avg_pool2d(fine, 2))
    assert found.logits.shape == (1, 5, 40, 56)
    with pytest.raises(ParamsError, match="FIRST&SECOND"):
        build_network2d("both:lite", 4)
