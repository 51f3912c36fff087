"""Prepared scenes to a trained network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.chunks import ChunkParams
from crossvox.core.artifact import file_digest, plain, read_manifest, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.params import from_plain
from crossvox.doors.devices import pick_device
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.data import read_scenes
from crossvox.samples.dataset import ChunkDataset, collate
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.maps import FeatureCollate
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import SceneSource, load_source
from crossvox.tasks.params import (
    FeatureParams,
    ProxyParams,
    ReconstructParams,
    SceneTaskParams,
    Segment3dParams,
)
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment3d import CLASSES, Segment3d, voxel_shares
from crossvox.train.checkpoint import NETWORK
from crossvox.train.folder import best_or_last, learnt_from, read_record
from crossvox.train.loop import train
from crossvox.train.params import TRANSFER, TrainParams, TransferParams
from crossvox.train.report import TrainProgress, TrainReport
from crossvox.train.transfer import Transfer
from crossvox.views.visibility import ViewParams

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SceneRunParams:
    """What makes a run of a task on sub-volumes, besides the task.

    Attributes:
        train: the training loop.
        views: which voxels a frame sees, and how many frames look at a sub-volume.
        chunks: how training sub-volumes are drawn.
        augment: how samples vary.
        transfer: what is taken over from the run that it starts from.
        validation_windows: validation sub-volumes in all (evenly chosen); 0 = all of them.
    """

    train: TrainParams = field(default_factory=TrainParams)
    task: SceneTaskParams = field(default_factory=SceneTaskParams)
    views: ViewParams = field(default_factory=ViewParams)
    chunks: ChunkParams = field(default_factory=ChunkParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
    transfer: TransferParams = field(default_factory=TransferParams)
    validation_windows: int = 64

    def __post_init__(self) -> None:
        expect(
            self.task.views == self.views.max_views,
            given=f"a task of {self.task.views} views, sub-volumes with up to "
            f"{self.views.max_views}",
            needed="the same number",
            do="pass --task.views and --views.max-views alike",
            error=ParamsError,
        )


@dataclass(frozen=True)
class ReconstructRunParams(SceneRunParams):
    """Everything that makes a reconstruction run.

    Attributes:
        task: network, view fusion and loss.
    """

    task: ReconstructParams = field(default_factory=ReconstructParams)


@dataclass(frozen=True)
class Segment3dRunParams(SceneRunParams):
    """Everything that makes a run of 3D segmentation.

    Attributes:
        task: network, view fusion and loss.
    """

    task: Segment3dParams = field(default_factory=Segment3dParams)


@dataclass(frozen=True)
class RunSources:
    """What a run on sub-volumes learns from.

    Attributes:
        scenes: training scenes: "train", "val", "all", or names separated by commas.
        validation_scenes: likewise; "none" trains without validation.
        index: file that names the training sub-volumes, as ``crossvox import hdf5`` writes it;
            without it they are drawn.
        validation_index: likewise for validation; without it they are tiles.
        features: a run of ``crossvox train segment2d`` whose features are lifted in place of
            colours. The run folder keeps a copy of its weights, so that it is not needed later.
        features_rate: learning rate of the 2D network; 0 keeps its weights as they are.
        features_proxy: train the 2D network on the frames' labels at the same time, both losses
            weighted by learned uncertainties.

    Raises:
        ParamsError: something is asked of a 2D network, and there is none.
    """

    scenes: str = "train"
    validation_scenes: str = "val"
    index: Path | None = None
    validation_index: Path | None = None
    features: Path | None = None
    features_rate: float = 0.0
    features_proxy: bool = False

    def __post_init__(self) -> None:
        expect(
            self.features is not None or (self.features_rate == 0 and not self.features_proxy),
            given=f"a rate of {self.features_rate} or a loss for the 2D network, and no 2D network",
            needed="a 2D run",
            do="pass --features RUN2D",
            error=ParamsError,
        )


def train_reconstruct(
    data: Path,
    run: Path,
    params: ReconstructRunParams | None = None,
    sources: RunSources | None = None,
    *,
    start: Path | None = None,
    progress: Progress | None = None,
    watch: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a network that reconstructs occupancy from lifted colours or features.

    Run again with the same parameters, it continues where it was stopped.

    Args:
        data: a folder that ``crossvox prepare`` wrote.
        run: run folder.
        params: see :class:`ReconstructRunParams`.
        sources: see :class:`RunSources`.
        start: a run of any 3D task whose weights this one starts from, as ``params.transfer`` says.
        progress: who watches the steps before training.
        watch: who watches the training.
    """
    return _train(data, run, params or ReconstructRunParams(), sources, start, progress, watch)


