"""A capture of one's own, without mesh and labels, to a labelled 3D room with a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from crossvox.capture.params import CaptureParams
from crossvox.core.artifact import MANIFEST, Manifest, plain, read_manifest, write_manifest
from crossvox.core.camera import Pose
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import VOLUME
from crossvox.core.heap import share_heaps
from crossvox.core.methods import LEARNT, METHOD_FILES
from crossvox.flow.collection import unlisted_items
from crossvox.flow.folder import begin, expect_apart, expect_own
from crossvox.flow.renew import renewing
from crossvox.flow.runner import Made, Runner
from crossvox.flow.stage import Input
from crossvox.predict.params import Amount, PredictParams
from crossvox.recipes.commands import Flag
from crossvox.recipes.data import enter_scenes
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
    from crossvox.capture.outliers import Usable
    from crossvox.core.frame import Capture
    from crossvox.evaluate.score import Evaluation
    from crossvox.recipes.scan_room import RoomSummary
    from crossvox.report.page.write import PageReport

STAGE = "scan"

DEFAULT_SET = Path("default")

PARTS = ("doctor", "level", "prepare", "predict", "objects", "score", "page")
"""What a scan does, in this order."""

_NOT_LOOKED_AT = (
    "a dry run looks at no image: whether frames agree with each other, so that the capture is not "
    "refused ('crossvox doctor' tells), and which way is up are not known yet"
)


@dataclass(frozen=True)
class ScanParams:
    """How a capture of one's own is treated.

    Attributes:
        max_frames: use no more frames than this; of more, those that together see the most.
        width: image width everything works at, pixels; of upright images their height.
        height: image height, pixels; of upright images their width.
        up: direction that points up in the capture's world, x y z; None finds it from the
            dominant planes of the room.
        tsdf: parameters of TSDF fusion.
        predict: windows and meshing.
    """

    max_frames: int = 150
    width: int = 320
    height: int = 240
    up: tuple[float, float, float] | None = None
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
        room: what was found, and the files that hold it.
        prediction: folder with the learnt mesh, None without a run.
        evaluation: scores against the TSDF mesh, where they were asked for.
        page: the page; None where none was asked for.
        seconds: times by step.
    """

    scene: Path
    up: tuple[float, ...]
    room: RoomSummary
    prediction: Path | None
    evaluation: Evaluation | None
    page: PageReport | None
    seconds: dict[str, float]


