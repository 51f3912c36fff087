"""A trained network and prepared scenes to whole predicted scenes, with their baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import read_manifest
from crossvox.core.class_map import ClassMap
from crossvox.core.methods import CALIBRATED
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import LEARNT_FROM, UNKNOWN, Lineage, together
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage, how
from crossvox.predict.params import Amount, PredictParams
from crossvox.recipes.data import read_scenes
from crossvox.recipes.run_input import RunInput
from crossvox.scene.params import TsdfParams
from crossvox.train.params import CheckpointName

COMPLETED_SHARE = "completed share of the area"
"""Note of a scene that a run of surface completion predicted."""


@dataclass(frozen=True)
class PredictedScenes(Collection):
    """What all scenes of a prediction folder have in common.

    Attributes:
        run: the run that predicts.
        params: windows and meshing.
        tsdf: parameters of the TSDF baseline.
        baselines: whether baselines are written.
        geometry: a reconstruction run that the surface comes from.
        votes: a 2D run whose labels vote.
        images: a 2D run that labels the frames of a completed surface.
        frame_labels: a folder of label images that does.
        classes: what is told of their classes.
        labels3d: a run that corrects in 3D what frames say.
        frame_classes: which of NYU40's classes the folder's label images tell after that.
    """

    NAME = "predict"
    NUMBERS = 6

    run: RunInput
    params: PredictParams
    tsdf: TsdfParams
    baselines: bool
    geometry: RunInput | None = None
    votes: RunInput | None = None
    images: RunInput | None = None
    frame_labels: Input | None = None
    classes: ClassMap | None = None
    labels3d: RunInput | None = None
    frame_classes: ClassMap | None = None


@dataclass(frozen=True)
class PredictScene(Stage):
    """One prepared scene to its prediction; see :class:`PredictedScenes`.

    Attributes:
        scene: the prepared scene.
        lineage: what the networks behind it have learnt from.
        device: where the networks compute.
    """

    NAME = "predict-scene"
    NUMBERS = 6

    scene: Input
    run: RunInput
    params: PredictParams
    tsdf: TsdfParams
    baselines: bool
    geometry: RunInput | None = None
    votes: RunInput | None = None
    images: RunInput | None = None
    frame_labels: Input | None = None
    classes: ClassMap | None = None
    labels3d: RunInput | None = None
    frame_classes: ClassMap | None = None
    lineage: Lineage = how(UNKNOWN)
    device: str = how("auto")

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.predict_scene.predict_scene`."""
        from crossvox.recipes.predict_scene import predict_scene

        work.learnt_from = self.lineage.told
        seen = self.lineage.has_seen(self.scene.path.resolve().name)
        return {**predict_scene(self, work), LEARNT_FROM: seen}

    def size(self) -> float:
        """Frames."""
        return float(read_manifest(self.scene.path).notes.get("frames", 1))


@dataclass(frozen=True)
class PredictReport:
    """What was predicted.

    Attributes:
        scenes: notes by scene: windows, coverage, whether the run has learnt from it, ...
        kept: scenes that were there already, made by the same run with the same parameters.
        failed: scenes that could not be predicted.
        labelled: the folder of the prediction, if its scenes have labels.
    """

    scenes: dict[str, Mapping[str, Any]]
    kept: tuple[str, ...]
    failed: tuple[Outcome, ...]
    labelled: Path | None = None

    @property
    def held_out(self) -> str | None:
        """Name of a scene that the run has not learnt from, whose scores tell something."""
        return next((name for name, its in self.scenes.items() if not its.get(LEARNT_FROM)), None)


