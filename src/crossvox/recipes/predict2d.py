"""Any images to label images, by a trained 2D network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from crossvox.capture.params import CaptureParams
from crossvox.core.artifact import MANIFEST, manifest_if_any, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.class_map import ClassMap, find_class_map, noted_table
from crossvox.flow.choice import ALL, Choice
from crossvox.flow.folder import expect_apart
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Continued, FolderOfFiles, State, how
from crossvox.recipes.commands import Flag
from crossvox.recipes.run_input import RunInput
from crossvox.samples.params import DepthImageParams, shown_at
from crossvox.train.params import CheckpointName

LABELS, OVERLAYS, CONFIDENCE = "labels", "overlays", "confidence"
"""Folders of what is written."""

PLANNED, DONE, BROKEN = "images", "labelled", "failed"
"""Notes of the folder: how many images there are, what each labelled one was made of, and why
others are not."""


@dataclass(frozen=True)
class ImagesToLabel:
    """Where images lie that are to be labelled.

    Attributes:
        path: a folder of images, prepared scenes, or a capture.
        scenes: which of prepared scenes.
        depths: folder of depth images of the same names, beside a folder of images.
        depth_images: what their numbers mean; None: what the run was trained with.
        capture: how a capture departs from what its files say.
    """

    path: Path
    scenes: str = "all"
    depths: Path | None = None
    depth_images: DepthImageParams | None = None
    capture: CaptureParams | None = None


@dataclass(frozen=True)
class LabelImages(Continued):
    """Label images by one run; any number of calls add to one folder, whatever images they name.

    Attributes:
        network: the run.
        flip: whether the mean is taken with what is said of the mirrored image; None: not.
        shown_heights: at which images are shown, the mean taken; None: the run's own.
        classes: those that the answer is chosen from; None: all 40.
        images: where they are.
        overlays, confidences: whether these are written too.
        choice: which of the images.
        device: where the network computes.
    """

    NAME = "predict2d"
    NUMBERS = 1

    network: RunInput
    flip: bool | None = None
    shown_heights: tuple[int, ...] | None = None
    classes: ClassMap | None = None
    images: ImagesToLabel = how(ImagesToLabel(Path()))
    overlays: bool = how(False)
    confidences: bool = how(False)
    choice: Choice = how(ALL)
    device: str = how("auto")

    def go_on(self, work: Work) -> Predict2dReport:
        """See :func:`crossvox.recipes.label_images.label_images`."""
        from crossvox.recipes.label_images import label_images

        return label_images(self, work)

    def state(self, folder: Path) -> State:
        """Begun, where labels are there: each image is looked at."""
        begun = (folder / MANIFEST).is_file() and read_manifest(folder).stage == self.NAME
        return "continue" if begun else "make"

    def foresee(self, work: Work) -> State:
        """See :func:`crossvox.recipes.label_images.foresee_labels`."""
        from crossvox.recipes.label_images import foresee_labels

        return foresee_labels(self, work.out)

    def expect_same(self, folder: Path) -> None:
        """Refuse a folder that was begun otherwise.

        Raises:
            ArtifactError: it was.
        """
        expect(
            read_manifest(folder).identity == self.manifest().identity,
            given=f"{folder}, which holds labels by another network, --flip, --shown-heights or "
            "--classes",
            needed="one of each for all labels of a folder",
            do="name another folder",
            error=ArtifactError,
        )


@dataclass(frozen=True)
class Predict2dReport:
    """What became of the images.

    Attributes:
        out: the folder.
        made: how many were labelled.
        kept: how many were labelled already.
        failed: why others could not be, by name.
        checkpoint: which weights were taken.
        without_depth: how many of those made have no depth, though the network reads it.
        seconds: time by step.
    """

    out: Path
    made: int
    kept: int
    failed: Mapping[str, str]
    checkpoint: str
    without_depth: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


def predict2d(
    run: Path,
    images: Path,
    out: Path,
    *,
    scenes: str = "all",
    depths: Path | None = None,
    depth_images: DepthImageParams | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    checkpoint: CheckpointName = "auto",
    flip: bool = False,
    shown_heights: tuple[int, ...] = (),
    classes: Path | None = None,
    overlays: bool = False,
    confidences: bool = False,
    device: str = "auto",
    runner: Runner | None = None,
) -> Predict2dReport:
    """Label images by a 2D network; run again, it continues.

    Writes OUT/labels/NAME.png, of prepared scenes and captures OUT/labels/SCENE/N.png: one channel
    of 8 bits, NYU40 ids 1 to 40, of the size of the image, as programs show it where its header
    turns it. 'crossvox train segment2d --labels', 'evaluate segment2d --labels' and 'predict
    --frame-labels' read them. An image that cannot be read is counted and told.

    Args:
        run: a run of 'crossvox train segment2d', or the name of one that comes with the package.
        images: a folder of colour images, a folder that 'crossvox prepare' wrote or one scene of
            it, or a capture in any format.
        out: folder that receives labels/, overlays/ and confidence/.
        scenes: which of prepared scenes: all, train, val, or names separated by commas.
        depths: depth images of the same names as IMAGES, PNG, for a network that reads depth;
            scenes and captures know theirs.
        depth_images: what their numbers mean; by default what the run was trained with.
        how: how a capture departs from what its files say.
        checkpoint: which weights of the run: best, last, average (of --train.average), or auto: the
            average if it scored no worse in validation, else the best, else the last.
        flip: take the mean with what the network says of the mirrored image.
        shown_heights: show each image at each of these heights, pixels, and take the mean of what
            the network says; by default the height that the run names.
        classes: which classes are told: nyu40, benchmark20 (the likeliest of these 20), or a table
            of two columns, class id or name and what it is to be called.
        overlays: also write the image in the colours of its classes, JPEG.
        confidences: also write how sure the network is of each pixel's class, PNG of 8 bits: 255
            times its probability among the classes that are told.
        device: auto, cpu, cuda, ...
        runner: who labels.

    Raises:
        ArtifactError: no such run, or OUT holds labels by another one.
        CaptureError: there are no images.
        CheckpointError: the run has no such checkpoint.
        ParamsError: the table of classes does not fit.
    """
    from crossvox.recipes.shipped import find_run
    from crossvox.recipes.trained import run2d_input

    runner = runner or Runner()
    expect_apart(out, {"images": FolderOfFiles(images, "")})
    told = find_class_map(classes)
    told.expect_nyu40(f"--classes {classes}")
    source = ImagesToLabel(images, scenes, depths, depth_images, how)
    stage = LabelImages(
        run2d_input(find_run(run), checkpoint),
        flip or None,
        shown_at(shown_heights),
        None if told == ClassMap() else told,
        source,
        overlays,
        confidences,
        runner.choice,
        device,
    )
    report: Predict2dReport = runner.go_on(stage, out)
    return report


def labels_chosen_from(images: Path) -> ClassMap | None:
    """The classes that label images were chosen from, as their folder or they themselves tell.

    Args:
        images: OUT/labels, a folder in it, or one that such images were copied to.

    Returns:
        None where this command did not write them, or they do not tell.

    Raises:
        ArtifactError: OUT's manifest names something that is no table of classes.
        CaptureError: so does an image.
        ParamsError: some were chosen from others than the rest.
    """
    tables = _tables(images)
    expect(
        len(tables) == 1,
        given=f"{images}, whose labels 'crossvox predict2d' chose by {len(tables)} tables of "
        "classes, or some by none",
        needed="one table for all",
        do="put them into a folder each, or label all images anew",
        error=ParamsError,
    )
    return next(iter(tables))


def _tables(images: Path) -> set[ClassMap | None]:
    """All tables of classes that label images were chosen from; None: where nothing tells any."""
    place = images.resolve()
    for out in place.parents:
        if place.relative_to(out).parts[0] != LABELS:
            continue
        manifest = manifest_if_any(out)
        if manifest is not None and manifest.stage == LabelImages.NAME:
            return {noted_table(out, manifest) or ClassMap()}
    from crossvox.capture.label_files import table_of_file

    found = [path for depth in ("*.png", "*/*.png") for path in images.glob(depth)]
    return {table_of_file(path) for path in found} or {None}


def expect_nyu40_labels(images: Path) -> None:
    """Refuse label images whose ids are not NYU40's: of this command, by a table of classes.

    Tables that only rename or leave out classes keep their ids.

    Args:
        images: a folder of label images that are read as NYU40 ids.

    Raises:
        ArtifactError: OUT's manifest names something that is no table of classes.
        CaptureError: so does an image; an id stands for other classes than in NYU40.
    """
    from crossvox.capture.label_files import expect_own_ids

    for table in _tables(images):
        expect_own_ids(table, str(images))


def done_before(out: Path) -> dict[str, Any]:
    """What labelled images of a folder were made of, by name; empty of a new one."""
    if not (out / MANIFEST).is_file():
        return {}
    found = read_manifest(out).notes.get(DONE)
    return dict(found) if isinstance(found, Mapping) else {}
