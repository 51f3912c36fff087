"""What labels the frames of a scene: a 2D network, or a folder of label images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossvox.core.artifact import digest
from crossvox.core.checks import ParamsError, expect
from crossvox.core.class_map import ClassMap, find_class_map
from crossvox.flow.stage import Input
from crossvox.recipes.run_input import RunInput
from crossvox.train.params import CheckpointName

NONE = Path("none")
"""Names no network."""

LABELLED_SHARE = "labelled share of the vertices"
"""Note of a scene whose surface was labelled from frames."""


@dataclass(frozen=True)
class LabelSource:
    """What labels frames, as inputs of a stage.

    Attributes:
        images: a 2D run.
        frame_labels: a folder of label images.
        classes: what is told of their classes; None where nothing labels.
        frame_classes: which of NYU40's classes the folder's labels tell after that; None: all, or
            they are another labeller's.
        labels3d: a run that corrects in 3D what frames say.
    """

    images: RunInput | None = None
    frame_labels: Input | None = None
    classes: ClassMap | None = None
    labels3d: RunInput | None = None
    frame_classes: ClassMap | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """As fields of a stage."""
        return {
            "images": self.images,
            "frame_labels": self.frame_labels,
            "classes": self.classes,
            "labels3d": self.labels3d,
            "frame_classes": self.frame_classes,
        }

    @property
    def names(self) -> ClassMap:
        """What classes are called."""
        return self.frame_classes or self.classes or ClassMap()

    @property
    def run(self) -> Path | None:
        """The 2D run, for lineage and links."""
        return None if self.images is None else self.images.path

    @property
    def run3d(self) -> Path | None:
        """The run of labels in 3D, likewise."""
        return None if self.labels3d is None else self.labels3d.path


def label_source(
    images: Path | None,
    frame_labels: Path | None,
    classes: Path | None,
    *,
    possible: bool = True,
    checkpoint: CheckpointName = "auto",
    labels3d: Path | None = None,
    of_network: Mapping[str, int] | None = None,
) -> LabelSource:
    """What labels frames, from what was asked.

    Args:
        images: a 2D run, the name of one that comes with the package, or ``none``; None: the one
            that comes with the package, if there is one, unless a folder labels.
        frame_labels: a folder of label images.
        classes: a class map, by name or file.
        checkpoint: which weights of the network.
        possible: whether the surface can be labelled from frames at all.
        labels3d: a run that corrects in 3D what frames say, the name of one that comes with the
            package, or ``none``; None: the one that belongs to the 2D run, if that comes with the
            package.
        of_network: what a network alone can be asked
            (:attr:`crossvox.predict.params.LabelParams.of_network`).

    Raises:
        ParamsError: two labellers, something asked of a network without one, classes without any
            or other than those that label images were chosen from, or labels that are not possible.
        ArtifactError: no such run.
    """
    from crossvox.recipes.label_run import label_run_input

    asked = {
        "images": images,
        "frame-labels": frame_labels,
        "classes": classes,
        "labels3d": labels3d,
        **(of_network or {}),
    }
    given = " and ".join(f"--{name} {value}" for name, value in asked.items() if value is not None)
    if not possible:
        expect(
            images in (None, NONE)
            and frame_labels is None
            and classes is None
            and labels3d in (None, NONE)
            and not of_network,
            given=f"{given} for a run that does not complete a surface",
            needed="a run of 'crossvox train reconstruct --preset default3d', such as default3d",
            do="leave them out, or name such a run",
            error=ParamsError,
        )
        return LabelSource()
    expect(
        images in (None, NONE) or frame_labels is None,
        given=given,
        needed="one labeller: a network or a folder of label images",
        do="leave one of them out",
        error=ParamsError,
    )
    run = _run2d(images, usual=frame_labels is None)
    if run is None and frame_labels is None:
        expect(
            classes is None and labels3d in (None, NONE) and not of_network,
            given=f"{given}, and nothing that labels frames",
            needed="a 2D network or a folder of label images",
            do="pass --images RUN or --frame-labels DIR",
            error=ParamsError,
        )
        return LabelSource()
    told = find_class_map(classes)
    run3d = _run3d(labels3d, run)
    corrects = None if run3d is None else label_run_input(run3d, checkpoint)
    if run is not None:
        told.expect_nyu40(f"--classes {classes}")
        labels = calibrated_input(run, checkpoint)
        return LabelSource(images=labels, classes=told, labels3d=corrects)
    assert frame_labels is not None
    expect(
        not of_network,
        given=given,
        needed="a 2D network: label images are taken as they are, all of them",
        do=f"leave {' and '.join(f'--{flag}' for flag in of_network or ())} or --frame-labels out",
        error=ParamsError,
    )
    expect(
        corrects is None,
        given=given,
        needed="a 2D network: what corrects in 3D reads probabilities of NYU40's classes",
        do="leave --labels3d or --frame-labels out",
        error=ParamsError,
    )
    return _label_images(frame_labels, told, given, asked=classes is not None)


def _run2d(images: Path | None, *, usual: bool) -> Path | None:
    """The run that labels frames: what was asked, or, as usual, the one of the package."""
    from crossvox.recipes.shipped import DEFAULT, SETS, find_run, shipped_runs

    if images is None and usual and SETS[DEFAULT]["images"] in shipped_runs():
        images = Path(SETS[DEFAULT]["images"])
    return None if images in (None, NONE) else find_run(images)


def _label_images(folder: Path, told: ClassMap, given: str, *, asked: bool) -> LabelSource:
    """A folder of label images; those of predict2d are told by the table they were chosen from.

    Args:
        folder: the label images.
        told: what their classes are to be called.
        given: what was given, for an error text.
        asked: whether that was asked for.

    Raises:
        ParamsError: no such folder, or they were chosen from another table than was asked for.
    """
    from crossvox.recipes.predict2d import labels_chosen_from

    expect(
        folder.is_dir(),
        given=f"--frame-labels {folder}, which is no folder",
        needed="label images, one a frame, called by its number: 12.png",
        do="correct --frame-labels",
        error=ParamsError,
    )
    files, chosen_from = Input.files(folder), labels_chosen_from(folder)
    if chosen_from is None:
        return LabelSource(frame_labels=files, classes=told)
    if chosen_from == ClassMap():
        table = None if told == ClassMap() else told
        return LabelSource(frame_labels=files, classes=told, frame_classes=table)
    expect(
        not asked or told == chosen_from,
        given=f"{given}, whose labels 'crossvox predict2d' chose by another table of classes",
        needed="the table that they were chosen by",
        do="leave --classes out, or label the images anew with predict2d --classes",
        error=ParamsError,
    )
    return LabelSource(frame_labels=files, classes=ClassMap(), frame_classes=chosen_from)


def calibrated_input(run: Path, checkpoint: CheckpointName) -> RunInput:
    """A 2D run as an input that labels frames: its weights, and how sure it may be.

    Raises:
        ArtifactError: it is no such run, or its calibration is damaged.
        CheckpointError: it has no such checkpoint.
    """
    from crossvox.recipes.calibrate import read_calibration
    from crossvox.recipes.trained import run2d_input

    weights, found = run2d_input(run, checkpoint), read_calibration(run)
    if found is None:
        return weights
    return replace(weights, digest=digest([weights.digest, found.temperature]))


def _run3d(asked: Path | None, images: Path | None) -> Path | None:
    """The run of labels in 3D: what was asked, or what belongs to a 2D run of the package."""
    from crossvox.recipes.shipped import SETS, find_run, is_shipped, shipped_runs

    if asked is not None:
        return None if asked == NONE else find_run(asked)
    if images is None or not is_shipped(images):
        return None
    names = [its["labels"] for its in SETS.values() if its["images"] == images.name]
    return next((find_run(Path(name)) for name in names if name in shipped_runs()), None)
