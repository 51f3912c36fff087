"""All targets of a design on one data folder: their studies, as they can be sent to workers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crossvox.flow.runner import Runner
from crossvox.recipes.study.cells import Matrix
from crossvox.recipes.study.scenes import SceneStudy
from crossvox.recipes.study.store import Store
from crossvox.recipes.study.targets import Bound, bound
from crossvox.study.arms import Arm
from crossvox.study.design import Design
from crossvox.train.params import CheckpointName


@dataclass(frozen=True)
class DesignFamily:
    """The targets of a design.

    Attributes:
        design: the design.
        data: a data folder.
        out: each target has a folder in it.
        run2d: a 2D run, where there is one.
        checkpoint: which weights of it.
        store: where runs lie.
    """

    design: Design
    data: Path
    out: Path
    run2d: Path | None
    checkpoint: CheckpointName
    store: Store

    @cached_property
    def targets(self) -> dict[str, Bound]:
        """Parameters and cells by target."""
        return bound(self.design)

    def arms(self, target: str) -> tuple[Arm, ...]:
        """Cells of a target."""
        return self.targets[target].arms

    def study(self, target: str, runner: Runner) -> SceneStudy[Any]:
        """The study of a target."""
        one = self.targets[target]
        study: SceneStudy[Any] = one.target.study_type()(
            self.data,
            self.out / target,
            one.params,
            self.run2d,
            runner,
            self.checkpoint,
            self,
        )
        return study


@dataclass(frozen=True)
class DeclaredTarget:
    """A target's study as it can be sent to another process."""

    family: DesignFamily
    target: str

    def __call__(self, runner: Runner) -> Matrix:
        """See :data:`crossvox.recipes.study.cells.Study`."""
        return self.family.study(self.target, runner).matrix()
