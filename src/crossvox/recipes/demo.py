"""The main job on generated rooms, from nothing to a page with scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from crossvox.capture.rooms import RoomsParams, write_rooms
from crossvox.core.artifact import Stopwatch
from crossvox.evaluate.score import Evaluation, evaluate_reconstruction
from crossvox.flow.progress import Progress, Silent
from crossvox.predict.params import PredictParams
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.train import ReconstructRunParams, train_reconstruct
from crossvox.report.page import PageReport, ReportParams, write_page
from crossvox.report.poster import write_poster
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainProgress


def _demo_rooms() -> RoomsParams:
    return RoomsParams(count=12, frames=60, width=320, height=240)


def _demo_run() -> ReconstructRunParams:
    return ReconstructRunParams(train=TrainParams(steps=500, rate=3e-3, validate_every=100))


@dataclass(frozen=True)
class DemoParams:
    """Size of the demo. The defaults end within eight minutes on two cores.

    Attributes:
        rooms: how the rooms are generated.
        prepare: how they are prepared.
        run: how the network is trained.
        predict: how whole rooms are predicted.
    """

    rooms: RoomsParams = field(default_factory=_demo_rooms)
    prepare: PrepareParams = field(default_factory=lambda: PrepareParams(frame_skip=1))
    run: ReconstructRunParams = field(default_factory=_demo_run)
    predict: PredictParams = field(default_factory=PredictParams)


@dataclass(frozen=True)
class DemoReport:
    """What the demo made."""

    evaluation: Evaluation
    page: PageReport
    seconds: dict[str, float]


def demo(
    out: Path,
    params: DemoParams | None = None,
    *,
    progress: Progress | None = None,
    watch_training: Callable[[TrainProgress], None] | None = None,
) -> DemoReport:
    """Generate rooms, prepare, train, predict held-out rooms, score them, write a page.

    Stages that are there already, made with the same parameters, are kept.
    """
    params, progress = params or DemoParams(), progress or Silent()
    watch = Stopwatch()
    raw, data, run, prediction = (out / name for name in ("rooms", "data", "run", "prediction"))
    with watch("rooms"):
        write_rooms(raw, params.rooms, progress=progress.step("rooms"))
    with watch("prepare"):
        prepare(raw, data, params.prepare, progress=progress)
    with watch("train"):
        train_reconstruct(data, run, params.run, progress=progress, watch=watch_training)
    with watch("predict"):
        predict(run, data, prediction, params.predict, progress=progress)
    with watch("score"):
        evaluation = evaluate_reconstruction(
            prediction, data, "surface", progress=progress.step("scores")
        )
    with watch("page"):
        page = write_page(
            [prediction],
            out / "report",
            ReportParams(title="Generated rooms, end to end"),
            progress=progress.step("page"),
        )
        scene = min(evaluation.scenes)
        write_poster(prediction, data, scene, out / "picture.jpg")
    return DemoReport(evaluation, page, watch.seconds)
