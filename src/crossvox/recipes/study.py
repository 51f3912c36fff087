"""Many runs that differ in one thing each, and what their scores say side by side.

:func:`run_study` is the same for every task: it is given what a task's arms are, how one is
trained, predicted and scored, and what the baselines score. Finished arms and seeds are kept, and
several processes may work on different arms of one folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import crossvox
from crossvox.core.artifact import (
    METHOD_FILES,
    SCHEMA,
    Manifest,
    Stopwatch,
    building,
    file_digest,
    is_current,
    plain,
    read_json,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.frame import Parts
from crossvox.core.params import from_plain
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.score import evaluate_reconstruction
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.predict.surface import mask_mesh
from crossvox.predict.windows import predict_scene
from crossvox.recipes.data import read_scenes
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare_scene import posed_frames
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    SceneRunParams,
    train_reconstruct,
)
from crossvox.recipes.train_scenes import load_sources
from crossvox.samples.index import SampleIndex, training_index
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import SceneSource, load_source
from crossvox.scene.tsdf import TsdfParams, fuse
from crossvox.study.arms import (
    MASK_ONLY,
    RECONSTRUCT_ARMS,
    RECONSTRUCT_BASELINES,
    RECONSTRUCT_CONTROLS,
    TSDF,
    Arm,
    ReconstructArm,
    choose_arms,
)
from crossvox.study.compare import Comparison, compare
from crossvox.study.results import Result, SceneScores, read_result, read_scores, values
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import CLASSES, Segment2d
from crossvox.train.folder import best_or_last
from crossvox.train.params import NEUTRAL, PARAMS, TrainParams
from crossvox.train.report import TrainProgress, TrainReport

if TYPE_CHECKING:
    from crossvox.networks.features2d import Network2D

STUDY_NETWORK, STUDY_BASELINES = "study-network", "study-baselines"
STUDY_FILE = "study.json"
RUNS, PREDICTIONS, RESULTS = "runs", "predictions", "results"
NETWORKS, INDICES, BASELINES = "networks", "indices", "baselines"
LOCKS = ".locks"

CALIBRATION_IMAGES = 64
"""Training images that the batch norms of an untrained network are set on, evenly chosen."""

CALIBRATION_BATCH = 8

Watch = Callable[[TrainProgress], None]


@dataclass(frozen=True)
class Matrix:
    """A study of one task.

    Attributes:
        task: its name.
        arms: what may be trained, in the order that it is done and shown.
        baselines: what is scored once.
        controls: names that arms are compared with.
        params_type: of the parameters in ``identity["params"]``.
        identity: what makes it this study and no other: parameters, digests of the data. Arms and
            number of seeds are not part of it; both may grow.
        train: arm, seed and run folder to a trained run.
        predict: run folder to a prediction folder.
        score: prediction folder to scores by scene.
        baseline_scores: scores by baseline and scene; a baseline's own work is kept on disk.
    """

    task: str
    arms: tuple[Arm, ...]
    baselines: tuple[Arm, ...]
    controls: tuple[str, ...]
    params_type: type
    identity: Mapping[str, Any]
    train: Callable[[Any, int, Path, Watch | None], TrainReport]
    predict: Callable[[Path, Path], Any]
    score: Callable[[Path], SceneScores]
    baseline_scores: Callable[[], Mapping[str, SceneScores]]


@dataclass(frozen=True)
class StudyReport:
    """How a call of a study ended.

    Attributes:
        out: the study's folder.
        comparison: over everything that is finished in it, whoever did it.
        made: runs of this call, ``ARM/seed-N``.
        kept: runs that were finished before.
        elsewhere: runs that another process is at work on.
        interrupted: somebody stopped it; the same call goes on from there.
    """

    out: Path
    comparison: Comparison
    made: tuple[str, ...]
    kept: tuple[str, ...]
    elsewhere: tuple[str, ...]
    interrupted: bool


def run_study(
    matrix: Matrix,
    out: Path,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    *,
    progress: Progress | None = None,
    watch: Callable[[str], Watch] | None = None,
) -> StudyReport:
    """Train, predict and score arms, seed by seed, and compare all that is finished.

    One seed of every arm comes before the next seed, so that a study that is stopped early can be
    compared.

    Args:
        matrix: the study.
        out: its folder.
        arms: those of the matrix that this call works on.
        seeds: likewise.
        progress: who watches.
        watch: gives who watches the training of a run, by its name.

    Raises:
        ParamsError: no seed.
        ArtifactError: ``out`` holds another study, or arms turn out not to be comparable.
    """
    progress = progress or Silent()
    expect(
        len(seeds) > 0,
        given="no seed",
        needed="at least one, better three or more",
        do="correct --seeds",
        error=ParamsError,
    )
    _claim(out, matrix)
    with alone(out):
        baselines = matrix.baseline_scores()
    made: list[str] = []
    kept: list[str] = []
    elsewhere: list[str] = []
    interrupted = False
    for seed, arm in ((seed, arm) for seed in seeds for arm in arms):
        name = f"{arm.name}/seed-{seed}"
        with _taken(out, name) as mine:
            if not mine:
                progress.say(f"{name}: another process is at work on it")
                elsewhere.append(name)
            elif _finished(out, name):
                kept.append(name)
            else:
                progress.say(f"{name}: {arm.differs}")
                seen = None if watch is None else watch(name)
                interrupted = not _one(matrix, out, arm, seed, name, seen)
                if interrupted:
                    break
                made.append(name)
    with alone(out):
        comparison = _compare(matrix, out, baselines)
    return StudyReport(out, comparison, tuple(made), tuple(kept), tuple(elsewhere), interrupted)


def _one(matrix: Matrix, out: Path, arm: Arm, seed: int, name: str, watch: Watch | None) -> bool:
    """Train, predict and score one arm and seed; False if training was interrupted."""
    run, prediction = out / RUNS / name, out / PREDICTIONS / name
    trained = matrix.train(arm, seed, run, watch)
    if trained.interrupted:
        return False
    clock = Stopwatch()
    with clock("predict"):
        matrix.predict(run, prediction)
    with clock("score"):
        scores = matrix.score(prediction)
    manifest = read_manifest(run)
    result = Result(
        arm=arm.name,
        seed=seed,
        index=manifest.parents["index"],
        run=manifest.digest,
        prediction=read_manifest(prediction).digest,
        parameters=trained.parameters,
        steps=trained.step,
        seconds={"train": trained.seconds, **clock.seconds},
        scores=values(scores),
    )
    write_json(out / RESULTS / f"{name}.json", asdict(result))
    return True


def _finished(out: Path, name: str) -> bool:
    """Whether the record of a run is there and speaks of the run and prediction that are there."""
    path = out / RESULTS / f"{name}.json"
    if not path.is_file():
        return False
    result = read_result(path)
    there = {}
    for role, folder in (("run", RUNS), ("prediction", PREDICTIONS)):
        try:
            there[role] = read_manifest(out / folder / name).digest
        except ArtifactError:
            return False
    return there == {"run": result.run, "prediction": result.prediction}


def _compare(matrix: Matrix, out: Path, baselines: Mapping[str, SceneScores]) -> Comparison:
    """Compare everything that is finished and write ``study.json``."""
    results = [read_result(path) for path in sorted((out / RESULTS).glob("*/seed-*.json"))]
    comparison = compare((*matrix.arms, *matrix.baselines), results, baselines, matrix.controls)
    write_json(
        out / STUDY_FILE,
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "task": matrix.task,
            "identity": matrix.identity,
            "comparison": comparison,
            "results": results,
            "baselines": {name: values(scores) for name, scores in baselines.items()},
        },
    )
    return comparison


def _claim(out: Path, matrix: Matrix) -> None:
    """Write what the study is, or refuse a folder that holds another one.

    What is None in the one record and not in the other was of no interest so far: arms without a 2D
    network may come before the others, and after.
    """
    record = plain({"task": matrix.task, **matrix.identity})
    path = out / PARAMS
    with alone(out):
        if path.is_file():
            there = read_json(path)
            if "params" in there:
                # Parameters that a later version added take their defaults.
                there["params"] = plain(from_plain(matrix.params_type, there["params"]))
            known = {key: value for key, value in there.items() if value is not None}
            asked = {key: value for key, value in record.items() if value is not None}
            shared = known.keys() & asked.keys()
            changed = _changes(
                _steering({key: known[key] for key in shared}),
                _steering({key: asked[key] for key in shared}),
            )
            if changed:
                raise ArtifactError(
                    f"given: {out}, which holds a study with other parameters or data "
                    f"({'; '.join(changed[:5])}); needed: the same for all arms (only arms and the "
                    f"number of seeds may change); do: name another folder, or pass the same "
                    f"parameters"
                )
            record = {**record, **known}
        else:
            others = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
            expect(
                not others,
                given=f"{out}, which holds {', '.join(others[:5])} but no {PARAMS}",
                needed="a new or empty folder, or one of this study",
                do="name another folder",
                error=ArtifactError,
            )
        write_json(path, record)


def _steering(record: Any) -> Any:
    """A record without what steers how, not what, is learnt."""
    if not isinstance(record, Mapping):
        return record
    return {key: _steering(item) for key, item in record.items() if key not in NEUTRAL}


def _changes(there: Any, asked: Any, where: str = "") -> list[str]:
    if not (isinstance(there, Mapping) and isinstance(asked, Mapping)):
        return [] if there == asked else [f"{where}: {there!r} there, {asked!r} asked"]
    found = []
    for key in sorted({*there, *asked}):
        name = f"{where}.{key}" if where else key
        found += _changes(there.get(key), asked.get(key), name)
    return found


@contextmanager
def alone(out: Path, what: str = "shared") -> Iterator[None]:
    """Keep other processes that work on the same study out of what several arms share."""
    with _locked(out / LOCKS / what, wait=True):
        yield


@contextmanager
def _taken(out: Path, name: str) -> Iterator[bool]:
    """Keep other processes out of one run; tells whether it was free."""
    with _locked(out / LOCKS / name.replace("/", "."), wait=False) as mine:
        yield mine


@contextmanager
def _locked(path: Path, wait: bool) -> Iterator[bool]:
    """Hold a lock that ends with the process; tells whether it could be had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        # Where files cannot be locked this way, one process at a time must do.
        yield True
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def training_places(
    out: Path, params: SceneRunParams, seed: int, sources: Callable[[], list[SceneSource]]
) -> Path:
    """The file of a seed's training sub-volumes, drawn once for all arms of a study."""
    path = out / INDICES / f"seed-{seed}.json"
    if not path.is_file():
        index = training_index(sources(), params.chunks, params.views, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        index.save(path)
    SampleIndex.load(path)
    return path


class HeldOut(Protocol):
    """Of a study's parameters, those that say what is predicted, and how."""

    @property
    def predict(self) -> PredictParams:
        """Windows and meshing."""

    @property
    def held_out_scenes(self) -> str:
        """Which scenes."""


def predict_held_out(data: Path, params: HeldOut, run: Path, out: Path, progress: Progress) -> None:
    """Predict the held-out scenes, without baselines: those are the same for all arms."""
    predict(
        run,
        data,
        out,
        params.predict,
        scenes=params.held_out_scenes,
        baselines=False,
        runner=Runner(progress),
    )


def kept_scores(
    out: Path, made_from: Mapping[str, str], evaluate: Callable[[], dict[str, SceneScores]]
) -> dict[str, SceneScores]:
    """Scores of a study's baselines, taken anew only if what they were made from has changed."""
    path = out / RESULTS / f"{BASELINES}.json"
    if path.is_file() and (record := read_json(path))["made_from"] == made_from:
        return read_scores(record["scores"])
    scores = evaluate()
    write_json(path, {"made_from": made_from, "scores": scores})
    return scores


# Reconstruction


def _study_run() -> ReconstructRunParams:
    return ReconstructRunParams(
        train=TrainParams(steps=500, rate=3e-3),
        # Colours as they are, for all arms alike: what a frozen network makes of a frame is then
        # the same every time, and need be computed only once.
        augment=AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0),
    )


