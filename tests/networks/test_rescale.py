"""Networks read images on the scale that their starting weights were learnt on."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from crossvox.core.artifact import plain
from crossvox.core.checks import CheckpointError, ParamsError, ShapeError, is_passing
from crossvox.core.colors import CENTRED, COLORS, IMAGENET, RECORD, Normalisation, check_recorded
from crossvox.networks import build_network2d, download
from crossvox.networks.download import downloading, reachable
from crossvox.networks.features2d import Network2D
from crossvox.networks.rescale import Rescale, fit_rescaling

values = st.tuples(*[st.floats(0.1, 0.9)] * 3)
normalisations = st.builds(Normalisation, values, values)


def scaled(colors: Tensor, by: Normalisation) -> Tensor:
    mean, std = (torch.tensor(v)[:, None, None] for v in (by.mean, by.std))
    return (colors - mean) / std


@given(given=normalisations, reads=normalisations)
def test_images_come_out_as_the_weights_read_them(
    given: Normalisation, reads: Normalisation
) -> None:
    colors = torch.rand(2, 3, 2, 4, generator=torch.Generator().manual_seed(0))
    found = Rescale(reads, given)(scaled(colors, given))
    torch.testing.assert_close(found, scaled(colors, reads), rtol=1e-4, atol=1e-4)


def test_where_nothing_is_to_be_done_nothing_is_done_or_stored() -> None:
    module, images = Rescale(COLORS), torch.rand(1, 3, 2, 2)
    assert module(images) is images
    assert module.state_dict() == {}
    assert set(Rescale(CENTRED).state_dict()) == {"factor", "offset"}


def first_norm(name: str) -> tuple[float, float]:
    """Before the first batch norm: mean variance against the running one, and mean offset.

    Of natural-looking images: smooth noise around the mean of all images.
    """
    network = build_network2d(name, 4).eval()
    norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    seen: list[Tensor] = []
    hook = norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    noise = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(noise, (128, 128), mode="bilinear")
    with torch.no_grad():
        network.features(images)
    hook.remove()
    value = seen[0].transpose(0, 1).flatten(1)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    ratio = (value.var(dim=1) / norm.running_var).mean()
    offset = ((value.mean(dim=1) - norm.running_mean) / norm.running_var.sqrt()).abs().mean()
    return float(ratio), float(offset)


def test_one_encoder_reads_one_scale_under_both_names() -> None:
    lite, smp = first_norm("lite"), first_norm("smp:unet/tu-tf_efficientnet_lite0")
    assert smp == pytest.approx(lite, rel=1e-4)


def test_the_scale_goes_with_the_weights() -> None:
    """Into a network that was built from nothing, and back to none for weights without it."""
    name = "smp:fpn/tu-tf_efficientnet_lite0"
    trained, bare = build_network2d(name, 4).eval(), build_network2d(name, 4, weights="none").eval()
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert "rescale.factor" in trained.state_dict()
    assert "rescale.factor" not in bare.state_dict()
    with torch.no_grad():
        expected, before = trained(images).logits, bare(images).logits
        weights = deepcopy(bare.state_dict())
        bare.load_state_dict(trained.state_dict())
        assert torch.equal(bare(images).logits, expected)
        trained.load_state_dict(weights)
        assert torch.equal(trained(images).logits, before)
    around = nn.ModuleDict({"image_network": trained})
    fit_rescaling(around, {"image_network.rescale.factor"})
    assert "image_network.rescale.factor" in around.state_dict()


def test_a_run_that_read_other_images_is_refused() -> None:
    check_recorded({}, "RUN")
    check_recorded({RECORD: plain(COLORS)}, "RUN")
    with pytest.raises(CheckpointError, match=r"given: RUN, .*0\.485.*; needed: .*0\.496"):
        check_recorded({RECORD: plain(IMAGENET)}, "RUN")
    for wrong in ({"std": (0.0, 1.0, 1.0)}, {"mean": (0.5, 0.5)}):
        with pytest.raises(ParamsError, match="deviations"):
            replace(COLORS, **wrong)


# Weights from the net


@pytest.mark.parametrize("name", ["smp:unet/resnet18", "smp:unet/tu-resnet18", "deeplab"])
def test_without_a_connection_a_download_fails_soon_and_clearly(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The hub's client would try for half a minute."""
    import huggingface_hub.constants as hub

    asked: list[float] = []

    def unreachable(*_: Any) -> bool:
        asked.append(time.monotonic())
        return False

    monkeypatch.setattr(download, "reachable", unreachable)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    weights = "imagenet"
    with pytest.raises(CheckpointError, match=r"given: .*; needed: a network connection") as told:
        build_network2d(name, 4, weights=weights)
    assert is_passing(told.value), "of a study, the same command tries it again"
    assert time.monotonic() - asked[0] < 10, "no retries"
    assert hub.HF_HUB_OFFLINE is False


def refuse(*_: Any, **__: Any) -> Any:
    raise OSError("no connection in tests")


def test_a_name_that_nobody_answers_to_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def asleep(*_: Any, **__: Any) -> Any:
        time.sleep(3)
        raise OSError("nobody answered")

    monkeypatch.setattr("socket.getaddrinfo", asleep)
    begin = time.monotonic()
    assert not reachable("https://example.invalid", patience_s=0.1)
    assert time.monotonic() - begin < 2
    assert not reachable("no address")


def test_other_errors_of_a_download_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "reachable", lambda *_: True)
    with pytest.raises(KeyError), downloading("weights"):
        raise KeyError("name")
    with pytest.raises(CheckpointError, match=r"weights, .*disk full"), downloading("weights"):
        raise OSError("disk full\nand more")


def test_one_image_is_too_few_for_pooling_and_the_error_says_so() -> None:
    network = build_network2d("smp:deeplabv3/resnet18", 4, weights="none").train()
    assert isinstance(network, Network2D)
    with pytest.raises(ShapeError, match=r"batch of 1 images of 64x32.*raise --train.batch-size"):
        network(torch.zeros(1, 3, 32, 64))
    network(torch.zeros(2, 3, 32, 64))
