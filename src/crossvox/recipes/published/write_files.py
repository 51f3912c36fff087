"""How sub-volumes of a data folder are written as the published pipeline's HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossvox.chunks import cut
from crossvox.core.checks import ArtifactError, expect
from crossvox.flow.progress import Progress
from crossvox.recipes.data import read_scenes
from crossvox.recipes.published.hdf5_out import ExportedFile
from crossvox.recipes.published.params import CLEAN_SHARE, ExportParams, Split
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.published.places import chunk_from_world, turned
from crossvox.samples.published.writer import OriginalWriter
from crossvox.samples.source import SceneSource, load_source
from crossvox.views.params import ViewParams


def write_files(
    data: Path, out: Path, params: ExportParams, progress: Progress
) -> tuple[ExportedFile, ...]:
    ending = "_clean.hdf5" if params.clean else ".hdf5"
    files: list[ExportedFile] = []
    for split in ("train", "val") if params.split == "both" else (params.split,):
        sources = _sources(data, split, params.views, progress)
        index = _split_index(split, sources, params)
        name = {"train": "train", "val": "val_scenes_non_overlapping"}[split]
        files.append(
            _write_file(out / (name + ending), split, sources, index, (0,), params, progress)
        )
        if params.turned and split == "train":
            path = out / f"augmented_{name}{ending}"
            turns = (0, 1, 2, 3)
            files.append(_write_file(path, split, sources, index, turns, params, progress))
    return tuple(files)


def _sources(
    data: Path, scenes: str, views: ViewParams, progress: Progress
) -> dict[str, SceneSource]:
    folders = read_scenes(data, scenes)
    report = progress.step(f"{scenes} scenes")
    sources = {}
    for done, folder in enumerate(folders, start=1):
        sources[folder.name] = load_source(folder, views)
        report(done, len(folders))
    return sources


def _split_index(split: str, sources: dict[str, SceneSource], params: ExportParams) -> SampleIndex:
    if split == "train":
        return training_index(sources, params.chunks, params.views, params.seed)
    shape, slots = params.chunks.shape, params.views.max_views
    windows = [
        window_index(source, shape, shape, slots, occupied_only=True, keep_unseen=True)
        for source in sources.values()
    ]
    return SampleIndex(tuple(place for index in windows for place in index.places), shape, slots)


def _write_file(
    path: Path,
    split: Split,
    sources: dict[str, SceneSource],
    index: SampleIndex,
    turns: Sequence[int],
    params: ExportParams,
    progress: Progress,
) -> ExportedFile:
    report = progress.step(path.name)
    lacking_views = nearly_empty = 0
    writer = OriginalWriter(path, index.shape, index.max_views, list(sources), params.labels)
    with writer:
        for done, place in enumerate(index.places, start=1):
            volume = sources[place.scene].volume
            assert volume is not None
            occupied = cut(volume.occupied, place.start, index.shape, False)
            if params.clean and len(place.frame_ids) < index.max_views:
                lacking_views += 1
            elif params.clean and occupied.mean() <= CLEAN_SHARE:
                nearly_empty += 1
            else:
                labels = cut(volume.labels, place.start, index.shape, 0)
                for turn in turns:
                    writer.write(
                        place.scene,
                        turned(occupied, turn),
                        turned(labels, turn),
                        place.frame_ids,
                        chunk_from_world(volume.grid, place.start, index.shape, turn),
                    )
            report(done, len(index.places))
        expect(
            writer.count > 0,
            given=f"{len(index.places)} sub-volumes of {len(sources)} {split} scenes, of which "
            f"{lacking_views} lack a view and {nearly_empty} are nearly empty",
            needed="at least one to write",
            do="export with --no-clean, or prepare more frames",
            error=ArtifactError,
        )
    return ExportedFile(
        path,
        split,
        len(sources),
        writer.count,
        lacking_views,
        nearly_empty,
        path.stat().st_size / writer.count,
    )
