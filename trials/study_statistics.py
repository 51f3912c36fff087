"""Studies whose truth is known: how often what is said of them is right.

``python -m trials.study_statistics`` prints the tables of docs/study-statistics.md (minutes;
``--rounds`` for more or fewer simulated studies). The tests call the same with few rounds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Score
from crossvox.metrics.crossed import Parts
from crossvox.metrics.equivalence import equivalence
from crossvox.metrics.power import seeds_needed, smallest_found
from crossvox.metrics.statistics import Paired, Pooled, difference_of, half_width, pair
from crossvox.study.arms import Arm
from crossvox.study.compare import compare
from crossvox.study.findings import TargetResults, findings
from crossvox.study.label_saving import Reached, reached_share
from crossvox.study.results import Result, Scored
from crossvox.study.transfer import Contrast, Finding

Table = NDArray[np.float64]
Effects = tuple[float, float, float]

EFFECTS: dict[str, Effects] = {
    "seeds": (1.0, 0.0, 0.0),
    "rooms": (0.0, 1.0, 0.0),
    "cells": (0.0, 0.0, 1.0),
    "mixed": (0.3, 1.0, 0.5),
}
"""Standard deviations of what a seed, a room and a cell add to a difference."""

SIZES = ((3, 3), (6, 8), (10, 20))


def drawn(rng: np.random.Generator, seeds: int, rooms: int, effects: Effects) -> Table:
    """Differences around 0, ``(seeds, rooms)``."""
    a, b, c = effects
    return (
        a * rng.normal(size=(seeds, 1))
        + b * rng.normal(size=(1, rooms))
        + c * rng.normal(size=(seeds, rooms))
    )


def known(seeds: int, rooms: int, effects: Effects) -> Parts:
    """The parts of the error that these effects have, where nothing is estimated."""
    a, b, c = (effect**2 for effect in effects)
    return Parts(seeds, rooms, (a + c / rooms) / seeds, (b + c / seeds) / rooms, c)


def studies(rounds: int, seeds: int, rooms: int, effects: Effects, true: float) -> Iterator[Paired]:
    """Simulated differences."""
    rng = np.random.default_rng(1)
    for _ in range(rounds):
        yield pair(drawn(rng, seeds, rooms, effects) + true, np.zeros((1, rooms)))


def covered(rounds: int, seeds: int, rooms: int, effects: Effects) -> float:
    """How often the interval holds the truth."""
    held = 0
    for paired in studies(rounds, seeds, rooms, effects, 0.0):
        found = difference_of(paired)
        held += found.low <= 0 <= found.high
    return held / rounds


def called_equivalent(rounds: int, seeds: int, rooms: int, effects: Effects) -> float:
    """How often a difference that is as large as the margin is called smaller.

    The margin is five standard errors, so that the test has something to find at all.
    """
    margin = 5 * known(seeds, rooms, effects).error
    made = studies(rounds, seeds, rooms, effects, margin)
    return sum(equivalence(paired, margin).p <= 0.05 for paired in made) / rounds


def found_as_predicted(rounds: int, seeds: int, rooms: int, effects: Effects) -> float:
    """How often the smallest difference that is found with a chance of 0.8 is found."""
    true = smallest_found(known(seeds, rooms, effects))
    return _found(rounds, seeds, rooms, effects, true)


def found_with_seeds_needed(rounds: int, seeds: int, rooms: int, effects: Effects) -> float:
    """How often a difference is found with as many seeds as it was said to need; NaN: none do.

    The difference is two thirds of the smallest that the seeds there are would find.
    """
    parts = known(seeds, rooms, effects)
    true = smallest_found(parts) / 1.5
    needed = seeds_needed(true, parts)
    return math.nan if needed is None else _found(rounds, needed, rooms, effects, true)


def _found(rounds: int, seeds: int, rooms: int, effects: Effects, true: float) -> float:
    made = studies(rounds, seeds, rooms, effects, true)
    return sum(d.p < 0.05 and d.mean > 0 for d in map(difference_of, made)) / rounds


# --- verdicts of whole designs -------------------------------------------------------------------

CONTRASTS = 6


def results_of(tables: dict[str, Table]) -> TargetResults:
    """Results of arms with scores ``(seeds, rooms)``, beside a baseline that scores 0.5."""
    rooms = [f"room{n}" for n in range(next(iter(tables.values())).shape[1])]
    results = [
        Result(arm, seed, f"i{seed}", "r", "p", 1, 1, {"train": 1.0}, _by_room(rooms, row))
        for arm, table in tables.items()
        for seed, row in enumerate(table)
    ]
    half = Score("F-score", 0.5, "ratio", 1, "points", True, "surface", place="main")
    baselines = {"base": Scored({room: [half] for room in rooms})}
    arms = [*(Arm(name, name) for name in tables), Arm("base", "nothing", learns=False)]
    return TargetResults(compare(arms, results, baselines, ()), results, baselines)


def _by_room(rooms: Sequence[str], row: Table) -> dict[str, dict[str, float | None]]:
    return {room: {"F-score": float(value)} for room, value in zip(rooms, row, strict=True)}


def design(
    rng: np.random.Generator, seeds: int, rooms: int, effects: Effects, true: float, margin: float
) -> tuple[Finding, ...]:
    """What is found of six arms that all differ from one control by the same."""
    plain = drawn(rng, seeds, rooms, effects)
    names = [f"arm{n}" for n in range(CONTRASTS)]
    tables = {name: plain + true + drawn(rng, seeds, rooms, effects) for name in names}
    asked = [Contrast(n, "reconstruct", n, "plain", "Better?", margin=margin) for n in names]
    return findings(asked, {"reconstruct": results_of({"plain": plain, **tables})}, {})


def wrong_verdicts(
    rounds: int, seeds: int, rooms: int, effects: Effects, *, at_margin: bool = False
) -> float:
    """How often any of six verdicts is wrong: no arm differs, or all by exactly the margin."""
    rng = np.random.default_rng(1)
    error = known(seeds, rooms, effects).error
    margin = 8 * error if at_margin else 1e-6 * error
    wrong = {"equivalent"} if at_margin else {"helps", "hurts"}
    true = margin if at_margin else 0.0
    failed = 0
    for _ in range(rounds):
        found = design(rng, seeds, rooms, effects, true, margin)
        failed += any(one.verdict in wrong for one in found)
    return failed / rounds


# --- label saving --------------------------------------------------------------------------------

SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)
RISE = 0.1
"""What a score gains where labels grow by a factor of e."""

TRUE_SHARE = math.exp(-1)


def curves(
    rng: np.random.Generator, seeds: int, rooms: int, effects: Effects, gain: float = RISE
) -> tuple[list[Table], Table]:
    """Scores of an arm at all shares, and the control's with all labels."""
    hard = rng.normal(0.8, 0.05, (1, rooms))
    shared = drawn(rng, seeds, rooms, effects) / 2
    arm = [
        hard + shared + gain + RISE * math.log(share) + drawn(rng, seeds, rooms, effects)
        for share in SHARES
    ]
    return arm, hard + drawn(rng, seeds, rooms, effects)


