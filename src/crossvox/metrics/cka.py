"""How alike two sets of features of the same places are: debiased linear CKA.

Centred kernel alignment (Kornblith et al. 2019, "Similarity of Neural Network Representations
Revisited") is the cosine between what two sets of features say of which places are alike::

    CKA(X, Y) = HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y))

With the plain estimator of HSIC features of many channels are alike whatever they say: independent
ones of as many channels as places reach 0.5 and more. Here HSIC is the U-statistic of Song et al.
2012 ("Feature Selection via Dependence Maximization"), which is 0 on average for independent
features, as Nguyen et al. 2021 ("Do Wide and Deep Networks Learn the Same Things?") and Murphy et
al. 2024 ("Correcting Biased Centered Kernel Alignment Measures") use it. It may be a little below
0.

It describes, and explains nothing: features that are alike need not serve alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect

Array = NDArray[Any]

LEAST = 4
"""Places that the estimator needs."""


def debiased_cka(one: Array, other: Array) -> float:
    """Debiased linear CKA of two sets of features.

    It does not change when either is shifted, turned (any orthogonal matrix) or scaled. Time is
    linear in places, memory that of ``C x D``.

    Args:
        one: ``(N, C)`` features of N places.
        other: ``(N, D)`` of the same places in the same order.

    Returns:
        At most about 1; NaN where either is the same everywhere.

    Raises:
        ShapeError: not the same places, or fewer than four.
    """
    x, y = (np.asarray(values, np.float64) for values in (one, other))
    expect(
        x.ndim == y.ndim == 2 and len(x) == len(y) and len(x) >= LEAST,
        given=f"features of shapes {x.shape} and {y.shape}",
        needed=f"(N, C) and (N, D), N at least {LEAST}",
        do="take both at the same places",
        error=ShapeError,
    )
    x, y = _scaled(x), _scaled(y)
    own, others = unbiased_hsic(x, x), unbiased_hsic(y, y)
    if not (own > _NOTHING and others > _NOTHING):
        return math.nan
    return unbiased_hsic(x, y) / math.sqrt(own * others)


_NOTHING = 1e-12


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred and of unit size, so that nothing is lost to rounding; neither changes the result."""
    centred: NDArray[np.float64] = values - values.mean(axis=0)
    size = float(np.sqrt((centred**2).sum() / len(values)))
    return centred / size if size > 0 else centred


def unbiased_hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The U-statistic of HSIC of two linear kernels, without making them.

    With ``K = x x^T`` and ``L = y y^T``, both with 0 on the diagonal, it is::

        (tr(K L) + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'K L1) / (n (n - 3))

    Args:
        x: ``(N, C)``, N > 3.
        y: ``(N, D)``.
    """
    n = len(x)
    own_x, own_y = (x**2).sum(axis=1), (y**2).sum(axis=1)
    rows_x, rows_y = x @ x.sum(axis=0) - own_x, y @ y.sum(axis=0) - own_y
    trace = float(((x.T @ y) ** 2).sum() - own_x @ own_y)
    sums = float(rows_x.sum() * rows_y.sum()) / ((n - 1) * (n - 2))
    return (trace + sums - 2 / (n - 2) * float(rows_x @ rows_y)) / (n * (n - 3))
