"""What all training runs have in common as stages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.artifact import read_manifest
from crossvox.flow.runner import DryRunEnds, Work
from crossvox.flow.stage import Continued, State
from crossvox.recipes.data import expect_data
from crossvox.recipes.shipped import is_gone
from crossvox.recipes.start import complete_record, expect_was, tell_kept
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
    done = _finished_alike(run, task, train, recipe, parents)
    if done is None:
        _expect_builds(build or task.build)
        raise DryRunEnds
    return done


def expect_data_for(run: Path, data: Path) -> None:
    """Refuse a data folder that is not there; a complete run may do without.

    Raises:
        ArtifactError: it is not there, or no stage wrote it.
    """
    if not (is_gone(data) and state_of(run) == "keep"):
        expect_data(data)
        read_manifest(data)


def kept_without(
    made_from: Mapping[str, Path],
    task: Task,
    work: Work,
    *,
    train: TrainParams,
    recipe: Mapping[str, Any],
    parents: Mapping[str, str],
    untold: Collection[str] = (),
) -> TrainReport | None:
    """The report of a complete run where folders that it was made from are gone.

    What it tells of itself is compared with what is asked for, but for what the folders told.

    Args:
        made_from: folders that it is asked to be made from, by role.
        task: what is learnt, as far as it is known without them.
        work: where the run is.
        train: how it is trained.
        recipe: what is recorded of the command, as far as it is known without them.
        parents: digests of what it is made from, likewise.
        untold: roles of digests that are not known without them.

    Returns:
        None where all folders are there, and of a run that needs them: one that is not finished, or
        was not made from such folders.

    Raises:
        MadeOtherwise: the run was made otherwise.
        ParamsError: a folder that is not there is not one that it was made from.
    """
    gone = {role: path for role, path in made_from.items() if is_gone(path)}
    told = complete_record(work.out) if gone else None
    if (
        told is None
        or not gone.keys() <= told.parents.keys() | read_manifest(work.out).links.keys()
    ):
        return None
    for role, path in gone.items():
        expect_was(work.out, role, path)
    roles = dict.fromkeys(told.parents) | dict(parents)
    asked = {role: parents.get(role) for role in roles if role not in untold}
    done = _finished_alike(work.out, task, train, recipe, asked)
    if done is not None:
        tell_kept(work.out, list(gone.values()), work.progress)
    return done


def _finished_alike(
    run: Path,
    task: Task,
    train: TrainParams,
    recipe: Mapping[str, Any],
    parents: Mapping[str, str | None],
) -> TrainReport | None:
    """The report of a complete run, by what is known without data; None: there is none.

    Raises:
        MadeOtherwise: the folder holds another run.
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
    return finished(run, task.monitor, train)


def _expect_builds(build: Callable[[], object]) -> None:
    """Build a network without memory or numbers for its weights, which takes no time."""
    import torch

    try:
        with torch.device("meta"):
            build()
    except Exception:
        build()  # one that counts with its weights while it is built, or one that cannot be built
