"""Why an arm is ahead: its gains told apart, its features and trainings described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage, how
from crossvox.views.params import ViewParams

if TYPE_CHECKING:
    from crossvox.study.transfer import Cause, Description

CAUSES, CAUSES_FILE = "causes", "causes.json"
"""Folder and file of a study that hold what its causes were counted from, and what they are."""


@dataclass(frozen=True)
class Sight:
    """How predictions look at a room.

    Attributes:
        views: how frames look at voxels.
        shape: voxels of a window.
        stride: voxels that it moves.
    """

    views: ViewParams = field(default_factory=ViewParams)
    shape: Index3 = (32, 32, 64)
    stride: Index3 = (16, 16, 32)


@dataclass(frozen=True)
class PartsOfRooms(Collection):
    """What the parts of all rooms have in common.

    Attributes:
        sight: how predictions look at them.
    """

    NAME = "study-parts"
    NUMBERS = 1

    sight: Sight


@dataclass(frozen=True)
class PartsOfRoom(Stage):
    """Which part each place of a room belongs to.

    Attributes:
        scene: a prepared scene.
        sight: how predictions look at it.
    """

    NAME = "study-parts-of-room"
    NUMBERS = 1

    scene: Input
    sight: Sight

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``parts.npz``."""
        from crossvox.recipes.study.causes_run import make_parts

        return make_parts(self, work)


@dataclass(frozen=True)
class CountedCells(Collection):
    """What the counts of all cells of a target have in common.

    Attributes:
        task: of the target.
        rooms: the parts that are counted.
    """

    NAME = "study-part-counts"
    NUMBERS = 1

    task: str
    rooms: Input


@dataclass(frozen=True)
class CountCell(Stage):
    """What one arm with one seed, or a baseline, gets right in each part of each room.

    Attributes:
        prediction: folder of predicted rooms.
        rooms: folder of their parts.
        task: of the target.
        method: which of the surfaces in the prediction.
        data: folder of the prepared rooms.
    """

    NAME = "study-part-counts-of-cell"
    NUMBERS = 2

    prediction: Input
    rooms: Input
    task: str
    method: str
    data: Path = how()

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``ROOM.json`` of each room."""
        from crossvox.recipes.study.causes_run import count_cell

        return count_cell(self, work)


@dataclass(frozen=True)
class CauseParams:
    """What is described of features and trainings.

    Attributes:
        frames: frames of a room, evenly chosen, between which points are found again.
        points: points of a pair of frames that are looked for, at most.
        within_m: how near the place that is found must be.
        places: places of a room that features are compared at, at most.
        batches: batches of sub-volumes that gradients of two losses are compared on; 0: none.
        batch_size: sub-volumes of a batch.
    """

    frames: int = 10
    points: int = 200
    within_m: float = 0.1
    places: int = 2000
    batches: int = 4
    batch_size: int = 2

    def __post_init__(self) -> None:
        expect(
            self.frames >= 2 and min(self.points, self.batch_size) >= 1 and self.batches >= 0,
            given=f"{self.frames} frames, {self.points} points, {self.batches} batches of "
            f"{self.batch_size}",
            needed="two frames or more, one point, sub-volume or more",
            do="correct --frames, --points, --batches or --batch-size",
            error=ParamsError,
        )
        expect(
            self.within_m > 0 and self.places >= 4,
            given=f"within {self.within_m} m at {self.places} places",
            needed="a distance above 0, and four places or more",
            do="correct --within-m or --places",
            error=ParamsError,
        )


@dataclass(frozen=True)
class CausesReport:
    """Why arms are ahead, as far as it was asked.

    Attributes:
        out: file that it stands in.
        causes: gains told apart.
        descriptions: of features and trainings.
        remarks: what was left out, and why.
    """

    out: Path
    causes: tuple[Cause, ...]
    descriptions: tuple[Description, ...]
    remarks: tuple[str, ...] = ()


def study_causes(
    study: Path,
    data: Path,
    params: CauseParams | None = None,
    *,
    describe: bool = True,
    changed: tuple[str, ...] = (),
    workers: int = 1,
    runner: Runner | None = None,
) -> CausesReport:
    """Tell the gains of a study apart, and describe its features and trainings; it continues.

    Of each contrast of a transfer study, or of each arm and control of a study of one task: gains
    by what frames saw, boundaries, distance to what was seen, angle between views, class, room, and
    how sure labels may be. Counts of each arm and seed are kept in STUDY/causes; all is written to
    STUDY/causes.json, and to STUDY/transfer.json where there is one.

    Args:
        study: folder that 'crossvox study' wrote.
        data: the data folder that it was made from.
        params: what is described.
        describe: whether features (whether they find a point again in another view, how alike they
            are) and trainings (whether the gradients of two losses agree) are described.
        changed: NAME=FOLDER, folders of the same study with one thing changed, such as colours
            dropped, gravity removed, or larger voxels: how far that changes each gain.
        workers: arms and seeds at once, each by a process with its share of the threads; 0 means
            one a core, or as many as a cluster has room for.
        runner: who makes it. Items are called ARM.seed-N.

    Raises:
        ArtifactError: ``study`` is no study, or of other data; or a changed one shares nothing.
        ParamsError: ``changed`` without names, or with one of them twice.
    """
    from crossvox.recipes.study.causes_study import causes_of_study

    params = params or CauseParams()
    return causes_of_study(study, data, params, describe, changed, workers, runner or Runner())
