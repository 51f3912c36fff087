"""Focal length, scale between depth and poses, and lag of the poses: what the frames say of them.

Each is sought where the frames agree best, from pairs that see things from different sides. How
sure it is follows from drawing the pairs again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import Sample, values
from crossvox.capture.doctor.variants import quaternions, rotations
from crossvox.capture.doctor.weigh import draws, telling

Array = NDArray[Any]


@dataclass(frozen=True)
class Tuned:
    """Where a number fits best.

    Attributes:
        best: there.
        spread: standard deviation over draws of pairs.
        loss: mean loss there.
        usual: mean loss as things are taken.
        gain: share of draws in which the best is clearly better than things as they are.
    """

    best: float
    spread: float
    loss: float
    usual: float
    gain: float


@dataclass(frozen=True)
class FocalScale:
    """Focal length and scale that fit best together, as factors on what is taken.

    Attributes:
        focal: factor on the focal length.
        scale: factor on the positions (the inverse of one on depth).
    """

    focal: Tuned
    scale: Tuned


GAIN = 0.95
"""The best is clearly better where its loss is below this share of the usual one."""

_ROUGH, _FINE = 6, 2
"""Every n-th point is looked at: first where about, then where."""

_FOCALS = np.exp(np.linspace(-0.35, 0.35, 11))
_SCALES = np.exp(np.linspace(-0.21, 0.21, 7))


def tune_focal(sample: Sample, poses: Array, wide: Array) -> FocalScale | None:
    """Focal length and scale that fit best; None where too few pairs say anything.

    Args:
        sample: frames and pairs.
        poses: ``(N, 4, 4)`` of all frames.
        wide: ``(P,)`` which pairs see things from different sides.
    """
    moves = sample.moves(poses)
    table = np.array([[_loss(sample, moves, f, s, _ROUGH) for s in _SCALES] for f in _FOCALS])
    used = wide & telling(*table.reshape(-1, table.shape[-1]))
    if used.sum() < 6:
        return None
    table = table[..., used]
    sample, moves = replace(sample, pairs=sample.pairs[used]), moves[used]
    i, j = np.unravel_index(int(np.argmin(table.mean(axis=2))), table.shape[:2])
    # Finer around the best, the step of the coarse table to each side.
    step_f, step_s = np.log(_FOCALS[1] / _FOCALS[0]), np.log(_SCALES[1] / _SCALES[0])
    focals = _FOCALS[i] * np.exp(np.linspace(-1, 1, 11) * step_f)
    scales = _SCALES[j] * np.exp(np.linspace(-1, 1, 9) * step_s)
    fine = np.array([[_loss(sample, moves, f, s, _FINE) for s in scales] for f in focals])
    usual = _loss(sample, moves, 1.0, 1.0, _FINE)
    a, b = np.unravel_index(int(np.argmin(fine.mean(axis=2))), fine.shape[:2])
    alone = np.array([_loss(sample, moves, 1.0, s, _FINE) for s in scales])
    chosen = draws(len(usual), 100)
    drawn = [
        np.unravel_index(int(np.argmin(fine[..., one].mean(axis=2))), fine.shape[:2])
        for one in chosen
    ]
    best_f = _vertex(np.log(focals), fine[:, b].mean(axis=1))
    best_s = _vertex(np.log(scales), fine[a].mean(axis=1))
    spread_f = float(np.std([np.log(focals[m]) for m, _ in drawn]))
    spread_s = float(np.std([np.log(scales[n]) for _, n in drawn]))
    best = fine[a, b]
    without_f = alone[int(np.argmin(alone.mean(axis=1)))]
    gain_f = float((best[chosen].mean(axis=1) < GAIN * without_f[chosen].mean(axis=1)).mean())
    gain_s = float((best[chosen].mean(axis=1) < GAIN * usual[chosen].mean(axis=1)).mean())
    loss, old = float(best.mean()), float(usual.mean())
    return FocalScale(
        Tuned(best_f, spread_f, loss, float(without_f.mean()), gain_f),
        Tuned(best_s, spread_s, loss, old, gain_s),
    )


def _loss(sample: Sample, moves: Array, focal: float, scale: float, every: int) -> Array:
    camera = values(sample.camera)
    camera[:2] *= focal
    scaled = moves.copy()
    scaled[:, :, 3] *= scale
    return sample.losses(scaled, camera, every=every)


def tune_lag(sample: Sample, poses: Array, most: float = 4.0) -> Tuned | None:
    """By how many places the images lag behind their poses, in fractions; None where unknown.

    Poses between two are interpolated, so frames must come in even steps.
    """
    lags = np.arange(-most, most + 0.01, 0.25)
    table = np.array([sample.losses(sample.moves(lagged(poses, lag)), every=3) for lag in lags])
    used = telling(*table) & np.isfinite(sample.moves(lagged(poses, most))).all(axis=(1, 2))
    used &= np.isfinite(sample.moves(lagged(poses, -most))).all(axis=(1, 2))
    if used.sum() < 6:
        return None
    table = table[:, used]
    middle = table[len(lags) // 2]
    means = table.mean(axis=1)
    best = int(np.argmin(means))
    chosen = draws(table.shape[1], 200)
    drawn = np.array([lags[int(np.argmin(table[:, one].mean(axis=1)))] for one in chosen])
    better = table[best][chosen].mean(axis=1) < GAIN * middle[chosen].mean(axis=1)
    return Tuned(
        best=float(np.log(_vertex(lags, means))),
        spread=float(drawn.std()),
        loss=float(means[best]),
        usual=float(middle.mean()),
        gain=float(better.mean()),
    )


def lagged(poses: Array, lag: float) -> NDArray[np.float64]:
    """``out[i]`` is the pose at place ``i + lag``, between two where that is no whole number."""
    whole = int(np.floor(lag))
    share = lag - whole
    count = len(poses)
    first = np.full_like(poses, np.nan)
    second = np.full_like(poses, np.nan)
    for out, shift in ((first, whole), (second, whole + 1)):
        low, high = max(0, -shift), min(count, count - shift)
        if low < high:
            out[low:high] = poses[low + shift : high + shift]
    if share < 1e-9:
        return first
    return between(first, second, share)


def between(first: Array, second: Array, share: float) -> NDArray[np.float64]:
    """``(N, 4, 4)`` poses a share of the way between two."""
    a, b = quaternions(first[:, :3, :3]), quaternions(second[:, :3, :3])
    with np.errstate(invalid="ignore"):
        b = np.where((a * b).sum(axis=1, keepdims=True) < 0, -b, b)
        # Neighbours are a few degrees apart: the chord is as good as the arc.
        turned = rotations((1 - share) * a + share * b)
    out = (1 - share) * first + share * second
    out[:, :3, :3] = turned
    return out


def _vertex(places: Array, heights: Array) -> float:
    """``exp`` of where the parabola through the lowest point and its neighbours is lowest."""
    best = int(np.argmin(heights))
    if not 0 < best < len(places) - 1:
        return float(np.exp(places[best]))
    low, mid, high = heights[best - 1 : best + 2]
    bend = low - 2 * mid + high
    step = places[1] - places[0]
    return float(np.exp(places[best] + (0.5 * step * (low - high) / bend if bend > 0 else 0.0)))