def train_segment3d(
    data: Path,
    run: Path,
    params: Segment3dRunParams | None = None,
    sources: RunSources | None = None,
    *,
    start: Path | None = None,
    progress: Progress | None = None,
    watch: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a network that tells free space and 40 classes from lifted colours or features.

    Class weights follow from the labels of the training scenes and are recorded with the run. For
    the arguments see :func:`train_reconstruct`.

    Raises:
        ArtifactError: the training scenes have no labels, beside what every run raises.
    """
    return _train(data, run, params or Segment3dRunParams(), sources, start, progress, watch)


def _train(
    data: Path,
    run: Path,
    params: ReconstructRunParams | Segment3dRunParams,
    given: RunSources | None,
    start: Path | None,
    progress: Progress | None,
    watch: Callable[[TrainProgress], None] | None,
) -> TrainReport:
    given, progress = given or RunSources(), progress or Silent()
    made_from: dict[str, str] = {}
    weights: dict[str, Any] | None = None
    if given.features is not None:
        found, weights, made_from["features"] = read_features(
            given.features, given.features_rate, given.features_proxy
        )
        params = replace(params, task=replace(params.task, features=found))  # type: ignore[arg-type]
    scenes = load_sources(data, given.scenes, params.views, progress, "training scenes")
    index = (
        training_index(scenes, params.chunks, params.views, params.train.seed)
        if given.index is None
        else _read_index(given.index, params)
    )
    expect(
        len(index.places) > 0,
        given=f"{len(scenes)} scenes in which no sub-volume qualifies",
        needed="at least one sub-volume with occupied voxels that some frame sees",
        do="prepare more scenes, or loosen --chunks.*",
        error=ArtifactError,
    )
    recipe: dict[str, Any] = {
        "params": params,
        "scenes": given.scenes,
        "validation_scenes": given.validation_scenes,
    }
    task = _task(params, scenes, weights, recipe)
    transfer = None
    if start is not None:
        transfer = Transfer(start, params.transfer)
        made_from["start"] = file_digest(start / transfer.checkpoint / NETWORK)
        task = replace(task, initialise=transfer.initialise)
    seed = params.train.seed
    dataset = ChunkDataset(
        {source.name: source for source in scenes},
        index,
        params.views,
        params.augment,
        seed,
        image_labels=given.features_proxy,
    )
    validation, held_out = None, []
    if given.validation_scenes != "none":
        held_out = load_sources(
            data, given.validation_scenes, params.views, progress, "validation scenes"
        )
        if given.validation_index is None:
            places = _validation_index(held_out, params)
        else:
            places = _read_index(given.validation_index, params)
            made_from["validation_index"] = places.digest
        validation = ChunkDataset(
            {source.name: source for source in held_out},
            places,
            params.views,
            None,
            seed,
        )

    def groups(network: Any) -> list[dict[str, Any]]:
        own = task.parameter_groups(network)
        return own if transfer is None else transfer.groups(own, params.train.rate)

    links = {"data": data, "features": given.features, "start": start}
    before = {"features": given.features, "start": start}
    frozen = _FrozenImages() if _features_stay(params) else None
    report = train(
        task,
        dataset,
        collate if frozen is None else FeatureCollate(frozen),
        run,
        params.train,
        validation=validation,
        parameter_groups=groups,
        ready=None if frozen is None else frozen.take,
        recipe=recipe,
        scenes=[source.name for source in scenes],
        validation_scenes=[source.name for source in held_out],
        ancestors={role: learnt_from(path) for role, path in before.items() if path is not None},
        links={role: path for role, path in links.items() if path is not None},
        parents={"data": read_manifest(data).digest, "index": index.digest, **made_from},
        progress=watch,
    )
    if transfer is not None and transfer.report is not None:
        write_json(run / TRANSFER, {**plain(transfer.report), "summary": transfer.report.summary})
        progress.say(transfer.report.summary)
    return report


def _task(
    params: ReconstructRunParams | Segment3dRunParams,
    scenes: Sequence[SceneSource],
    weights: Mapping[str, Any] | None,
    recipe: dict[str, Any],
) -> Reconstruct | Segment3d:
    """The task of a run; what it learnt of the training labels is added to the recipe."""
    if isinstance(params, ReconstructRunParams):
        return Reconstruct(params.task, weights)
    voxels = np.zeros(CLASSES, np.int64)
    for source in scenes:
        if source.volume is not None:
            labels = source.volume.labels[source.volume.occupied]
            voxels += np.bincount(labels, minlength=CLASSES)
    expect(
        int(voxels[1:].sum()) > 0,
        given=f"{len(scenes)} training scenes without any annotated voxel",
        needed="scenes with labels",
        do="prepare scans that have labelled meshes, or train another task",
        error=ArtifactError,
    )
    task = Segment3d(params.task, weights, shares=voxel_shares(voxels))
    recipe["label_voxels"] = voxels
    recipe["class_shares"] = task.shares
    recipe["class_weights"] = task.class_weights
    recipe["majority_class"] = NYU40.names[task.majority]
    return task


def _features_stay(params: SceneRunParams) -> bool:
    """Whether features can be made once a frame and kept, where they never change.

    That is so for a 2D network that does not learn and images that are not varied. On a GPU, and in
    worker processes, features are made anew with every batch instead.
    """
    features = params.task.features
    fixed = features is not None and features.rate == 0 and not params.augment.varies_images
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
        import torch

        with torch.inference_mode():
            made: Tensor = self._network.image_maps(images)
            return made


def read_features(
    run: Path, rate: float = 0.0, proxy: bool = False
) -> tuple[FeatureParams, dict[str, Any], str]:
    """What a 2D run makes, its weights by name, and their fingerprint.

    Args:
        run: a run of ``crossvox train segment2d``, or an imported one.
        rate: learning rate of the 2D network in the run to come.
        proxy: whether its own loss is trained beside.

    Raises:
        ArtifactError, CheckpointError: there is no such run, or it is damaged.
    """
    from crossvox.recipes.segment2d import load_segment2d

    which = best_or_last(run)
    record, network = load_segment2d(run, which)
    learnt = record.params.task
    found = FeatureParams(
        learnt.network,
        network.feature_channels,
        network.feature_stride,
        rate,
        ProxyParams(
            record.task.shares, learnt.weighting, learnt.label_smoothing, learnt.loss_stride
        )
        if proxy
        else None,
    )
    return found, network.state_dict(), file_digest(run / which / NETWORK)


def load_sources(
    data: Path, scenes: str, views: ViewParams, progress: Progress, label: str
) -> list[SceneSource]:
    """Load prepared scenes with their views."""
    folders = read_scenes(data, scenes)
    report = progress.step(label)
    sources = []
    for folder in folders:
        sources.append(load_source(folder, views))
        report(len(sources), len(folders))
    return sources


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
        do="pass --chunks.shape, --views.max-views and --task.views as in the file",
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


@dataclass(frozen=True)
class SceneRun:
    """What the folder of a run on sub-volumes tells.

    Attributes:
        params: how it was trained.
        task: its task, with the class shares of its training labels where it has any.
    """

    params: ReconstructRunParams | Segment3dRunParams
    task: Reconstruct | Segment3d


def read_scene_run(run: Path) -> SceneRun:
    """Params and task of a reconstruction or 3D segmentation run, read back from its folder.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
    """
    if read_record(run).task == Segment3d.name:
        record = read_record(run, Segment3d.name)
        segment = from_plain(Segment3dRunParams, record.recipe["params"])
        shares = tuple(record.recipe["class_shares"])
        return SceneRun(segment, Segment3d(segment.task, shares=shares))
    record = read_record(run, Reconstruct.name)
    params = from_plain(ReconstructRunParams, record.recipe["params"])
    return SceneRun(params, Reconstruct(params.task))