@dataclass(frozen=True)
class StudyParams:
    """What all arms of a reconstruction study share.

    Attributes:
        run: how each arm is trained. Its seed is replaced by the study's seeds. Colours are not
            varied by default, so that the maps of frozen networks are computed once a frame.
        predict: how held-out scenes are predicted and meshed.
        features_rate: learning rate of 2D networks that are trainable.
        training_scenes: "train", "val", "all", or names separated by commas.
        held_out_scenes: likewise; scored, and never looked at before: runs are trained without
            validation for the whole number of steps, and their last weights are taken.
    """

    run: ReconstructRunParams = field(default_factory=_study_run)
    predict: PredictParams = field(default_factory=PredictParams)
    features_rate: float = 1e-4
    training_scenes: str = "train"
    held_out_scenes: str = "val"

    def __post_init__(self) -> None:
        expect(
            self.features_rate > 0 and self.run.task.features is None,
            given=f"features_rate={self.features_rate}, and features "
            f"{'unset' if self.run.task.features is None else 'set'} in the run's task",
            needed="a rate above 0; features are set by the arms",
            do="correct --features-rate, and leave --run.task.features out",
            error=ParamsError,
        )


def study_reconstruct(
    data: Path,
    out: Path,
    params: StudyParams | None = None,
    *,
    run2d: Path | None = None,
    arms: str = "all",
    seeds: int = 3,
    progress: Progress | None = None,
    watch: Callable[[str], Watch] | None = None,
) -> StudyReport:
    """Compare what is lifted into the reconstruction: every arm with every seed.

    Writes ``OUT/runs/ARM/seed-N``, ``OUT/predictions/ARM/seed-N``, ``OUT/results/ARM/seed-N.json``,
    ``OUT/indices`` (sub-volumes by seed, for all arms), ``OUT/networks`` (2D networks of 0 steps),
    ``OUT/baselines``, and ``OUT/study.json`` over all that is finished. Run again, it continues;
    a second process may work on other arms at the same time.

    Args:
        data: a folder that ``crossvox prepare`` wrote.
        out: the study's folder.
        params: what all arms share.
        run2d: a run of ``crossvox train segment2d``, not trained on the held-out scenes. Arms with
            untrained 2D networks take its architecture. Only ``rgb`` does without.
        arms: names separated by commas, or "all" (see ``crossvox.study.arms``).
        seeds: how many: 0, 1, ...
        progress: who watches.
        watch: gives who watches the training of a run, by its name.

    Raises:
        ParamsError: an unknown arm, no seed, or an arm that needs a 2D run without one.
        ArtifactError: ``out`` holds another study.
    """
    params, progress = params or StudyParams(), progress or Silent()
    chosen = choose_arms(RECONSTRUCT_ARMS, arms)
    needing = [arm.name for arm in chosen if arm.needs_run]
    expect(
        run2d is not None or not needing,
        given=f"arms {', '.join(needing)} without a 2D run",
        needed="its weights or its architecture",
        do="pass --run2d RUN2D, or --arms rgb",
        error=ParamsError,
    )
    study = _ReconstructStudy(data, out, params, run2d, progress)
    study.expect_weights(chosen)
    matrix = Matrix(
        task="reconstruct",
        arms=RECONSTRUCT_ARMS,
        baselines=RECONSTRUCT_BASELINES,
        controls=RECONSTRUCT_CONTROLS,
        params_type=StudyParams,
        identity=study.identity(),
        train=study.train,
        predict=study.predict,
        score=study.score,
        baseline_scores=study.baseline_scores,
    )
    return run_study(matrix, out, chosen, range(seeds), progress=progress, watch=watch)


