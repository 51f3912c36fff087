"""What all training runs have in common as stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.flow.runner import DryRunEnds, Work
from crossvox.flow.stage import Continued, State
from crossvox.train.folder import (
    checkpoints_of,
    expect_same_run,
    finished,
    make_record,
    state_of,
)
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainReport

if TYPE_CHECKING:
    from crossvox.tasks.task import Task


class Training(Continued):
    """A run folder that is worked in over several calls; ``params.train`` says how.

    ``go_on`` ends by :func:`only_look` where ``work.dry`` is set, before it reads data.
    """

    NAME = "train"

    params: Any

    def state(self, folder: Path) -> State:
        """Whether the run is finished, begun, or neither."""
        return state_of(folder)

    def foresee(self, work: Work) -> State:
        """Whether it is there, would go on or begin; what would be refused is refused.

        Raises:
            MadeOtherwise: the folder holds another run.
            CrossvoxError: the network cannot be built, or not be started from what was named.
        """
        try:
            self.go_on(work)
        except DryRunEnds:
            there = self.state(work.out)
            return "continue" if there == "keep" else there
        return "keep"

    def parts(self, folder: Path) -> list[Path]:
        """Its checkpoints."""
        return checkpoints_of(folder)

    def size(self) -> float:
        """Samples that are learnt from, one after the other."""
        train = self.params.train
        return float(train.steps * train.batch_size * train.accumulate)

    def rate(self) -> str:
        """A sample of one task takes many times as long as one of another."""
        return f"{self.NAME} {type(self.params).__name__}"


def only_look(
    run: Path,
    task: Task,
    *,
    train: TrainParams,
    recipe: Mapping[str, Any],
    parents: Mapping[str, str | None],
    build: Callable[[], object] | None = None,
) -> TrainReport:
    """End a dry run of a training, where data would be read next.

    Args:
        run: the run folder.
        task: what is learnt, as far as it is known without data.
        train: how it is trained.
        recipe: what is recorded of the command, as far as it is known.
        parents: digests of what the run is made from, likewise; None: it has no such part.
        build: builds its network; None: as the task does.

    Returns:
        The report of a run that is finished.

    Raises:
        DryRunEnds: there is something to train.
        MadeOtherwise: the folder holds another run.
        CrossvoxError: the network cannot be built.
    """
    record = make_record(
        task.name,
        getattr(task, "params", None),
        train,
        samples={},
        recipe=recipe,
        parents={role: digest for role, digest in parents.items() if digest is not None},
        numbers=getattr(task, "numbers", 1),
    )
    known = ["numbers", "task", "train"]
    known += [f"recipe.{name}" for name in recipe] + [f"parents.{role}" for role in parents]
    expect_same_run(run, record, known)
    done = finished(run, task.monitor, train)
    if done is None:
        _expect_builds(build or task.build)
        raise DryRunEnds
    return done


def _expect_builds(build: Callable[[], object]) -> None:
    """Build a network without memory or numbers for its weights, which takes no time."""
    import torch

    try:
        with torch.device("meta"):
            build()
    except Exception:
        build()  # one that counts with its weights while it is built, or one that cannot be built