def scan(
    source: Path,
    out: Path,
    params: ScanParams | None = None,
    *,
    run: Path = DEFAULT_SET,
    images: Path | None = None,
    labels3d: Path | None = None,
    frame_labels: Path | None = None,
    classes: Path | None = None,
    unknown_below: float | None = None,
    geometry: Path | None = None,
    votes: Path | None = None,
    completion: Amount | None = None,
    checkpoint: CheckpointName = "auto",
    page: bool = True,
    scores: bool = False,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    skip_frames: Path | None = None,
    anyway: bool = False,
    runner: Runner | None = None,
) -> ScanReport:
    """A capture to a labelled room: its completed mesh, the things in it, a floor plan and a page.

    The capture is levelled and its frames are fused; a network completes what they did not see,
    another one labels the frames, and what they say becomes the classes of the surface, with the
    probability that they are right. OUT gets room.ply, objects.json, floorplan.svg and .dxf,
    and report/index.html. The networks come with the package: nothing is downloaded. Called again
    with other flags, what they do not touch is kept, and the rest is made again; what is there
    stays until then.

    Args:
        source: a capture in any format that can be read.
        out: folder for everything.
        params: frames, up direction, fusion and windows.
        run: the networks: default, or free, whose training data nobody has terms on; or a run of
            'crossvox train reconstruct' or 'train segment3d', or the name of one that comes with
            the package; none only fuses.
        images: 2D run that labels the frames instead, or the name of one; none: nothing does.
        labels3d: run of 'crossvox train segment3d --preset labels3d' that corrects the labels in
            3D instead; none: what frames say is left as it is.
        frame_labels: folder of label images of any other program instead, called by the frame's
            number (12.png), its time, or as its colour image. Of OUT/labels of 'crossvox
            predict2d', its --classes are taken over.
        classes: which classes are told: nyu40, benchmark20, or a table of two columns, class id or
            name and what it is to be called.
        unknown_below: surface whose class is less likely than this stays unlabelled.
        geometry: a reconstruction run that the surface comes from, where RUN tells the classes.
        votes: a 2D run whose labels vote for classes, beside a segmentation.
        completion: how much a run of surface completion adds to what was measured: none, safe or
            full, instead of --predict.complete.completion.
        checkpoint: which weights of the runs, as 'crossvox predict --checkpoint' takes them.
        page: write the page.
        scores: score the surface by the TSDF mesh of the same frames. There is no truth here: what
            is completed counts as wrong.
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
    from crossvox.recipes.handed import handing_over
    from crossvox.recipes.scan_networks import choose_networks
    from crossvox.recipes.scan_room import write_room

    share_heaps()
    params, runner = params or ScanParams(), runner or Runner()
    predicted = params.predict.with_completion(completion).with_doubt(unknown_below)
    params = replace(params, predict=predicted)
    networks = choose_networks(
        run,
        geometry=geometry,
        votes=votes,
        images=images,
        labels3d=labels3d,
        frame_labels=frame_labels,
        classes=classes,
        unknown_below=unknown_below,
        completion=completion,
        checkpoint=checkpoint,
        of_network=params.predict.label.of_network,
    )
    expect(
        networks.run is not None or not scores,
        given="--scores with --run none",
        needed="a predicted surface",
        do="leave --scores out",
        error=ParamsError,
    )
    if networks.remark:
        runner.progress.say(networks.remark)
    opened = _open(source, how, skip_frames)
    _expect_place(out, opened)
    asked = {"predict": networks.run is not None, "score": scores, "page": page}
    runner.expect_parts(
        "scan",
        [part for part in PARTS if asked.get(part, True)],
        size=min(len(opened.usable.posed), params.max_frames),
        fresh=not out.exists(),
    )
    data = out / "data"
    scene = data / opened.name
    prediction = None if networks.run is None else out / "prediction"
    with nullcontext() if prediction is None else handing_over():
        up, level = _prepare(opened, out, params, how, anyway, runner)
        if networks.run is not None and prediction is not None:
            predicted_by = partial(
                predict,
                networks.run,
                data,
                params=params.predict,
                geometry=networks.geometry,
                votes=networks.votes,
                images=networks.images,
                labels3d=networks.labels3d,
                frame_labels=frame_labels,
                classes=classes,
                checkpoint=checkpoint,
                tsdf=params.tsdf,
                runner=runner,
            )
            with runner.part("predict"):
                renewing(runner, prediction, lambda place: predicted_by(out=place))
    runner.end_dry_run()
    with runner.part("objects"):
        surface = scene / f"{opened.name}.ply"
        if prediction is not None:
            surface = prediction / opened.name / METHOD_FILES[LEARNT]
        room = write_room(surface, out)
    evaluation = _scored(prediction, data, runner) if scores and prediction else None
    if prediction is not None:
        _forget_networks()
    report = _page(prediction or data, out, opened.name, runner) if page else None
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
    return ScanReport(scene, up, room, prediction, evaluation, report, runner.seconds)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A capture that a room can be made of.

    Attributes:
        whole: as its files have it.
        capture: without the frames that are left out.
        skipped: numbers of these.
        name: of the scene that it becomes.
        usable: frames that may be used.
        files: what it is made of.
    """

    whole: Capture
    capture: Capture
    skipped: frozenset[int]
    name: str
    usable: Usable
    files: Input


