"""An HDF5 file of the published pipeline becomes a data folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    digest,
    file_digest,
)
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import ChunkPlace
from crossvox.flow.folder import expect_own
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import scene_list
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage, how
from crossvox.recipes.data import enter_scenes
from crossvox.recipes.published.params import ImportParams, Split
from crossvox.samples.params import LabelConvention

if TYPE_CHECKING:
    from crossvox.samples.published.reader import OriginalFile

INDEX_NAMES: dict[str, str] = {"train": "train.index.json", "val": "val.index.json"}
"""Which sub-volumes an imported data folder's files named, by split."""


@dataclass(frozen=True)
class ImportReport:
    """What an HDF5 file held.

    Attributes:
        out: the data folder.
        index: file that names the sub-volumes, for ``--index`` of ``crossvox train segment3d`` and
            ``crossvox train reconstruct --preset thesis``.
        labels: convention that its labels were read by.
        sub_volumes: how many the file holds.
        turned_copies: how many of them are rotations of others; they are not kept, for training
            turns by itself.
        places: sub-volumes that the index names.
        scenes: counts by scene: where its volume comes from, voxels that differ between
            overlapping sub-volumes, voxels that differ from the scene's own volume, views dropped
            for a lost pose.
    """

    out: Path
    index: Path
    labels: LabelConvention
    sub_volumes: int
    turned_copies: int
    places: int
    scenes: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ImportedData(Collection):
    """A data folder of imported scenes; each split may come from a file of its own."""

    NAME = "import-hdf5"


@dataclass(frozen=True)
class ImportScene(Stage):
    """The sub-volumes of one scene, put back in their places.

    Attributes:
        file: the HDF5 file.
        frames: the prepared scene that holds the images.
        params: split and meaning of labels.
        numbers: the scene's sub-volumes, by their place in the file.
        stored: the file, opened.
    """

    NAME = "prepare-scene"

    file: Input
    frames: Input
    params: ImportParams
    numbers: tuple[int, ...] = how(())
    stored: OriginalFile | None = how(None)

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write the scene's volume beside links to its frames; the notes name its places."""
        if self.stored is None:
            raise ArtifactError("an imported scene needs its file opened")
        from crossvox.recipes.published.import_scene import import_scene

        return import_scene(self, self.stored, work)


def import_hdf5(
    file: Path,
    out: Path,
    params: ImportParams | None = None,
    *,
    frames: Path | None = None,
    runner: Runner | None = None,
) -> ImportReport:
    """Turn an HDF5 file of sub-volumes into a data folder that training runs from.

    The file holds occupancy, labels and frame numbers; the images lie in the prepared scenes it was
    made from. Each scene's sub-volumes are put back in their places. Where the prepared scene has
    a volume (``volume.npz``, or the published ``SCENE_occ_grid.pth``), it fills what they leave
    open. OUT links to the scenes' frames and holds ``SPLIT.txt`` and ``SPLIT.index.json``.

    Args:
        file: the HDF5 file.
        out: data folder; import the other split's file into the same one.
        params: split and meaning of labels.
        frames: folder of the prepared scenes with the images; by default the one that holds
            data_chunks/FILE, else the file's own.
        runner: who makes the scenes.

    Raises:
        ArtifactError: the file is damaged, a scene or frame is not there, or a sub-volume does not
            lie on the voxels of its scene.
    """
    from crossvox.samples.published.apart import expect_survived
    from crossvox.samples.published.reader import OriginalFile

    params, runner = params or ImportParams(), runner or Runner()
    expect_own(out, ImportedData.NAME)
    expect(
        not file.is_dir(),
        given=f"{file}, a folder",
        needed="an HDF5 file of sub-volumes",
        do="name the file, for example data_chunks/train_clean.hdf5",
        error=ArtifactError,
    )
    if frames is None:
        frames = file.parent.parent if file.parent.name == "data_chunks" else file.parent
    if file.is_file():
        expect_survived(file)
    stored = OriginalFile(file, params.labels)
    try:
        by_scene = _by_scene(stored)
        _expect_scenes(by_scene, frames, out, params.split)
        given = Input(file, stored.digest)
        items = {
            scene: ImportScene(given, _frames(frames / scene), params, tuple(numbers), stored)
            for scene, numbers in by_scene.items()
        }

        def enter(outcomes: Sequence[Outcome]) -> dict[str, Any]:
            return _enter(out, params, stored, outcomes)

        made = runner.make_all(
            ImportedData(), items, out, links={f"frames_{params.split}": frames}, notes=enter
        )
    finally:
        stored.close()
    return _report(out, params, made.manifest)


def _by_scene(stored: OriginalFile) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, scene in enumerate(stored.scenes):
        found.setdefault(scene, []).append(number)
    return found


def _enter(
    out: Path, params: ImportParams, stored: OriginalFile, outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """Write the index and the list of a split; what the folder notes of it."""
    from crossvox.samples.index import SampleIndex

    for outcome in outcomes:
        if outcome.error:
            raise ArtifactError(outcome.error)
    enter_scenes(out, lambda _: params.split)(outcomes)
    places = [
        (number, ChunkPlace(outcome.item, tuple(start), tuple(frame_ids)))
        for outcome in outcomes
        for number, start, frame_ids in outcome.notes["places"]
    ]
    # In the file's own order, so that sample i here is sample i there.
    ordered = tuple(place for _, place in sorted(places, key=lambda entry: entry[0]))
    counts = {o.item: {k: v for k, v in o.notes.items() if k != "places"} for o in outcomes}
    index = SampleIndex(ordered, stored.shape, stored.frames.shape[1], counts)
    index.save(out / INDEX_NAMES[params.split])
    noted = {
        "labels": stored.labels,
        "sub_volumes": len(stored),
        "turned_copies": len(stored) - len(ordered),
        "places": len(ordered),
        "scenes": counts,
    }
    return {params.split: noted}


def _report(out: Path, params: ImportParams, manifest: Manifest) -> ImportReport:
    return ImportReport(out, out / INDEX_NAMES[params.split], **manifest.notes[params.split])


def _expect_scenes(scenes: dict[str, Any], frames: Path, out: Path, split: Split) -> None:
    missing = [name for name in scenes if not (frames / name).is_dir()]
    expect(
        bool(scenes) and not missing,
        given=f"a file of {len(scenes)} scenes"
        + (f", of which {frames} lacks {', '.join(missing[:5])}" if missing else ""),
        needed="sub-volumes, and the prepared scene of each, with its frames",
        do="name the folder of the prepared scenes with --frames",
        error=ArtifactError,
    )
    other = "val" if split == "train" else "train"
    both = sorted(set(scenes) & set(scene_list(out, other)))
    expect(
        not both,
        given=f"scenes {', '.join(both[:5])} in {out / other}.txt and in this file",
        needed="scenes that are either trained on or validated on",
        do="name another output folder",
        error=ArtifactError,
    )


def _frames(source: Path) -> Input:
    """What of a prepared scene matters here: its manifest, or its frames where it has none."""
    if (source / MANIFEST).is_file():
        return Input(source, file_digest(source / MANIFEST))
    from crossvox.capture.readers.folder import FolderCapture

    capture = FolderCapture(source)
    return Input(source, digest([capture.name, capture.frame_ids]))
