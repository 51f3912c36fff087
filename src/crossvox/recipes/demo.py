"""The main job on generated rooms, from nothing to labelled rooms and a page with scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.capture.rooms import RoomsParams
from crossvox.core.artifact import Manifest, plain
from crossvox.flow.folder import begin, expect_own
from crossvox.flow.renew import renewing
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.complete import (
    QUICK3D,
    QUICK_START,
    CompleteRunParams,
    CompleteSources,
    complete3d,
)
from crossvox.recipes.evaluate import evaluate_segment3d
from crossvox.recipes.frames import FramesParams, evaluate_frames
from crossvox.recipes.objects import evaluate_objects, objects
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms
from crossvox.recipes.shipped import DEFAULT, shipped_set
from crossvox.report.params import ReportParams

if TYPE_CHECKING:
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.objects import ObjectsEvaluation
    from crossvox.evaluate.score import Evaluation
    from crossvox.recipes.frames import FramesReport
    from crossvox.report.page.write import PageReport


PARTS = ("rooms", "prepare", "train", "predict", "objects", "score", "fewer frames", "page")
"""What the demo does, in this order."""


def _demo_rooms() -> RoomsParams:
    return RoomsParams(count=12, frames=62, width=320, height=240, validation_every=3)


@dataclass(frozen=True)
class DemoParams:
    """Size of the demo. The defaults end in about four minutes on two cores.

    Attributes:
        rooms: how the rooms are generated.
        prepare: how they are prepared.
        run: how the network is trained.
        predict: how whole rooms are predicted.
        frames: from how few frames they are predicted, too.
        start: run that the training starts from; empty: from nothing, which takes an hour to be
            worth it.
    """

    rooms: RoomsParams = field(default_factory=_demo_rooms)
    prepare: PrepareParams = field(default_factory=lambda: PrepareParams(frame_skip=1))
    run: CompleteRunParams = QUICK3D
    predict: PredictParams = field(default_factory=PredictParams)
    frames: FramesParams = field(default_factory=FramesParams)
    start: str = QUICK_START


@dataclass(frozen=True)
class DemoReport:
    """What the demo made.

    Attributes:
        evaluation: scores of the surfaces.
        labels: scores of their classes; None where nothing labelled them.
        objects: scores of the things found in them; likewise.
        frames: what fewer frames are worth.
        page: the page.
        seconds: times by step.
    """

    evaluation: Evaluation
    labels: ClassEvaluation | None
    objects: ObjectsEvaluation | None
    frames: FramesReport
    page: PageReport
    seconds: dict[str, float]


def demo(
    out: Path,
    params: DemoParams | None = None,
    *,
    runner: Runner | None = None,
) -> DemoReport:
    """Do the main job on generated rooms, from nothing to a page with scores.

    A network of rooms is trained; those of the package label what it makes of rooms that it never
    saw, and objects are found there. Stages that are there already, made with the same parameters,
    are kept; others are made again.

    Args:
        out: folder for everything.
        params: size of the demo.
        runner: who does it.
    """
    from crossvox.evaluate.score import evaluate_reconstruction
    from crossvox.report.contents import OBJECTS_FOLDER
    from crossvox.report.page.write import write_page
    from crossvox.report.poster import write_poster

    params, runner = params or DemoParams(), runner or Runner()
    progress = runner.progress
    lacking = shipped_set(DEFAULT).remark
    if lacking:
        progress.say(lacking)
    raw, data, run, prediction = (out / name for name in ("rooms", "data", "run", "prediction"))
    expect_own(out, "demo")
    if not runner.dry:
        begin(out, Manifest("demo", plain(params)))
    runner.expect_parts("demo", PARTS, size=params.rooms.count, fresh=not data.exists())
    with runner.part("rooms"):
        renewing(runner, raw, lambda to: write_rooms(to, params.rooms, runner=runner))
    with runner.part("prepare"):
        renewing(runner, data, lambda to: prepare(raw, to, params.prepare, runner=runner))
    with runner.part("train"):
        start = CompleteSources(start=params.start)
        renewing(runner, run, lambda to: complete3d(data, to, params.run, start, runner=runner))
    with runner.part("predict"):
        renewing(
            runner, prediction, lambda to: predict(run, data, to, params.predict, runner=runner)
        )
    runner.end_dry_run()
    rooms = labelled_scenes(prediction)
    with runner.part("objects"):
        for scene, mesh in rooms.items():
            objects(mesh, out / OBJECTS_FOLDER / scene, runner=runner)
    with runner.part("score"):
        evaluation = evaluate_reconstruction(
            prediction, data, "surface", progress=progress.step("scores")
        )
        labels = evaluate_segment3d(prediction, data, runner=runner) if rooms else None
        things = evaluate_objects(prediction, data, progress=progress) if rooms else None
    with runner.part("fewer frames"):
        curve = evaluate_frames(run, data, prediction, params.frames, progress=progress)
    with runner.part("page"):
        page = write_page(
            [prediction],
            out / "report",
            ReportParams(title="Generated rooms, end to end"),
            progress=progress.step("page"),
        )
        scene = min(evaluation.scenes)
        write_poster(prediction, data, scene, out / "picture.jpg")
    return DemoReport(evaluation, labels, things, curve, page, runner.seconds)


def labelled_scenes(prediction: Path) -> dict[str, Path]:
    """Meshes of a prediction whose vertices have labels, by scene."""
    from crossvox.core.methods import CLASSES_MESH, LEARNT, METHOD_FILES

    scenes = sorted(path.parent for path in prediction.glob(f"*/{CLASSES_MESH}"))
    return {scene.name: scene / METHOD_FILES[LEARNT] for scene in scenes}