def _open(source: Path, how: CaptureParams | None, skip_frames: Path | None) -> _Opened:
    """Open a capture.

    Raises:
        CaptureError: it cannot be read, or has no frame with a pose in metres.
    """
    from crossvox.capture import open_capture
    from crossvox.capture.chosen import ChosenCapture, read_skipped
    from crossvox.capture.find import capture_names
    from crossvox.capture.outliers import usable_frames

    skipped = frozenset() if skip_frames is None else read_skipped(skip_frames)
    whole = open_capture(source, params=how)
    capture = ChosenCapture(whole, skipped) if skipped else whole
    name = capture_names([source])[source]
    usable = usable_frames(capture)
    usable.expect_metres(name)
    usable.expect_posed(name, source)
    return _Opened(whole, capture, skipped, name, usable, Input.files(source))


def _expect_place(out: Path, opened: _Opened) -> None:
    """Refuse a folder that holds something else, the capture itself, or another one's room: they
    would stand on one page.

    Raises:
        ArtifactError: it does.
    """
    expect_own(out, STAGE)
    expect_apart(out, {"capture": opened.files})
    others = [scene for scene in unlisted_items(out / "data", VOLUME) if scene != opened.name]
    expect(
        not others,
        given=f"{out}, which holds a scan of {', '.join(others[:3])}, for a scan of {opened.name}",
        needed="one capture a folder",
        do="name another folder",
        error=ArtifactError,
    )


def _prepare(
    opened: _Opened,
    out: Path,
    params: ScanParams,
    how: CaptureParams | None,
    anyway: bool,
    runner: Runner,
) -> tuple[tuple[float, ...], Pose]:
    """Write the capture as a level prepared scene; gives what :func:`_levelled` finds."""
    from crossvox.capture.remarks import remarks_of
    from crossvox.capture.remembered import remembering, staying_open

    data = out / "data"
    with remembering(opened.whole):
        if runner.dry:
            runner.progress.say(_NOT_LOOKED_AT)
            with runner.part("prepare"), staying_open(opened.whole):
                likely = _foreseen_scene(opened, out, params, how)
                expect_same_capture(data / opened.name, likely)
                renewing(runner, data, lambda place: _prepared(likely, place, runner))
            return (), Pose(np.eye(4))
        up, level = _levelled(opened.capture, opened.usable, params, anyway, runner)
        begin(out, Manifest(STAGE, plain(params)))
        with runner.part("prepare"), staying_open(opened.whole):
            chosen = _chosen(opened.capture, opened.usable.posed, params, runner)
            moved = tuple(tuple(row) for row in level.world_from_camera.tolist())
            stage = _scene(opened, chosen, params, moved, how)
            expect_same_capture(data / opened.name, stage)
            made = renewing(runner, data, lambda place: _prepared(stage, place, runner))
            for outcome in made.outcomes:
                for remark in remarks_of(outcome.notes):
                    runner.progress.say(remark)
    return up, level


def _foreseen_scene(
    opened: _Opened, out: Path, params: ScanParams, how: CaptureParams | None
) -> PrepareScene:
    """The prepared scene, without a look at an image.

    The turn that makes it level, and which of its frames see most, are those of the scene that is
    there, unless other ones were asked for then; of a scene that is not there they tell nothing.
    """
    before, there = (_told(folder) for folder in (out, out / "data" / opened.name))
    asked, many = plain(params), len(opened.capture) > params.max_frames
    frames = [opened.capture.frame_ids[index] for index in opened.usable.posed]
    chosen: Sequence[int] | None = frames[: params.max_frames] if many else None
    moved: Sequence[Sequence[float]] = np.eye(4).tolist()
    if there and before.get("max_frames") == asked["max_frames"]:
        chosen = there.get("chosen")
    if there and before.get("up") == asked["up"]:
        moved = there.get("new_from_old", moved)
    return _scene(
        opened,
        None if chosen is None else tuple(chosen),
        params,
        tuple(tuple(row) for row in moved),
        how,
    )


