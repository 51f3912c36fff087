"""One arm with one seed: what a job of a study is, and how it is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crossvox
from crossvox.core.artifact import Stopwatch, manifest_if_any, read_manifest, write_json
from crossvox.core.heap import keep_freed
from crossvox.core.kept import files_stay
from crossvox.flow import locks
from crossvox.flow.jobs import Job, Outcome
from crossvox.flow.memory import peak
from crossvox.flow.progress import Progress
from crossvox.flow.rates import foretell, record_rate
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Stage, how
from crossvox.flow.worker import ASKED_TO_END
from crossvox.study.arms import Arm
from crossvox.study.counts import Pool, pack
from crossvox.study.results import Result, Scored, read_result, values

if TYPE_CHECKING:
    from crossvox.train.report import TrainReport

RUNS, PREDICTIONS, RESULTS = "runs", "predictions", "results"


Costs = Mapping[str, tuple[str, float]]
"""Name of a rate and size of the work, by step: ``train``, ``predict``, ``score``."""

MEMORY = "study memory"
"""Under this name and a task's, the most memory that the process of a cell took, bytes."""


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
        predict: arm and run folder to a prediction folder.
        score: prediction folder to what it scores.
        baseline_scores: what each baseline scores; a baseline's own work is kept on disk.
        pool: scores of counts that were added up over scenes, of a task that has such.
        numbers: raised when the same study gives other results than before: results of other
            numbers are made anew.
        device: where networks are trained; a back end may have to ask for it.
        costs: of an arm, by step: under which name its rate is recorded, and how much work it is.
    """

    task: str
    arms: tuple[Arm, ...]
    baselines: tuple[Arm, ...]
    controls: tuple[str, ...]
    params_type: type
    identity: Mapping[str, Any]
    train: Callable[[Arm, int, Path], TrainReport]
    predict: Callable[[Arm, Path, Path], Any]
    score: Callable[[Path], Scored]
    baseline_scores: Callable[[], Mapping[str, Scored]]
    pool: Pool | None = None
    numbers: int = 1
    device: str = "cpu"
    costs: Callable[[Arm], Costs] = field(default=lambda arm: {})


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

    @property
    def name(self) -> str:
        """Arm and seed, as folders are called."""
        return name_of(self.arm, self.seed)


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
        keep_freed()
        with locks.taken(cell.out, cell.name) as mine:
            if not mine:
                return Outcome(job.item, "elsewhere")
            matrix = cell.study(Runner(self.progress))
            if finished(matrix, cell.out, cell.name, self.progress):
                return Outcome(job.item, "kept")
            self.progress.say(f"{job.item}: {cell.arm.differs}")
            with files_stay():
                done = make_one(matrix, cell.out, cell.arm, cell.seed)
            if not done:
                # It is saved, and goes on with the next call, or in another worker.
                raise KeyboardInterrupt if self.here else SystemExit(ASKED_TO_END)
        return Outcome(job.item, "made")


def name_of(arm: Arm, seed: int) -> str:
    """Arm and seed, as folders are called."""
    return f"{arm.name}/seed-{seed}"


def make_one(matrix: Matrix, out: Path, arm: Arm, seed: int) -> bool:
    """Train, predict and score one arm and seed; False if training was interrupted."""
    name = name_of(arm, seed)
    run, prediction = out / RUNS / name, out / PREDICTIONS / name
    trained = matrix.train(arm, seed, run)
    if trained.interrupted:
        return False
    clock = Stopwatch()
    with clock("predict"):
        matrix.predict(arm, run, prediction)
    with clock("score"):
        scored = matrix.score(prediction)
    seconds = {"train": trained.seconds, **clock.seconds}
    _remember(matrix, arm, seconds)
    manifest = read_manifest(run)
    result = Result(
        arm=arm.name,
        seed=seed,
        index=manifest.parents["index"],
        run=manifest.digest,
        prediction=read_manifest(prediction).digest,
        parameters=trained.parameters,
        steps=trained.step,
        seconds=seconds,
        scores=values(scored.scenes),
        counts=pack(scored.counts),
        numbers=matrix.numbers,
        version=crossvox.__version__,
    )
    write_json(out / RESULTS / f"{name}.json", asdict(result))
    return True


def _remember(matrix: Matrix, arm: Arm, seconds: Mapping[str, float]) -> None:
    """Record what a cell took, for dry runs to come."""
    for step, (rate, size) in matrix.costs(arm).items():
        record_rate(rate, seconds.get(step, 0.0), size)
    if most := peak():
        record_rate(f"{MEMORY} {matrix.task}", most, 1)


def foreseen(matrix: Matrix, arm: Arm) -> float | None:
    """Seconds that a cell will take; None where a step of it was never timed."""
    told = [foretell(rate, size) for rate, size in matrix.costs(arm).values()]
    known = [seconds for seconds in told if seconds is not None]
    return sum(known) if told and len(known) == len(told) else None


def memory_of(matrix: Matrix) -> int | None:
    """Bytes that the process of a cell took here; None where none was measured."""
    told = foretell(f"{MEMORY} {matrix.task}", 1)
    return None if told is None else int(told)


def finished(matrix: Matrix, out: Path, name: str, progress: Progress) -> bool:
    """Whether a run has a record of these numbers that speaks of the run and prediction there."""
    path = out / RESULTS / f"{name}.json"
    if not path.is_file():
        return False
    result = read_result(path)
    if result.numbers != matrix.numbers:
        progress.say(f"{of_other_numbers(result, matrix)}, and is made again")
        return False
    there = {}
    for role, folder in (("run", RUNS), ("prediction", PREDICTIONS)):
        manifest = manifest_if_any(out / folder / name)
        if manifest is None:
            return False
        there[role] = manifest.digest
    return there == {"run": result.run, "prediction": result.prediction}


def of_other_numbers(result: Result, matrix: Matrix) -> str:
    """What is told of a result that other numbers made."""
    by = f"version {result.version}" if result.version else "an older version"
    return f"{result.name}: its result is of numbers {result.numbers} ({by}), not {matrix.numbers}"
