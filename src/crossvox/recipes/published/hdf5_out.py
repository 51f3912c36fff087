"""A data folder becomes the published pipeline's HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.chunks import cut
from crossvox.core.artifact import MANIFEST, plain, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.flow.folder import expect_own
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Continued, State
from crossvox.recipes.data import read_scenes
from crossvox.recipes.published.params import CLEAN_SHARE, ExportParams, Split
from crossvox.samples.published.places import chunk_from_world, turned
from crossvox.views.params import ViewParams

if TYPE_CHECKING:
    from crossvox.samples.index import SampleIndex
    from crossvox.samples.source import SceneSource


@dataclass(frozen=True)
class ExportedFile:
    """One written file.

    Attributes:
        path: where it is.
        split: train or val.
        scenes: how many.
        sub_volumes: how many, stored rotations included.
        lacking_views: sub-volumes left out by the cleaning step for a missing view.
        nearly_empty: sub-volumes left out by the cleaning step for too few occupied voxels.
        bytes_each: file size by sub-volume.
    """

    path: Path
    split: Split
    scenes: int
    sub_volumes: int
    lacking_views: int
    nearly_empty: int
    bytes_each: float


@dataclass(frozen=True)
class ExportHdf5(Continued):
    """The published pipeline's training files; those of other splits stay."""

    NAME = "export-hdf5"

    data: Path
    params: ExportParams

    def go_on(self, work: Work) -> tuple[ExportedFile, ...]:
        """Write the files asked for."""
        expect_own(work.out, self.NAME)
        files = _write_files(self.data, work.out, self.params, work.progress)
        noted = read_manifest(work.out).notes if (work.out / MANIFEST).is_file() else {}
        noted.update({file.path.name: plain({**vars(file), "path": None}) for file in files})
        write_manifest(work.out, replace(self.manifest(), notes=noted))
        return files

    def state(self, folder: Path) -> State:
        """Files are always written anew."""
        return "make"


def export_hdf5(
    data: Path, out: Path, params: ExportParams | None = None, *, runner: Runner | None = None
) -> tuple[ExportedFile, ...]:
    """Write the published pipeline's HDF5 files of sub-volumes.

    Training sub-volumes are drawn as 'crossvox train reconstruct' draws them; validation ones are
    all non-overlapping windows with an occupied voxel. Frame numbers are those of the prepared
    scene.

    Args:
        data: folder that 'crossvox prepare' wrote.
        out: folder that receives train_clean.hdf5, val_scenes_non_overlapping_clean.hdf5 and
            augmented_train_clean.hdf5, as far as asked for (without _clean where nothing is left
            out).
        params: which sub-volumes, and how.
        runner: who writes.

    Raises:
        ArtifactError: a scene is missing, no sub-volume is left to write, or OUT holds something
            else.
        ParamsError: rotations of sub-volumes that are not square, or frame numbers beyond 16 bit.
    """
    params = params or ExportParams()
    shape = params.chunks.shape
    expect(
        not params.turned or shape[0] == shape[1],
        given=f"stored rotations of sub-volumes of {shape}",
        needed="as many voxels along x as along y",
        do="correct --chunks.shape, or leave out --turned",
        error=ParamsError,
    )
    files: tuple[ExportedFile, ...] = (runner or Runner()).go_on(ExportHdf5(data, params), out)
    return files


def _write_files(
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
    from crossvox.samples.source import load_source

    folders = read_scenes(data, scenes)
    report = progress.step(f"{scenes} scenes")
    sources = {}
    for done, folder in enumerate(folders, start=1):
        sources[folder.name] = load_source(folder, views)
        report(done, len(folders))
    return sources


def _split_index(split: str, sources: dict[str, SceneSource], params: ExportParams) -> SampleIndex:
    from crossvox.samples.index import SampleIndex, training_index, window_index

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
    from crossvox.samples.published.writer import OriginalWriter

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
