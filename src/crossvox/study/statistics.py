"""What scores of a few seeds on a few scenes say: means, spreads, paired differences.

A score is a table ``(seeds, scenes)``: every seed is scored on the same scenes. Two arms are
compared cell by cell, since one seed gives both the same sub-volumes and one scene is equally hard
for both. Seeds and scenes are *crossed*: an interval must allow for other seeds and for other
scenes, and cells are no independent draws.

Two intervals are given. The one to read is Student's t with the two-way clustered variance: what a
bootstrap of the seeds alone and one of the scenes alone would give, each freed of its small-sample
bias (``n / (n - 1)``), added up; degrees of freedom after Satterthwaite (1946). With Cameron,
Gelbach and Miller ("Robust inference with multiway clustering", J. Business & Economic Statistics
29, 2011), but without taking off what cells alone contribute, so that it errs towards caution. The
other is the percentile interval of Owen's pigeonhole bootstrap ("The pigeonhole bootstrap", Annals
of Applied Statistics 1, 2007), which draws seeds and scenes with replacement, independently.

Share of simulated studies whose 95 % interval holds the truth (normal effects of seeds, of scenes
and of cells, singly and mixed; 20,000 studies for t, 300 for the bootstrap):

===============  ================  ====================
seeds x scenes   t                 percentile bootstrap
===============  ================  ====================
3 x 3            0.95 to 0.99      0.72 to 0.97
3 x 12           0.93 to 0.99      0.69 to 0.99
5 x 3            0.94 to 0.99      0.73 to 0.98
10 x 20          0.95 to 0.99      0.90 to 1.00
===============  ================  ====================

So the bootstrap alone is not to be believed below about ten of each (``tests/study`` simulates both
again).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect

LEVEL = 0.95
"""How often an interval shall hold the truth."""

DRAWS = 10_000
"""Draws of the bootstrap."""

FEW = 6
"""With fewer seeds than this not even the same sign in all of them is significant at 5 %."""

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A score of one arm.

    Attributes:
        mean: over all seeds and scenes.
        sd: standard deviation over seeds of the mean over scenes (``n - 1``); NaN for one seed.
        seeds, scenes: how many of each.
        undefined: scenes that were left out of the mean because some seed has no number there.
    """

    mean: float
    sd: float
    seeds: int
    scenes: int
    undefined: int


@dataclass(frozen=True)
class Difference:
    """One arm minus another, cell by cell.

    Attributes:
        mean: over all seeds and scenes.
        low, high: interval by Student's t for the mean; NaN where it cannot be told.
        bootstrap_low, bootstrap_high: percentile interval of the pigeonhole bootstrap; too narrow
            for few seeds or scenes.
        degrees: degrees of freedom of the t interval.
        seeds_above: seeds whose mean over scenes is above 0.
        sign_p: exact two-sided sign test over seeds (ties left out); 1 where no seed differs.
        seeds, scenes: how many of each.
        undefined: scenes left out because a number is missing on either side.
    """

    mean: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    degrees: float
    seeds_above: int
    sign_p: float
    seeds: int
    scenes: int
    undefined: int


def score_table(
    scores: Mapping[int, Mapping[str, float | None]], seeds: Sequence[int], scenes: Sequence[str]
) -> Table:
    """Numbers by seed and scene as ``(seeds, scenes)``; NaN where there is none."""
    rows = [[scores.get(seed, {}).get(scene) for scene in scenes] for seed in seeds]
    return np.array(
        [[math.nan if value is None else value for value in row] for row in rows], dtype=np.float64
    ).reshape(len(seeds), len(scenes))


def spread(table: Table) -> Spread:
    """Mean and standard deviation over seeds of ``(seeds, scenes)`` scores.

    Raises:
        ShapeError: not a table with at least one seed.
    """
    cells, undefined = _defined(table)
    if cells.shape[1] == 0:
        return Spread(math.nan, math.nan, len(cells), 0, undefined)
    means = cells.mean(axis=1)
    sd = float(means.std(ddof=1)) if len(means) > 1 else math.nan
    return Spread(float(means.mean()), sd, len(cells), cells.shape[1], undefined)


