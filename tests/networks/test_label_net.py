"""The network of labels in 3D."""

from __future__ import annotations

import pytest
import torch

from crossvox.core.checks import ShapeError
from crossvox.tasks.label3d import CLASSES, Label3d


def test_it_starts_from_the_votes_and_is_small() -> None:
    network = Label3d().build().eval()
    context = torch.zeros(5, network.inputs)
    probability = torch.rand(5, CLASSES).softmax(dim=1)
    context[:, :CLASSES] = probability
    context[:, CLASSES : 2 * CLASSES] = probability.log() * 0.2
    with torch.no_grad():
        said = network(context).softmax(dim=1)
    assert torch.allclose(said, probability, atol=1e-6)
    assert sum(p.numel() for p in network.parameters()) < 800_000


def test_another_context_is_refused() -> None:
    with pytest.raises(ShapeError, match="voxel"):
        Label3d().build()(torch.zeros(2, 7))
