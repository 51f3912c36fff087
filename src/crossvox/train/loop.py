"""The one training loop, for every task.

What it promises:

* *Order.* Samples are asked for by key ``(epoch, i)``. The order is one endless stream: a
  permutation of the data set for epoch 0, then one for epoch 1, ..., each drawn from
  ``(seed, epoch)``. The stream is cut into batches of equal size; a batch may span two epochs, so
  there is no short last batch, nothing is dropped, and every sample comes once an epoch.
* *Resume.* A run that was stopped and goes on gives, on a CPU with the same number of processes,
  bit for bit the weights of a run that never stopped: weights, optimizer moments, rate, place in
  the stream and torch's random state are all in the ``last`` checkpoint. The random states of
  ``random`` and ``numpy`` are not: networks draw from torch, data sets from their key.
* *Validation* never changes what is learnt: random states are put back after it.
* *Scores* are computed once, from counts added over the whole validation split.

Heavy imports (torch, accelerate) happen inside functions: the parameters must be cheap to import.
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import crossvox
from crossvox.core.artifact import (
    MANIFEST,
    SCHEMA,
    Manifest,
    Stopwatch,
    digest,
    plain,
    read_json,
    read_manifest,
    replacing,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, CheckpointError, CrossvoxError, ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.core.volume import Score
from crossvox.train.params import LOG, LOSS, NEUTRAL, PARAMS, TENSORBOARD, TrainParams
from crossvox.train.report import StoppedBy, TrainProgress, TrainReport
from crossvox.train.stream import SampleStream, validation_batches

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator
    from torch import Tensor, nn

    from crossvox.tasks.task import Task


def rate_share(step: int, params: TrainParams) -> float:
    """Share of the full learning rate that step number ``step`` (0, 1, ...) takes.

    Warm-up: ``(step + 1) / warmup_steps`` for the first ``warmup_steps`` steps. After it, 1, or
    half a cosine from 1 at step ``warmup_steps`` to ``final_share`` at step ``steps``.
    """
    if step < params.warmup_steps:
        return (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        return 1.0
    done = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.final_share + (1 - params.final_share) * (1 + math.cos(math.pi * done)) / 2


def train(
    task: Task,
    dataset: Any,
    collate: Callable[[list[Any]], Any],
    run: Path,
    params: TrainParams,
    *,
    validation: Any = None,
    parameter_groups: Callable[[nn.Module], list[dict[str, Any]]] | None = None,
    recipe: Any = None,
    parents: Mapping[str, str] | None = None,
    links: Mapping[str, Path] | None = None,
    progress: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a task's network, or go on training it, or find that it is trained.

    The run folder gets ``params.json`` at the start, ``log.jsonl``, ``tensorboard/``, the
    checkpoints ``best/`` (by ``task.monitor``; the first of equals) and ``last/``, and
    ``manifest.json`` at the end. A folder that holds the same run is gone on with; only
    parameters in :data:`NEUTRAL` may differ. ``Ctrl-C`` and SIGTERM finish the step, write
    ``last`` and return (a second ``Ctrl-C`` raises at once). Started by ``torchrun`` or
    ``accelerate launch``, each process computes its share and the first one writes.

    Args:
        task: network, loss and scores. Its ``params`` attribute, if any, is recorded.
        dataset: has ``len`` and gives a sample for a key ``(epoch, i)``, deterministic in it.
        collate: makes a batch of a list of samples; the batch has ``to(device)`` or is a tensor,
            or a list, tuple or dictionary of tensors.
        run: the run folder.
        params: how to train.
        validation: data set of the validation split, asked with keys ``(0, i)``; None: no
            validation, and no best checkpoint.
        parameter_groups: from the network to AdamW's groups, for different rates; ``lr`` of a
            group is its rate after warm-up. It may freeze parameters by ``requires_grad_(False)``.
            Default: all parameters that require a gradient, at ``params.rate``.
        recipe: parameters of the whole command, recorded and compared on resume.
        parents: digests of what the run is made from, by role; compared on resume.
        links: folders it is made from, by role; for reports only.
        progress: called after every step, in the first process.

    Returns:
        How it ended.

    Raises:
        ArtifactError: the folder holds another run, or something else.
        CheckpointError: a checkpoint is damaged, or cannot be written.
        CrossvoxError: a loss or gradient is not finite; nothing is saved then, the last good
            checkpoint stays.
        ParamsError: an empty data set, a device that is not there, an unknown monitor score.
    """
    expect(
        len(dataset) > 0 and (validation is None or len(validation) > 0),
        given=f"{len(dataset)} training samples"
        + ("" if validation is None else f", {len(validation)} validation samples"),
        needed="at least one sample in each split",
        do="check the scene lists and the data folder",
        error=ParamsError,
    )
    samples = {"train": len(dataset)}
    if validation is not None:
        samples["validation"] = len(validation)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "version": crossvox.__version__,
        "task": {"name": task.name, "params": getattr(task, "params", None)},
        "train": params,
        "recipe": recipe,
        "parents": dict(parents or {}),
        "samples": samples,
    }
    record = plain(record)
    _check_folder(run, record)
    done = _finished(run, task, params)
    if done is not None:
        return done
    with _caller_random_kept():
        session = _Session(
            task, dataset, collate, run, params, validation, parameter_groups, record
        )
        try:
            with _StopRequest() as stop:
                return session.run(stop, progress, links or {})
        finally:
            session.close()


