"""The control network: it holds the mean colour of each field of pixels, and nothing else."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.checks import ParamsError
from crossvox.networks import build_network2d
from crossvox.networks.projection import projection_name, random_matrix


@given(channels=st.integers(1, 200), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_columns_or_rows_are_orthogonal_and_equally_long(channels: int, seed: int) -> None:
    matrix = random_matrix(channels, seed).double()
    product = matrix.T @ matrix if channels >= 3 else matrix @ matrix.T
    scale = max(channels, 3) / 3
    torch.testing.assert_close(product, scale * torch.eye(len(product)).double(), atol=1e-4, rtol=0)
    assert torch.equal(random_matrix(channels, seed), random_matrix(channels, seed))


def test_seeds_give_different_matrices_and_leave_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    assert not torch.equal(random_matrix(8, 0), random_matrix(8, 1))
    assert torch.equal(torch.get_rng_state(), state)


def test_features_are_the_matrix_times_mean_colours() -> None:
    """Against plain loops over fields of pixels; the last fields repeat the border."""
    network = build_network2d("projection", 4, channels=5, stride=4)
    image = torch.randn(1, 3, 10, 11, generator=torch.Generator().manual_seed(0))
    features = network.features(image)
    assert features.shape == (1, 5, 3, 3)
    for row in range(3):
        for column in range(3):
            rows = torch.arange(4 * row, 4 * row + 4).clamp(max=9)
            columns = torch.arange(4 * column, 4 * column + 4).clamp(max=10)
            mean = image[0][:, rows][:, :, columns].mean(dim=(1, 2))
            expected = network.matrix @ mean  # type: ignore[operator]
            torch.testing.assert_close(features[0, :, row, column], expected)


def test_features_keep_colour_distances_and_have_variance_one() -> None:
    network = build_network2d("projection", 4, stride=1, channels=128)
    colors = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    features = network.features(colors)
    first, second = ((x[0] - x[1]).square().sum(dim=0).sqrt() for x in (features, colors))
    torch.testing.assert_close(first, second * (128 / 3) ** 0.5, rtol=1e-4, atol=1e-4)
    assert float(features.var(dim=(0, 2, 3)).mean()) == pytest.approx(1, abs=0.05)


def test_a_pixel_reaches_its_own_field_only() -> None:
    network = build_network2d("projection", 4)
    image = torch.zeros(1, 3, 32, 32)
    image[0, :, 9, 17] = 1
    there = network.features(image)[0].abs().sum(dim=0) > 0
    assert there.nonzero().tolist() == [[1, 2]]


def test_names_match_other_networks() -> None:
    network = build_network2d(projection_name(48, 4), 7)
    assert (network.feature_channels, network.feature_stride) == (48, 4)
    assert not any(name == "matrix" for name, _ in network.named_parameters())
    assert "matrix" in network.state_dict()


@pytest.mark.parametrize(
    "name", ["projection:", "projection:8", "projection:0/8", "projection:a/b"]
)
def test_wrong_names_are_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=r"given: .*(projection:|0 channels)"):
        build_network2d(name, 7)


def test_other_weights_are_refused() -> None:
    with pytest.raises(ParamsError, match="weights auto or none"):
        build_network2d("projection", 7, weights="imagenet")