def inverted(arm: Sequence[Table], control: Table) -> Reached:
    """As reported."""
    return reached_share(SHARES, [pair(table, control) for table in arm])


def by_delta(arm: Sequence[Table], control: Table) -> Reached:
    """Around the share, in logarithms: the gap's error there over the slope of the curve."""
    share = inverted(arm, control).share
    if math.isnan(share):
        return Reached(share, math.inf, math.inf)
    logs = np.log(SHARES)
    k = min(max(int(np.searchsorted(logs, math.log(share))), 1), len(logs) - 1)
    part = (math.log(share) - logs[k - 1]) / (logs[k] - logs[k - 1])
    there = (1 - part) * arm[k - 1] + part * arm[k]
    slope = float((arm[k] - arm[k - 1]).mean()) / (logs[k] - logs[k - 1])
    if slope <= 0:
        return Reached(share, 0.0, math.inf)
    half = half_width(pair(there, control).parts) / slope
    return Reached(share, share * math.exp(-half), share * math.exp(half))


def resampled(arm: Sequence[Table], control: Table, draws: int = 200) -> Reached:
    """Percentiles over seeds and rooms drawn with replacement."""
    rng = np.random.default_rng(0)
    gaps = np.stack([table - control for table in arm])
    seeds, rooms = control.shape
    found = []
    for _ in range(draws):
        rows, columns = rng.integers(0, seeds, seeds), rng.integers(0, rooms, rooms)
        means = np.maximum.accumulate(gaps[:, rows][:, :, columns].mean(axis=(1, 2)))
        if means[-1] < 0:
            found.append(math.inf)
        else:
            found.append(math.exp(np.interp(0, means, np.log(SHARES))))
    low, high = np.quantile(found, [0.025, 0.975], method="nearest")
    return Reached(inverted(arm, control).share, float(low), float(high))


