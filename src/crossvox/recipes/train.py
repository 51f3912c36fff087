"""Prepared scenes to a trained network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from crossvox.chunks import ChunkParams
from crossvox.core.artifact import file_digest, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.recipes.prepare import read_scenes
from crossvox.recipes.progress import Progress, Silent
from crossvox.samples.dataset import AugmentParams, ChunkDataset, collate
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.source import SceneSource, load_source
from crossvox.tasks.reconstruct import FeatureParams, ProxyParams, Reconstruct, ReconstructParams
from crossvox.train.loop import TrainParams, TrainProgress, TrainReport, read_run, train
from crossvox.views.visibility import ViewParams


@dataclass(frozen=True)
class ReconstructRunParams:
    """Everything that makes a reconstruction run.

    Attributes:
        train: the training loop.
        task: network, view fusion and loss.
        views: which voxels a frame sees, and how many frames look at a sub-volume.
        chunks: how training sub-volumes are drawn.
        augment: how samples vary.
        validation_windows: validation sub-volumes in all (evenly chosen); 0 = all of them.
    """

    train: TrainParams = field(default_factory=TrainParams)
    task: ReconstructParams = field(default_factory=ReconstructParams)
    views: ViewParams = field(default_factory=ViewParams)
    chunks: ChunkParams = field(default_factory=ChunkParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
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


def train_reconstruct(
    data: Path,
    run: Path,
    params: ReconstructRunParams | None = None,
    *,
    scenes: str = "train",
    validation_scenes: str = "val",
    index_file: Path | None = None,
    validation_index_file: Path | None = None,
    features: Path | None = None,
    features_rate: float = 0.0,
    features_proxy: bool = False,
    progress: Progress | None = None,
    watch: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a network that reconstructs occupancy from lifted colours or features.

    Run again with the same parameters, it continues where it was stopped.

    Args:
        data: a folder that ``crossvox prepare`` wrote.
        run: run folder.
        params: see :class:`ReconstructRunParams`.
        scenes: training scenes: "train", "val", "all", or names separated by commas.
        validation_scenes: likewise; "none" trains without validation.
        index_file: names the training sub-volumes (see
            :meth:`crossvox.samples.index.SampleIndex.save`); without it they are drawn.
        validation_index_file: names the validation sub-volumes; without it they are tiles.
        features: a run of ``crossvox train segment2d`` whose features are lifted in place of
            colours. The run folder keeps a copy of its weights, so that it is not needed later.
        features_rate: learning rate of the 2D network; 0 keeps its weights as they are.
        features_proxy: train the 2D network on the frames' labels at the same time, both losses
            weighted by learned uncertainties.
        progress: who watches the steps before training.
        watch: who watches the training.
    """
    params, progress = params or ReconstructRunParams(), progress or Silent()
    expect(
        features is not None or (features_rate == 0 and not features_proxy),
        given=f"a rate of {features_rate} or a loss for the 2D network, and no 2D network",
        needed="a 2D run",
        do="pass --features RUN2D",
        error=ParamsError,
    )
    task, made_from = Reconstruct(params.task), {}
    if features is not None:
        found, weights, made_from["features"] = _features(features, features_rate, features_proxy)
        params = replace(params, task=replace(params.task, features=found))
        task = Reconstruct(params.task, weights)
    sources = load_sources(data, scenes, params.views, progress, "training scenes")
    if index_file is None:
        index = training_index(sources, params.chunks, params.views, params.train.seed)
    else:
        index = _read_index(index_file, params)
    expect(
        len(index.places) > 0,
        given=f"{len(sources)} scenes in which no sub-volume qualifies",
        needed="at least one sub-volume with occupied voxels that some frame sees",
        do="prepare more scenes, or loosen --chunks.*",
        error=ArtifactError,
    )
    seed = params.train.seed
    dataset = ChunkDataset(
        {source.name: source for source in sources},
        index,
        params.views,
        params.augment,
        seed,
        image_labels=features_proxy,
    )
    validation, chosen = None, {}
    if validation_scenes != "none":
        held_out = load_sources(
            data, validation_scenes, params.views, progress, "validation scenes"
        )
        if validation_index_file is None:
            places = _validation_index(held_out, params)
        else:
            places = _read_index(validation_index_file, params)
            chosen = {"validation_index": places.digest}
        validation = ChunkDataset(
            {source.name: source for source in held_out},
            places,
            params.views,
            None,
            seed,
        )
    return train(
        task,
        dataset,
        collate,
        run,
        params.train,
        validation=validation,
        parameter_groups=task.parameter_groups,
        recipe={"params": params, "scenes": scenes, "validation_scenes": validation_scenes},
        links={"data": data} | ({} if features is None else {"features": features}),
        parents={
            "data": read_manifest(data).digest,
            "index": index.digest,
            **chosen,
            **made_from,
        },
        progress=watch,
    )


def _features(run: Path, rate: float, proxy: bool) -> tuple[FeatureParams, dict[str, Any], str]:
    """What a 2D run makes, its weights by name, and their fingerprint."""
    from crossvox.recipes.segment2d import load_segment2d
    from crossvox.train.checkpoint import NETWORK

    which: Literal["best", "last"] = "best" if (run / "best").is_dir() else "last"
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


def _read_index(path: Path, params: ReconstructRunParams) -> SampleIndex:
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


def _validation_index(sources: list[SceneSource], params: ReconstructRunParams) -> SampleIndex:
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


def read_reconstruct_run(run: Path) -> ReconstructRunParams:
    """Params of a reconstruction run, read back from its folder.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
    """
    record = read_run(run, "reconstruct")
    return from_plain(ReconstructRunParams, record.recipe["params"])
