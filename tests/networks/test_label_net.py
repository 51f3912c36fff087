"""The network of labels in 3D adds to what frames say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from crossvox.core.checks import ParamsError
from crossvox.networks.label_net import LOG_SCALE, LabelNet
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


def test_before_training_it_says_what_frames_say() -> None:
    told = contexts()
    logits = LabelNet(INPUTS, CLASSES, hidden=8).eval()(told)
    torch.testing.assert_close(logits, LOG_SCALE * told[:, CLASSES : 2 * CLASSES])


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
