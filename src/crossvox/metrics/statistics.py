"""What scores of a few seeds on a few scenes say: means, spreads, paired differences.

A score is a table ``(seeds, scenes)``: every seed is scored on the same scenes. Two arms are
compared cell by cell, since one seed gives both the same sub-volumes and one scene is equally hard
for both. Seeds and scenes are *crossed*: an interval must allow for other seeds and for other
scenes, and cells are no independent draws.

The interval is Student's t with the two-way clustered variance: what a bootstrap of the seeds alone
and one of the scenes alone would give, each freed of its small-sample bias (``n / (n - 1)``), added
up; degrees of freedom after Satterthwaite (1946). With Cameron, Gelbach and Miller ("Robust
inference with multiway clustering", J. Business & Economic Statistics 29, 2011), but without taking
off what cells alone contribute, so that it errs towards caution.

A score that is counted over all scenes at once, such as the mIoU of one confusion matrix, is no
mean over scenes. Its cells are Tukey's *pseudo-values*, ``n * score(all) - (n - 1) * score(all but
one)``: what each scene adds to the score, so to speak. Of a mean these are the scores of the scenes
themselves; of any other smooth score the variance of their mean is that of the delete-one jackknife
(Tukey, "Bias and confidence in not quite large samples", Annals of Mathematical Statistics 29,
1958; Miller, "The jackknife: a review", Biometrika 61, 1974). The interval is the same then, around
the score itself.

Share of simulated studies whose 95 % interval holds the truth, of means (normal effects of seeds,
of scenes and of cells, singly and mixed; 20,000 studies for t, 300 for the bootstrap) and of the
mIoU of one count (eight classes, not all in every scene; effects of seeds, of scenes, and mixed;
400 studies), beside the percentile interval of Owen's pigeonhole bootstrap ("The pigeonhole
bootstrap", Annals of Applied Statistics 1, 2007), which draws seeds and scenes with replacement:

===============  ============  ===============  ============  ===============
seeds x scenes   t of a mean   bootstrap of it  t of an mIoU  bootstrap of it
===============  ============  ===============  ============  ===============
3 x 3            0.95 to 0.99  0.72 to 0.97     0.94 to 0.98  0.70 to 0.81
3 x 6                                           0.91 to 0.97  0.76 to 0.87
3 x 12           0.93 to 0.99  0.69 to 0.99     0.92 to 0.94  0.73 to 0.88
3 x 30                                          0.93 to 0.94  0.75 to 0.92
5 x 3            0.94 to 0.99  0.73 to 0.98
10 x 20          0.95 to 0.99  0.90 to 1.00
===============  ============  ===============  ============  ===============

So the bootstrap is not to be believed below about ten of each, and is not given. An interval over
seeds alone, for the same mIoU, held the truth in 0.00 to 0.95 (``tests`` simulates them
again).

Where many differences are looked at, some leave 0 out of their intervals by chance: p values are
therefore also given as adjusted by Holm ("A simple sequentially rejective multiple test procedure",
Scandinavian J. of Statistics 6, 1979) for all differences of one score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.metrics.crossed import Parts, parts_of

LEVEL = 0.95
"""How often an interval shall hold the truth."""

FEW = 6
"""With fewer seeds than this not even the same sign in all of them is significant at 5 %."""

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pooled:
    """A score of one arm that is counted over all scenes at once.

    Attributes:
        whole: ``(seeds,)``, counted over all scenes.
        without: ``(seeds, scenes)``, counted over all but one scene. What knows no seed has one
            row.
    """

    whole: Table
    without: Table

    def __post_init__(self) -> None:
        expect(
            self.without.ndim == 2 and self.whole.shape == (len(self.without),),
            given=f"scores of shape {self.whole.shape}, without one scene {self.without.shape}",
            needed="(seeds,) and (seeds, scenes)",
            do="count every seed over all scenes, and over all but each of them",
            error=ShapeError,
        )

    @property
    def cells(self) -> Table:
        """Pseudo-values ``(seeds, scenes)``; their mean is the jackknife's estimate."""
        scenes = self.without.shape[1]
        if scenes == 1:
            return self.whole[:, None]
        return scenes * self.whole[:, None] - (scenes - 1) * self.without


