"""A data folder becomes the published pipeline's HDF5 files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from crossvox.core.artifact import plain, read_manifest, write_manifest
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.folder import begin
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Continued, State, how
from crossvox.recipes.published.params import ExportParams, Split


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

    params: ExportParams
    data: Path = how()

    def go_on(self, work: Work) -> tuple[ExportedFile, ...]:
        """Write the files asked for."""
        begin(work.out, self.manifest())
        from crossvox.recipes.published.write_files import write_files

        files = write_files(self.data, work.out, self.params, work.progress)
        noted = read_manifest(work.out).notes
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

    Training sub-volumes are drawn as 'crossvox train segment3d' draws them; validation ones are
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
    files: tuple[ExportedFile, ...] = (runner or Runner()).go_on(ExportHdf5(params, data), out)
    return files
