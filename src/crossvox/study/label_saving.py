"""How many fewer labels reach the same score, with an interval.

Between the shares of labels that were tried, a score is taken to be linear in the logarithm of the
share, as learning curves roughly are over such spans. The share at which an arm reaches the
control's score with all labels is where its curve, made to rise (isotonic regression), meets it.

The interval is by inversion of a test (Fieller, "Some problems in interval estimation", J. Royal
Statistical Society B 16, 1954): at a given share the arm's curve minus what is to be reached is a
difference of means over the same seeds and scenes, and has the crossed t interval of
:mod:`crossvox.metrics.statistics`. Shares at which that interval holds 0 are the ones that the data
do not rule out. It needs no slope, which the delta method would divide by, and no resampling, which
a few seeds and scenes do not bear; ``trials/study_statistics.py`` compares all three.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.metrics.crossed import parts_of
from crossvox.metrics.statistics import (
    LEVEL,
    Paired,
    Pooled,
    Table,
    half_width,
    pair,
    paired_difference,
    spread,
)
from crossvox.study.compare import Rows
from crossvox.study.findings import TargetResults
from crossvox.study.transfer import CurvePoint, LabelSaving

BETWEEN = 30
"""Places between two shares at which the interval is looked for."""


@dataclass(frozen=True)
class LabelStep:
    """A cell of a label-efficiency curve.

    Attributes:
        arm: its name.
        share: of the labels that it learns from, above 0 to 1; of a curve over labelled points,
            their share of all.
        rooms: training rooms whose labels these are.
        points: labelled points of a room; 0: all.
    """

    arm: str
    share: float
    rooms: int
    points: int = 0


@dataclass(frozen=True)
class Reached:
    """A share of labels, see :class:`crossvox.study.transfer.LabelSaving`."""

    share: float
    low: float
    high: float


def label_saving(
    name: str,
    target: str,
    results: TargetResults,
    arm: Sequence[LabelStep],
    control: Sequence[LabelStep],
    *,
    score: str = "",
    level: float = LEVEL,
) -> LabelSaving | None:
    """Compare two label-efficiency curves.

    Args:
        name: of what is compared.
        target: task whose score is compared.
        results: of that target.
        arm: cells with shares of the labels, in any order.
        control: likewise; the one with most labels is what the arm has to reach.
        score: which; empty: the main one of the target.
        level: how often the interval shall hold the truth.

    Returns:
        None until the control's last cell and two cells of the arm share a seed, and a scene where
        all of them have the score. Cells of the arm without such a seed are left out.

    Raises:
        ParamsError: a share outside (0, 1], two cells of one share, or no such score.
    """
    _expect_steps(name, arm, control)
    score = score or results.comparison.main
    kind = results.comparison.kinds.get(score)
    expect(
        kind is not None,
        given=f"label saving {name} of {score!r}",
        needed=f"a score of {target}: {', '.join(results.comparison.kinds)}",
        do="correct the design",
        error=ParamsError,
    )
    rows = results.rows()
    mine, others = _ready(arm, rows), _ready(control, rows)
    if not others or others[-1].share < max(step.share for step in control):
        return None
    whole = rows[others[-1].arm]
    mine = [step for step in mine if set(rows[step.arm].seeds) & set(whole.seeds)]
    shared = [s for s in whole.seeds if all(s in rows[step.arm].seeds for step in mine)]
    if len(mine) < 2 or not shared:
        return None
    sign = 1.0 if kind is None or kind.higher_is_better else -1.0
    reached, *curve = _defined([rows[s.arm].table(score, shared) for s in (others[-1], *mine)])
    gaps = [pair(table, reached) for table in curve]
    if not all(np.isfinite(gap.by_seed).all() for gap in gaps):
        return None
    found = reached_share([step.share for step in mine], gaps, sign=sign, level=level)
    return LabelSaving(
        name=name,
        target=target,
        score=score,
        arm=tuple(_point(step, rows, score, level) for step in mine),
        control=tuple(_point(step, rows, score, level) for step in others),
        reached=spread(reached).mean,
        share=found.share,
        low=found.low,
        high=found.high,
    )


def reached_share(
    shares: Sequence[float], gaps: Sequence[Paired], *, sign: float = 1.0, level: float = LEVEL
) -> Reached:
    """At which share a curve reaches what it is compared with.

    Args:
        shares: rising, above 0.
        gaps: at each, the curve minus what is to be reached, over the same seeds and scenes.
        sign: -1 where lower is better.
        level: how often the interval shall hold the truth.

    Returns:
        The share is NaN where the curve does not reach it; the smallest that was tried where it has
        reached it there already (it may need fewer still, and ``low`` says no less). ``high`` is
        infinite where the data do not show that it is reached at all, ``low`` where they show that
        it is not.
    """
    cells = sign * np.stack([gap.cells for gap in gaps])
    by_seed = sign * np.stack([gap.by_seed for gap in gaps])
    logs = np.log(np.asarray(shares, dtype=np.float64))
    tried = np.unique(np.concatenate([np.linspace(a, b, BETWEEN + 1) for a, b in pairwise(logs)]))
    above, below = [], []
    for x in tried:
        weights = _weights(logs, x)
        mean = float((weights @ by_seed).mean())
        half = half_width(parts_of(np.tensordot(weights, cells, axes=1)), level)
        above.append(not mean + half < 0)
        below.append(not mean - half > 0)
    first, last = np.flatnonzero(above), np.flatnonzero(below)
    low = math.exp(tried[max(first[0] - 1, 0)]) if len(first) else math.inf
    high = math.exp(tried[last[-1] + 1 if len(last) else 0]) if not below[-1] else math.inf
    return Reached(_crossing(logs, by_seed.mean(axis=1)), low, high)


def _defined(tables: Sequence[Table | Pooled]) -> list[Table | Pooled]:
    """Means over scenes: the scenes that all of them have. One count over all scenes as it is."""
    cells = [table for table in tables if not isinstance(table, Pooled)]
    if not cells:
        return list(tables)
    keep = np.isfinite(np.stack(cells)).all(axis=(0, 1))
    return [table[:, keep] for table in cells]


def _crossing(logs: NDArray[np.float64], gaps: NDArray[np.float64]) -> float:
    """Where a curve of gaps, made to rise, first is 0 or more; NaN: nowhere."""
    from scipy.optimize import isotonic_regression

    rising = np.asarray(isotonic_regression(gaps).x)
    there = np.flatnonzero(rising >= 0)
    if not len(there):
        return math.nan
    first = int(there[0])
    if first == 0:
        return math.exp(logs[0])
    before, after = rising[first - 1], rising[first]
    part = -before / (after - before)
    return float(math.exp(logs[first - 1] + part * (logs[first] - logs[first - 1])))


def _weights(logs: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """What each point of a curve weighs in its value at ``x``."""
    return np.array([np.interp(x, logs, unit) for unit in np.eye(len(logs))])


def _ready(steps: Sequence[LabelStep], rows: Mapping[str, Rows]) -> list[LabelStep]:
    """Cells with results, by rising share."""
    done = [step for step in steps if step.arm in rows and rows[step.arm].seeds]
    return sorted(done, key=lambda step: step.share)


def _point(step: LabelStep, rows: Mapping[str, Rows], score: str, level: float) -> CurvePoint:
    own = rows[step.arm]
    table = own.table(score, own.seeds)
    found = paired_difference(table, _nothing(table), level)
    return CurvePoint(
        step.share, step.points, step.rooms, found.mean, found.low, found.high, step.arm
    )


def _nothing(table: Table | Pooled) -> Table | Pooled:
    """A control that scores 0 everywhere."""
    if isinstance(table, Pooled):
        return Pooled(np.zeros(1), np.zeros((1, table.without.shape[1])))
    return np.zeros((1, table.shape[1]))


def _expect_steps(name: str, arm: Sequence[LabelStep], control: Sequence[LabelStep]) -> None:
    for steps in (arm, control):
        shares = [step.share for step in steps]
        expect(
            len(set(shares)) == len(shares) > 0 and all(0 < share <= 1 for share in shares),
            given=f"label saving {name} over shares {', '.join(map(str, shares)) or 'none'}",
            needed="different shares above 0, up to 1",
            do="correct the shares of the design's cells",
            error=ParamsError,
        )
