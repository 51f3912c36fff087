"""A capture of one's own, without mesh and labels, to a labelled 3D room with a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from crossvox.capture.params import CaptureParams
from crossvox.core.artifact import Manifest, plain, read_manifest, write_manifest
from crossvox.core.camera import Pose
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.flow.collection import unlisted_items
from crossvox.flow.folder import begin, expect_own
from crossvox.flow.runner import Runner
from crossvox.flow.stage import Input
from crossvox.predict.params import Amount, PredictParams
from crossvox.recipes.commands import Flag
from crossvox.recipes.data import VOLUME, enter_scenes
from crossvox.recipes.predict import predict
from crossvox.recipes.prepare import (
    PreparedScenes,
    PrepareParams,
    PrepareScene,
    declared,
    expect_same_capture,
)
from crossvox.report.params import ReportParams
from crossvox.scene.params import TsdfParams
from crossvox.train.params import CheckpointName

if TYPE_CHECKING:
    from crossvox.core.frame import Capture
    from crossvox.evaluate.score import Evaluation
    from crossvox.report.page.write import PageReport

STAGE = "scan"


@dataclass(frozen=True)
class ScanParams:
    """How a capture of one's own is treated.

    Attributes:
        max_frames: take every n-th frame so that no more than this many are used.
        width: image width everything works at, pixels; of upright images their height.
        height: image height, pixels; of upright images their width.
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
    completion: Amount | None = None,
    checkpoint: CheckpointName = "auto",
    how: Annotated[CaptureParams | None, Flag("")] = None,
    skip_frames: Path | None = None,
    anyway: bool = False,
    runner: Runner | None = None,
) -> ScanReport:
    """Level a capture, fuse it, reconstruct it with a trained network, score both, make a page.

    A run of surface completion keeps the surface that the frames measured and adds what is missing;
    one of 3D segmentation labels the room as well: its surface, and the TSDF mesh of the frames.

    There is no ground truth here: the reference of the 3D scores is the TSDF mesh of the same
    frames, that of the depth scores the sensor. So what is completed counts as wrong in them.

    Args:
        source: a capture in any format that can be read.
        out: folder for everything.
        params: frames, up direction, fusion and windows.
        run: a run of ``crossvox train reconstruct``, by any recipe, or ``train segment3d``; None
            stops at the TSDF mesh.
        geometry: a reconstruction run that the surface comes from, where RUN tells the classes.
        votes: a 2D run whose labels vote for classes, beside a segmentation.
        completion: how much a run of surface completion adds to what was measured: none, safe or
            full, instead of --predict.complete.completion.
        checkpoint: which weights of the runs, as 'crossvox predict --checkpoint' takes them.
        how: how the capture departs from what its files say.
        skip_frames: list of frame numbers that are left out, one a line, as crossvox doctor writes.
        anyway: go on where frames contradict each other.
        runner: who does it.

    Raises:
        CaptureError: the capture cannot be read, has no valid pose, or its frames contradict each
            other.
        ParamsError: what is asked of a run and there is none, or it cannot do that.
        ArtifactError, CheckpointError: a run is missing or does not fit, or ``out`` holds
            something else.
    """
    from crossvox.capture import open_capture
    from crossvox.capture.chosen import ChosenCapture, read_skipped
    from crossvox.capture.doctor.diagnose import contradicted, expect_sound, line
    from crossvox.capture.find import capture_names
    from crossvox.capture.moved import MovedCapture
    from crossvox.capture.outliers import usable_frames
    from crossvox.capture.remarks import remarks_of
    from crossvox.evaluate.score import evaluate_reconstruction
    from crossvox.recipes.find_level import find_level
    from crossvox.report.page.write import write_page

    params, runner = params or ScanParams(), runner or Runner()
    params = replace(params, predict=params.predict.with_completion(completion))
    _expect_roles(run, geometry, votes, completion)
    skipped = frozenset() if skip_frames is None else read_skipped(skip_frames)
    capture = open_capture(source, params=how)
    if skipped:
        capture = ChosenCapture(capture, skipped)
    name = capture_names([source])[source]
    usable = usable_frames(capture)
    usable.expect_metres(name)
    usable.expect_posed(name, source)
    expect_own(out, STAGE)
    _expect_alone(out, name)
    with runner.part("doctor"):
        expect_sound(capture, anyway, runner.progress.say)
        for found in contradicted(capture, range(0, len(capture), _frame_skip(capture, params))):
            runner.progress.say(line(found))
    with runner.part("level"):
        near = usable.near_from_world
        seen = capture if near is None else MovedCapture(capture, near)
        up, level = find_level(seen, usable.posed, params, runner.progress)
        level = level if near is None else level @ near
    runner.progress.say(f"up is ({', '.join(f'{x:.3f}' for x in up)}) in the capture's own world")
    if not runner.dry:
        begin(out, Manifest(STAGE, plain(params)))
    data = out / "data"
    scene = data / name
    with runner.part("prepare"):
        stage = _scene(source, name, _frame_skip(capture, params), params, level, how, skipped)
        expect_same_capture(scene, stage)
        made = runner.make_all(
            PreparedScenes(stage.params),
            {name: stage},
            data,
            notes=enter_scenes(data, lambda _: "val"),
        )
        for remark in (one for outcome in made.outcomes for one in remarks_of(outcome.notes)):
            runner.progress.say(remark)
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
                checkpoint=checkpoint,
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
            ReportParams(title=f"Scan of {name}"),
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


