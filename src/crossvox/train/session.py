"""One session of a run: from where it stands to one of its ends.

    catch up ──> learn ──> asked to stop? ──> validate ──> save ──> learn ──> ...

A session ends in one of three ways, :data:`crossvox.train.report.StoppedBy`:

* ``steps``: all steps are done, and the last one is validated;
* ``time limit``: the time is up; the step it was up in is validated;
* ``interrupt``: somebody asked to stop. What was due then is remembered in ``last``, and the next
  session begins with it.

After the first two the run is complete and has a manifest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from crossvox.core.artifact import Stopwatch, plain
from crossvox.core.checks import CrossvoxError
from crossvox.core.volume import Score
from crossvox.train import folder, resume
from crossvox.train.job import Job
from crossvox.train.learner import Learner, NotFiniteError, StepResult
from crossvox.train.loaders import training_loader, validation_loader
from crossvox.train.log import RunLog
from crossvox.train.params import LOSS
from crossvox.train.processes import Processes
from crossvox.train.report import StoppedBy, TrainProgress, TrainReport
from crossvox.train.stop import StopRequest
from crossvox.train.stream import SampleStream
from crossvox.train.validation import scores_by_name, validated
from crossvox.train.weights import put_weights


class Session:
    """Trains from where the run folder stands.

    Args:
        job: what to do.

    Raises:
        CheckpointError: the checkpoint to go on from is damaged, or does not fit.
        ParamsError: the device is not there, or there is nothing to train.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.params = job, job.params
        self.last = job.run / "last"
        self._begin_s = time.perf_counter()
        self._log: RunLog | None = None
        self._validation: Any = None
        kept = resume.kept_format(self.last)
        self.processes = Processes(job.params.device, job.params.mixed_precision, kept)
        # First what may fail, such as weights that cannot be downloaded: it leaves no folder.
        self.learner = Learner(job.task, job.params, self.processes, job.parameter_groups)
        if self.processes.main:
            folder.claim(job.run, job.record)
        self.processes.wait()
        self.state = self._take_up()
        if job.ready is not None:
            job.ready(self.learner.bare)
        self.watch = Stopwatch()
        self.watch.seconds.update(self.state.seconds_by_part)
        self._earlier_s = self.state.seconds

    def _take_up(self) -> resume.State:
        """Put the checkpoint's content where it belongs, and give its state."""
        source, found = str(self.last), resume.load_last(self.last)
        if found is not None:
            put_weights(found[0].network, self.learner.bare, source)
        self.learner.prepare()
        self.resumed_from = None if found is None else found[1].step
        # Whether ``last`` holds this very step.
        self._saved = found is not None
        higher = self.job.task.monitor_higher_is_better
        if found is None:
            return resume.State(higher_is_better=higher)
        checkpoint, state = found
        state.higher_is_better = higher
        resume.restore(checkpoint, state, self.learner, self.processes, source)
        return state

    @property
    def seconds(self) -> float:
        """Time trained, all sessions together."""
        return self._earlier_s + time.perf_counter() - self._begin_s

    # From step to step

    def run(self, stop: StopRequest) -> TrainReport:
        """Train to one of the ends.

        Args:
            stop: whether somebody asked to stop.

        Raises:
            CheckpointError: a checkpoint or the log cannot be written.
            CrossvoxError: a loss or gradient is not finite.
            ParamsError: there is no score by which to pick the best checkpoint, or a tracker is not
                installed.
        """
        self._stop, self._first, self._loss = stop, self.state.step, math.nan
        if self.processes.main:
            asked = {key: self.job.record[key] for key in ("task", "train", "recipe", "samples")}
            self._log = RunLog(
                self.job.run,
                self.state.step,
                tensorboard=self.params.tensorboard,
                trackers=self.params.trackers,
                config=asked,
            )
        self._batches = iter(training_loader(self.job, self.state, self.processes))
        end = self._catch_up()
        while end is None:
            end = self._advance()
        if not self._saved:
            self._save_last()
        if end != "interrupt":
            if self.job.validation is None:
                self._keep_average()
            self._complete(end)
        self.processes.wait()
        return self._report(end)

    def _catch_up(self) -> StoppedBy | None:
        """Do what the session before was not given the time for; the end, if there is no more."""
        if self.state.validation_due and not self._validate():
            return "interrupt"
        return "steps" if self.state.step >= self.params.steps else None

    def _advance(self) -> StoppedBy | None:
        """One step and what is due after it; the end, if this was the last one."""
        state = self.state
        self._learn()
        wish = self._wish()
        complete = state.step == self.params.steps
        state.validation_due = self._is_validated(wish)
        if wish == "interrupt" and (not complete or state.validation_due):
            return "interrupt"
        if state.validation_due:
            if not self._validate():
                return "interrupt"
        elif _on_beat(state.step, self.params.save_every):
            self._save_last()
        return "steps" if complete else wish

    def _wish(self) -> StoppedBy | None:
        """Whether a process was asked to stop, or the time is up; the same in every process."""
        limit = self.params.max_minutes
        late = limit is not None and self.seconds >= limit * 60
        interrupted, late = self.processes.any(self._stop.requested, late)
        return "interrupt" if interrupted else "time limit" if late else None

    def _is_validated(self, wish: StoppedBy | None) -> bool:
        """Whether a validation is due after this step."""
        step = self.state.step
        return self.job.validation is not None and (
            step == self.params.steps
            or _on_beat(step, self.params.validate_every)
            or wish == "time limit"
        )

    # What a step is made of

    def _learn(self) -> None:
        state, params = self.state, self.params
        try:
            result = self.learner.step(self._batches, state.step, self.watch)
        except NotFiniteError as error:
            raise _not_finite(error, self.job, state) from None
        state.step += 1
        state.place += params.batch_size * params.accumulate * self.processes.count
        self._saved, self._loss = False, result.loss
        self._write_log(
            {"split": "train", "loss": result.loss, "rate": result.rate}
            | ({"parts": result.parts} if result.parts else {}),
            {"loss/train": result.loss, "rate": result.rate}
            | {f"loss parts/{name}": value for name, value in result.parts.items()},
        )
        if self.job.progress is not None and self.processes.main:
            step_s = (time.perf_counter() - self._begin_s) / (state.step - self._first)
            self.job.progress(_progress(state, params.steps, result, self.seconds, step_s))

    def _validate(self) -> bool:
        """Score the validation split and keep the best; False if asked to stop before the end."""
        job, processes = self.job, self.processes
        if self._validation is None:
            self._validation = validation_loader(job, processes)  # its workers stay
        # Alone, a process may stop at once; together they stop after the next step.
        asked = partial(self._stop_asked, alone=processes.count == 1)
        with self.watch("validate"):
            scores = validated(job.task, self.learner, self._validation, processes, asked)
        if scores is None:
            return False
        own, averaged = scores
        by_name = scores_by_name(job.task, own)
        self.state.validation_due = False
        self.state.scores = plain(by_name)
        self._keep_best(own, by_name[job.task.monitor])
        self._keep_average(averaged)
        shown = {name: value for name, value in by_name.items() if name != LOSS}
        loss = by_name.get(LOSS)
        self._write_log(
            {"split": "validation", "loss": loss, "scores": shown},
            ({} if loss is None else {"loss/validation": loss})
            | {f"score/{name}": value for name, value in shown.items()},
        )
        self._save_last()
        return True

    def _stop_asked(self, *, alone: bool) -> bool:
        return alone and self._stop.requested

    def _keep_best(self, scores: Sequence[Score], value: float) -> None:
        """Write ``best`` if this is the best value so far."""
        state = self.state
        if not resume.takes_best(state, value):
            return
        state.best_step, state.best_value = state.step, float(value)
        state.best_scores = [plain(score) for score in scores]
        with self.watch("save"):
            self._note_time()
            resume.save_best(self.job.run / "best", state, self.learner, self.processes)

    def _keep_average(self, scores: Sequence[Score] | None = None) -> None:
        """Write the averaged weights, if there are any, and tell their scores.

        It comes after ``best``: what it records of both decides which one is taken.
        """
        if self.learner.average is None:
            return
        if scores is not None:
            by_name, monitor = scores_by_name(self.job.task, scores), self.job.task.monitor
            self.state.average_scores = plain(by_name)
            self.state.average_value = self.state.average_scores[monitor]
            self._write_log(
                {"split": "validation of the average", "averaged": self.state.average_scores},
                {f"score/{monitor} (average)": by_name[monitor]},
            )
        with self.watch("save"):
            self._note_time()
            resume.save_average(self.job.run / "average", self.state, self.learner, self.processes)

    def _save_last(self) -> None:
        with self.watch("save"):
            self._note_time()
            resume.save_last(self.last, self.state, self.learner, self.processes)
        self._saved = True

    def _note_time(self) -> None:
        self.state.seconds = self.seconds
        self.state.seconds_by_part = dict(self.watch.seconds)

    # What is told

    def _write_log(self, entry: dict[str, Any], scalars: Mapping[str, float]) -> None:
        if self._log is not None:
            entry["seconds"] = round(self.seconds, 3)
            self._log.write(self.state.step, entry, scalars)

    def _complete(self, end: StoppedBy) -> None:
        if self.processes.main:
            folder.complete(
                self.job.run,
                self.job.record,
                notes={
                    "stopped_by": end,
                    **_notes(self.job, self.state, self.learner, self.processes),
                },
                seconds={"total": self.seconds, **self.watch.seconds},
                links=self.job.links,
            )

    def _report(self, end: StoppedBy) -> TrainReport:
        state = self.state
        return TrainReport(
            run=self.job.run,
            step=state.step,
            stopped_by=end,
            resumed_from=self.resumed_from,
            already_finished=False,
            seconds=self.seconds,
            loss=self._loss,
            monitor=self.job.task.monitor,
            best_step=state.best_step,
            scores=folder.scores_of(state.best_scores),
            parameters=self.learner.parameters,
            dropped_log_lines=0 if self._log is None else self._log.dropped,
        )

    def close(self) -> None:
        """Close the log and end the validation's workers."""
        if self._log is not None:
            self._log.close()
        self._validation = None


