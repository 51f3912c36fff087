"""What studies of 3D tasks share: one set of parameters, sub-volumes by seed, held-out scenes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from crossvox.core.artifact import file_digest, plain, read_manifest
from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import nearest
from crossvox.doors.devices import pick_device
from crossvox.flow import locks
from crossvox.flow.lineage import is_seen
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.data import read_scenes
from crossvox.recipes.image_run import read_segment2d_run
from crossvox.recipes.predict import predict
from crossvox.recipes.scene_sources import load_sources
from crossvox.recipes.study.cells import RESULTS, RUNS, Costs, Matrix
from crossvox.recipes.study.claims import claim
from crossvox.recipes.study.store import Store
from crossvox.recipes.train import RunSources, SceneRunParams, TrainScenes
from crossvox.samples.index import SampleIndex, training_index
from crossvox.samples.params import LabelParams
from crossvox.samples.source import SceneSource
from crossvox.scene.params import TsdfParams
from crossvox.study.arms import Arm, arms_of, baselines_of, controls_of
from crossvox.study.counts import Pool
from crossvox.study.overrides import overridden, within
from crossvox.study.results import Scored, read_baselines, write_baselines
from crossvox.train.chosen import weights_file
from crossvox.train.folder import lineage_of, read_record
from crossvox.train.params import CheckpointName
from crossvox.train.report import TrainReport

NETWORKS, INDICES, BASELINES, STARTS = "networks", "indices", "baselines", "starts"

MAPS = "features"
"""Features of frames that several cells lift, see :mod:`crossvox.samples.kept_maps`."""

STUDY_BASELINES = "study-baselines"


class SceneStudyParams(Protocol):
    """Of a study's parameters, those that every 3D task has."""

    @property
    def run(self) -> SceneRunParams:
        """How each arm is trained."""

    @property
    def predict(self) -> PredictParams:
        """Windows and meshing."""

    @property
    def tsdf(self) -> TsdfParams:
        """TSDF fusion of baselines."""

    @property
    def network_steps(self) -> int:
        """Steps of 2D networks that are trained for arms; 0: as many as the 2D run."""

    @property
    def training_scenes(self) -> str:
        """Which scenes."""

    @property
    def held_out_scenes(self) -> str:
        """Which scenes."""


P = TypeVar("P", bound=SceneStudyParams)
R = TypeVar("R", bound=SceneRunParams)


@dataclass(frozen=True)
class ArmRun(Generic[R]):
    """What one arm is trained with, and how it predicts.

    Attributes:
        run: parameters of the run.
        sources: what it learns from.
        predict: how held-out scenes are predicted and meshed.
    """

    run: R
    sources: RunSources
    predict: PredictParams = field(default_factory=PredictParams)


class Family(Protocol):
    """All targets of a design, to each of them: their cells, and where runs lie."""

    @property
    def store(self) -> Store:
        """Where runs lie."""

    def arms(self, target: str) -> tuple[Arm, ...]:
        """Cells of a target."""

    def study(self, target: str, runner: Runner) -> SceneStudy[Any]:
        """The study of a target."""