def saving_covered(
    rounds: int,
    seeds: int,
    rooms: int,
    effects: Effects,
    told: Callable[[Sequence[Table], Table], Reached] = inverted,
) -> float:
    """How often the interval of a label saving holds the truth; effects in hundredths."""
    rng = np.random.default_rng(1)
    small = (effects[0] / 50, effects[1] / 50, effects[2] / 50)
    held = 0
    for _ in range(rounds):
        found = told(*curves(rng, seeds, rooms, small))
        held += found.low <= TRUE_SHARE <= found.high
    return held / rounds


# --- one count over all rooms --------------------------------------------------------------------

CLASSES = 20
OFTEN = np.geomspace(60, 1, CLASSES)
THERE = np.repeat([1.0, 0.8, 0.4, 0.2, 0.08], [5, 5, 5, 3, 2])
"""How often a room shows a class; the last five are in one or two rooms of eight."""

TAKEN_FOR = np.random.default_rng(0).dirichlet(np.repeat([1.0, 0.25], [5, 15]), CLASSES)


def labelled(rng: np.random.Generator, seeds: int, rooms: int, effects: Effects) -> Table:
    """Counts ``(2, seeds, rooms, C, C)`` of two arms, the second better, by class differently."""
    there = rng.gamma(2.0, OFTEN / 2, (rooms, CLASSES)) * (rng.random((rooms, CLASSES)) < THERE)
    hard = 1 + 0.8 * rng.normal(size=(rooms, 1)) + 0.5 * rng.normal(size=(rooms, CLASSES))
    shapes = ((seeds, 1, CLASSES), (1, rooms, CLASSES), (seeds, rooms, CLASSES))
    arms = []
    for gain in (np.zeros(CLASSES), 0.3 + 0.3 * np.sin(np.arange(CLASSES))):
        odds = hard + gain
        for effect, shape in zip(effects, shapes, strict=True):
            odds = odds + effect * rng.normal(size=shape)
        right = np.broadcast_to(there / (1 + np.exp(-odds)), (seeds, rooms, CLASSES))
        counts = (there - right)[..., None] * TAKEN_FOR
        counts = np.where(counts > 0.3, counts, 0)  # a class is taken for a few others only
        counts[..., range(CLASSES), range(CLASSES)] += right
        arms.append(counts)
    return np.stack(arms)


def overlaps(counts: Table) -> Table:
    """IoU of every class; NaN where neither side has it."""
    hit = np.einsum("...ii->...i", counts)
    union = counts.sum(axis=-1) + counts.sum(axis=-2) - hit
    return np.where(union > 0, hit / np.maximum(union, 1e-12), math.nan)


def strict(counts: Table) -> Table:
    """Mean over the classes that either side has."""
    return np.asarray(np.nanmean(overlaps(counts), axis=-1))


def twice_shown(rooms: Table) -> Callable[[Table], Table]:
    """Mean over the classes that two rooms show at least; ``rooms`` are counts of each."""
    kept = np.flatnonzero((rooms.sum(axis=-1) > 0).sum(axis=0) > 1)

    def score(counts: Table) -> Table:
        rows = counts[..., kept, :]
        hit = rows[..., range(len(kept)), kept]
        union = rows.sum(axis=-1) + rows.sum(axis=-2)[..., kept] - hit
        return np.asarray((hit / union).mean(axis=-1))

    return score