def paired_difference(
    arm: Table, control: Table, level: float = LEVEL, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """How much higher an arm scores than its control, with an interval over seeds and scenes.

    With one scene the interval allows for other seeds only, and with one seed for other scenes
    only; with one of both it is NaN.

    Args:
        arm: ``(seeds, scenes)``.
        control: the same seeds and scenes in the same order; ``(1, scenes)`` for what knows no
            seed, such as a baseline that learns nothing.
        level: how often the intervals shall hold the truth.
        draws: of the bootstrap.
        seed: of the bootstrap: the same numbers give the same interval.

    Raises:
        ShapeError: the two do not pair.
        ParamsError: a level outside (0, 1), or no draws.
    """
    arm, control = np.asarray(arm, dtype=np.float64), np.asarray(control, dtype=np.float64)
    expect(
        arm.ndim == 2 and control.ndim == 2 and control.shape in (arm.shape, (1, arm.shape[1])),
        given=f"tables of shapes {arm.shape} and {control.shape}",
        needed="(seeds, scenes) of both, or one row for the control",
        do="compare the same seeds on the same scenes",
        error=ShapeError,
    )
    expect(
        0 < level < 1 and draws > 0,
        given=f"level {level}, {draws} draws",
        needed="a level between 0 and 1, at least one draw",
        do="pass a level such as 0.95",
        error=ParamsError,
    )
    cells, undefined = _defined(arm - control)
    seeds, scenes = cells.shape
    if scenes == 0:
        nan = math.nan
        return Difference(nan, nan, nan, nan, nan, nan, 0, nan, seeds, 0, undefined)
    mean, half, degrees = _student(cells, level)
    low, high = _pigeonhole(cells, level, draws, seed)
    by_seed = cells.mean(axis=1)
    above = int((by_seed > 0).sum())
    return Difference(
        mean=mean,
        low=mean - half,
        high=mean + half,
        bootstrap_low=low,
        bootstrap_high=high,
        degrees=degrees,
        seeds_above=above,
        sign_p=sign_test(above, int((by_seed < 0).sum())),
        seeds=seeds,
        scenes=scenes,
        undefined=undefined,
    )


def sign_test(above: int, below: int) -> float:
    """Exact two-sided p of so many signs one way and the other, both being equally likely.

    Example:
        >>> sign_test(3, 0)
        0.25
    """
    count = above + below
    tail = sum(math.comb(count, k) for k in range(min(above, below) + 1))
    return min(1.0, 2 * tail / 2**count)


def cautions(seeds: int, scenes: int) -> tuple[str, ...]:
    """What a reader of so few numbers must know."""
    found = []
    if seeds < 2:
        found.append("One seed: nothing tells by how much training itself varies.")
    elif seeds < FEW:
        found.append(
            f"{seeds} seeds: even if an arm is ahead in every one of them, an exact sign test over "
            f"seeds gives p = {sign_test(seeds, 0):.2g}. Intervals rest on effects being roughly "
            f"normal, which so few cannot show."
        )
    if scenes < 2:
        found.append("One scene: nothing tells how other scenes would turn out.")
    elif scenes < FEW:
        found.append(
            f"{scenes} held-out scenes: intervals speak of scenes like these, and are wide because "
            f"there are few."
        )
    return tuple(found)


def _defined(table: Table) -> tuple[Table, int]:
    """The scenes for which every seed has a number, and how many others there are."""
    table = np.asarray(table, dtype=np.float64)
    expect(
        table.ndim == 2 and len(table) > 0,
        given=f"scores of shape {table.shape}",
        needed="(seeds, scenes) with at least one seed",
        do="pass one row a seed",
        error=ShapeError,
    )
    keep = np.isfinite(table).all(axis=0)
    return table[:, keep], int((~keep).sum())


def _student(cells: Table, level: float) -> tuple[float, float, float]:
    """Mean, half width and degrees of freedom of the t interval of a crossed table."""
    from scipy.stats import t

    mean = float(cells.mean())
    parts: list[tuple[float, int]] = []
    for axis in (0, 1):
        means = cells.mean(axis=1 - axis)
        if len(means) > 1:
            parts.append((float(means.var(ddof=1)) / len(means), len(means) - 1))
    variance = sum(part for part, _ in parts)
    if not parts:
        return mean, math.nan, math.nan
    if variance == 0:
        return mean, 0.0, math.inf
    degrees = 1 / sum((part / variance) ** 2 / free for part, free in parts)
    half = float(t.ppf((1 + level) / 2, degrees)) * math.sqrt(variance)
    return mean, half, degrees


def _pigeonhole(cells: Table, level: float, draws: int, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean, seeds and scenes drawn independently with replacement."""
    seeds, scenes = cells.shape
    if seeds == scenes == 1:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    columns = rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=draws)
    # Deviations from the mean, so that equal cells give exactly their value.
    mean = cells.mean()
    shift = np.einsum("di,ij,dj->d", rows, cells - mean, columns, optimize=True) / cells.size
    low, high = np.quantile(shift, [(1 - level) / 2, (1 + level) / 2])
    return float(mean + low), float(mean + high)