@dataclass(frozen=True)
class Spread:
    """A score of one arm.

    Attributes:
        mean: over all seeds and scenes; over all seeds, of a score that is counted over all scenes.
        sd: standard deviation over seeds of the score over all scenes (``n - 1``); NaN for one
            seed.
        seeds, scenes: how many of each.
        undefined: scenes that were left out of the mean because some seed has no number there.
        by_seed: the score over all scenes, of each seed.
    """

    mean: float
    sd: float
    seeds: int
    scenes: int
    undefined: int
    by_seed: tuple[float, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One arm minus another, cell by cell.

    Attributes:
        mean: over all seeds and scenes.
        low, high: interval by Student's t for the mean; NaN where it cannot be told.
        p: two-sided p value of a mean of 0, by the same t; NaN where it cannot be told.
        p_adjusted: the same, adjusted for all differences of this score (see :func:`holm`).
        degrees: degrees of freedom.
        seeds_above: seeds whose score over all scenes is higher.
        seeds, scenes: how many of each.
        undefined: scenes left out because a number is missing on either side; of a score that is
            counted over all scenes: scenes without which it has no number, so that there is no
            interval.
    """

    mean: float
    low: float
    high: float
    p: float
    p_adjusted: float
    degrees: float
    seeds_above: int
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


def spread(table: Table | Pooled) -> Spread:
    """Mean and standard deviation over seeds of ``(seeds, scenes)`` scores, or of pooled ones.

    Raises:
        ShapeError: not a table with at least one seed.
    """
    if isinstance(table, Pooled):
        whole, scenes, undefined = table.whole, table.without.shape[1], 0
    else:
        cells, undefined = _defined(table)
        scenes = cells.shape[1]
        if scenes == 0:
            return Spread(math.nan, math.nan, len(cells), 0, undefined)
        whole = cells.mean(axis=1)
    sd = float(whole.std(ddof=1)) if len(whole) > 1 else math.nan
    by_seed = tuple(float(value) for value in whole)
    return Spread(float(whole.mean()), sd, len(whole), scenes, undefined, by_seed)


@dataclass(frozen=True, eq=False)
class Paired:
    """One arm minus another, before anything is said of it.

    Attributes:
        all_cells: ``(seeds, scenes)`` differences, NaN where a side has no number; of a pooled
            score those of pseudo-values.
        cells: those of them that the mean is taken over.
        by_seed: difference of each seed over all scenes; its mean is the difference.
        undefined: see :class:`Difference`.
    """

    all_cells: Table
    cells: Table
    by_seed: Table
    undefined: int

    @property
    def mean(self) -> float:
        """Over all seeds and scenes."""
        return float(self.by_seed.mean())

    @property
    def parts(self) -> Parts:
        """The error of the mean, by what it comes from."""
        return parts_of(self.cells)


def pair(arm: Table | Pooled, control: Table | Pooled) -> Paired:
    """One arm minus its control, cell by cell.

    Args:
        arm: ``(seeds, scenes)``, or pooled.
        control: the same seeds and scenes in the same order; ``(1, scenes)`` for what knows no
            seed, such as a baseline that learns nothing. Pooled if the arm is.

    Raises:
        ShapeError: the two do not pair.
    """
    if isinstance(arm, Pooled) and isinstance(control, Pooled):
        _expect_pair(arm.without, control.without)
        cells = arm.cells - control.cells
        undefined = int((~np.isfinite(cells)).any(axis=0).sum())
        return Paired(cells, cells, arm.whole - control.whole, undefined)
    one, other = np.asarray(arm, dtype=np.float64), np.asarray(control, dtype=np.float64)
    _expect_pair(one, other)
    cells, undefined = _defined(one - other)
    by_seed = cells.mean(axis=1) if cells.shape[1] else np.full(len(cells), math.nan)
    return Paired(one - other, cells, by_seed, undefined)


def paired_difference(
    arm: Table | Pooled, control: Table | Pooled, level: float = LEVEL
) -> Difference:
    """How much higher an arm scores than its control, with an interval over seeds and scenes.

    With one scene the interval allows for other seeds only, and with one seed for other scenes
    only; with one of both it is NaN.

    Args:
        arm: scores of one arm, see :func:`pair`.
        control: scores of the other.
        level: how often the intervals shall hold the truth.

    Raises:
        ShapeError: the two do not pair.
        ParamsError: a level outside (0, 1).
    """
    return difference_of(pair(arm, control), level)


def difference_of(paired: Paired, level: float = LEVEL) -> Difference:
    """What a paired difference says, see :func:`paired_difference`.

    Raises:
        ParamsError: a level outside (0, 1).
    """
    expect_level(level)
    mean, parts = paired.mean, paired.parts
    half = half_width(parts, level)
    return Difference(
        mean=mean,
        low=mean - half,
        high=mean + half,
        p=_p_of_nothing(mean, parts),
        p_adjusted=_p_of_nothing(mean, parts),
        degrees=parts.degrees,
        seeds_above=int((paired.by_seed > 0).sum()),
        seeds=paired.cells.shape[0],
        scenes=paired.cells.shape[1],
        undefined=paired.undefined,
    )


def expect_level(level: float) -> None:
    """Refuse what is no level.

    Raises:
        ParamsError: it is outside (0, 1).
    """
    expect(
        0 < level < 1,
        given=f"level {level}",
        needed="a level between 0 and 1",
        do="pass a level such as 0.95",
        error=ParamsError,
    )


def half_width(parts: Parts, level: float = LEVEL) -> float:
    """Half of the t interval of a mean; NaN where nothing tells how it varies."""
    from scipy.stats import t

    if not parts.variance > 0:
        return parts.variance
    return float(t.ppf((1 + level) / 2, parts.degrees)) * parts.error


def _p_of_nothing(mean: float, parts: Parts) -> float:
    """Two-sided p value of a mean of 0."""
    from scipy.stats import t

    if parts.variance == 0:
        return float(mean == 0)
    return float(2 * t.sf(abs(mean) / parts.error, parts.degrees))


def holm(p: Sequence[float]) -> list[float]:
    """p values, adjusted so that all that stay below 5 % together err in 5 % of the cases at most.

    That holds however the differences depend on each other. NaN stays NaN and does not count.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    found = np.array(p, dtype=np.float64)
    order = np.argsort(found)[: int(np.isfinite(found).sum())]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(1, np.maximum.accumulate(found[order] * factors))
    return [float(value) for value in found]


def cautions(seeds: int, scenes: int) -> tuple[str, ...]:
    """What a reader of so few numbers must know.

    Args:
        seeds: the fewest that any arm has.
        scenes: held-out ones.
    """
    from scipy.stats import binomtest

    found = []
    if seeds < 2:
        found.append("One seed: nothing tells by how much training itself varies.")
    elif seeds < FEW:
        found.append(
            f"{seeds} seeds: even if an arm is ahead in every one of them, an exact sign test over "
            f"seeds gives p = {binomtest(seeds, seeds).pvalue:.2g}. Intervals rest on effects "
            f"being roughly normal, which so few cannot show."
        )
    if scenes < 2:
        found.append("One scene: nothing tells how other scenes would turn out.")
    elif scenes < FEW:
        found.append(
            f"{scenes} held-out scenes: intervals speak of scenes like these, and are wide because "
            f"there are few."
        )
    return tuple(found)


def many_caution(differences: int, scores: int, level: float = LEVEL) -> tuple[str, ...]:
    """What a reader of so many numbers must know, of which none was asked for beforehand.

    Args:
        differences: how many are shown of one score.
        scores: of how many scores.
        level: how often intervals shall hold the truth.
    """
    many = differences * scores
    if many < 2:
        return ()
    return (
        f"{differences} differences of {scores} scores: if no arm differed from another, about "
        f"{(1 - level) * differences:.2g} of the differences of one score, "
        f"{(1 - level) * many:.2g} of all {many}, would still leave 0 out of their intervals. "
        f"Adjusted p values (Holm) allow for the differences of one score, not for looking at "
        f"several scores: choose the score before the study.",
    )


def _expect_pair(arm: Table, control: Table) -> None:
    expect(
        arm.ndim == 2 and control.ndim == 2 and control.shape in (arm.shape, (1, arm.shape[1])),
        given=f"tables of shapes {arm.shape} and {control.shape}",
        needed="(seeds, scenes) of both, or one row for the control",
        do="compare the same seeds on the same scenes",
        error=ShapeError,
    )


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
