"""The comparison of all arms of a study, over all seeds and scenes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Score
from crossvox.metrics.pooled import Counts, added_up
from crossvox.metrics.statistics import (
    LEVEL,
    Difference,
    Pooled,
    Spread,
    Table,
    cautions,
    holm,
    many_caution,
    paired_difference,
    score_table,
    spread,
)
from crossvox.study.arms import Arm
from crossvox.study.counts import Pool, pooled_scores, unpack
from crossvox.study.results import Result, Scored, Values, values


@dataclass(frozen=True)
class ScoreKind:
    """What a score is.

    Attributes:
        unit, higher_is_better, protocol, place, reading, class_name: as in
            :class:`crossvox.core.volume.Score`.
    """

    unit: str
    higher_is_better: bool
    protocol: str
    place: str = "detail"
    reading: str = ""
    class_name: str = ""


@dataclass(frozen=True)
class ArmSummary:
    """One arm over all its seeds.

    Attributes:
        name: of the arm.
        differs: what it differs in.
        seeds: seeds that are finished; empty for baselines.
        parameters: parameters that were trained.
        seconds: mean wall time of a seed by step; empty for baselines.
        scores: by score.
        against: differences to controls, by control and score; over the seeds that both have.
        source, mode, share, points, control_of: see :class:`crossvox.study.arms.Arm`.
    """

    name: str
    differs: str
    seeds: tuple[int, ...]
    parameters: int
    seconds: dict[str, float]
    scores: dict[str, Spread]
    against: dict[str, dict[str, Difference]]
    source: str = ""
    mode: str = ""
    share: float = 1.0
    points: int = 0
    control_of: str = ""


@dataclass(frozen=True)
class Comparison:
    """What a study found.

    Attributes:
        scenes: held-out scenes.
        pooled: scores are counted over all scenes at once, and are no means over scenes.
        kinds: what each score is, in the order of the evaluation.
        arms: learnt arms in the order of the matrix, then baselines.
        indices: digest of the training sub-volumes by seed; the same for all arms but those that
            draw their own.
        level: how often intervals shall hold the truth.
        cautions: what a reader of the numbers must know.
        of_many: those of them that warn of differences which nobody asked for beforehand.
    """

    scenes: tuple[str, ...]
    pooled: bool
    kinds: dict[str, ScoreKind]
    arms: tuple[ArmSummary, ...]
    indices: dict[int, str]
    level: float
    cautions: tuple[str, ...]
    of_many: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The score that stands for the whole; the first, where none does."""
        main = (name for name, kind in self.kinds.items() if kind.place == "main")
        return next(main, next(iter(self.kinds)))

    @property
    def beside(self) -> tuple[str, ...]:
        """Scores that are shown beside it."""
        return tuple(name for name, kind in self.kinds.items() if kind.place == "beside")


def kinds(scores: Iterable[Score]) -> dict[str, ScoreKind]:
    """What each score is, by name."""
    found: dict[str, ScoreKind] = {}
    for s in scores:
        kind = ScoreKind(s.unit, s.higher_is_better, s.protocol, s.place, s.reading, s.class_name)
        found.setdefault(s.name, kind)
    return found


def compare(
    arms: Sequence[Arm],
    results: Sequence[Result],
    baselines: Mapping[str, Scored],
    controls: Sequence[str],
    *,
    pool: Pool | None = None,
    level: float = LEVEL,
) -> Comparison:
    """Put the results of a study side by side.

    Args:
        arms: the matrix, baselines included.
        results: finished ones, in any order; arms without any are left out.
        baselines: what each scores. The first baseline names scores and scenes.
        controls: names of arms and baselines that all others are compared with.
        pool: scores of counts that were added up over scenes, of a task that has such; None: scores
            are means over scenes.
        level: how often intervals shall hold the truth.

    Raises:
        ArtifactError: two arms learnt from different sub-volumes, or were scored on other scenes.
    """
    first = next(iter(baselines.values()))
    scenes = tuple(first.scenes)
    expect_scenes(results, scenes)
    own = {arm.name for arm in arms if arm.draws_own}
    indices = expect_indices([result for result in results if result.arm not in own])
    named = _named(first, scenes, pool)
    if pool is None and results:
        # Baselines are scored by more: no fusion of its frames lies beside the surface of an arm.
        told = {name for result in results for row in result.scores.values() for name in row}
        named = {name: kind for name, kind in named.items() if name in told}
    rows = rows_of(results, baselines, scenes, pool)
    summaries = [
        _summary(arm, rows, controls, tuple(named), level, _of(results, arm))
        for arm in arms
        if arm.name in rows
    ]
    summaries = _adjusted(summaries, tuple(named))
    fewest = min((len(s.seeds) for s in summaries if s.seeds), default=0)
    differences = sum(len(summary.against) for summary in summaries)
    warned = cautions(fewest, len(scenes)) if fewest else ()
    many = many_caution(differences, len(named), level) if fewest else ()
    return Comparison(
        *(scenes, pool is not None, named, tuple(summaries), indices, level),
        cautions=(*warned, *many),
        of_many=many,
    )


