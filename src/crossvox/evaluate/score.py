"""Scores of reconstructed scenes: read meshes, measure every method alike, average, write down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossvox.core.artifact import plain, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.frame import Capture, Frame
from crossvox.core.methods import METHOD_FILES, TSDF, method_name
from crossvox.core.volume import Score
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.gather import Measured, Report, expect_unseen, gather
from crossvox.evaluate.pair import PairParams, score_files
from crossvox.evaluate.predicted import Scored, frames_of, read_predicted
from crossvox.evaluate.protocols import (
    Protocol,
    check_protocol,
    compare_surfaces,
    score_depths,
)
from crossvox.evaluate.references import fusion_is_reference
from crossvox.evaluate.seen_free import SeenFree
from crossvox.evaluate.truth import true_frames, true_points
from crossvox.metrics import mean_scores


@dataclass(frozen=True)
class Evaluation:
    """Scores of a prediction, by scene and method, and their means.

    Attributes:
        protocol: rules everything was measured by.
        scenes: scene -> method -> scores, 3D first, then depth (means over the scene's frames).
        mean: method -> means over the counted scenes that have the method.
        counted: scenes that the means are over.
        coverage: scene -> share of the windows with a seen voxel that were predicted, as the
            prediction's manifest says; None if it does not.
        missing: method -> scenes without a score of it.
        seen: scenes that the run learnt from.
        notes: what a reader of the numbers must know.
        failed: scenes that could not be measured, and why; they are in nothing above.
        waiting: scenes that nobody has measured so far.
    """

    protocol: str
    scenes: dict[str, dict[str, list[Score]]]
    mean: dict[str, list[Score]]
    counted: tuple[str, ...]
    coverage: dict[str, float | None]
    missing: dict[str, list[str]]
    seen: tuple[str, ...]
    notes: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()


def evaluate_reconstruction(
    pred: Path,
    data: Path,
    protocol: Protocol = "surface",
    methods: Sequence[str] = ("learnt", "mask_only", "tsdf"),
    progress: Report | None = None,
    *,
    seen_scenes: bool = False,
) -> Evaluation:
    """Score every predicted scene and write ``PRED/scores.PROTOCOL.json``.

    The reference is the scene's own surface, whole (see
    :func:`crossvox.evaluate.references.reference_mesh`). It is never put together from what was
    predicted or kept for training. Where it is the TSDF fusion of the frames, that has no score.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote (or one scene of it).
        protocol: see ``crossvox.evaluate.protocols``.
        methods: names out of :data:`METHOD_FILES`.
        progress: called with (meshes scored, meshes to score).
        seen_scenes: scenes that the run learnt from count for the means as well.

    Raises:
        ArtifactError: ``pred`` holds no scene, none of the methods, scenes made in different ways,
            a scene that ``data`` lacks, or only scenes that the run learnt from.
        CaptureError: a mesh or a frame cannot be read.
        ParamsError: protocol or method is unknown, or the only method is the reference of all.
    """
    scenes = scenes_to_score(pred, data, protocol, methods, seen_scenes=seen_scenes)
    total = sum(len(_there(scene, methods)) for scene in scenes)
    found: dict[str, SceneScores | None] = {}
    done = 0
    for scene in scenes:
        one = found[scene.name] = score_scene(scene, methods, protocol)
        for _ in one.scores:
            done += 1
            if progress is not None:
                progress(done, total)
    return write_scores(
        pred, data, protocol, methods, scenes, Measured(found), seen_scenes=seen_scenes
    )


def scenes_to_score(
    pred: Path,
    data: Path,
    protocol: Protocol,
    methods: Sequence[str],
    *,
    seen_scenes: bool = False,
) -> list[Scored]:
    """The scenes of a prediction, in order; see :func:`evaluate_reconstruction`."""
    check_protocol(protocol)
    unknown = [method for method in methods if method not in METHOD_FILES]
    expect(
        not unknown and len(methods) > 0,
        given=f"methods {', '.join(methods) or '(none)'}",
        needed=f"some of {', '.join(METHOD_FILES)}",
        do="correct the names",
        error=ParamsError,
    )
    scenes = read_predicted(pred, data)
    expect_unseen(scenes, seen_scenes)
    expect(
        {*methods} != {TSDF} or not all(fusion_is_reference(scene.prepared) for scene in scenes),
        given=f"method {TSDF}, of scenes whose reference is their own {method_name(TSDF)}",
        needed="a method that is not the reference itself",
        do=f"name another one of {', '.join(METHOD_FILES)}",
        error=ParamsError,
    )
    expect(
        any(_there(scene, methods) for scene in scenes),
        given=f"{pred} with {len(scenes)} scenes but no mesh of {', '.join(methods)}",
        needed=f"at least one of {', '.join(METHOD_FILES[method] for method in methods)}",
        do="run 'crossvox predict' again",
        error=ArtifactError,
    )
    return scenes


def write_scores(
    pred: Path,
    data: Path,
    protocol: Protocol,
    methods: Sequence[str],
    scenes: Sequence[Scored],
    kept: Measured[SceneScores],
    *,
    seen_scenes: bool = False,
) -> Evaluation:
    """Put scores of scenes together and write ``PRED/scores.PROTOCOL.json``.

    Args:
        pred: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote (or one scene of it).
        protocol: by which the scenes were scored.
        methods: names out of :data:`METHOD_FILES`.
        scenes: of the prediction.
        kept: their scores.
        seen_scenes: scenes that the run learnt from count for the means as well.

    Raises:
        ArtifactError: no scene was scored, or only such as the run learnt from.
    """
    measured = kept.among(scenes)
    remarks: list[str] = []
    unfused: list[str] = []

    def scores(scene: Scored) -> Mapping[str, list[Score]]:
        one = kept.found[scene.name]
        assert one is not None  # every prepared scene has a surface
        remarks.extend(_remarks(scene, one.lost))
        if not one.fused:
            unfused.append(scene.name)
        return one.scores

    if all(fusion_is_reference(scene.prepared) for scene in measured):
        methods = [method for method in methods if method != TSDF]
    found = gather(measured, methods, scores, data=data, seen_scenes=seen_scenes)
    evaluation = Evaluation(
        protocol=protocol,
        scenes=found.found,
        mean={method: mean_scores(scores) for method, scores in found.whole.items()},
        counted=found.counted,
        coverage=found.coverage,
        missing=found.missing,
        seen=found.seen,
        notes=(
            *remarks,
            *found.coverage_remarks(),
            *found.remarks("is not scored in {count}"),
            *_unfused_remarks(unfused, len(measured)),
            *kept.remarks(),
        ),
        failed=dict(kept.failed),
        waiting=kept.waiting,
    )
    write_json(pred / f"scores.{protocol}.json", plain(evaluation))
    return evaluation


@dataclass(frozen=True)
class SceneScores:
    """One scene.

    Attributes:
        scores: method -> scores, 3D first, then depth (means over the scene's frames).
        lost: frames without a valid pose, which depth was not measured at.
        fused: whether there is a TSDF surface of the frames, without which measured and unmeasured
            surface are not scored apart.
    """

    scores: dict[str, list[Score]]
    lost: int
    fused: bool = True


def score_scene(scene: Scored, methods: Sequence[str], protocol: Protocol) -> SceneScores:
    """Measure all methods of one scene that are there. Writes nothing.

    The reference is read and made ready once, and so is each frame.

    Args:
        scene: where its prediction and its prepared scene are.
        methods: names out of :data:`METHOD_FILES`.
        protocol: see ``crossvox.evaluate.protocols``.

    Raises:
        ArtifactError: the scene has no reference.
        CaptureError: a mesh or a frame cannot be read.
        ParamsError: a surface is too large for a room.
    """
    reference = true_points(scene, protocol)
    meshes = {
        method: read_mesh(scene.predicted / METHOD_FILES[method])
        for method in _there(scene, methods)
    }
    if not meshes:
        return SceneScores({}, 0)
    fused, path = meshes.get(TSDF), scene.predicted / METHOD_FILES[TSDF]
    if fused is None and path.is_file():
        fused = read_mesh(path)
    surfaces = compare_surfaces(meshes, reference, protocol, fused)
    capture = true_frames(scene.prepared)
    free = SeenFree({m: s.points_m for m, s in surfaces.items()})
    used = _frames(scene, capture)

    def count(frame: Frame) -> None:
        if used is None or frame.id in used:
            free.add(frame)

    depths = score_depths(meshes, capture, protocol, watch=count)
    scores = {
        method: [
            *one.scores,
            *free.scores(method, one.unmeasured, protocol),
            *depths[method].scores,
        ]
        for method, one in surfaces.items()
    }
    return SceneScores(scores, max(depth.lost for depth in depths.values()), fused is not None)


def score_pair(
    pred_ply: Path,
    ref_ply: Path,
    protocol: Protocol = "surface",
    frames: Iterable[Frame] | None = None,
) -> list[Score]:
    """3D scores of one file against another by one protocol, see :func:`score_files`.

    Args:
        pred_ply: the mesh that is scored.
        ref_ply: what it is measured against.
        protocol: see ``crossvox.evaluate.rules``.
        frames: with pose and depth, that the mesh was made from, in its world: they are fused by
            the default parameters, and all is scored that can be said beside fusion and frames.
            Read once, one by one.

    Raises:
        CaptureError: a file cannot be read as a mesh, or there are no frames.
        ShapeError: the reference has no surface.
    """
    return score_files(pred_ply, ref_ply, PairParams((protocol,)), frames)


def _frames(scene: Scored, capture: Capture) -> frozenset[int] | None:
    """Ids of the frames that a scene was predicted from; None: all.

    Raises:
        ArtifactError: the prepared scene lacks one.
    """
    used = frames_of(scene.predicted)
    if used is None:
        return None
    strange = sorted(used - set(capture.frame_ids))
    expect(
        not strange,
        given=f"{scene.name}, predicted from frame {strange[:1]} that {scene.prepared} lacks",
        needed="the prepared scene that it was predicted from",
        do="pass the data folder of the prediction (its manifest links to it)",
        error=ArtifactError,
    )
    return used


def _there(scene: Scored, methods: Sequence[str]) -> list[str]:
    """Methods that are measured in the scene: they have a mesh, and are not its reference."""
    return [
        method
        for method in methods
        if (scene.predicted / METHOD_FILES[method]).is_file()
        and not (method == TSDF and fusion_is_reference(scene.prepared))
    ]


def _remarks(scene: Scored, lost: int) -> list[str]:
    name, remarks = scene.name, []
    if lost:
        remarks.append(f"{name}: {lost} frames without a valid pose are not in the depth scores")
    if fusion_is_reference(scene.prepared):
        remarks.append(
            f"{name}: the reference surface is itself the {method_name(TSDF)} of these frames, so "
            f"that has no score here, and nothing which is added beyond it counts as right"
        )
    return remarks


def _unfused_remarks(scenes: Sequence[str], every: int) -> list[str]:
    return [
        f"{len(scenes)} of {every} scenes have no TSDF surface of their frames "
        f"({METHOD_FILES[TSDF]}), so measured and unmeasured surface are not scored apart there: "
        f"{', '.join(scenes)}"
    ] * bool(scenes)
