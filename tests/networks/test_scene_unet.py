"""What scene_unet promises beyond the contract of every network."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from crossvox.core.checks import ParamsError
from crossvox.networks import scene_unet
from crossvox.networks.scene_unet import SceneUNet, _doubled


@pytest.mark.parametrize(("classes", "prior"), [(2, 0.05), (2, 0.3), (5, 0.1)])
def test_starts_at_the_prior(classes: int, prior: float) -> None:
    torch.manual_seed(0)
    network = SceneUNet(4, classes, prior=prior)
    volume = torch.randn(2, 4, 16, 16, 16)
    probability = network(volume).softmax(dim=1)
    occupied = 1 - probability[:, 0]
    assert occupied.mean().item() == pytest.approx(prior, rel=0.2)
    assert occupied.max() < 3 * prior


def test_residual_branches_start_at_zero() -> None:
    network = SceneUNet(4)
    norms = [block.second[1] for block in network.modules() if hasattr(block, "second")]
    assert len(norms) == 6
    assert all(norm.weight.abs().sum() == 0 for norm in norms)  # type: ignore[union-attr]


@pytest.mark.parametrize(("channels", "reduced"), [(16, False), (64, False), (65, True)])
def test_wide_inputs_are_reduced_first(channels: int, reduced: bool) -> None:
    network = SceneUNet(channels)
    inputs = {name: p.shape[1] for name, p in network.named_parameters() if name == "stem.0.weight"}
    assert inputs == {"stem.0.weight": 16 if reduced else channels}
    assert any(name.startswith("reduce") for name, _ in network.named_parameters()) == reduced


def test_padding_changes_nothing_but_the_size() -> None:
    torch.manual_seed(0)
    network = SceneUNet(2, depth=2).eval()
    torch.nn.init.normal_(network.classifier.weight)
    volume = torch.randn(1, 2, 5, 6, 7)
    padded = torch.nn.functional.pad(volume, (0, 1, 0, 2, 0, 3))
    assert torch.equal(network(volume), network(padded)[:, :, :5, :6, :7])


def test_what_is_far_away_does_not_matter_once_trained() -> None:
    """The answer is local: windows that overlap agree where both see the surroundings."""
    torch.manual_seed(0)
    network = SceneUNet(2, depth=1).train()
    torch.nn.init.normal_(network.classifier.weight)
    for _ in range(3):
        network(torch.randn(1, 2, 16, 16, 16))
    network.eval()
    volume = torch.randn(1, 2, 48, 8, 8)
    other = volume.clone()
    other[:, :, 32:] = 0
    with torch.no_grad():
        torch.testing.assert_close(network(volume)[:, :, :8], network(other)[:, :, :8])


def test_doubling_repeats_every_voxel() -> None:
    volume = torch.randn(2, 3, 2, 3, 4)
    expected = torch.nn.functional.interpolate(volume, scale_factor=2, mode="nearest")
    assert torch.equal(_doubled(volume), expected)


def test_gradients_of_a_doubling_are_sums() -> None:
    torch.manual_seed(0)
    volume = torch.randn(2, 3, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(_doubled, volume)
    gradient = torch.randn(2, 3, 4, 8, 6, dtype=torch.float64)
    (found,) = torch.autograd.grad(_doubled(volume), volume, gradient)
    (wanted,) = torch.autograd.grad(
        functional.interpolate(volume, scale_factor=2), volume, gradient
    )
    torch.testing.assert_close(found, wanted)


def test_points_train_as_convolutions_do_and_keep_the_order() -> None:
    torch.manual_seed(0)
    volume = torch.randn(2, 3, 4, 4, 6).contiguous(memory_format=torch.channels_last_3d)
    volume.requires_grad_()
    own = scene_unet._Point(3, 5, kernel_size=1)
    plain = torch.nn.Conv3d(3, 5, kernel_size=1)
    plain.load_state_dict(own.state_dict())
    gradient = torch.randn(2, 5, 4, 4, 6)
    gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
    made = [module.train()(volume) for module in (own, plain)]
    torch.testing.assert_close(*made)
    assert made[0].is_contiguous(memory_format=torch.channels_last_3d)
    grads = [
        torch.autograd.grad(answer, (volume, *module.parameters()), gradient)
        for answer, module in zip(made, (own, plain), strict=True)
    ]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)
    assert grads[0][0].is_contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        assert torch.equal(own.eval()(volume), plain(volume)), "what is trained answers as before"


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"depth": -1}, {"blocks": 0}, {"prior": 0.0}, {"prior": 1.0}]
)
def test_senseless_numbers_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: "):
        SceneUNet(4, 2, **options)  # type: ignore[arg-type]


def test_a_single_volume_is_answered_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CPUs it goes twice through the network, for the faster kernels; nobody shall notice."""
    torch.manual_seed(0)
    volume = torch.randn(1, 4, 8, 8, 16)
    found = []
    for small in (10**9, 0):
        monkeypatch.setattr(scene_unet, "SMALL", small)
        torch.manual_seed(1)
        network = SceneUNet(4, 3, width=4, depth=2).train()
        logits = network(volume)
        logits.square().sum().backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
        found.append((logits.detach(), gradients, network.eval()(volume).detach()))
    assert found[0][0].shape == (1, 3, 8, 8, 16)
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found[0][2], found[1][2], rtol=2e-2, atol=2e-3)
