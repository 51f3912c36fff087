"""The log of a run: ``log.jsonl``, TensorBoard's files beside it, and who else is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain, replacing
from crossvox.core.checks import CheckpointError
from crossvox.core.files import LOG
from crossvox.train.params import TENSORBOARD
from crossvox.train.trackers import Trackers


class RunLog:
    """Lines of ``log.jsonl`` and TensorBoard's curves, from step ``step`` on.

    Lines beyond the checkpoint that training goes on from are dropped: no step is told twice.

    Args:
        run: the run folder.
        step: step of the checkpoint.
        tensorboard: whether to write TensorBoard's files.
        trackers: names of others that are told; see :mod:`crossvox.train.trackers`.
        config: what these are told of the run at its beginning.

    Attributes:
        dropped: how many lines were dropped.

    Raises:
        ParamsError, CrossvoxError, ArtifactError: see :class:`crossvox.train.trackers.Trackers`.
    """

    def __init__(
        self,
        run: Path,
        step: int,
        *,
        tensorboard: bool,
        trackers: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = run / LOG
        self.dropped, newest = self._cut_back(step)
        self._trackers = Trackers(trackers, run, config or {}, step=step, logged=newest)
        self._writer: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            again = (run / TENSORBOARD).is_dir()
            self._writer = SummaryWriter(
                str(run / TENSORBOARD), purge_step=step + 1 if again else None
            )

    def _cut_back(self, step: int) -> tuple[int, int]:
        """Drop lines beyond a step; how many, and the newest step that any line told of."""
        there = self._path.is_file()
        text = self._path.read_bytes().decode(errors="replace") if there else ""
        lines = text.splitlines()
        steps = [_step_of(line) for line in lines]
        kept = [line for line, of in zip(lines, steps, strict=True) if of <= step]
        with replacing(self._path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        return len(lines) - len(kept), int(max((of for of in steps if of < _NEVER), default=0))

    def write(self, step: int, entry: Mapping[str, Any], scalars: Mapping[str, float]) -> None:
        """Add a line, and points to curves.

        Args:
            step: which step they belong to.
            entry: JSON types.
            scalars: values by curve.

        Raises:
            CheckpointError: the file cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(plain({"step": step, **entry})) + "\n")
        except OSError as error:
            raise CheckpointError(
                f"given: {self._path}, which cannot be written ({error}); needed: some space and "
                f"permission to write; do: free some space and run the same command again, it "
                f"goes on from the last checkpoint"
            ) from error
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)
        self._trackers.write(step, scalars)

    def close(self) -> None:
        """Close TensorBoard's file, and tell trackers that this session has ended."""
        if self._writer is not None:
            self._writer.close()
        self._trackers.close()


_NEVER = float("inf")


def _step_of(line: str) -> float:
    """Step of a line; of one that was cut off, or is none of ours, infinity."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return _NEVER
