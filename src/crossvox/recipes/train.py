"""Prepared scenes to a trained network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from crossvox.chunks import ChunkParams
from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.recipes.prepare import read_scenes
from crossvox.recipes.progress import Progress, Silent
from crossvox.samples.dataset import AugmentParams, ChunkDataset, collate
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.source import SceneSource, load_source
from crossvox.tasks.reconstruct import Reconstruct, ReconstructParams
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
    progress: Progress | None = None,
    watch: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a network that reconstructs occupancy from lifted colours.

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
        progress: who watches the steps before training.
        watch: who watches the training.
    """
    params, progress = params or ReconstructRunParams(), progress or Silent()
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
        {source.name: source for source in sources}, index, params.views, params.augment, seed
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
        Reconstruct(params.task),
        dataset,
        collate,
        run,
        params.train,
        validation=validation,
        recipe={"params": params, "scenes": scenes, "validation_scenes": validation_scenes},
        links={"data": data},
        parents={"data": read_manifest(data).digest, "index": index.digest, **chosen},
        progress=watch,
    )


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
    record = read_run(run)
    expect(
        record.task == "reconstruct" and isinstance(record.recipe, dict),
        given=f"{run}, a run of task {record.task!r}",
        needed="a run of 'crossvox train reconstruct'",
        do="choose another run folder",
        error=ArtifactError,
    )
    return from_plain(ReconstructRunParams, record.recipe["params"])