def expect_scenes(results: Sequence[Result], scenes: Sequence[str]) -> None:
    """Refuse results of other scenes than those of the study.

    Raises:
        ArtifactError: there is one; names it.
    """
    for result in results:
        expect(
            set(result.scores) == set(scenes),
            given=f"arm {result.arm}, seed {result.seed}, scored on {', '.join(result.scores)}",
            needed=f"the scenes of the study: {', '.join(scenes)}",
            do="delete this arm's folder under results and run the study again",
            error=ArtifactError,
        )


def expect_indices(results: Sequence[Result]) -> dict[int, str]:
    """Digest of the training sub-volumes by seed.

    Raises:
        ArtifactError: two arms of a seed learnt from different ones.
    """
    found: dict[int, str] = {}
    for result in results:
        there = found.setdefault(result.seed, result.index)
        expect(
            there == result.index,
            given=f"arm {result.arm}, seed {result.seed}, trained on sub-volumes {result.index}, "
            f"another arm on {there}",
            needed="the same sub-volumes for all arms of a seed",
            do="delete this arm's run and run the study again",
            error=ArtifactError,
        )
    return dict(sorted(found.items()))


@dataclass(frozen=True, eq=False)
class Rows:
    """What one arm scores with each of its seeds; a baseline knows no seed and has one row.

    Attributes:
        seeds: empty for a baseline.
        scenes: of the study.
        values: bare numbers, by row.
        counts: counts by scene, by row.
        pool: as in :func:`compare`.
    """

    seeds: tuple[int, ...]
    scenes: tuple[str, ...]
    values: tuple[Values, ...]
    counts: tuple[Mapping[str, Counts], ...]
    pool: Pool | None

    def table(self, score: str, seeds: Sequence[int]) -> Table | Pooled:
        """A score of some seeds; a baseline's one row, whatever they are."""
        rows = [self.seeds.index(seed) for seed in seeds] if self.seeds else [0]
        if self.pool is None:
            by_row = {
                row: {scene: found.get(score) for scene, found in self.values[row].items()}
                for row in rows
            }
            return score_table(by_row, rows, self.scenes)
        found = self._pooled.get(score)
        if found is None:
            nothing = score_table({}, rows, self.scenes)
            return Pooled(nothing[:, 0], nothing)
        return Pooled(found.whole[rows], found.without[rows])

    @cached_property
    def _pooled(self) -> dict[str, Pooled]:
        return {} if self.pool is None else pooled_scores(self.counts, self.scenes, self.pool)


def rows_of(
    results: Sequence[Result],
    baselines: Mapping[str, Scored],
    scenes: tuple[str, ...],
    pool: Pool | None,
) -> dict[str, Rows]:
    """What every arm and baseline scores, by name."""
    rows = {
        name: Rows((), scenes, (values(scored.scenes),), (scored.counts,), pool)
        for name, scored in baselines.items()
    }
    for name in dict.fromkeys(result.arm for result in results):
        own = sorted((r for r in results if r.arm == name), key=lambda r: r.seed)
        rows[name] = Rows(
            tuple(result.seed for result in own),
            scenes,
            tuple(result.scores for result in own),
            tuple(unpack(result.counts) for result in own),
            pool,
        )
    return rows


def _named(first: Scored, scenes: Sequence[str], pool: Pool | None) -> dict[str, ScoreKind]:
    """What each score of the study is."""
    if pool is not None:
        return kinds(pool(added_up(first.counts[scene] for scene in scenes)))
    return kinds(score for row in first.scenes.values() for score in row)


def _of(results: Sequence[Result], arm: Arm) -> list[Result]:
    return [result for result in results if result.arm == arm.name]


def _summary(
    arm: Arm,
    rows: Mapping[str, Rows],
    controls: Sequence[str],
    names: Sequence[str],
    level: float,
    own: Sequence[Result],
) -> ArmSummary:
    mine = rows[arm.name]
    against = {}
    for control in controls:
        if control == arm.name or not arm.learns or control not in rows:
            continue
        other = rows[control]
        shared = [seed for seed in mine.seeds if not other.seeds or seed in other.seeds]
        if shared:
            against[control] = {
                name: paired_difference(mine.table(name, shared), other.table(name, shared), level)
                for name in names
            }
    return ArmSummary(
        name=arm.name,
        differs=arm.differs,
        seeds=mine.seeds,
        parameters=own[0].parameters if own else 0,
        seconds={
            step: sum(result.seconds.get(step, 0.0) for result in own) / len(own)
            for step in (own[0].seconds if own else ())
        },
        scores={name: spread(mine.table(name, mine.seeds)) for name in names},
        against=against,
        source=arm.source if arm.learns else "",
        mode=arm.mode if arm.learns else "",
        share=arm.share,
        points=arm.points,
        control_of=arm.control_of,
    )


def _adjusted(summaries: Sequence[ArmSummary], names: Sequence[str]) -> list[ArmSummary]:
    """The same with p values that allow for all differences of a score."""
    places = [(n, control) for n, one in enumerate(summaries) for control in one.against]
    against = [{c: dict(scores) for c, scores in one.against.items()} for one in summaries]
    for name in names:
        adjusted = holm([summaries[n].against[control][name].p for n, control in places])
        for (n, control), p in zip(places, adjusted, strict=True):
            against[n][control][name] = replace(against[n][control][name], p_adjusted=p)
    return [replace(one, against=own) for one, own in zip(summaries, against, strict=True)]