def predict(
    run: Path,
    data: Path,
    out: Path,
    params: PredictParams | None = None,
    *,
    scenes: str = "val",
    geometry: Path | None = None,
    votes: Path | None = None,
    completion: Amount | None = None,
    images: Path | None = None,
    frame_labels: Path | None = None,
    labels3d: Path | None = None,
    classes: Path | None = None,
    unknown_below: float | None = None,
    checkpoint: CheckpointName = "auto",
    baselines: bool = True,
    tsdf: TsdfParams | None = None,
    device: str = "auto",
    workers: int = 1,
    runner: Runner | None = None,
) -> PredictReport:
    """Predict whole scenes and mesh them, with classes if RUN tells any, and with baselines.

    A run of surface completion keeps the surface that was measured, and adds what is missing; its
    classes are those that frames vote for, labelled by a 2D network or by a folder of images.

    All scenes of a prediction folder are made by one run with one set of parameters. A scene that
    the run or its 2D network has learnt from is marked.

    Args:
        run: run folder of a 3D task, or the name of a run that comes with the package.
        data: folder that 'crossvox prepare' wrote, or one scene of it.
        out: prediction folder.
        params: windows and meshing.
        scenes: val, train, all, or names separated by commas.
        geometry: reconstruction run that the surface comes from, where RUN tells the classes.
        votes: 2D run whose labels vote, the baseline of a segmentation; by default the one that
            its features come from, unless that learnt without its classifier.
        completion: how much a run of surface completion adds to what was measured: none, safe or
            full, instead of --complete.completion.
        images: 2D run that labels the frames of a completed surface, or the name of one that comes
            with the package; none: nothing does.
        frame_labels: folder of label images that does instead, called by the frame's number
            (12.png), its time, or as its colour image; of several scenes a folder each. Of
            OUT/labels of 'crossvox predict2d', its --classes are taken over.
        labels3d: run that corrects in 3D what frames say, of 'crossvox train segment3d --preset
            labels3d', or the name of one that comes with the package; none: votes alone.
        classes: which classes are told: nyu40, benchmark20, or a table of two columns, class id or
            name and what it is to be called.
        unknown_below: a vertex whose label is less likely than this stays without one, instead of
            --label.unknown-below.
        checkpoint: which weights of the runs: best, last, average (of --train.average), or auto:
            the average if it scored no worse in validation, else the best, else the last.
        baselines: also write the mask-only and the TSDF surface, and the 2D votes.
        tsdf: the TSDF baseline.
        device: auto, cpu, cuda, ...
        workers: scenes predicted at once, each by a process with its share of the threads; 0 means
            one a core. One is enough for a network on a GPU.
        runner: who makes the scenes.

    Raises:
        ParamsError: a geometry or votes beside a reconstruction, a geometry that is none, or
            completion or labels of frames asked of runs that complete nothing.
        ArtifactError, CheckpointError: a run or a scene is missing or does not fit.
    """
    from crossvox.doors.devices import pick_device
    from crossvox.recipes.labels import label_source
    from crossvox.recipes.shipped import find_run, found_or_none, linked
    from crossvox.recipes.trained import completes, expect_roles, run2d_input, run_input
    from crossvox.train.folder import lineage_of

    params, runner = (params or PredictParams()).with_completion(completion), runner or Runner()
    params = params.with_doubt(unknown_below)
    device = pick_device(device)
    run, geometry, votes = find_run(run), found_or_none(geometry), found_or_none(votes)
    expect_roles(run, geometry, votes, completion)
    labels = label_source(
        images,
        frame_labels,
        classes,
        possible=completes(run),
        checkpoint=checkpoint,
        labels3d=labels3d,
        of_network=params.label.of_network,
    )
    shared: dict[str, Any] = {
        "run": run_input(run, checkpoint),
        "params": params,
        "tsdf": tsdf or TsdfParams(),
        "baselines": baselines,
        "geometry": None if geometry is None else run_input(geometry, checkpoint),
        "votes": None if votes is None else run2d_input(votes, checkpoint),
        **labels.fields,
    }
    behind = [path for path in (run, geometry, votes, labels.run, labels.run3d) if path is not None]
    lineage = together(lineage_of(path) for path in behind)
    items = {
        folder.resolve().name: PredictScene(
            Input.folder(folder), **shared, lineage=lineage, device=device
        )
        for folder in read_scenes(data, scenes)
    }
    made = runner.make_all(
        PredictedScenes(**shared),
        items,
        out,
        workers=workers,
        links={
            "run": linked(run),
            "data": data,
            "geometry": linked(geometry),
            "votes": linked(votes),
            "images": linked(labels.run),
            "labels3d": linked(labels.run3d),
        },
        learnt_from=lineage.told,
    )
    notes = {o.item: o.notes for o in made.outcomes if o.status in ("made", "kept")}
    seen = [scene for scene, noted in notes.items() if noted.get(LEARNT_FROM)]
    if seen:
        runner.progress.say(f"the run has learnt from {', '.join(seen)}: scores there tell nothing")
    if not lineage.complete:
        runner.progress.say("not all runs tell what they learnt from: other scenes may be among it")
    labelled = any(CALIBRATED in told or told.get("task") == "segment3d" for told in notes.values())
    return PredictReport(notes, made.kept, made.failed, out if labelled else None)