@dataclass
class _State:
    """The part of a run that changes, and that ``state.json`` keeps."""

    step: int = 0
    place: int = 0
    seconds: float = 0.0
    seconds_by_part: dict = field(default_factory=dict)
    best_step: int | None = None
    best_value: float | None = None
    best_scores: list = field(default_factory=list)
    scores: dict = field(default_factory=dict)
    validation_due: bool = False
    processes: int = 1
    scaler: dict | None = None


class _StopRequest:
    """Turns Ctrl-C and SIGTERM into a flag while it is entered (in the main thread only)."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: Any) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True


def _ignore_interrupts(_: int) -> None:
    # Ctrl-C reaches every process of the terminal's group; workers must outlive the step.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Session:
    """One call of :func:`train`."""

    def __init__(
        self,
        task: Task,
        dataset: Any,
        collate: Callable[[list[Any]], Any],
        run: Path,
        params: TrainParams,
        validation: Any,
        parameter_groups: Callable[[nn.Module], list[dict[str, Any]]] | None,
        record: dict[str, Any],
    ) -> None:
        import torch

        self.task, self.run_folder, self.params, self.record = task, run, params, record
        self.dataset, self.validation, self.collate = dataset, validation, collate
        self.begin_s = time.perf_counter()
        self.writer: Any = None
        self._validation: Any = None
        self.accelerator, self.precision = _accelerator(params)
        self.main: bool = self.accelerator.is_main_process
        self.device: torch.device = self.accelerator.device

        if self.main:
            self._claim_folder()
        self.accelerator.wait_for_everyone()

        torch.manual_seed(params.seed)
        network = task.build()
        groups = (
            [{"params": [p for p in network.parameters() if p.requires_grad]}]
            if parameter_groups is None
            else parameter_groups(network)
        )
        optimizer = torch.optim.AdamW(groups, lr=params.rate, weight_decay=params.weight_decay)
        for group in optimizer.param_groups:
            group["full_rate"] = float(group["lr"])
        self.trained = [p for group in optimizer.param_groups for p in group["params"]]
        expect(
            len(self.trained) > 0,
            given=f"a network {type(network).__name__} without parameters to train",
            needed="at least one parameter that requires a gradient",
            do="check what is frozen",
            error=ParamsError,
        )
        self.parameters = sum(p.numel() for p in self.trained)

        self.state = _State()
        self.resumed_from: int | None = None
        checkpoint = self._load_last(network)
        self.network, self.optimizer = self.accelerator.prepare(network, optimizer)
        self.bare: nn.Module = self.accelerator.unwrap_model(self.network)
        # A second generator for dropout: each process its own, and the same whether or not the
        # initial weights were drawn.
        torch.manual_seed(params.seed * 1_000_003 + 1 + self.accelerator.process_index)
        if checkpoint is not None:
            self._restore(checkpoint)
        self.watch = Stopwatch()
        self.watch.seconds.update(self.state.seconds_by_part)
        self.earlier_s = self.state.seconds
        self.dropped_log_lines = 0

    # Files

    def _claim_folder(self) -> None:
        from crossvox.train.checkpoint import restore_swapped

        self.run_folder.mkdir(parents=True, exist_ok=True)
        (self.run_folder / MANIFEST).unlink(missing_ok=True)
        write_json(self.run_folder / PARAMS, self.record)
        for name in ("best", "last"):
            restore_swapped(self.run_folder / name)

    def _load_last(self, network: nn.Module) -> Any:
        from crossvox.train.checkpoint import load_checkpoint, put_weights

        folder = self.run_folder / "last"
        if not folder.is_dir():
            return None
        checkpoint = load_checkpoint(folder)
        if checkpoint.optimizer is None:
            raise CheckpointError(
                f"given: {folder} without optimizer.safetensors; needed: a complete checkpoint to "
                f"go on from; do: delete {self.run_folder} and train again"
            )
        try:
            self.state = from_plain(_State, checkpoint.state, str(folder / "state.json"))
        except ParamsError as error:
            raise CheckpointError(str(error)) from None
        put_weights(checkpoint.network, network, str(folder))
        self.resumed_from = self.state.step
        return checkpoint

    def _restore(self, checkpoint: Any) -> None:
        import torch

        from crossvox.train.checkpoint import RANDOM, restore_optimizer

        source = str(self.run_folder / "last")
        inner: torch.optim.Optimizer = self.optimizer.optimizer
        restore_optimizer(inner, self.bare, checkpoint.optimizer, source)
        if self.accelerator.scaler is not None and self.state.scaler is not None:
            self.accelerator.scaler.load_state_dict(self.state.scaler)
        # With another number of processes the run goes on, but not bit for bit: fresh dropout.
        if self.state.processes != self.accelerator.num_processes:
            torch.manual_seed(torch.initial_seed() + self.state.step * 7919)
            return
        name = f"{RANDOM}{self.accelerator.process_index}"
        torch.set_rng_state(checkpoint.optimizer[f"{name}.cpu"])
        if self.device.type == "cuda" and f"{name}.cuda" in checkpoint.optimizer:
            torch.cuda.set_rng_state(checkpoint.optimizer[f"{name}.cuda"], self.device)

    def _random_states(self) -> dict[str, Tensor]:
        """Random states of all processes, by name."""
        import torch
        from accelerate.utils import gather_object

        from crossvox.train.checkpoint import RANDOM

        own = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.device)
        everyone = gather_object([own]) if self.accelerator.num_processes > 1 else [own]
        return {
            f"{RANDOM}{rank}.{kind}": state
            for rank, states in enumerate(everyone)
            for kind, state in states.items()
        }

    def _save(self, folder: str, *, resumable: bool) -> None:
        from crossvox.train.checkpoint import optimizer_tensors, save_checkpoint

        with self.watch("save"):
            tensors = self._random_states() if resumable else None
            if self.main:
                if tensors is not None:
                    tensors |= optimizer_tensors(self.optimizer.optimizer, self.bare)
                self.state.seconds = self.seconds
                self.state.seconds_by_part = dict(self.watch.seconds)
                self.state.processes = self.accelerator.num_processes
                scaler = self.accelerator.scaler
                self.state.scaler = None if scaler is None else scaler.state_dict()
                save_checkpoint(self.run_folder / folder, self.bare, asdict(self.state), tensors)
            self.accelerator.wait_for_everyone()

    def _open_log(self) -> None:
        """Cut the log back to the checkpoint, so that no step is told twice."""
        if not self.main:
            return
        path = self.run_folder / LOG
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if self._is_before_checkpoint(line)]
        self.dropped_log_lines = len(lines) - len(kept)
        with replacing(path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        if self.params.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            again = (self.run_folder / TENSORBOARD).is_dir()
            self.writer = SummaryWriter(
                str(self.run_folder / TENSORBOARD),
                purge_step=self.state.step + 1 if again else None,
            )

    def _is_before_checkpoint(self, line: str) -> bool:
        try:
            return int(json.loads(line)["step"]) <= self.state.step
        except (ValueError, KeyError, TypeError):
            return False

    def _log(self, entry: Mapping[str, Any], scalars: Mapping[str, float]) -> None:
        if not self.main:
            return
        line = {"step": self.state.step, **entry, "seconds": round(self.seconds, 3)}
        try:
            with (self.run_folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(plain(line)) + "\n")
        except OSError as error:
            raise CheckpointError(
                f"given: {self.run_folder / LOG}, which cannot be written ({error}); needed: some "
                f"space and permission to write; do: free some space and run the same command "
                f"again, it goes on from the last checkpoint"
            ) from None
        if self.writer is not None:
            for name, value in scalars.items():
                self.writer.add_scalar(name, value, self.state.step)

    def close(self) -> None:
        """Close TensorBoard's file, end the validation's workers, part from other processes."""
        if self.writer is not None:
            self.writer.close()
        self._validation = None
        self.accelerator.end_training()

    # Training

    @property
    def seconds(self) -> float:
        """Time trained, all sessions together."""
        return self.earlier_s + time.perf_counter() - self.begin_s

    def run(
        self,
        stop: _StopRequest,
        progress: Callable[[TrainProgress], None] | None,
        links: Mapping[str, Path],
    ) -> TrainReport:
        """Train to the end, or until something asks to stop."""
        params, state = self.params, self.state
        first, loss, saved = state.step, math.nan, self.resumed_from is not None
        stopped_by: StoppedBy = "steps"
        self._open_log()
        batches = iter(self._training_batches())
        while True:
            if state.validation_due:
                if not self._validate(stop):
                    stopped_by = "interrupt"
                    break
                self._save("last", resumable=True)
                saved = True
            if state.step >= params.steps or stopped_by == "time limit":
                break
            loss, rate = self._step(batches)
            saved = False
            state.validation_due = self.validation is not None and (
                state.step == params.steps
                or (params.validate_every > 0 and state.step % params.validate_every == 0)
            )
            if progress is not None and self.main:
                progress(self._progress(loss, rate, first))
            late = params.max_minutes is not None and self.seconds >= params.max_minutes * 60
            interrupted, late = self._any_process(stop.requested, late)
            if interrupted and (state.step < params.steps or state.validation_due):
                stopped_by = "interrupt"
                break
            if late and state.step < params.steps:
                stopped_by = "time limit"
                state.validation_due = self.validation is not None
            if (
                params.save_every > 0
                and state.step % params.save_every == 0
                and not state.validation_due
            ):
                self._save("last", resumable=True)
                saved = True
        if not saved:
            self._save("last", resumable=True)
        if stopped_by != "interrupt" and self.main:
            self._write_manifest(stopped_by, links)
        self.accelerator.wait_for_everyone()
        return TrainReport(
            run=self.run_folder,
            step=state.step,
            stopped_by=stopped_by,
            resumed_from=self.resumed_from,
            already_finished=False,
            seconds=self.seconds,
            loss=loss,
            monitor=self.task.monitor,
            best_step=state.best_step,
            scores=_scores(state.best_scores),
            parameters=self.parameters,
            dropped_log_lines=self.dropped_log_lines,
        )

    def _training_batches(self) -> Any:
        stream = SampleStream(
            len(self.dataset),
            self.params.seed,
            self.params.batch_size,
            start=self.state.place,
            batches=(self.params.steps - self.state.step) * self.params.accumulate,
            rank=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        return self._loader(stream, self.dataset)

    def _loader(self, batches: Any, dataset: Any) -> Any:
        import torch
        from torch.utils.data import DataLoader

        return DataLoader(
            dataset,
            batch_sampler=batches,
            num_workers=self.params.workers,
            collate_fn=self.collate,
            worker_init_fn=_ignore_interrupts,
            # Without a generator of its own each new iterator draws from the global one, which
            # would shift dropout by the number of validations.
            generator=torch.Generator(),
            persistent_workers=self.params.workers > 0,
        )

    def _step(self, batches: Iterator[Any]) -> tuple[float, float]:
        """One optimizer step; returns its loss and learning rate."""
        params, state, accelerator = self.params, self.state, self.accelerator
        share = rate_share(state.step, params)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * share
        rate = float(self.optimizer.param_groups[0]["lr"])
        self.network.train()
        values: dict[str, float] = {}
        for number in range(params.accumulate):
            with self.watch("data"):
                batch = _to_device(next(batches), self.device)
            last = number == params.accumulate - 1
            with (
                self.watch("learn"),
                nullcontext() if last else accelerator.no_sync(self.network),
            ):
                losses = self.task.loss(self.network, batch)
                accelerator.backward(losses.total / params.accumulate)
                for name, value in (("", losses.total), *losses.parts.items()):
                    values[name] = values.get(name, 0.0) + float(value.detach()) / params.accumulate
        with self.watch("learn"):
            values = self._mean_over_processes(values)
            loss = values.pop("")
            self._expect_finite(loss, "loss")
            if params.clip_norm > 0:
                norm = accelerator.clip_grad_norm_(self.trained, params.clip_norm)
            else:
                norm = _gradient_norm(self.trained)
            # With fp16 a gradient that overflows is normal: the scaler skips that step.
            if accelerator.scaler is None and norm is not None:
                self._expect_finite(float(norm), "gradient norm")
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.place += params.batch_size * params.accumulate * accelerator.num_processes
        entry: dict[str, Any] = {"split": "train", "loss": loss, "rate": rate}
        if len(values) > 1:
            entry["parts"] = values
        self._log(
            entry,
            {"loss/train": loss, "rate": rate}
            | {f"loss parts/{name}": value for name, value in values.items() if len(values) > 1},
        )
        return loss, rate

    def _expect_finite(self, value: float, what: str) -> None:
        if math.isfinite(value):
            return
        state, params = self.state, self.params
        stream = SampleStream(len(self.dataset), params.seed, params.batch_size, start=state.place)
        keys = ", ".join(str(key) for key in next(iter(stream)))
        last = self.run_folder / "last"
        kept = f"the last good checkpoint is {last}" if last.is_dir() else "nothing was saved yet"
        raise CrossvoxError(
            f"given: a {what} of {value} at step {state.step + 1}, first samples (epoch, number) "
            f"{keys}; needed: a finite number; do: lower the rate ({params.rate:g}), lengthen the "
            f"warm-up, clip gradients, or look at these samples; {kept}"
        )

    def _validate(self, stop: _StopRequest) -> bool:
        """Score the validation split and keep the best; False if asked to stop before the end."""
        import torch

        with self.watch("validate"):
            accelerator, params = self.accelerator, self.params
            if self._validation is None:
                keys = validation_batches(
                    len(self.validation),
                    params.batch_size,
                    params.validate_batches,
                    accelerator.process_index,
                    accelerator.num_processes,
                )
                self._validation = self._loader(keys, self.validation)
            counts: dict[str, Tensor] = {}
            devices = [self.device] if self.device.type == "cuda" else []
            # The bare network: the processes may have different numbers of batches, and the
            # wrapper of several processes would wait for all of them in every forward pass.
            self._share_buffers()
            self.bare.eval()
            with torch.random.fork_rng(devices=devices), torch.no_grad():
                for raw in self._validation:
                    if stop.requested and accelerator.num_processes == 1:
                        return False
                    batch = _to_device(raw, self.device)
                    for name, value in self.task.observe(self.bare, batch).items():
                        value = value.detach().to("cpu", torch.float64)
                        counts[name] = counts[name] + value if name in counts else value
            scores = self.task.scores(self._sum_over_processes(counts))
        self._keep_best(scores)
        return True

    def _keep_best(self, scores: Sequence[Score]) -> None:
        task, state = self.task, self.state
        by_name = {score.name: score.value for score in scores}
        expect(
            task.monitor in by_name,
            given=f"task {task.name} whose scores are {', '.join(by_name) or 'none'}",
            needed=f"one called {task.monitor!r}, by which the best checkpoint is picked",
            do="correct the task's monitor",
            error=ParamsError,
        )
        value = by_name[task.monitor]
        state.validation_due = False
        state.scores = plain(by_name)
        sign = 1 if task.monitor_higher_is_better else -1
        if math.isfinite(value) and (
            state.best_value is None or sign * value > sign * state.best_value
        ):
            state.best_step, state.best_value = state.step, float(value)
            state.best_scores = [plain(score) for score in scores]
            self._save("best", resumable=False)
        shown = {name: value for name, value in by_name.items() if name != LOSS}
        loss = by_name.get(LOSS)
        self._log(
            {"split": "validation", "loss": loss, "scores": shown},
            ({} if loss is None else {"loss/validation": loss})
            | {f"score/{name}": value for name, value in shown.items()},
        )

    def _progress(self, loss: float, rate: float, first: int) -> TrainProgress:
        state = self.state
        session_s = time.perf_counter() - self.begin_s
        return TrainProgress(
            step=state.step,
            steps=self.params.steps,
            loss=loss,
            rate=rate,
            seconds=self.seconds,
            eta_s=session_s / (state.step - first) * (self.params.steps - state.step),
            scores={n: math.nan if v is None else v for n, v in state.scores.items()},
        )

    def _write_manifest(self, stopped_by: StoppedBy, links: Mapping[str, Path]) -> None:
        state = self.state
        write_manifest(
            self.run_folder,
            Manifest(
                stage=f"train-{self.task.name}",
                params={key: self.record[key] for key in ("task", "train", "recipe", "samples")},
                parents=self.record["parents"],
                seed=self.params.seed,
                seconds={"total": self.seconds, **self.watch.seconds},
                notes={
                    "parameters": self.parameters,
                    "step": state.step,
                    "stopped_by": stopped_by,
                    "epochs": state.place / len(self.dataset),
                    "monitor": self.task.monitor,
                    "best_step": state.best_step,
                    "best_scores": state.best_scores,
                    "device": str(self.device),
                    "processes": self.accelerator.num_processes,
                    "precision": self.precision,
                },
                links={
                    role: Path(os.path.relpath(path, self.run_folder)).as_posix()
                    for role, path in links.items()
                },
            ),
        )

    # Between processes

    def _any_process(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag, true if it is true in any process: all must stop at the same step."""
        if self.accelerator.num_processes == 1:
            return flags
        total = self.accelerator.reduce(self._tensor([float(flag) for flag in flags]), "sum")
        return tuple(value > 0 for value in total.tolist())

    def _mean_over_processes(self, values: dict[str, float]) -> dict[str, float]:
        if self.accelerator.num_processes == 1:
            return values
        mean = self.accelerator.reduce(self._tensor(list(values.values())), "mean")
        return dict(zip(values, mean.tolist(), strict=True))

    def _sum_over_processes(self, counts: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.accelerator.num_processes == 1:
            return counts
        from accelerate.utils import gather_object

        total: dict[str, Tensor] = {}
        for part in gather_object([counts]):
            for name, value in part.items():
                total[name] = total[name] + value if name in total else value
        return total

    def _share_buffers(self) -> None:
        """Give every process the first one's buffers (running means), which are what is saved."""
        if self.accelerator.num_processes > 1:
            from accelerate.utils import broadcast

            for buffer in self.bare.buffers():
                broadcast(buffer)

    def _tensor(self, values: list[float]) -> Tensor:
        import torch

        return torch.tensor(values, dtype=torch.float32, device=self.device)


def _accelerator(params: TrainParams) -> tuple[Accelerator, str]:
    """The device and process set-up, and a sentence on the number format."""
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState

    there = torch.accelerator.current_accelerator(check_available=True)
    kind = "cpu" if there is None else there.type
    expect(
        params.device in ("auto", "cpu", kind),
        given=f"device {params.device}",
        needed=f"one that is there: {kind if kind == 'cpu' else f'{kind}, cpu'}",
        do="pass auto",
        error=ParamsError,
    )
    if params.device == "cpu":
        kind = "cpu"
    asked: Literal["no", "fp16", "bf16"] = params.mixed_precision
    fits = kind == "cuda" and (asked != "bf16" or torch.cuda.is_bf16_supported())
    used = asked if fits else "no"
    precision: str = "float32" if used == "no" else used
    if used != asked:
        precision += f" ({asked} was asked for, which {kind} does not do well)"
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        # The library keeps its set-up for the life of the process and refuses another one; runs
        # with different devices must be possible one after the other.
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
    return Accelerator(cpu=kind == "cpu", mixed_precision=used), precision


def _gradient_norm(parameters: Sequence[Tensor]) -> Tensor | None:
    import torch

    gradients = [p.grad for p in parameters if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else None


def _to_device(batch: Any, device: torch.device) -> Any:
    if hasattr(batch, "to"):
        return batch.to(device)
    from accelerate.utils import send_to_device

    return send_to_device(batch, device)


@contextmanager
def _caller_random_kept() -> Iterator[None]:
    """Give the caller's random state back: training seeds torch's generator."""
    import torch

    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


# Run folders


def _check_folder(run: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder that holds anything but this run."""
    if not run.exists():
        return
    expect(
        run.is_dir(),
        given=f"{run}, which is a file",
        needed="a folder for the run",
        do="name another folder",
        error=ArtifactError,
    )
    if not (run / PARAMS).is_file():
        others = sorted(path.name for path in run.iterdir() if not path.name.startswith("."))
        expect(
            not others,
            given=f"{run}, which holds {', '.join(others[:5])} but no {PARAMS}",
            needed="an empty or new folder, or one that a training run wrote",
            do="name another folder",
            error=ArtifactError,
        )
        return
    there, asked = _compared(read_json(run / PARAMS)), _compared(record)
    if digest(there) == digest(asked):
        return
    nothing = "nothing"
    changes = [
        f"{name}: {there.get(name, nothing)!r} there, {asked.get(name, nothing)!r} asked"
        for name in sorted({*there, *asked})
        if digest(there.get(name, nothing)) != digest(asked.get(name, nothing))
    ]
    more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
    raise ArtifactError(
        f"given: {run}, which holds a run with other parameters ({'; '.join(changes[:5])}{more}); "
        f"needed: the same parameters to go on with it (only {', '.join(sorted(NEUTRAL))} may "
        f"change), or an empty folder; do: name another folder, or delete this one"
    )


def _compared(value: Any, where: str = "") -> dict[str, Any]:
    """The fields of a record that must not change on resume, by dotted name."""
    if not isinstance(value, Mapping):
        # A parameter that is off is like one that an older version did not know.
        return {} if value is None else {where: value}
    fields: dict[str, Any] = {}
    for key, item in value.items():
        if key not in NEUTRAL and (where or key not in ("schema", "version")):
            fields |= _compared(item, f"{where}.{key}" if where else key)
    return fields


def _finished(run: Path, task: Task, params: TrainParams) -> TrainReport | None:
    """The report of a run that is complete, or None if there is something left to do."""
    if not (run / MANIFEST).is_file():
        return None
    manifest = read_manifest(run)
    notes = manifest.notes
    trained_s = manifest.seconds.get("total", 0.0)
    stopped_by: StoppedBy = notes.get("stopped_by", "steps")
    if stopped_by == "time limit" and (
        params.max_minutes is None or trained_s < params.max_minutes * 60
    ):
        return None
    return TrainReport(
        run=run,
        step=int(notes.get("step", params.steps)),
        stopped_by=stopped_by,
        resumed_from=None,
        already_finished=True,
        seconds=trained_s,
        loss=math.nan,
        monitor=task.monitor,
        best_step=notes.get("best_step"),
        scores=_scores(notes.get("best_scores", [])),
        parameters=int(notes.get("parameters", 0)),
    )


def _scores(records: Sequence[Mapping[str, Any]]) -> tuple[Score, ...]:
    return tuple(
        Score(**{**record, "value": math.nan if record["value"] is None else record["value"]})
        for record in records
    )