def _on_beat(step: int, every: int) -> bool:
    """Whether something that is done every so many steps is done at this one; 0: never."""
    return every > 0 and step % every == 0


def _notes(job: Job, state: resume.State, learner: Learner, processes: Processes) -> dict[str, Any]:
    """What the manifest of a run notes of how it went."""
    averaged = state.average_scores
    counted = [s["class_name"] for s in state.best_scores if s["class_name"] and s["support"]]
    return {
        "parameters": learner.parameters,
        "step": state.step,
        "epochs": state.place / len(job.dataset),
        "monitor": job.task.monitor,
        **({"monitored_classes": counted} if counted else {}),
        "best_step": state.best_step,
        "best_scores": state.best_scores,
        **({"average_scores": averaged} if averaged else {}),
        "device": str(processes.device),
        "processes": processes.count,
        "precision": processes.precision.note,
        "bf16_gain": processes.precision.gain,
    }


def _progress(
    state: resume.State, steps: int, result: StepResult, seconds: float, step_s: float
) -> TrainProgress:
    """Where training stands; ``step_s`` is this session's mean time a step."""
    return TrainProgress(
        step=state.step,
        steps=steps,
        loss=result.loss,
        rate=result.rate,
        seconds=seconds,
        eta_s=step_s * (steps - state.step),
        scores={n: math.nan if v is None else v for n, v in state.scores.items()},
    )


def _not_finite(error: NotFiniteError, job: Job, state: resume.State) -> CrossvoxError:
    """What to tell of a loss or gradient that is not finite."""
    (what, value), params, last = error.args, job.params, job.run / "last"
    stream = SampleStream(len(job.dataset), params.seed, params.batch_size, start=state.place)
    keys = ", ".join(str(key) for key in next(iter(stream)))
    kept = f"the last good checkpoint is {last}" if last.is_dir() else "nothing was saved yet"
    return CrossvoxError(
        f"given: a {what} of {value} at step {state.step + 1}, first samples (epoch, number) "
        f"{keys}; needed: a finite number; do: lower the rate ({params.rate:g}), lengthen the "
        f"warm-up, clip gradients, or look at these samples; {kept}"
    )
