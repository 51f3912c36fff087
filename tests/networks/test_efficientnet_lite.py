"""The encoders of efficientnet-lite are those of timm, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import timm
import torch

from crossvox.core.checks import ParamsError
from crossvox.networks.efficientnet_lite import SCALES, EfficientNetLite

NAMES = pytest.mark.parametrize("name", SCALES)


def both(name: str, seed: int = 3) -> tuple[Any, EfficientNetLite]:
    """The library's and ours, from the same seed."""
    torch.manual_seed(seed)
    theirs: Any = timm.create_model(name, pretrained=False, features_only=True)
    torch.manual_seed(seed)
    return theirs, EfficientNetLite(name)


@NAMES
def test_parameters_have_the_names_and_draws_of_the_library(name: str) -> None:
    theirs, ours = both(name)
    there, here = theirs.state_dict(), ours.state_dict()
    assert list(here) == list(there)
    assert all(torch.equal(here[key], value) for key, value in there.items())
    assert ours.channels == tuple(theirs.feature_info.channels())


@NAMES
def test_what_is_drawn_next_is_the_same(name: str) -> None:
    torch.manual_seed(5)
    timm.create_model(name, pretrained=False, features_only=True)
    wanted = torch.rand(4)
    torch.manual_seed(5)
    EfficientNetLite(name)
    assert torch.equal(torch.rand(4), wanted)


@pytest.mark.parametrize("size", [(64, 96), (45, 66)], ids=["even", "odd"])
@pytest.mark.parametrize("learns", [True, False])
def test_maps_and_gradients_are_the_librarys(size: tuple[int, int], learns: bool) -> None:
    theirs, ours = both("tf_efficientnet_lite0")
    images = torch.randn(2, 3, *size)
    found, wanted = ours.train(learns)(images), theirs.train(learns)(images)
    assert [one.shape for one in found] == [one.shape for one in wanted]
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    for maps in (found, wanted):
        sum(one.square().mean() for one in maps).backward()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)
    kept = zip(ours.buffers(), theirs.buffers(), strict=True)
    assert all(torch.equal(one, other) for one, other in kept)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ParamsError, match="tf_efficientnet_lite0"):
        EfficientNetLite("tf_efficientnet_lite")


def test_light_networks_do_without_the_library() -> None:
    code = (
        "import sys; from crossvox.networks import build_network2d; "
        "build_network2d('lite', 41, weights='none', depth=True); "
        "print(sorted({'timm', 'torchvision', 'torch._dynamo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
