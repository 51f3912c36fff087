"""The network of surface completion: folding, any size, locality, what it begins with."""

from __future__ import annotations

import pytest
import torch

from crossvox.core.checks import ShapeError
from crossvox.networks.completion_net import OUTPUTS, CompletionNet, folded, unfolded


def small(channels: int = 6, depth: int = 1) -> CompletionNet:
    torch.manual_seed(0)
    return CompletionNet(channels, width=8, depth=depth, widest=16).eval()


def stirred(depth: int = 1) -> CompletionNet:
    """A network whose every part does something, as after training."""
    network = small(depth=depth)
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return network


def test_unfolding_undoes_folding() -> None:
    volume = torch.randn(2, 3, 4, 6, 8)
    parts = folded(volume)
    assert parts.shape == (2, 24, 2, 3, 4)
    assert torch.equal(unfolded(parts), volume)
    assert torch.equal(folded(unfolded(parts)), parts)
    # A folded place holds the eight voxels of its cube, channel by channel.
    cube = volume[1, 2, 2:4, 4:6, 6:8].reshape(-1)
    assert torch.equal(parts[1, 16:24, 1, 2, 3], cube)


@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 1, 1), (8, 6, 3), (16, 16, 16)])
def test_any_size(shape: tuple[int, int, int]) -> None:
    answer = small()(torch.randn(2, 6, *shape))
    assert answer.shape == (2, OUTPUTS, *shape)
    assert answer.dtype == torch.float32
    assert answer.isfinite().all()


def test_padding_to_an_even_size_is_with_nothing() -> None:
    network = stirred()
    volume = torch.randn(1, 6, 5, 7, 8)
    padded = torch.nn.functional.pad(volume, (0, 0, 0, 1, 0, 1))
    with torch.no_grad():
        assert torch.equal(network(volume), network(padded)[:, :, :5, :7])


def test_what_is_shifted_by_a_coarsest_place_is_answered_shifted() -> None:
    network, step = stirred(depth=1), 2 ** (1 + 1)
    volume = torch.zeros(1, 6, 160, 8, 8)
    volume[:, :, 68:92] = torch.randn(1, 6, 24, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        answer, moved = network(volume), network(volume.roll(step, dims=2))
    inner = slice(72, 88)
    torch.testing.assert_close(
        moved[:, :, inner.start + step : inner.stop + step], answer[:, :, inner]
    )
    other = network(volume.roll(1, dims=2)).detach()
    assert not torch.allclose(other[:, :, 73:89], answer[:, :, inner], atol=1e-3)


def test_it_begins_with_no_distance_and_few_surfaces() -> None:
    torch.manual_seed(0)
    answer = CompletionNet(6).eval()(torch.zeros(1, 6, 8, 8, 8))[0]
    assert answer[0].abs().max() < 0.5
    assert answer[1:].mean().item() == pytest.approx(-2, abs=0.3)


def test_every_parameter_learns() -> None:
    network = stirred().train()
    network(torch.randn(1, 6, 16, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 9, 8, 8, 8), (6, 8, 8, 8), (1, 6, 0, 8, 8)])
def test_another_evidence_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"given: a volume of shape .*; needed: \(B, 6, X, Y, Z\)"):
        small()(torch.zeros(shape))
