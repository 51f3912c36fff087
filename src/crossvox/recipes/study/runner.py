"""Many runs that differ in one thing each, and what their scores say side by side.

:func:`run_study` is the same for every task: it is given what a task's arms are, how one is
trained, predicted and scored, and what the baselines score. Every arm and seed is a job that any
back end can carry out. Finished ones are kept, and several processes, of several machines, may work
on different ones of one folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crossvox
from crossvox.core.artifact import (
    SCHEMA,
    Stopwatch,
    plain,
    read_json,
    read_manifest,
    write_json,
)
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.flow import locks
from crossvox.flow.collection import changes
from crossvox.flow.folder import is_begun
from crossvox.flow.jobs import BACKENDS, Job, Outcome
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import DryRunEnds, Planned, Runner
from crossvox.flow.stage import Stage, how
from crossvox.flow.worker import ASKED_TO_END
from crossvox.study.arms import Arm
from crossvox.study.compare import Comparison, compare
from crossvox.study.counts import Pool, pack
from crossvox.study.results import Result, Scored, read_result, values, without_counts
from crossvox.train.params import NEUTRAL, PARAMS

if TYPE_CHECKING:
    from crossvox.train.report import TrainReport

STUDY_FILE = "study.json"
RUNS, PREDICTIONS, RESULTS = "runs", "predictions", "results"


@dataclass(frozen=True)
class Matrix:
    """A study of one task.

    Attributes:
        task: its name.
        arms: what may be trained, in the order that it is done and shown.
        baselines: what is scored once.
        controls: names that arms are compared with.
        params_type: of the parameters in ``identity["params"]``.
        identity: what makes it this study and no other: parameters, digests of the data. Arms and
            number of seeds are not part of it; both may grow.
        train: arm, seed and run folder to a trained run.
        predict: run folder to a prediction folder.
        score: prediction folder to what it scores.
        baseline_scores: what each baseline scores; a baseline's own work is kept on disk.
        pool: scores of counts that were added up over scenes, of a task that has such.
        numbers: raised when the same study gives other results than before: results of other
            numbers are made anew.
        device: where networks are trained; a back end may have to ask for it.
    """

    task: str
    arms: tuple[Arm, ...]
    baselines: tuple[Arm, ...]
    controls: tuple[str, ...]
    params_type: type
    identity: Mapping[str, Any]
    train: Callable[[Arm, int, Path], TrainReport]
    predict: Callable[[Path, Path], Any]
    score: Callable[[Path], Scored]
    baseline_scores: Callable[[], Mapping[str, Scored]]
    pool: Pool | None = None
    numbers: int = 1
    device: str = "cpu"


Study = Callable[[Runner], Matrix]
"""A study as it is sent to workers: given who makes things there, the study. Can be pickled, unless
everything is made in this process."""


@dataclass(frozen=True)
class Cell(Stage):
    """One arm and seed: what a job of a study is.

    Attributes:
        study: which study.
        out: its folder.
        arm: what is trained.
        seed: with which seed.
        device: where.
    """

    NAME = "study"

    study: Study
    out: Path
    arm: Arm
    seed: int
    device: str = how("cpu")


@dataclass(frozen=True)
class MakeCells:
    """Trains, predicts and scores one arm and seed, unless that is done or somebody else is at it.

    Attributes:
        progress: who watches.
        here: whether this is the process of the command; a worker ends when it was told to stop.
    """

    progress: Progress
    here: bool

    def __call__(self, job: Job) -> Outcome:
        """See :data:`crossvox.flow.jobs.Carry`."""
        cell = job.stage
        assert isinstance(cell, Cell)
        with locks.taken(cell.out, job.item) as mine:
            if not mine:
                return Outcome(job.item, "elsewhere")
            matrix = cell.study(Runner(self.progress))
            if _finished(matrix, cell.out, job.item, self.progress):
                return Outcome(job.item, "kept")
            self.progress.say(f"{job.item}: {cell.arm.differs}")
            if not _one(matrix, cell.out, cell.arm, cell.seed):
                # It is saved, and goes on with the next call, or in another worker.
                raise KeyboardInterrupt if self.here else SystemExit(ASKED_TO_END)
        return Outcome(job.item, "made")


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
    runner = runner or Runner()
    progress = runner.progress
    expect(
        len(seeds) > 0,
        given="no seed",
        needed="at least one, better three or more",
        do="correct --seeds",
        error=ParamsError,
    )
    matrix = study(Runner(progress))
    asked = {_name(arm, seed): (arm, seed) for seed in seeds for arm in arms}
    chosen = set(runner.choice.of(asked))
    jobs = [
        Job(name, Cell(study, out, arm, seed, matrix.device), out / RUNS / name)
        for name, (arm, seed) in asked.items()
        if name in chosen
    ]
    if runner.dry:
        for job in jobs:
            status = "keep" if _finished(matrix, out, job.item, progress) else "make"
            runner.plan.append(Planned("study", job.item, status))  # type: ignore[arg-type]
        raise DryRunEnds
    claim(out, matrix)
    with locks.shared(out):
        baselines = matrix.baseline_scores()
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        for outcome in _carried_out(jobs, runner, workers):
            outcomes.append(outcome)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        locks.clear(out)
    failed = tuple(outcome for outcome in outcomes if outcome.status == "failed")
    if failed and len(failed) == len(jobs):
        reasons = "; ".join(f"{one.item}: {one.error}" for one in failed[:3])
        raise CrossvoxError(f"none of the {len(failed)} runs could be made. {reasons}")
    with locks.shared(out):
        comparison = _compare(matrix, out, baselines, progress)
    made, kept, elsewhere = (
        tuple(outcome.item for outcome in outcomes if outcome.status == status)
        for status in ("made", "kept", "elsewhere")
    )
    return StudyReport(out, comparison, made, kept, elsewhere, interrupted, failed)


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


def _name(arm: Arm, seed: int) -> str:
    return f"{arm.name}/seed-{seed}"


def _one(matrix: Matrix, out: Path, arm: Arm, seed: int) -> bool:
    """Train, predict and score one arm and seed; False if training was interrupted."""
    name = _name(arm, seed)
    run, prediction = out / RUNS / name, out / PREDICTIONS / name
    trained = matrix.train(arm, seed, run)
    if trained.interrupted:
        return False
    clock = Stopwatch()
    with clock("predict"):
        matrix.predict(run, prediction)
    with clock("score"):
        scored = matrix.score(prediction)
    manifest = read_manifest(run)
    result = Result(
        arm=arm.name,
        seed=seed,
        index=manifest.parents["index"],
        run=manifest.digest,
        prediction=read_manifest(prediction).digest,
        parameters=trained.parameters,
        steps=trained.step,
        seconds={"train": trained.seconds, **clock.seconds},
        scores=values(scored.scenes),
        counts=pack(scored.counts),
        numbers=matrix.numbers,
        version=crossvox.__version__,
    )
    write_json(out / RESULTS / f"{name}.json", asdict(result))
    return True


def _finished(matrix: Matrix, out: Path, name: str, progress: Progress) -> bool:
    """Whether a run has a record of these numbers that speaks of the run and prediction there."""
    path = out / RESULTS / f"{name}.json"
    if not path.is_file():
        return False
    result = read_result(path)
    if result.numbers != matrix.numbers:
        progress.say(f"{_of_other_numbers(result, matrix)}, and is made again")
        return False
    there = {}
    for role, folder in (("run", RUNS), ("prediction", PREDICTIONS)):
        try:
            there[role] = read_manifest(out / folder / name).digest
        except ArtifactError:
            return False
    return there == {"run": result.run, "prediction": result.prediction}


def _of_other_numbers(result: Result, matrix: Matrix) -> str:
    by = f"version {result.version}" if result.version else "an older version"
    return f"{result.name}: its result is of numbers {result.numbers} ({by}), not {matrix.numbers}"


def _compare(
    matrix: Matrix, out: Path, baselines: Mapping[str, Scored], progress: Progress
) -> Comparison:
    """Compare everything that is finished and write ``study.json``."""
    found = [read_result(path) for path in sorted((out / RESULTS).glob("[!.]*/seed-*.json"))]
    results = [result for result in found if result.numbers == matrix.numbers]
    other = [_of_other_numbers(r, matrix) for r in found if r.numbers != matrix.numbers]
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
        out / STUDY_FILE,
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
    return comparison


def _versions(results: Sequence[Result]) -> tuple[str, ...]:
    """A remark where results were made by several versions that make the same numbers."""
    versions = sorted({result.version for result in results})
    if len(versions) < 2:
        return ()
    return (f"Results were made by crossvox {', '.join(versions)}, which make the same numbers.",)


def claim(out: Path, matrix: Matrix) -> None:
    """Write what the study is, or refuse a folder that holds another one.

    What is None in the one record and not in the other was of no interest so far: arms without a 2D
    network may come before the others, and after.

    Raises:
        ArtifactError: ``out`` holds another study, or something else.
    """
    record = plain({"task": matrix.task, **matrix.identity})
    if "params" in record:  # as it is read back: a second call writes the same
        record["params"] = plain(from_plain(matrix.params_type, record["params"]))
    if is_begun(out, PARAMS):
        _expect_same(out, record, matrix.params_type)
    with locks.shared(out):
        if is_begun(out, PARAMS):
            record = {**record, **_expect_same(out, record, matrix.params_type)}
        write_json(out / PARAMS, record)


def _expect_same(out: Path, record: Mapping[str, Any], params_type: type) -> dict[str, Any]:
    """What a study folder knows of itself, if it is the same study.

    Raises:
        ArtifactError: it is another one; the text tells what differs.
    """
    there = read_json(out / PARAMS)
    expect(
        isinstance(there, dict) and isinstance(there.get("task"), str),
        given=f"{out}, whose {PARAMS} is not of a study",
        needed="a new or empty folder, or a study",
        do="name another folder",
        error=ArtifactError,
    )
    if "params" in there:
        # Parameters that a later version added take their defaults.
        there["params"] = plain(from_plain(params_type, there["params"]))
    known = {key: value for key, value in there.items() if value is not None}
    asked = {key: value for key, value in record.items() if value is not None}
    shared = known.keys() & asked.keys()
    changed = changes(
        _steering({key: known[key] for key in shared}),
        _steering({key: asked[key] for key in shared}),
    )
    expect(
        not changed,
        given=f"{out}, which holds a study with other parameters or data "
        f"({'; '.join(changed[:5])})",
        needed="the same for all arms (only arms and the number of seeds may change)",
        do="name another folder, or pass the same parameters",
        error=ArtifactError,
    )
    return known


def _steering(record: Any) -> Any:
    """A record without what steers how, not what, is learnt."""
    if not isinstance(record, Mapping):
        return record
    return {key: _steering(item) for key, item in record.items() if key not in NEUTRAL}
