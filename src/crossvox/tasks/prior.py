"""How what frames say of classes joins what a 3D network says of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def tell_classes(logits: Tensor, scores: Tensor, dim: int = 1) -> Tensor:
    """Add scores to the logits of all classes but free space, which stays exactly as likely.

    Adding alone would change the sum of the exponentials, and with it how likely free space is:
    where scores and network agree there would be more surface, where they differ less. The
    difference of the two log-sum-exps is therefore taken off every class. Given that there is a
    surface, the classes are ``softmax(logits + scores)``.

    Args:
        logits: of all classes but free space, along ``dim``.
        scores: likewise, to be added; where all are equal nothing changes.
        dim: axis of the classes.

    Returns:
        Logits with ``sum exp`` as before.
    """
    moved = logits + scores
    before, after = (value.logsumexp(dim, keepdim=True) for value in (logits, moved))
    return moved + (before - after)


class ClassPrior(nn.Module):
    """What the frames say of each voxel's class, beyond that all are equally likely.

    Joined by :func:`tell_classes` it moves probability between classes alone, and none where no
    frame looks. A network that knows nothing of classes yet therefore starts from the labels of the
    frames, and learns what to correct; how much it trusts them is learnt as well (``scale``, 1 at
    first).

    In training it may be left out of some samples at random: a 2D network that has seen these very
    frames with their labels is right about them more often than it will be, and a network that may
    always listen to it learns little of its own.

    Args:
        classes: of both networks; class 0 is free space here, unannotated there.
        dropout: share of the training samples that do without.
    """

    def __init__(self, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.channels, self.dropout = classes - 1, dropout
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, lifted: Tensor, sample: Tensor | None = None) -> Tensor:
        """``scale (log p + log channels)``.

        Args:
            lifted: ``(N, channels)`` or ``(N, channels, ...)``: mean over the views of the
                logarithms of their probabilities.
            sample: ``(N,)`` number of the sample that each row belongs to, rising; None: every row
                is a sample of its own.
        """
        said: Tensor = self.scale * (lifted.log_softmax(dim=1) + math.log(self.channels))
        if self.training and self.dropout > 0:
            count = len(said) if sample is None else len(sample) and int(sample[-1]) + 1
            kept = torch.rand(count, device=said.device) >= self.dropout
            kept = kept if sample is None else kept[sample]
            said = said * kept.view(-1, *(1,) * (said.ndim - 1))
        return said