def _told(folder: Path) -> Mapping[str, Any]:
    """Parameters that a folder was made with; empty where it is not there."""
    params = read_manifest(folder).params if (folder / MANIFEST).is_file() else None
    return params if isinstance(params, Mapping) else {}


def _levelled(
    capture: Capture, usable: Usable, params: ScanParams, anyway: bool, runner: Runner
) -> tuple[tuple[float, ...], Pose]:
    """Up in the capture's world, and the turn that makes it level, of frames that agree."""
    from crossvox.capture.doctor.diagnose import contradicted, expect_sound, line
    from crossvox.capture.moved import MovedCapture
    from crossvox.recipes.find_level import find_level

    with runner.part("doctor"):
        expect_sound(capture, anyway, runner.progress.say)
        for found in contradicted(capture, range(0, len(capture), _frame_skip(capture, params))):
            runner.progress.say(line(found))
    with runner.part("level"):
        near = usable.near_from_world
        seen = capture if near is None else MovedCapture(capture, near)
        up, level = find_level(seen, usable.posed, params, runner.progress)
        told = ", ".join(f"{x:.3f}" for x in up)
        runner.progress.say(f"up is ({told}) in the capture's own world")
        return up, level if near is None else level @ near


def _prepared(stage: PrepareScene, data: Path, runner: Runner) -> Made:
    """The capture as the one scene of a data folder."""
    return runner.make_all(
        PreparedScenes(stage.params),
        {stage.scene: stage},
        data,
        notes=enter_scenes(data, lambda _: "val"),
    )


def _scored(prediction: Path, data: Path, runner: Runner) -> Evaluation:
    """Scores of a prediction against the TSDF mesh of the same frames."""
    from crossvox.evaluate.score import evaluate_reconstruction

    with runner.part("score"):
        return evaluate_reconstruction(
            prediction, data, "surface", seen_scenes=True, progress=runner.progress.step("scores")
        )


def _forget_networks() -> None:
    """Let go of the networks that were kept for a next scene: the page needs room, and none."""
    from crossvox.recipes.label_run import label_network
    from crossvox.recipes.predict_label import image_labeller
    from crossvox.recipes.trained import load_trained, load_voter

    for kept in (load_trained, load_voter, image_labeller, label_network):
        kept.cache_clear()


def _page(shown: Path, out: Path, name: str, runner: Runner) -> PageReport:
    from crossvox.report.page.write import write_page

    with runner.part("page"):
        return write_page(
            [shown],
            out / "report",
            ReportParams(title=f"Scan of {name}"),
            progress=runner.progress.step("page"),
        )


def _frame_skip(capture: Capture, params: ScanParams) -> int:
    """Of so many frames one is used."""
    return max(1, math.ceil(len(capture) / params.max_frames))


def _chosen(
    capture: Capture, posed: Sequence[int], params: ScanParams, runner: Runner
) -> tuple[int, ...] | None:
    """Numbers of the frames that are used; None: all."""
    from crossvox.capture.coverage import covering

    if len(capture) <= params.max_frames:
        return None
    report = runner.progress.step(f"{capture.name}: frames that see most")
    found = covering(capture, posed, params.max_frames, report)
    return tuple(capture.frame_ids[index] for index in found)


def _scene(
    opened: _Opened,
    chosen: tuple[int, ...] | None,
    params: ScanParams,
    moved: tuple[tuple[float, ...], ...],
    how: CaptureParams | None,
) -> PrepareScene:
    """How the capture becomes a prepared scene: moved, so that it is level, and fused from its own
    depth.
    """
    prepare = PrepareParams(
        frame_skip=1,
        width=params.width,
        height=params.height,
        surface="tsdf",
        tsdf=params.tsdf,
    )
    given, trajectory = declared(how)
    return PrepareScene(
        opened.files,
        opened.name,
        prepare,
        how=given,
        trajectory=trajectory,
        skipped=tuple(sorted(opened.skipped)) or None,
        new_from_old=moved,
        chosen=chosen,
    )