class SceneStudy(ABC, Generic[P]):
    """A study of a 3D task on prepared scenes.

    Attributes:
        data: a data folder.
        out: the study's folder.
        params: what all arms share.
        run2d: a 2D run, where there is one.
        runner: who makes what arms are made from.
        asked: which weights of the 2D run are asked for, see :attr:`checkpoint`.
        family: the targets beside this one, and the store that runs lie in; None: a study of its
            own, whose runs lie in its folder.
    """

    TASK: ClassVar[str]
    """Name of the task that is scored."""

    ARMS: ClassVar[str]
    """Whose arms, baselines and controls: see :mod:`crossvox.study.arms`."""

    NUMBERS: ClassVar[int]
    """See :class:`crossvox.recipes.study.runner.Matrix`."""

    def __init__(
        self,
        data: Path,
        out: Path,
        params: P,
        run2d: Path | None,
        runner: Runner,
        checkpoint: CheckpointName = "auto",
        family: Family | None = None,
    ) -> None:
        self.data, self.out, self.params, self.run2d = data, out, params, run2d
        self.asked, self.family = checkpoint, family
        self.runner, self.progress = runner, runner.progress

    @cached_property
    def checkpoint(self) -> CheckpointName:
        """Which weights of the 2D run are taken: by default none that held-out scenes chose."""
        if self.run2d is None or self.asked != "auto":
            return self.asked
        validated = read_record(self.run2d).validated_on or ()
        seen = any(is_seen(scene.resolve().name, validated) for scene in self.held_out())
        return "last" if seen else "auto"

    def matrix(self) -> Matrix:
        """The study, for :func:`crossvox.recipes.study.runner.run_study`."""
        return Matrix(
            task=self.TASK,
            arms=self.arms(),
            baselines=baselines_of(self.ARMS),
            controls=self.controls(),
            params_type=type(self.params),
            identity=self.identity(),
            train=self.train,
            predict=self.predict,
            score=self.score,
            baseline_scores=self.baseline_scores,
            pool=self.pool(),
            numbers=self.NUMBERS,
            device=pick_device(self.params.run.train.device),
            costs=partial(costs_of, self),
        )

    def arms(self) -> tuple[Arm, ...]:
        """What may be trained: all arms of the target, or the cells of a design."""
        return arms_of(self.ARMS) if self.family is None else self.family.arms(self.ARMS)

    def controls(self) -> tuple[str, ...]:
        """What each arm is compared with."""
        if self.family is None:
            return controls_of(self.ARMS)
        known = (*self.arms(), *baselines_of(self.ARMS))
        return tuple(arm.name for arm in known if arm.control)

    @classmethod
    def pool(cls) -> Pool | None:
        """Scores of counts that were added up over scenes, of a task that has such."""
        return None

    @abstractmethod
    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        """Train one arm, and what it needs for that, where it is not there."""

    @abstractmethod
    def score(self, prediction: Path) -> Scored:
        """What a prediction of the held-out scenes scores."""

    @abstractmethod
    def baseline_scores(self) -> Mapping[str, Scored]:
        """What each baseline scores on the held-out scenes."""

    def expect_weights(self, arms: Sequence[Arm]) -> None:
        """Refuse arms whose weights are not at hand, before anything is trained.

        Raises:
            ParamsError: names the arm.
        """
        del arms

    def identity(self) -> dict[str, Any]:
        """What must be the same for all arms, whichever process trains them."""
        return {
            "params": plain(self.params),
            "data": read_manifest(self.data).digest,
            "run2d": None
            if self.run2d is None
            else file_digest(weights_file(self.run2d, self.checkpoint)),
        }

    def expect_held_out(self) -> None:
        """Refuse held-out scenes that an arm, or the 2D run, learns from.

        Raises:
            ArtifactError: the 2D run is no such run.
            ParamsError: there are some; names them.
        """
        if self.run2d is not None:
            read_segment2d_run(self.run2d)
        training = read_scenes(self.data, self.params.training_scenes)
        before = () if self.run2d is None else lineage_of(self.run2d).scenes
        learnt = (*(folder.resolve().name for folder in training), *before)
        seen = [s.name for s in self.held_out() if is_seen(s.resolve().name, learnt)]
        expect(
            not seen,
            given=f"held-out scenes of which {', '.join(seen[:5])} show what is learnt from",
            needed="scenes that neither the arms nor the 2D run learn from",
            do="correct --training-scenes and --held-out-scenes, or train the 2D run on others",
            error=ParamsError,
        )

    def go_on(self, stage: TrainScenes, run: Path) -> TrainReport:
        """Train a run, or go on with it: in its folder, or in the store, with a link there."""
        features = stage.sources.features
        runner = self._sharing(features is not None and features == self.run2d)
        if self.family is None:
            report: TrainReport = runner.go_on(stage, run)
            return report
        return self.family.store.train(stage, run, run.absolute().as_posix(), runner)

    def _sharing(self, lifts_run2d: bool) -> Runner:
        """Who makes things, keeping what other cells lift as well: features of the 2D run.

        Features of other networks are those of one cell and one seed.
        """
        if not lifts_run2d:
            return self.runner
        folder = self.out if self.family is None else self.family.store.folder
        return Runner(self.progress, verify=self.runner.verify, shared=folder / MAPS)

    def start_cell(self, arm: Arm) -> tuple[SceneStudy[Any], Arm]:
        """The cell, ``TASK/ARM``, that an arm starts from, and the study of its target.

        Raises:
            ParamsError: there is no such cell.
        """
        target, _, name = arm.start.partition("/")
        expect(
            self.family is not None,
            given=f"arm {arm.name}, which starts from {arm.start}",
            needed="a study with several targets",
            do="describe it in a design: crossvox study DESIGN OUT",
            error=ParamsError,
        )
        assert self.family is not None
        study = self.family.study(target, self.runner)
        known = {one.name: one for one in (*arms_of(target), *study.arms())}
        expect(
            name in known,
            given=f"arm {arm.name}, which starts from {arm.start}",
            needed=f"a cell of {target}: {', '.join(known)}",
            do=nearest(name, known) or "correct the start",
            error=ParamsError,
        )
        return study, known[name]

    def start_of(self, arm: Arm, seed: int) -> tuple[Path, TrainReport]:
        """The run of another cell, of :meth:`start_cell`, and how it ended."""
        study, cell = self.start_cell(arm)
        own = cell in study.arms()
        if own:
            claim(study.out, study.matrix())
        link = study.out / (RUNS if own else STARTS) / cell.name / f"seed-{seed}"
        return link, study.train(cell, seed, link)

    def predict(self, arm: Arm, run: Path, out: Path) -> None:
        """Predict the held-out scenes, without baselines: those are the same for all arms."""
        own = overridden(self.params.predict, within(arm.sets, "predict"), self.params, "predict.")
        chosen, tsdf = self.params.held_out_scenes, self.params.tsdf
        runner = self._sharing(arm.features == "run2d")
        place = run if self.family is None else run.resolve()

        def make(to: Path) -> None:
            predict(
                place, self.data, to, own, scenes=chosen, baselines=False, tsdf=tsdf, runner=runner
            )

        if self.family is None:
            make(out)
            return
        scenes = [scene.resolve().name for scene in self.held_out()]
        given = [own, tsdf, scenes, read_manifest(self.data).digest]
        self.family.store.predict(place, given, out, make)

    def held_out(self) -> list[Path]:
        """Folders of the held-out scenes."""
        return read_scenes(self.data, self.params.held_out_scenes)

    def training_sources(self) -> list[SceneSource]:
        """The training scenes, loaded."""
        return load_sources(
            self.data,
            self.params.training_scenes,
            self.params.run.views,
            self.progress,
            "training scenes",
        )

    def training_places(self, seed: int) -> Path:
        """The file of a seed's training sub-volumes, drawn once for all arms of a study."""
        run = self.params.run

        def draw(path: Path) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            training_index(self.training_sources(), run.chunks, run.views, seed).save(path)

        if self.family is None:
            path = self.out / INDICES / f"seed-{seed}.json"
            with locks.shared(self.out):
                if not path.is_file():
                    draw(path)
        else:
            folders = read_scenes(self.data, self.params.training_scenes)
            scenes = [folder.resolve().name for folder in folders]
            data = read_manifest(self.data).digest
            path = self.family.store.places([run.chunks, run.views, seed, scenes, data], draw)
        SampleIndex.load(path)
        return path

    def arm_run(self, arm: Arm, run: R, seed: int, features: Path | None) -> ArmRun[R]:
        """What an arm is trained with: the study's parameters, and what the arm sets.

        Raises:
            ParamsError: the arm sets what there is not; names it.
        """
        shared = ArmRun(
            replace(run, train=replace(run.train, seed=seed)),
            RunSources(
                scenes=self.params.training_scenes,
                validation_scenes="none",
                index=None if arm.draws_own else self.training_places(seed),
                features=features,
                labels=LabelParams(share=arm.share, points=arm.points),
            ),
            self.params.predict,
        )
        return overridden(shared, arm.sets, self.params)


