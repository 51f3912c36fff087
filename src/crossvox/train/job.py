"""What a run is told to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.train.params import TrainParams
from crossvox.train.report import TrainProgress

if TYPE_CHECKING:
    from torch import nn

    from crossvox.tasks.task import Task

Groups = Callable[["nn.Module"], list[dict[str, Any]]]
"""From a network to AdamW's groups."""


@dataclass(frozen=True)
class Job:
    """What a run is told to do; for the fields see :func:`crossvox.train.loop.train`."""

    task: Task
    dataset: Any
    collate: Callable[[list[Any]], Any]
    run: Path
    params: TrainParams
    record: dict[str, Any]
    validation: Any = None
    parameter_groups: Groups | None = None
    ready: Callable[[nn.Module], None] | None = None
    links: Mapping[str, Path] = field(default_factory=dict)
    progress: Callable[[TrainProgress], None] | None = None
