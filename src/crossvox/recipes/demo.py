"""The main job on generated rooms, from nothing to a page with scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.capture.rooms import RoomsParams
from crossvox.core.artifact import Manifest, plain
from crossvox.flow.folder import begin, expect_own
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.complete import (
    QUICK3D,
    QUICK_START,
    CompleteRunParams,
    CompleteSources,
    complete3d,
)
from crossvox.recipes.frames import FramesParams, evaluate_frames
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms
from crossvox.report.params import ReportParams

if TYPE_CHECKING:
    from crossvox.evaluate.score import Evaluation
    from crossvox.recipes.frames import FramesReport
    from crossvox.report.page.write import PageReport


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
    """What the demo made."""

    evaluation: Evaluation
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

    Stages that are there already, made with the same parameters, are kept.

    Args:
        out: folder for everything.
        params: size of the demo.
        runner: who does it.
    """
    from crossvox.evaluate.score import evaluate_reconstruction
    from crossvox.report.page.write import write_page
    from crossvox.report.poster import write_poster

    params, runner = params or DemoParams(), runner or Runner()
    progress = runner.progress
    raw, data, run, prediction = (out / name for name in ("rooms", "data", "run", "prediction"))
    expect_own(out, "demo")
    if not runner.dry:
        begin(out, Manifest("demo", plain(params)))
    with runner.part("rooms"):
        write_rooms(raw, params.rooms, runner=runner)
    with runner.part("prepare"):
        prepare(raw, data, params.prepare, runner=runner)
    with runner.part("train"):
        complete3d(data, run, params.run, CompleteSources(start=params.start), runner=runner)
    with runner.part("predict"):
        predict(run, data, prediction, params.predict, runner=runner)
    runner.end_dry_run()
    with runner.part("score"):
        evaluation = evaluate_reconstruction(
            prediction, data, "surface", progress=progress.step("scores")
        )
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
    return DemoReport(evaluation, curve, page, runner.seconds)