def pooled(counts: Table, score: Callable[[Table], Table]) -> Pooled:
    """A score of one arm, of counts ``(seeds, rooms, C, C)``."""
    total = counts.sum(axis=1)
    return Pooled(score(total), score(total[:, None] - counts))


def miou_covered(rounds: int, seeds: int, rooms: int, effects: Effects) -> tuple[float, float]:
    """How often the interval of an mIoU holds the truth: of all classes, of those shown twice."""
    rng = np.random.default_rng(1)
    many = [overlaps(labelled(rng, 4, 1500, effects).sum(axis=2)).mean(axis=1) for _ in range(6)]
    gains = np.mean([one[1] - one[0] for one in many], axis=0)
    held = np.zeros(2)
    for _ in range(rounds):
        control, arm = labelled(rng, seeds, rooms, effects)
        shown = (control[0].sum(axis=-1) > 0).sum(axis=0) > 1
        scores = (strict, gains.mean()), (twice_shown(control[0]), gains[shown].mean())
        for n, (score, truth) in enumerate(scores):
            found = difference_of(pair(pooled(arm, score), pooled(control, score)))
            held[n] += found.low <= truth <= found.high
    return float(held[0] / rounds), float(held[1] / rounds)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2000, help="simulated studies a number")
    parser.add_argument("--json", type=Path, help="file that all numbers are written to as well")
    asked = parser.parse_args()
    rounds = asked.rounds
    columns: dict[str, tuple[int, Callable[..., float]]] = {
        "interval holds the truth": (rounds, covered),
        "as large as the margin, called equivalent": (rounds, called_equivalent),
        "found, where 0.8 was predicted": (rounds, found_as_predicted),
        "found with the seeds needed": (rounds, found_with_seeds_needed),
        "label saving holds the truth": (rounds // 10, saving_covered),
    }
    written: dict[str, dict[str, list[float | None]]] = {}
    print("| seeds x rooms | effects of |", " | ".join(columns), "|")
    print("|---" * (2 + len(columns)) + "|")
    rows = written.setdefault(", ".join(columns), {})
    for seeds, rooms in SIZES:
        for name, effects in EFFECTS.items():
            told = [f(n, seeds, rooms, effects) for n, f in columns.values()]
            shown = " | ".join("none do" if math.isnan(v) else f"{v:.3f}" for v in told)
            print(f"| {seeds} x {rooms} | {name} | {shown} |", flush=True)
            rows[f"{seeds} x {rooms}, {name}"] = [None if math.isnan(v) else v for v in told]
    print("\nlabel saving: inverted test, delta method, bootstrap")
    rows = written.setdefault("label saving: inverted test, delta method, bootstrap", {})
    for seeds, rooms in SIZES[:2]:
        for name, effects in EFFECTS.items():
            ways = (inverted, by_delta, resampled)
            held = [saving_covered(rounds // 10, seeds, rooms, effects, way) for way in ways]
            print(seeds, rooms, name, *(f"{value:.3f}" for value in held), flush=True)
            rows[f"{seeds} x {rooms}, {name}"] = [*held]
    print("\nany of six verdicts wrong: no difference, differences of the margin")
    rows = written.setdefault("any of six verdicts wrong: none, differences of the margin", {})
    for seeds, rooms in SIZES:
        for name, effects in EFFECTS.items():
            wrong = [
                wrong_verdicts(rounds // 10, seeds, rooms, effects, at_margin=at)
                for at in (False, True)
            ]
            print(seeds, rooms, name, *(f"{value:.3f}" for value in wrong), flush=True)
            rows[f"{seeds} x {rooms}, {name}"] = [*wrong]
    print("\nmIoU of one count: all classes, those that two rooms show")
    rows = written.setdefault("mIoU of one count: all classes, those that two rooms show", {})
    for rooms in (4, 8, 16):
        for effects in ((0.0, 0.5, 0.0), (0.2, 0.4, 0.2)):
            two = miou_covered(max(rounds // 4, 1), 6, rooms, effects)
            print(6, rooms, effects, *(f"{value:.3f}" for value in two), flush=True)
            rows[f"6 x {rooms}, {effects}"] = [*two]
    if asked.json is not None:
        asked.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
