"""What a run keeps of itself, so that it goes on as if it had never stopped.

The ``last`` checkpoint holds the network, the optimizer's moments, torch's random state in every
process, averaged weights, and the :class:`State`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from crossvox.core.artifact import read_json
from crossvox.core.checks import ArtifactError, CheckpointError, ParamsError, expect
from crossvox.core.files import STATE
from crossvox.core.params import from_plain
from crossvox.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crossvox.train.learner import Learner
from crossvox.train.optimizer import RANDOM, optimizer_tensors, restore_optimizer
from crossvox.train.precision import Format
from crossvox.train.processes import Processes


@dataclass
class State:
    """The part of a run that changes, and that ``state.json`` keeps.

    Attributes:
        step: steps done.
        place: place in the stream of samples.
        seconds: time trained.
        seconds_by_part: likewise, by part.
        best_step: step of the best checkpoint, if there is one.
        best_value: its monitored score.
        best_scores: all its scores, as JSON types.
        average_value: monitored score of the averaged weights in the newest validation.
        higher_is_better: which way the monitored score is good.
        scores: the newest validation's scores by name.
        average_scores: likewise, of the averaged weights.
        validation_due: whether this step's validation is still to be done.
        processes: how many processes trained.
        scaler: state of what scales losses for fp16.
        precision: number format that was used; None: not told.
    """

    step: int = 0
    place: int = 0
    seconds: float = 0.0
    seconds_by_part: dict = field(default_factory=dict)
    best_step: int | None = None
    best_value: float | None = None
    best_scores: list = field(default_factory=list)
    average_value: float | None = None
    higher_is_better: bool = True
    scores: dict = field(default_factory=dict)
    average_scores: dict = field(default_factory=dict)
    validation_due: bool = False
    processes: int = 1
    scaler: dict | None = None
    precision: str | None = None


def kept_format(last: Path) -> Format | None:
    """Number format that a run has used so far, or None if it has not begun or does not tell."""
    try:
        found = read_json(last / STATE).get("precision")
    except (ArtifactError, AttributeError):
        return None  # Whoever loads the checkpoint says what is wrong with it.
    return found if found in ("no", "fp16", "bf16") else None


def load_last(last: Path) -> tuple[Checkpoint, State] | None:
    """The checkpoint that a run goes on from, or None if it has none yet.

    Raises:
        CheckpointError: it is damaged or incomplete.
    """
    if not last.is_dir():
        return None
    checkpoint = load_checkpoint(last)
    expect(
        checkpoint.optimizer is not None,
        given=f"{last} without optimizer.safetensors",
        needed="a complete checkpoint to go on from",
        do=f"delete {last.parent} and train again",
        error=CheckpointError,
    )
    try:
        state = from_plain(State, checkpoint.state, str(last / STATE))
    except ParamsError as error:
        raise CheckpointError(str(error)) from None
    counted = (state.step, state.place, state.seconds, state.best_step or 0, state.processes - 1)
    expect(
        all(0 <= number < math.inf for number in counted),
        given=f"{last / STATE} with step {state.step}, place {state.place}, {state.seconds} s, "
        f"{state.processes} processes",
        needed="numbers from 0 on, and a process",
        do=f"delete {last.parent} and train again",
        error=CheckpointError,
    )
    return checkpoint, state


def restore(
    checkpoint: Checkpoint, state: State, learner: Learner, processes: Processes, source: str
) -> None:
    """Put the optimizer's moments, the loss scale and the random states back.

    With another number of processes the run goes on, but not bit for bit: dropout is drawn anew.

    Raises:
        CheckpointError: they do not fit.
    """
    tensors = checkpoint.optimizer or {}
    restore_optimizer(learner.optimizer.optimizer, learner.bare, tensors, source)
    if learner.average is not None:
        learner.average.restore(tensors, source)
    try:
        _restore_rest(tensors, state, processes)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"given: {source}, whose random state or loss scale cannot be put back ({error!r}); "
            f"needed: a complete checkpoint; do: train in a new folder"
        ) from None


def _restore_rest(tensors: Mapping[str, Tensor], state: State, processes: Processes) -> None:
    if processes.scaler is not None and state.scaler is not None:
        processes.scaler.load_state_dict(state.scaler)
    if state.processes != processes.count:
        torch.manual_seed(torch.initial_seed() + state.step * 7919)
        return
    name = f"{RANDOM}{processes.rank}"
    torch.set_rng_state(tensors[f"{name}.cpu"])
    if processes.device.type == "cuda" and f"{name}.cuda" in tensors:
        torch.cuda.set_rng_state(tensors[f"{name}.cuda"], processes.device)


def takes_best(state: State, value: float) -> bool:
    """Whether a monitored score is the best one so far, the first of equals."""
    sign = 1 if state.higher_is_better else -1
    better = state.best_value is None or sign * value > sign * state.best_value
    return math.isfinite(value) and better


def save_last(last: Path, state: State, learner: Learner, processes: Processes) -> None:
    """Write the checkpoint that the run goes on from. Every process must call it.

    Raises:
        CheckpointError: it cannot be written.
    """
    random = _random_states(processes)
    if processes.main:
        moments = optimizer_tensors(learner.optimizer.optimizer, learner.bare)
        averaged = {} if learner.average is None else learner.average.named()
        _save(last, state, learner, processes, random | moments | averaged)
    processes.wait()


def save_best(best: Path, state: State, learner: Learner, processes: Processes) -> None:
    """Write the best checkpoint, which nothing goes on from. Every process must call it."""
    if processes.main:
        _save(best, state, learner, processes, None)
    processes.wait()


def save_average(average: Path, state: State, learner: Learner, processes: Processes) -> None:
    """Write the averaged weights, which nothing goes on from. Every process must call it."""
    if processes.main and learner.average is not None:
        with learner.average.put_in():
            _save(average, state, learner, processes, None)
    processes.wait()


def _save(
    folder: Path,
    state: State,
    learner: Learner,
    processes: Processes,
    tensors: dict[str, Tensor] | None,
) -> None:
    state.processes = processes.count
    state.precision = processes.precision.used
    state.scaler = None if processes.scaler is None else processes.scaler.state_dict()
    save_checkpoint(folder, learner.bare, asdict(state), tensors)


def _random_states(processes: Processes) -> dict[str, Tensor]:
    """Random states of all processes, by name."""
    own = {"cpu": torch.get_rng_state()}
    if processes.device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state(processes.device)
    return {
        f"{RANDOM}{rank}.{kind}": state
        for rank, states in enumerate(processes.gather(own))
        for kind, state in states.items()
    }