def kept_baselines(
    study: SceneStudy[Any], evaluate: Callable[[], dict[str, Scored]]
) -> Mapping[str, Scored]:
    """What baselines of a study score, taken anew only if what they were made from has changed.

    Args:
        study: the study.
        evaluate: scores them.
    """
    folders = [study.out / BASELINES / scene.name for scene in study.held_out()]
    scenes = {folder.name: read_manifest(folder).digest for folder in folders}
    made_from = {"numbers": study.NUMBERS, "scenes": scenes}
    path = study.out / RESULTS / f"{BASELINES}.json"
    found = read_baselines(path, made_from)
    if found is None:
        found = evaluate()
        write_baselines(path, made_from, found)
    return found


def costs_of(study: SceneStudy[Any], arm: Arm) -> Costs:
    """How much work an arm of a study is, for dry runs."""
    run = study.params.run
    sources = RunSources(features=study.data)
    own = overridden(ArmRun(run, sources), arm.sets, study.params).run
    samples = own.train.steps * own.train.accumulate * own.train.batch_size
    kind = f"{own.task.network} {own.task.width} on {arm.features or 'colours'} {arm.mode}"
    train = samples * math.prod(own.chunks.shape)
    scenes = len(study.held_out())
    return {
        "train": (f"study {study.ARMS} train {kind}", train),
        "predict": (f"study {study.ARMS} predict {kind}", scenes),
        "score": (f"study {study.ARMS} score", scenes),
    }


@dataclass(frozen=True)
class Declared(Generic[P]):
    """A study as it can be sent to another process.

    Attributes:
        kind: which one.
        data: a data folder.
        out: the study's folder.
        params: what all arms share.
        run2d: a 2D run, where there is one.
    """

    kind: type[SceneStudy[P]]
    data: Path
    out: Path
    params: P
    run2d: Path | None
    checkpoint: CheckpointName = "auto"

    def __call__(self, runner: Runner) -> Matrix:
        """See :data:`crossvox.recipes.study.runner.Study`."""
        study = self.kind(self.data, self.out, self.params, self.run2d, runner, self.checkpoint)
        return study.matrix()
