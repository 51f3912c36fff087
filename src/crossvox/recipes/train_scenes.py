"""How a run on sub-volumes is put together: scenes, sub-volumes, task, start, loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.core.artifact import file_digest, plain, read_manifest, write_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.colors import COLORS, RECORD
from crossvox.core.files import TRANSFER
from crossvox.core.labels import NYU40
from crossvox.core.params import from_plain
from crossvox.doors.devices import pick_device
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Work
from crossvox.recipes.data import read_scenes
from crossvox.recipes.lifted_features import (
    features_digest,
    features_lineage,
    file_maps,
    found_features,
    is_files,
    network_digest,
)
from crossvox.recipes.scene_sources import load_sources, of_rooms, training_scenes
from crossvox.recipes.shipped import found_or_none, is_gone, linked
from crossvox.recipes.start import START, Start, complete_record, start_of
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    SceneRunParams,
    Segment3dRunParams,
    TrainScenes,
)
from crossvox.recipes.training import kept_without, only_look
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.kept_maps import KeptFrameMaps, kept_maps
from crossvox.samples.maps import FeatureCollate, FrameMaps
from crossvox.samples.params import LabelParams
from crossvox.samples.source import SceneSource
from crossvox.tasks.complete import Complete
from crossvox.tasks.params import FeatureParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import Segment2d
from crossvox.tasks.segment3d import Segment3d, label_counts, voxel_shares
from crossvox.train.chosen import expect_run_of
from crossvox.train.folder import (
    RunRecord,
    answer,
    asked_for,
    made_by,
    note_asked,
    read_record,
)
from crossvox.train.loop import train
from crossvox.train.report import TrainReport
from crossvox.train.transfer import Transfer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class _Recipe:
    """What a run is made of, as it comes together.

    Attributes:
        stage: what was asked for.
        params: its parameters, with the 2D network that features come from.
        task: what is learnt.
        recorded: what the run folder records of it.
        made_from: digests of what it is made from, by role.
        transfer: what is taken over from another run.
    """

    stage: TrainScenes
    params: ReconstructRunParams | Segment3dRunParams
    task: Reconstruct | Segment3d
    recorded: dict[str, Any]
    made_from: dict[str, str] = field(default_factory=dict)
    transfer: Transfer | None = None


def train_scenes(stage: TrainScenes, work: Work) -> TrainReport:
    """Train a task on sub-volumes of prepared scenes, in the run folder ``work.out``.

    Raises:
        ArtifactError: no sub-volume qualifies, the folder holds another run, or what it starts
            from is no run on sub-volumes.
        CheckpointError: a run that it starts from, or takes features from, is damaged.
        ParamsError: a checkpoint is asked for, and neither --from nor --features is a run.
    """
    features = stage.sources.features
    if features is not None and is_files(features):
        expect_run_of(stage.checkpoint, {"--from": stage.start})
    start = start_of(stage.start, stage.start_checkpoint, work, _expect_start)
    if (done := _without_sources(stage, start, work)) is not None:
        return done
    found_or_none(features)  # What is gone is refused.
    asked = fingerprint(stage, start)
    done = answer(work.out, asked, stage.params.train, dry=work.dry)
    if done is not None:
        return done
    given, views = stage.sources, stage.params.views
    params, weights, made_from = _with_features(stage)
    if work.dry:
        return _only_look(stage, params, start, made_from, work.out)
    scenes = training_scenes(
        stage.data, given, views, params.train.seed, work.progress, params.input
    )
    recipe = _Recipe(stage, params, *_task(params, weights, scenes, given), made_from)
    recipe.made_from.update(start.parents)
    _take_over(recipe, start)
    index = _training_index(recipe, scenes)
    seed = params.train.seed
    dataset = ChunkDataset(
        {source.name: source for source in scenes},
        of_rooms(index, scenes, given),
        views,
        params.augment,
        seed,
        image_labels=given.features_proxy,
    )
    held_out, validation = _validation(recipe, work.progress)
    frozen = _FrozenImages() if _features_stay(params) else None
    scenes_shown = (*scenes, *held_out)
    maps = None if frozen is None else _frame_maps(frozen, params, scenes_shown, work.shared)
    maps = file_maps(params.task.features, views.size, scenes_shown, work.progress) or maps
    start.tell_seen((source.name for source in held_out), work.progress)
    report = train(
        recipe.task,
        dataset,
        collate if maps is None else FeatureCollate(maps),
        work.out,
        params.train,
        validation=validation,
        parameter_groups=_groups(recipe),
        ready=None if frozen is None else frozen.take,
        recipe=recipe.recorded,
        scenes=[source.name for source in scenes],
        validation_scenes=[source.name for source in held_out],
        ancestors={
            **({} if features is None else {"features": features_lineage(features)}),
            **start.ancestors,
        },
        links={
            "data": stage.data,
            **({} if (kept := linked(features)) is None else {"features": kept}),
            **start.links,
        },
        parents={
            "data": read_manifest(stage.data).digest,
            "index": index.digest,
            **recipe.made_from,
        },
        progress=work.progress.training(),
    )
    taken = None if recipe.transfer is None else recipe.transfer.report
    if taken is not None:
        write_json(work.out / TRANSFER, {**plain(taken), "summary": taken.summary})
        work.progress.say(taken.summary)
    note_asked(work.out, asked)
    return report


def _expect_start(start: Path) -> None:
    """Refuse a start whose network reads anything but sub-volumes of what is lifted.

    Raises:
        ArtifactError: it is a run of another kind.
    """
    task = read_record(start).task
    expect(
        task not in (Complete.name, Segment2d.name),
        given=f"--from {start}, a run of task {task!r}",
        needed=f"a run of {made_by(Reconstruct.name)} or {made_by(Segment3d.name)}",
        do="name such a run, or leave --from out",
        error=ArtifactError,
    )


def _without_sources(stage: TrainScenes, start: Start, work: Work) -> TrainReport | None:
    """The report of a complete run whose data or features are gone; None of any other."""
    given, params, data = stage.sources, stage.params, stage.data
    gone = {"data": is_gone(data), "features": is_gone(given.features)}
    if not any(gone.values()):
        return None
    untold = [role for role, is_so in gone.items() if is_so]
    parents = dict(start.parents)
    if gone["features"]:
        params = _as_told(params, given, complete_record(work.out))
    else:
        params, _, made_from = _with_features(stage)
        parents |= made_from
    if not gone["data"]:
        parents["data"] = read_manifest(data).digest
    if given.index is None:
        untold.append("index")
    for role, path in {"index": given.index, "validation_index": given.validation_index}.items():
        if path is not None:
            parents[role] = SampleIndex.load(path).digest
    recorded = _recorded(params, given)
    return kept_without(
        {"data": data, **({} if given.features is None else {"features": given.features})},
        _unread_task(recorded["params"]),
        work,
        train=params.train,
        recipe=recorded,
        parents=parents,
        untold=untold,
    )


def _as_told(
    params: ReconstructRunParams | Segment3dRunParams, given: RunSources, told: RunRecord | None
) -> ReconstructRunParams | Segment3dRunParams:
    """Parameters with the features that a complete run tells of, at the rate that is asked for."""
    task = told.task_params if told is not None else None
    lifted = task.get("features") if isinstance(task, Mapping) else None
    if lifted is None:
        return params
    features = from_plain(FeatureParams, lifted, "features")
    if given.features_proxy and features.proxy is None:
        return params
    proxy = features.proxy if given.features_proxy else None
    features = replace(features, rate=given.features_rate, proxy=proxy)
    return replace(params, task=replace(params.task, features=features))  # type: ignore[arg-type]


def _unread_task(params: ReconstructRunParams | Segment3dRunParams) -> Reconstruct | Segment3d:
    """The task of a run, as far as it is known before its scenes are read."""
    if isinstance(params, ReconstructRunParams):
        return Reconstruct(params.task)
    return Segment3d(params.task)


def fingerprint(stage: TrainScenes, start: Start) -> str:
    """Fingerprint of a run by what it is made from, without a look into the scenes.

    What its files hold counts, not where they lie.

    Args:
        stage: the run.
        start: what it takes over.
    """
    given, params = stage.sources, stage.params
    scenes = {
        which: [folder.resolve().name for folder in read_scenes(stage.data, which)]
        for which in {given.scenes, given.validation_scenes} - {"none"}
    }
    files = {"index": given.index, "validation_index": given.validation_index}
    task = Reconstruct if isinstance(params, ReconstructRunParams) else Segment3d
    told = plain(given)
    placeless = {name: told[name] for name in told if name not in (*files, "features")}
    return asked_for(
        {"params": params, "sources": placeless, "scenes": scenes, "colours": COLORS},
        {"data": read_manifest(stage.data).digest, "numbers": getattr(task, "numbers", 1)},
        {role: _digest(path) for role, path in files.items() if path is not None}
        | dict(start.parents)
        | (
            {}
            if given.features is None
            else {"features": features_digest(given.features, stage.checkpoint)}
        ),
    )


def _digest(path: Path) -> str:
    """Fingerprint of a file; who reads it tells what is wrong with one that is not there."""
    return file_digest(path) if path.is_file() else ""


def _with_features(
    stage: TrainScenes,
) -> tuple[ReconstructRunParams | Segment3dRunParams, dict[str, Any] | None, dict[str, str]]:
    """Parameters with the 2D network of ``--features``, its weights, and their digest by role."""
    given, params = stage.sources, stage.params
    if given.features is None:
        return params, None, {}
    found, weights, weights_digest = found_features(given, params, stage.checkpoint)
    task = replace(params.task, features=found)
    return replace(params, task=task), weights, {"features": weights_digest}  # type: ignore[arg-type]


def _recorded(
    params: ReconstructRunParams | Segment3dRunParams, given: RunSources
) -> dict[str, Any]:
    """What is recorded of a run that is known before its scenes are read."""
    if isinstance(params, Segment3dRunParams) and given.labels.points:
        # Labels are few, measured surface is not: without it the network would forget it.
        learnt = replace(params.task, unlabelled=params.task.unlabelled or "surface")
        params = replace(params, task=learnt)
    return {
        "params": params,
        RECORD: COLORS,
        "scenes": given.scenes,
        "validation_scenes": given.validation_scenes,
        # Nothing where all labels are used, as older runs tell nothing of it.
        "labels": None if given.labels == LabelParams() else given.labels,
    }


def _only_look(
    stage: TrainScenes,
    params: ReconstructRunParams | Segment3dRunParams,
    start: Start,
    made_from: dict[str, str],
    run: Path,
) -> TrainReport:
    """End a dry run, see :func:`crossvox.recipes.training.only_look`."""
    recorded = _recorded(params, stage.sources)
    recipe = _Recipe(stage, params, _unread_task(recorded["params"]), recorded)
    _take_over(recipe, start)
    parents = {"data": read_manifest(stage.data).digest, **made_from, **start.parents}
    return only_look(
        run,
        recipe.task,
        train=params.train,
        recipe=recorded,
        parents={START: None, "features": None, **parents},
    )


def _task(
    params: ReconstructRunParams | Segment3dRunParams,
    weights: dict[str, Any] | None,
    scenes: Sequence[SceneSource],
    given: RunSources,
) -> tuple[Reconstruct | Segment3d, dict[str, Any]]:
    """The task of a run, and what is recorded: what it learnt of the training labels as well."""
    recorded = _recorded(params, given)
    params = recorded["params"]
    if isinstance(params, ReconstructRunParams):
        return Reconstruct(params.task, weights), recorded
    voxels = label_counts(source.volume for source in scenes if source.volume is not None)
    expect(
        int(voxels[1:].sum()) > 0,
        given=f"{len(scenes)} training scenes without any annotated voxel",
        needed="scenes with labels",
        do="prepare scans that have labelled meshes, or train another task",
        error=ArtifactError,
    )
    task = Segment3d(params.task, weights, shares=voxel_shares(voxels))
    recorded["label_voxels"] = voxels
    recorded["class_shares"] = task.shares
    recorded["class_weights"] = task.class_weights
    recorded["majority_class"] = NYU40.names[task.majority]
    return task, recorded


def _take_over(recipe: _Recipe, start: Start) -> None:
    """Let the task start from another run, if one was named.

    Raises:
        ArtifactError: it is not there any more.
    """
    expect(
        start.gone is None,
        given=f"--from {start.gone}, which is not there any more, for a run that is not finished",
        needed="its weights: they tell what of this run learns, and how fast",
        do="put it back, or train in another folder",
        error=ArtifactError,
    )
    if start.run is None:
        return
    recipe.transfer = Transfer(start.run, recipe.params.transfer, start.checkpoint)
    recipe.task = replace(recipe.task, initialise=recipe.transfer.initialise)


def _groups(recipe: _Recipe) -> Callable[[Any], list[dict[str, Any]]]:
    """Parameters of a network by the rate that they learn at."""

    def groups(network: Any) -> list[dict[str, Any]]:
        own = recipe.task.parameter_groups(network)
        if recipe.transfer is None:
            return own
        return recipe.transfer.groups(own, recipe.params.train.rate)

    return groups


def _training_index(recipe: _Recipe, scenes: list[SceneSource]) -> SampleIndex:
    """Where the training sub-volumes are cut: as a file says, or drawn."""
    params, path = recipe.params, recipe.stage.sources.index
    if path is None:
        index = training_index(scenes, params.chunks, params.views, params.train.seed)
    else:
        index = _read_index(path, params)
    expect(
        len(index.places) > 0,
        given=f"{len(scenes)} scenes in which no sub-volume qualifies",
        needed="at least one sub-volume with occupied voxels that some frame sees",
        do="prepare more scenes, or loosen --chunks.*",
        error=ArtifactError,
    )
    return index


def _validation(
    recipe: _Recipe, progress: Progress
) -> tuple[list[SceneSource], ChunkDataset | None]:
    """Scenes that the run is validated on, and their sub-volumes."""
    given, params = recipe.stage.sources, recipe.params
    if given.validation_scenes == "none":
        return [], None
    held_out = load_sources(
        recipe.stage.data,
        given.validation_scenes,
        params.views,
        progress,
        "validation scenes",
        params.input,
    )
    if given.validation_index is None:
        places = _validation_index(held_out, params)
    else:
        places = _read_index(given.validation_index, params)
        recipe.made_from["validation_index"] = places.digest
    sources = {source.name: source for source in held_out}
    return held_out, ChunkDataset(sources, places, params.views, None, params.train.seed)


def _features_stay(params: SceneRunParams) -> bool:
    """Whether features can be made once a frame and kept, where they never change.

    That is so for a 2D network that does not learn and images that are not varied. On a GPU, and in
    worker processes, features are made anew with every batch instead.
    """
    features = params.task.features
    network = features is not None and features.files is None
    fixed = network and features.rate == 0 and not params.augment.varies_images  # type: ignore[union-attr]
    return fixed and params.train.workers == 0 and pick_device(params.train.device) == "cpu"


class _FrozenImages:
    """The 2D network of the run, which the loop builds, for whoever makes batches beside it."""

    def __init__(self) -> None:
        self._network: Any = None

    def take(self, network: Any) -> None:
        """The run's network is ready."""
        self._network = network

    def __call__(self, images: Tensor) -> Tensor:
        """Features ``(M, C, h, w)`` of normalised images ``(M, 3, H, W)``."""
        return self.mapped(self.frame_features(images))

    def frame_features(self, images: Tensor) -> Tensor:
        """See :class:`crossvox.samples.kept_maps.Encoder`."""
        import torch

        with torch.inference_mode():
            made: Tensor = self._network.frame_features(images)
            return made

    def mapped(self, features: Tensor) -> Tensor:
        """Features with what the 2D network says of classes, where that is asked for."""
        import torch

        with torch.inference_mode():
            made: Tensor = self._network.with_classes(features)
            return made

    def fingerprint(self) -> str:
        """See :class:`crossvox.samples.kept_maps.Encoder`."""
        return network_digest(self._network.image_network)


