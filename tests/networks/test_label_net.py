"""The network of labels in 3D adds to what frames say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.networks.label_net import LOG_SCALE, LabelNet
from crossvox.tasks.label3d import CLASSES as ALL_CLASSES
from crossvox.tasks.label3d import Label3d
from crossvox.tasks.label_params import LabelNetworkParams

INPUTS, CLASSES = 12, 4


def contexts() -> torch.Tensor:
    """Three voxels; frames say nothing of the last."""
    found = torch.randn(3, INPUTS, generator=torch.Generator().manual_seed(0))
    found[2, : 2 * CLASSES] = 0
    return found


def learnt(**options: float) -> LabelNet:
    torch.manual_seed(1)
    network = LabelNet(INPUTS, CLASSES, hidden=8, **options)  # type: ignore[arg-type]
    nn.init.normal_(network.last.weight)
    return network.eval()


def test_it_starts_from_the_votes_and_is_small() -> None:
    network = Label3d().build().eval()
    context = torch.zeros(5, network.inputs)
    probability = torch.rand(5, ALL_CLASSES).softmax(dim=1)
    context[:, :ALL_CLASSES] = probability
    context[:, ALL_CLASSES : 2 * ALL_CLASSES] = probability.log() * 0.2
    with torch.no_grad():
        said = network(context).softmax(dim=1)
    assert torch.allclose(said, probability, atol=1e-6)
    assert sum(p.numel() for p in network.parameters()) < 800_000


def test_another_context_is_refused() -> None:
    with pytest.raises(ShapeError, match="voxel"):
        Label3d().build()(torch.zeros(2, 7))


def test_a_part_of_what_is_learnt_is_followed_where_frames_say_something() -> None:
    told = contexts()
    said = LOG_SCALE * told[:, CLASSES : 2 * CLASSES]
    with torch.no_grad():
        whole, half = learnt()(told) - said, learnt(followed=0.5)(told) - said
        none = learnt(followed=0.0)(told) - said
    assert whole.abs().min() > 1e-3
    torch.testing.assert_close(half[:2], 0.5 * whole[:2])
    torch.testing.assert_close(none[:2], torch.zeros(2, CLASSES), atol=1e-6, rtol=0)
    torch.testing.assert_close(half[2], whole[2])


def test_training_follows_all_of_it() -> None:
    told = contexts()
    networks = (learnt(dropout=0.0).train(), learnt(dropout=0.0, followed=0.5).train())
    torch.testing.assert_close(networks[0](told), networks[1](told))


def test_more_than_all_cannot_be_followed() -> None:
    with pytest.raises(ParamsError, match="followed"):
        LabelNetworkParams(followed=1.5)
