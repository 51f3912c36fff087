"""Answers to the questions of a design: differences, what they are worth, what cannot be told.

The p values of the *named* contrasts are adjusted together (Holm), those of "it is not 0" and
those of "it is as large as the margin" each as a family of its own: whatever the truth, each kind
of claim errs in 5 % of all designs at most. A named contrast without an answer yet counts among
them, so that a verdict of an unfinished study is not undone by contrasts that follow. Power is told
for the hardest step of Holm, the level of one among all named contrasts, so that it holds however
the others turn out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crossvox.core.checks import ParamsError, expect
from crossvox.metrics.equivalence import Equivalence, equivalence
from crossvox.metrics.power import CHANCE, scenes_needed, seeds_needed, smallest_found
from crossvox.metrics.statistics import LEVEL, Paired, difference_of, holm, pair, spread
from crossvox.study.compare import Comparison, Rows, rows_of
from crossvox.study.counts import Pool
from crossvox.study.results import Result, Scored
from crossvox.study.transfer import Contrast, Finding, Power, Verdict

MARGINS = {"F-score": 0.005, "mIoU strict": 0.005}
"""Differences up to this are of no consequence: 0.005 F, half a point of mIoU."""


@dataclass(frozen=True, eq=False)
class TargetResults:
    """What was trained and scored for one target: what :func:`crossvox.study.compare.compare` got.

    Attributes:
        comparison: what it made of that.
        results: finished ones.
        baselines: what each scores.
        pool: scores of counts that were added up over scenes; None: scores are means over scenes.
    """

    comparison: Comparison
    results: Sequence[Result]
    baselines: Mapping[str, Scored]
    pool: Pool | None = None

    def rows(self) -> dict[str, Rows]:
        """What every arm and baseline scores, by name."""
        return rows_of(self.results, self.baselines, self.comparison.scenes, self.pool)


def findings(
    contrasts: Sequence[Contrast],
    targets: Mapping[str, TargetResults],
    margins: Mapping[str, float] = MARGINS,
    *,
    level: float = LEVEL,
    chance: float = CHANCE,
) -> tuple[Finding, ...]:
    """Answer what can be answered, in the order of the questions.

    A contrast of which a cell has no result yet, or no seed in common with the other, is left out,
    but counts among the named ones.

    Args:
        contrasts: all of a design.
        targets: results by target.
        margins: by score; of a score without one, nothing is too small to matter.
        level: how often intervals shall hold the truth.
        chance: for which power is told.

    Raises:
        ParamsError: a contrast asks for a score that its target does not have.
    """
    rows = {name: target.rows() for name, target in targets.items()}
    named = sum(contrast.named for contrast in contrasts)
    found = []
    for contrast in contrasts:
        target = targets.get(contrast.target)
        if target is None:
            continue
        of = hardest_level(level, named) if contrast.named else level
        one = _finding(contrast, target, rows[contrast.target], margins, (level, of, chance))
        if one is not None:
            found.append(one)
    return _judged(found, named, level)


def hardest_level(level: float, differences: int) -> float:
    """Level at which one of so many differences is tested at the hardest step of Holm."""
    return 1 - (1 - level) / max(1, differences)


def verdict_of(finding: Finding, level: float = LEVEL) -> Verdict:
    """What can be said of a difference, see :data:`crossvox.study.transfer.Verdict`.

    One training, or one room, decides nothing: how others would turn out, it does not tell.
    """
    if (finding.learnt and len(finding.by_seed) < 2) or len(finding.by_scene) < 2:
        return "undecided"
    error = 1 - level
    if finding.equivalence_p_adjusted <= error:
        return "equivalent"
    if finding.difference.p_adjusted <= error:
        better = (finding.difference.mean > 0) == finding.higher_is_better
        return "helps" if better else "hurts"
    return "undecided"


def _finding(
    contrast: Contrast,
    target: TargetResults,
    rows: Mapping[str, Rows],
    margins: Mapping[str, float],
    levels: tuple[float, float, float],
) -> Finding | None:
    """The answer to one contrast alone, undecided as yet; None without results of both cells."""
    level, tested, chance = levels
    score = contrast.score or target.comparison.main
    kind = target.comparison.kinds.get(score)
    expect(
        kind is not None,
        given=f"contrast {contrast.name} of {score!r}",
        needed=f"a score of {contrast.target}: {', '.join(target.comparison.kinds)}",
        do="correct the design's contrast",
        error=ParamsError,
    )
    assert kind is not None
    arm, control = rows.get(contrast.arm), rows.get(contrast.control)
    shared = _shared_seeds(arm, control)
    if arm is None or control is None or shared is None:
        return None
    expect(
        bool(arm.seeds) or not control.seeds,
        given=f"contrast {contrast.name} of {contrast.arm}, which learns nothing, to "
        f"{contrast.control}, which does",
        needed="an arm that learns",
        do="swap arm and control",
        error=ParamsError,
    )
    one, other = arm.table(score, shared), control.table(score, shared)
    paired = pair(one, other)
    margin = contrast.margin or margins.get(score, 0.0)
    same = equivalence(paired, margin, level)
    return Finding(
        contrast=contrast,
        score=score,
        unit=kind.unit,
        higher_is_better=kind.higher_is_better,
        arm_mean=spread(one).mean,
        control_mean=spread(other).mean,
        difference=difference_of(paired, level),
        margin=margin,
        low=same.low,
        high=same.high,
        equivalence_p=same.p,
        equivalence_p_adjusted=same.p,
        verdict="undecided",
        power=_power(paired, same, tested, chance),
        learnt=bool(arm.seeds),
        by_seed=tuple(float(value) for value in paired.by_seed),
        by_scene=_by_scene(paired, target.comparison.scenes),
    )


def _shared_seeds(arm: Rows | None, control: Rows | None) -> tuple[int, ...] | None:
    """Seeds that both have; none of two baselines, which know no seed; None: nothing to compare."""
    if arm is None or control is None:
        return None
    if not arm.seeds or not control.seeds:
        return arm.seeds or control.seeds
    return tuple(seed for seed in arm.seeds if seed in control.seeds) or None


def _power(paired: Paired, same: Equivalence, level: float, chance: float) -> Power:
    parts, margin = paired.parts, same.margin
    told = margin > 0 and math.isfinite(parts.variance)
    return Power(
        power=chance,
        smallest=smallest_found(parts, level, chance),
        seeds_needed=seeds_needed(margin, parts, level, chance) if told else None,
        scenes_needed=scenes_needed(margin, parts, level, chance) if told else None,
    )


def _by_scene(paired: Paired, scenes: Sequence[str]) -> dict[str, float]:
    """Difference of each scene over all seeds; scenes that were left out of the mean are absent."""
    means = np.asarray(paired.all_cells).mean(axis=0)
    found = zip(scenes, means, strict=True)
    return {scene: float(mean) for scene, mean in found if math.isfinite(mean)}


def _judged(found: Sequence[Finding], named: int, level: float) -> tuple[Finding, ...]:
    """The same with p values that allow for all named contrasts, and with verdicts."""
    places = [n for n, finding in enumerate(found) if finding.contrast.named]
    missing = [1.0] * (named - len(places))
    other = holm([*(found[n].difference.p for n in places), *missing])
    same = holm([*(found[n].equivalence_p for n in places), *missing])
    judged = list(found)
    for n, p, p_same in zip(places, other, same, strict=False):
        judged[n] = replace(
            found[n],
            difference=replace(found[n].difference, p_adjusted=p),
            equivalence_p_adjusted=p_same,
        )
    return tuple(replace(one, verdict=verdict_of(one, level)) for one in judged)