def _expect_alone(out: Path, name: str) -> None:
    """Refuse a folder that holds the scan of another capture: they would stand on one page.

    Raises:
        ArtifactError: it does.
    """
    others = [scene for scene in unlisted_items(out / "data", VOLUME) if scene != name]
    expect(
        not others,
        given=f"{out}, which holds a scan of {', '.join(others[:3])}, for a scan of {name}",
        needed="one capture a folder",
        do="name another folder",
        error=ArtifactError,
    )


def _expect_roles(
    run: Path | None, geometry: Path | None, votes: Path | None, completion: Amount | None
) -> None:
    """Refuse what the runs cannot do before minutes of work on the capture."""
    if run is not None:
        from crossvox.recipes.shipped import find_run
        from crossvox.recipes.trained import expect_roles

        shape = None if geometry is None else find_run(geometry)
        expect_roles(find_run(run), shape, votes, completion)
        return
    asked = {"geometry": geometry, "votes": votes, "completion": completion}
    given = [f"--{name} {value}" for name, value in asked.items() if value is not None]
    expect(
        not given,
        given=f"{' and '.join(given)} without a run",
        needed="a trained network that predicts the room",
        do=f"pass --run RUN, or leave {' and '.join(given)} out",
        error=ParamsError,
    )


def _frame_skip(capture: Capture, params: ScanParams) -> int:
    """Of so many frames one is used."""
    return max(1, math.ceil(len(capture) / params.max_frames))


def _scene(
    source: Path,
    name: str,
    frame_skip: int,
    params: ScanParams,
    level: Pose,
    how: CaptureParams | None,
    skipped: frozenset[int],
) -> PrepareScene:
    """How the capture becomes a prepared scene: level, fused from its own depth."""
    prepare = PrepareParams(
        frame_skip=frame_skip,
        width=params.width,
        height=params.height,
        surface="tsdf",
        tsdf=params.tsdf,
    )
    moved = tuple(tuple(row) for row in level.world_from_camera.tolist())
    capture = Input.files(source)
    given, trajectory = declared(how)
    return PrepareScene(
        capture,
        name,
        prepare,
        how=given,
        trajectory=trajectory,
        skipped=tuple(sorted(skipped)) or None,
        new_from_old=moved,
    )
