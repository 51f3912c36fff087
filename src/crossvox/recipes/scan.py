"""A capture of one's own, without mesh and labels, to a labelled 3D room with a page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from crossvox.capture import open_capture
from crossvox.core.artifact import Manifest, plain, read_manifest, write_manifest
from crossvox.core.camera import Pose
from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.evaluate.score import Evaluation, evaluate_reconstruction
from crossvox.flow.folder import expect_own
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Input
from crossvox.predict.params import PredictParams
from crossvox.recipes.data import enter_scenes
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare import PreparedScenes, PrepareParams, PrepareScene
from crossvox.report.page import PageReport, ReportParams, write_page
from crossvox.scene.level import estimate_up, levelling
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

STAGE = "scan"
LEVEL_FRAMES = 40
"""Frames that the level is found from."""


@dataclass(frozen=True)
class ScanParams:
    """How a capture of one's own is treated.

    Attributes:
        max_frames: take every n-th frame so that no more than this many are used.
        width: image width everything works at, pixels.
        height: image height, pixels.
        up: direction that points up in the capture's world, x y z; None finds it from the
            dominant planes of the room.
        protocol: rules of the scores.
        tsdf: parameters of TSDF fusion.
        predict: windows and meshing.
    """

    max_frames: int = 150
    width: int = 320
    height: int = 240
    up: tuple[float, float, float] | None = None
    protocol: Literal["surface", "thesis"] = "surface"
    tsdf: TsdfParams = field(default_factory=TsdfParams)
    predict: PredictParams = field(default_factory=PredictParams)

    def __post_init__(self) -> None:
        expect(
            self.max_frames >= 1,
            given=f"--max-frames {self.max_frames}",
            needed="at least one frame",
            do="pass a positive number",
            error=ParamsError,
        )


@dataclass(frozen=True)
class ScanReport:
    """What became of a scan.

    Attributes:
        scene: folder of the prepared, levelled scene; holds the TSDF mesh ``SCENE.ply``.
        up: direction that points up in the capture's own world.
        prediction: folder with the learnt mesh, None without a run.
        evaluation: scores against the TSDF mesh, None without a run.
        page: the page.
        seconds: times by step.
    """

    scene: Path
    up: tuple[float, ...]
    prediction: Path | None
    evaluation: Evaluation | None
    page: PageReport
    seconds: dict[str, float]


def scan(
    source: Path,
    out: Path,
    params: ScanParams | None = None,
    *,
    run: Path | None = None,
    geometry: Path | None = None,
    votes: Path | None = None,
    runner: Runner | None = None,
) -> ScanReport:
    """Level a capture, fuse it, reconstruct it with a trained network, score both, make a page.

    A run of 3D segmentation labels the room as well: its surface, and the TSDF mesh of the frames.

    There is no ground truth here: the reference of the 3D scores is the TSDF mesh of the same
    frames, that of the depth scores the sensor.

    Args:
        source: a capture in any format that can be read.
        out: folder for everything.
        params: see :class:`ScanParams`.
        run: a run of ``crossvox train reconstruct`` or ``train segment3d``; None stops at the TSDF
            mesh.
        geometry: a reconstruction run that the surface comes from, where ``run`` tells the classes.
        votes: a 2D run whose labels vote for classes, beside a segmentation.
        runner: who does it.
    """
    params, runner = params or ScanParams(), runner or Runner()
    capture = open_capture(source)
    posed = [i for i in range(len(capture)) if capture.pose(i) is not None]
    expect(
        len(posed) > 0,
        given=f"{capture.name}: {len(capture)} frames, none with a valid pose",
        needed="camera poses",
        do="look at it with: crossvox info",
        error=CaptureError,
    )
    expect_own(out, STAGE)
    with runner.part("level"):
        up, level = _level(capture, params, runner.progress)
    runner.progress.say(f"up is ({', '.join(f'{x:.3f}' for x in up)}) in the capture's own world")
    data = out / "data"
    scene = data / capture.name
    with runner.part("prepare"):
        _prepare(source, capture, data, params, level, runner)
    prediction = evaluation = None
    if run is not None:
        prediction = out / "prediction"
        with runner.part("predict"):
            predict(
                run,
                data,
                prediction,
                params.predict,
                geometry=geometry,
                votes=votes,
                tsdf=params.tsdf,
                runner=runner,
            )
    runner.end_dry_run()
    if prediction is not None:
        with runner.part("score"):
            evaluation = evaluate_reconstruction(
                prediction,
                data,
                params.protocol,
                seen_scenes=True,
                progress=runner.progress.step("scores"),
            )
    with runner.part("page"):
        artifacts = [prediction] if prediction is not None else [data]
        page = write_page(
            artifacts,
            out / "report",
            ReportParams(title=f"Scan of {capture.name}"),
            progress=runner.progress.step("page"),
        )
    write_manifest(
        out,
        Manifest(
            STAGE,
            plain(params),
            parents={"scene": read_manifest(scene).digest},
            seconds=runner.seconds,
            notes={"up": up, "new_from_old": level.world_from_camera.tolist()},
            links={"data": "data", **({"prediction": "prediction"} if prediction else {})},
        ),
    )
    return ScanReport(scene, up, prediction, evaluation, page, runner.seconds)


def _prepare(
    source: Path, capture: Capture, data: Path, params: ScanParams, level: Pose, runner: Runner
) -> None:
    """The capture as the only scene of a data folder of its own."""
    prepare = PrepareParams(
        frame_skip=max(1, math.ceil(len(capture) / params.max_frames)),
        width=params.width,
        height=params.height,
        surface="tsdf",
        tsdf=params.tsdf,
    )
    moved = tuple(tuple(row) for row in level.world_from_camera.tolist())
    item = PrepareScene(Input.files(source), capture.name, prepare, new_from_old=moved)
    runner.make_all(
        PreparedScenes(prepare),
        {capture.name: item},
        data,
        notes=enter_scenes(data, lambda _: "val"),
    )


def _level(
    capture: Capture, params: ScanParams, progress: Progress
) -> tuple[tuple[float, ...], Pose]:
    """Up in the capture's world, and the turn that makes the room level and its walls straight.

    A coarse surface of frames spread over the capture is enough for both.
    """
    step = max(1, len(capture) // LEVEL_FRAMES)
    picked = [i for i in range(0, len(capture), step) if capture.pose(i) is not None]
    report = progress.step(f"{capture.name}: level")

    def frames() -> Iterator[Frame]:
        for done, index in enumerate(picked, start=1):
            size = (params.width, params.height)
            yield capture.frame(index, size, Parts(rgb=False, labels=False))
            report(done, len(picked))

    mesh = fuse(frames(), replace(params.tsdf, voxel_m=2 * params.tsdf.voxel_m)).mesh()
    expect(
        len(mesh.faces) > 0,
        given=f"{capture.name}, whose depth images give no surface",
        needed="depth readings within range, and poses in metres",
        do="look at it with: crossvox info",
        error=CaptureError,
    )
    up = params.up
    if up is None:
        up = tuple(estimate_up(mesh, [capture.pose(i) for i in picked]).up.tolist())
    return up, levelling(np.array(up), mesh)
