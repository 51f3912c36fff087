"""Many runs that differ in one thing each, and what their scores say side by side.

:func:`run_study` is the same for every task: it is given what a task's arms are, how one is
trained, predicted and scored, and what the baselines score. Every arm and seed is a job that any
back end can carry out. Finished ones are kept, and several processes, of several machines, may work
on different ones of one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import crossvox
from crossvox.core.artifact import SCHEMA, write_json
from crossvox.core.checks import CrossvoxError, ParamsError, expect
from crossvox.core.files import PARAMS, STUDY
from crossvox.flow import locks
from crossvox.flow.jobs import BACKENDS, Job, Outcome
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import DryRunEnds, Planned, Runner
from crossvox.recipes.study.cells import (
    RESULTS,
    RUNS,
    Cell,
    MakeCells,
    Matrix,
    Study,
    finished,
    foreseen,
    memory_of,
    name_of,
    of_other_numbers,
)
from crossvox.recipes.study.claims import claim
from crossvox.study.arms import Arm
from crossvox.study.compare import Comparison, compare
from crossvox.study.findings import TargetResults
from crossvox.study.results import Result, Scored, read_result, values, without_counts


@dataclass(frozen=True)
class StudyReport:
    """How a call of a study ended.

    Attributes:
        out: the study's folder.
        comparison: over everything that is finished in it, whoever did it.
        made: runs of this call, ``ARM/seed-N``.
        kept: runs that were finished before.
        elsewhere: runs that another process is at work on.
        interrupted: somebody stopped it; the same call goes on from there.
        failed: runs that could not be made, and why; the next call tries them again.
    """

    out: Path
    comparison: Comparison
    made: tuple[str, ...]
    kept: tuple[str, ...]
    elsewhere: tuple[str, ...]
    interrupted: bool
    failed: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class Part:
    """A study among those of one call.

    Attributes:
        study: the study.
        out: its folder.
        arms: those of the study that the call works on.
        seeds: likewise.
        before: what stands before ``ARM/seed-N`` in the name of an item.
    """

    study: Study
    out: Path
    arms: Sequence[Arm]
    seeds: Sequence[int]
    before: str = ""


@dataclass(frozen=True, eq=False)
class Ended:
    """How a study ended, with everything that its comparison came from."""

    report: StudyReport
    results: TargetResults


def run_study(
    study: Study,
    out: Path,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    *,
    workers: int = 1,
    runner: Runner | None = None,
) -> StudyReport:
    """Train, predict and score arms, seed by seed, and compare all that is finished.

    One seed of every arm comes before the next seed, so that a study that is stopped early can be
    compared. One that fails is reported, and the others go on.

    Args:
        study: the study.
        out: its folder.
        arms: those of the study that this call works on.
        seeds: likewise.
        workers: arms and seeds at once; 0: one a core, or as many as a cluster has room for.
        runner: who makes it. Its choice is among arms and seeds, called ``ARM/seed-N``.

    Raises:
        ParamsError: no seed.
        ArtifactError: ``out`` holds another study, or arms turn out not to be comparable.
        CrossvoxError: every arm and seed failed; the text names the reasons.
    """
    part = Part(study, out, arms, seeds)
    return run_parts([part], workers=workers, runner=runner)[0].report


def run_parts(
    parts: Sequence[Part], *, workers: int = 1, runner: Runner | None = None
) -> list[Ended]:
    """Several studies in one call: one seed of all of them comes before the next.

    Args:
        parts: the studies.
        workers: see :func:`run_study`.
        runner: who makes it. Its choice is among the items of all studies.

    Returns:
        By study; without those of which nothing was asked for and nothing is there.

    Raises:
        ParamsError, ArtifactError, CrossvoxError: see :func:`run_study`.
    """
    runner = runner or Runner()
    progress = runner.progress
    expect(
        all(len(part.seeds) > 0 for part in parts),
        given="no seed",
        needed="at least one, better three or more",
        do="correct --seeds",
        error=ParamsError,
    )
    matrices = [part.study(Runner(progress)) for part in parts]
    jobs = _jobs(parts, matrices, runner)
    if runner.dry:
        _plan(jobs, matrices, parts, runner)
        raise DryRunEnds
    active = [
        (n, part)
        for n, part in enumerate(parts)
        if len(parts) == 1 or any(k == n for k, _ in jobs) or (part.out / PARAMS).is_file()
    ]
    baselines = {}
    for n, part in active:
        claim(part.out, matrices[n])
        with locks.shared(part.out):
            baselines[n] = matrices[n].baseline_scores()
    try:
        outcomes, interrupted = _all_carried_out([job for _, job in jobs], runner, workers)
    finally:
        for _, part in active:
            locks.clear(part.out)
    ended = []
    for n, part in active:
        with locks.shared(part.out):
            found = _compare(matrices[n], part.out, baselines[n], progress)
        own = {job.item for k, job in jobs if k == n}
        mine = [outcome for outcome in outcomes if outcome.item in own]
        ended.append(Ended(_report(part.out, found.comparison, mine, interrupted), found))
    return ended


def _all_carried_out(
    jobs: Sequence[Job], runner: Runner, workers: int
) -> tuple[list[Outcome], bool]:
    """What became of jobs, and whether they were interrupted.

    Raises:
        CrossvoxError: every one failed.
    """
    outcomes: list[Outcome] = []
    try:
        for outcome in _carried_out(jobs, runner, workers):
            outcomes.append(outcome)
    except KeyboardInterrupt:
        return outcomes, True
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed and len(failed) == len({job.item for job in jobs}):
        reasons = "; ".join(f"{one.item}: {one.error}" for one in failed[:3])
        raise CrossvoxError(f"none of the {len(failed)} runs could be made. {reasons}")
    return outcomes, False


def _report(
    out: Path, comparison: Comparison, outcomes: Sequence[Outcome], interrupted: bool
) -> StudyReport:
    made, kept, elsewhere = (
        tuple(outcome.item for outcome in outcomes if outcome.status == status)
        for status in ("made", "kept", "elsewhere")
    )
    failed = tuple(outcome for outcome in outcomes if outcome.status == "failed")
    return StudyReport(out, comparison, made, kept, elsewhere, interrupted, failed)


def _jobs(
    parts: Sequence[Part], matrices: Sequence[Matrix], runner: Runner
) -> list[tuple[int, Job]]:
    """What is to be made, with the number of its study: seed by seed over all studies."""
    every = [
        (seed, n, f"{part.before}{name_of(arm, seed)}", arm)
        for n, part in enumerate(parts)
        for seed in part.seeds
        for arm in part.arms
    ]
    chosen = set(runner.choice.of([item for _, _, item, _ in every]))
    return [
        (
            n,
            Job(
                item,
                Cell(parts[n].study, parts[n].out, arm, seed, matrices[n].device),
                parts[n].out / RUNS / name_of(arm, seed),
            ),
        )
        for seed, n, item, arm in sorted(every, key=lambda one: one[0])
        if item in chosen
    ]


def _plan(
    jobs: Sequence[tuple[int, Job]],
    matrices: Sequence[Matrix],
    parts: Sequence[Part],
    runner: Runner,
) -> None:
    """Tell what would be made."""
    for n, job in jobs:
        cell = job.stage
        assert isinstance(cell, Cell)
        done = finished(matrices[n], parts[n].out, cell.name, runner.progress)
        seconds = None if done else foreseen(matrices[n], cell.arm)
        memory = memory_of(matrices[n])
        runner.plan.append(Planned("study", job.item, "keep" if done else "make", seconds, memory))


def _carried_out(jobs: Sequence[Job], runner: Runner, workers: int) -> Iterator[Outcome]:
    """Have cells made by a back end, and tell what becomes of them."""
    if not jobs:
        return
    name, means = runner.means(len(jobs), workers)
    here = name == "here"
    carry = MakeCells(runner.progress if here else Silent(), here)
    report = runner.progress.step("arms and seeds")
    with closing(BACKENDS[name].run(carry, jobs, **means)) as outcomes:  # type: ignore[type-var]
        for done, outcome in enumerate(outcomes, start=1):
            report(done, len(jobs))
            if outcome.status == "elsewhere":
                runner.progress.say(f"{outcome.item}: another process is at work on it")
            elif outcome.status == "failed":
                runner.progress.say(f"failed: {outcome.item}: {outcome.error}")
            yield outcome


def _compare(
    matrix: Matrix, out: Path, baselines: Mapping[str, Scored], progress: Progress
) -> TargetResults:
    """Compare everything that is finished and write ``study.json``."""
    found = [read_result(path) for path in sorted((out / RESULTS).glob("[!.]*/seed-*.json"))]
    results = [result for result in found if result.numbers == matrix.numbers]
    other = [of_other_numbers(r, matrix) for r in found if r.numbers != matrix.numbers]
    left_out = tuple(f"{text}; it is left out. Run that arm again." for text in other)
    for text in left_out:
        progress.say(text)
    comparison = compare(
        (*matrix.arms, *matrix.baselines), results, baselines, matrix.controls, pool=matrix.pool
    )
    comparison = replace(
        comparison, cautions=(*comparison.cautions, *left_out, *_versions(results))
    )
    write_json(
        out / STUDY,
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "numbers": matrix.numbers,
            "task": matrix.task,
            "identity": matrix.identity,
            "comparison": comparison,
            "results": [without_counts(result) for result in results],
            "baselines": {name: values(scored.scenes) for name, scored in baselines.items()},
        },
    )
    return TargetResults(comparison, results, baselines, matrix.pool)


def _versions(results: Sequence[Result]) -> tuple[str, ...]:
    """A remark where results were made by several versions that make the same numbers."""
    versions = sorted({result.version for result in results})
    if len(versions) < 2:
        return ()
    return (f"Results were made by crossvox {', '.join(versions)}, which make the same numbers.",)
