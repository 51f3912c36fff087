"""Large volumes, piece by piece."""

from __future__ import annotations

import numpy as np
import torch

from crossvox.networks.completion_net import CompletionNet
from crossvox.predict.tiles import in_tiles


def test_pieces_give_what_the_whole_gives_where_the_network_sees_no_further_than_the_halo() -> None:
    torch.manual_seed(0)
    network = CompletionNet(2, width=4, depth=1, widest=8).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)  # branches that start at zero, too
    shown: list[tuple[int, ...]] = []

    def answer(volume: np.ndarray) -> np.ndarray:
        shown.append(volume.shape)
        with torch.inference_mode():
            return network(torch.from_numpy(volume)[None])[0].numpy()

    volume = np.random.default_rng(0).normal(size=(2, 90, 50, 8)).astype(np.float32)
    whole = answer(volume)
    shown.clear()
    pieces = in_tiles(answer, volume, tile=16, halo=24)
    assert max(shape[1] for shape in shown) == 64
    assert max(shape[2] for shape in shown) == 50
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_a_small_volume_is_shown_as_a_whole() -> None:
    shown = []

    def answer(volume: np.ndarray) -> np.ndarray:
        shown.append(volume.shape)
        return volume[:1] * 2

    volume = np.ones((3, 20, 30, 4), np.float32)
    found = in_tiles(answer, volume, tile=16, halo=8)
    assert shown == [(3, 20, 30, 4)]
    assert found.shape == (1, 20, 30, 4)
    assert (found == 2).all()