def _frame_maps(
    frozen: _FrozenImages,
    params: SceneRunParams,
    scenes: Sequence[SceneSource],
    shared: Path | None,
) -> FrameMaps:
    """Maps of frames, kept in a folder that several runs share where there is one."""
    if shared is None:
        return FrameMaps(frozen)
    return KeptFrameMaps(frozen, partial(kept_maps, shared, frozen, params.input, scenes))


def _read_index(path: Path, params: SceneRunParams) -> SampleIndex:
    """Sub-volumes that a file names.

    Raises:
        ArtifactError: the file is damaged, or of another shape or number of views.
    """
    index = SampleIndex.load(path)
    expect(
        index.shape == params.chunks.shape and index.max_views == params.views.max_views,
        given=f"{path} with sub-volumes of {index.shape} and {index.max_views} views",
        needed=f"{params.chunks.shape} and {params.views.max_views}",
        do="pass --chunks.shape and --views.max-views as in the file",
        error=ArtifactError,
    )
    return index


def _validation_index(sources: list[SceneSource], params: SceneRunParams) -> SampleIndex:
    """Non-overlapping windows of the validation scenes, thinned evenly to the number asked for."""
    shape = params.chunks.shape
    windows = [
        window_index(source, shape, shape, params.views.max_views, occupied_only=True)
        for source in sources
    ]
    places = [place for window in windows for place in window.places]
    wanted = params.validation_windows
    if wanted and len(places) > wanted:
        kept = np.linspace(0, len(places) - 1, wanted).round().astype(int)
        places = [places[i] for i in kept]
    return SampleIndex(tuple(places), shape, params.views.max_views)