class _ReconstructStudy:
    """How arms of the reconstruction study are trained, predicted and scored."""

    def __init__(
        self,
        data: Path,
        out: Path,
        params: StudyParams,
        run2d: Path | None,
        progress: Progress,
    ) -> None:
        self.data, self.out, self.params, self.run2d = data, out, params, run2d
        self.progress = progress
        self._sources: list[SceneSource] = []

    def identity(self) -> dict[str, Any]:
        """What must be the same for all arms, whichever process trains them."""
        return {
            "params": plain(self.params),
            "data": read_manifest(self.data).digest,
            "run2d": None if self.run2d is None else file_digest(weights_file(self.run2d)),
        }

    def expect_weights(self, arms: Sequence[ReconstructArm]) -> None:
        """Refuse what would otherwise fail after hours of other arms."""
        if self.run2d is not None and any(arm.features == "imagenet" for arm in arms):
            from crossvox.recipes.image_run import read_segment2d_run

            record = read_segment2d_run(self.run2d)
            _built(replace(record.task, params=_untrained(record.params.task, "imagenet")), 0)

    def train(self, arm: ReconstructArm, seed: int, run: Path, watch: Watch | None) -> TrainReport:
        """Train one arm."""
        with alone(self.out):
            index = training_places(self.out, self.params.run, seed, self._training)
            features = self._features(arm, seed)
            # The run loads them again, and need not share the memory.
            self._sources = []
        params = self.params.run
        return train_reconstruct(
            self.data,
            run,
            replace(params, train=replace(params.train, seed=seed)),
            RunSources(
                scenes=self.params.training_scenes,
                validation_scenes="none",
                index=index,
                features=features,
                features_rate=self.params.features_rate if arm.trainable else 0.0,
                features_proxy=arm.proxy,
            ),
            runner=Runner(self.progress),
        )

    def predict(self, run: Path, out: Path) -> None:
        """Predict the held-out scenes."""
        predict_held_out(self.data, self.params, run, out, self.progress)

    def score(self, prediction: Path) -> SceneScores:
        """Protocol ``surface``."""
        evaluation = evaluate_reconstruction(
            prediction, self.data, "surface", ("learnt",), self.progress.step("scores")
        )
        return {scene: methods["learnt"] for scene, methods in evaluation.scenes.items()}

    def baseline_scores(self) -> dict[str, SceneScores]:
        """Make the baselines of the held-out scenes and score them, where that is not done."""
        folder = self.out / BASELINES
        scenes = read_scenes(self.data, self.params.held_out_scenes)
        for scene in scenes:
            self._baseline(scene, folder / scene.name)
        made_from = {scene.name: read_manifest(folder / scene.name).digest for scene in scenes}

        def evaluate() -> dict[str, SceneScores]:
            evaluation = evaluate_reconstruction(
                folder, self.data, "surface", ("mask_only", "tsdf"), self.progress.step("baselines")
            )
            return {
                name: {scene: methods[method] for scene, methods in evaluation.scenes.items()}
                for name, method in ((MASK_ONLY, "mask_only"), (TSDF, "tsdf"))
            }

        return kept_scores(self.out, made_from, evaluate)

    def _baseline(self, scene: Path, target: Path) -> None:
        """Mask-only and TSDF surface of one scene: what a prediction's baselines would be.

        The mask does not depend on a network, but on windows and their views; a stand-in that
        answers at once takes the network's place.
        """
        import torch

        params, run = self.params.predict, self.params.run
        tsdf = TsdfParams()
        manifest = Manifest(
            STUDY_BASELINES,
            plain({"predict": params, "views": run.views, "shape": run.chunks.shape, "tsdf": tsdf}),
            parents={"scene": read_manifest(scene).digest},
        )
        if is_current(target, manifest):
            return
        watch = Stopwatch()
        with building(target) as temporary:
            source = load_source(scene, run.views)
            with watch("mask only"):
                prediction = predict_scene(
                    lambda batch: torch.zeros(batch.occupied.shape),
                    source,
                    params,
                    run.chunks.shape,
                    run.views,
                    progress=self.progress.step(f"{scene.name}: mask only"),
                )
                write_ply(
                    temporary / METHOD_FILES["mask_only"], mask_mesh(prediction, params.surface)
                )
            with watch("TSDF"):
                report = self.progress.step(f"{scene.name}: fuse")
                frames = posed_frames(source.capture, Parts(labels=False), report)
                write_ply(temporary / METHOD_FILES["tsdf"], fuse(frames, tsdf).mesh())
            notes = plain(prediction.notes)
            write_manifest(temporary, replace(manifest, seconds=watch.seconds, notes=notes))

    def _training(self) -> list[SceneSource]:
        if not self._sources:
            self._sources = load_sources(
                self.data,
                self.params.training_scenes,
                self.params.run.views,
                self.progress,
                "training scenes",
            )
        return self._sources

    def _features(self, arm: ReconstructArm, seed: int) -> Path | None:
        """The 2D run whose features an arm lifts; made here where it is an untrained one."""
        if arm.features == "colors":
            return None
        assert self.run2d is not None
        if arm.features == "run":
            return self.run2d
        target = self.out / NETWORKS / arm.name / f"seed-{seed}"
        write_untrained(self.run2d, target, arm.features, seed, self._calibration_images, self.data)
        return target

    def _calibration_images(self) -> Any:
        """Training images ``(N, 3, H, W)`` normalised, evenly over all training scenes."""
        import torch

        from crossvox.samples.batch import normalised

        views = self.params.run.views
        found = [(source, frame) for source in self._training() for frame in source.views.frame_ids]
        count = min(CALIBRATION_IMAGES, len(found))
        chosen = [found[i * len(found) // count] for i in range(count)]
        planes = [normalised(source.image(int(frame), views)) for source, frame in chosen]
        return torch.from_numpy(np.stack(planes))


def write_untrained(
    run2d: Path,
    target: Path,
    kind: str,
    seed: int,
    images: Callable[[], Any],
    data: Path,
) -> None:
    """Write a 2D run of 0 steps: another network in the place of a trained one.

    Batch norms that never saw an image would pass on values of any size; their statistics are
    therefore set on training images, those of a pretrained encoder are left as they are.

    Args:
        run2d: the trained run; gives architecture, channels, stride and class shares.
        target: folder of the new run; kept if it is there and was made from the same.
        kind: ``projection``, ``random`` or ``imagenet`` (see :data:`crossvox.study.arms.Features`).
        seed: of the weights.
        images: gives normalised training images ``(N, 3, H, W)``; called if there is anything to
            set.
        data: where they are from.

    Raises:
        ParamsError: there are no ImageNet weights for this architecture without a download.
    """
    import torch

    from crossvox.networks import build_network2d
    from crossvox.networks.projection import projection_name
    from crossvox.recipes.image_run import load_segment2d
    from crossvox.recipes.segment2d import Segment2dRunParams
    from crossvox.train.checkpoint import save_checkpoint

    record, trained = load_segment2d(run2d)
    name = record.params.task.network
    if kind == "projection":
        name = projection_name(trained.feature_channels, trained.feature_stride)
    task = replace(_untrained(record.params.task, kind), network=name)
    params = Segment2dRunParams(train=record.params.train, task=task, images=record.params.images)
    recipe = {"params": params, "split": "not trained", "class_shares": record.task.shares}
    plain_record = plain(
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "task": {"name": "segment2d", "params": task},
            "train": params.train,
            "recipe": recipe,
            "samples": {"train": 0},
            "parents": {"data": read_manifest(data).digest},
        }
    )
    manifest = Manifest(
        STUDY_NETWORK,
        {"kind": kind, "calibration": CALIBRATION_IMAGES, "recipe": plain_record["recipe"]},
        parents=plain_record["parents"],
        seed=seed,
    )
    if is_current(target, manifest):
        return
    if kind == "projection":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network2d(name, CLASSES, seed=seed)
    else:
        network = _built(Segment2d(task, record.task.shares), seed)
    calibrated = calibrate(network, images)
    with building(target) as temporary:
        save_checkpoint(temporary / "best", network, {"step": 0, "kind": kind})
        write_json(temporary / PARAMS, plain_record)
        notes = {
            "step": 0,
            "kind": kind,
            "batch_norms": sum(_is_norm(module) for module in network.modules()),
            "batch_norms_set_on_training_images": calibrated,
        }
        write_manifest(temporary, replace(manifest, notes=notes))


def _untrained(task: Segment2dParams, kind: str) -> Segment2dParams:
    """What a 2D run would be without its training: from what it started from, or from nothing."""
    start = "none"
    if kind == "imagenet":
        start = "auto" if task.weights == "none" else task.weights
    return replace(task, weights=start, freeze="all")


def _built(task: Segment2d, seed: int) -> Network2D:
    """A network with its initial weights.

    Raises:
        ParamsError: weights were asked for, and are the same as without.
    """
    import torch

    def build(weights: bool) -> Network2D:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return task.build(weights=weights)

    network = build(True)
    if task.params.weights != "none":
        own, without = network.state_dict(), build(False).state_dict()
        expect(
            any(not torch.equal(v, own[name]) for name, v in without.items()),
            given=f"arm imagenet for the 2D network {task.params.network}",
            needed="an architecture whose ImageNet weights are at hand (lite)",
            do="leave the arm out: --arms NAME,NAME",
            error=ParamsError,
        )
    return network


def calibrate(network: Any, images: Callable[[], Any]) -> int:
    """Set the statistics of batch norms that never saw an image; the network ends frozen.

    A batch norm counts as unused while its running mean is 0 and its running variance 1
    everywhere. Statistics are means over batches of the images.

    Args:
        network: a 2D network.
        images: gives ``(N, 3, H, W)`` normalised images; not called if there is nothing to set.

    Returns:
        How many batch norms features depend on, and were set.
    """
    import torch

    unused = [
        module
        for module in network.modules()
        if _is_norm(module)
        and bool((module.running_mean == 0).all())
        and bool((module.running_var == 1).all())
    ]
    network.eval()
    if unused:
        for module in unused:
            module.reset_running_stats()
            module.momentum = None  # a plain mean over batches
            module.train()
        with torch.no_grad():
            for batch in images().split(CALIBRATION_BATCH):
                network.features(batch.contiguous(memory_format=torch.channels_last))
    network.eval()
    # The classifier's are no part of features and stay as they are.
    return sum(int(module.num_batches_tracked) > 0 for module in unused)


def _is_norm(module: Any) -> bool:
    from torch import nn

    return isinstance(module, nn.BatchNorm2d) and module.running_mean is not None


def weights_file(run2d: Path) -> Path:
    """The file with the weights that count of a 2D run."""
    from crossvox.train.checkpoint import NETWORK

    return run2d / best_or_last(run2d) / NETWORK
