"""Losses that ask how far predicted classes and true ones overlap."""

from __future__ import annotations

import torch
from torch import Tensor


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """Soft Dice loss, mean over the classes that occur; 0 for no row.

    Args:
        logits: ``(N, C)``.
        target: ``(N,)`` int64.
    """
    if len(target) == 0:
        return logits.sum()
    present = target.unique()
    share = logits.softmax(dim=1)[:, present]
    truth = (target[:, None] == present).to(share.dtype)
    overlap = 2 * (share * truth).sum(dim=0) / (share + truth).sum(dim=0)
    return 1 - overlap.mean()


def lovasz(logits: Tensor, target: Tensor) -> Tensor:
    """Lovasz-Softmax loss, mean over the classes that occur; 0 for no row.

    The convex extension of 1 - IoU of each class at the vector of errors (Berman, Triki and
    Blaschko, "The Lovasz-Softmax loss", 2018).

    Args:
        logits: ``(N, C)``.
        target: ``(N,)`` int64.
    """
    if len(target) == 0:
        return logits.sum()
    present = target.unique()
    truth = (target[:, None] == present).to(logits.dtype)
    error, order = (truth - logits.softmax(dim=1)[:, present]).abs().sort(dim=0, descending=True)
    ranked = truth.gather(0, order)
    whole = ranked.sum(dim=0)
    left = whole - ranked.cumsum(dim=0)
    jaccard = 1 - left / (whole + (1 - ranked).cumsum(dim=0))
    steps = torch.cat((jaccard[:1], jaccard[1:] - jaccard[:-1]))
    return (error * steps).sum(dim=0).mean()
