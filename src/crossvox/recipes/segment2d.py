"""Labelled images to a trained 2D network, and its scores on any folder pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import EVALUATION, PARAMS
from crossvox.core.params import check_choices
from crossvox.core.volume import Score
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Stage, how
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.training import Training
from crossvox.samples.params import DepthImageParams, ImageAugmentParams, ImageParams, shown_at
from crossvox.tasks.params import Segment2dParams
from crossvox.train.chosen import chosen, expect_run_of
from crossvox.train.params import CheckpointName, TrainParams
from crossvox.train.report import TrainReport

if TYPE_CHECKING:
    from crossvox.samples.pairs import PairList


def _train_defaults() -> TrainParams:
    return TrainParams(steps=3000, batch_size=8, validate_every=250, warmup_steps=50)


@dataclass(frozen=True)
class Segment2dRunParams:
    """Everything that makes a run of 2D segmentation.

    Attributes:
        train: the training loop.
        task: network and loss.
        images: size that images are learnt from.
        augment: how images vary.
        depth_images: what the numbers of depth images mean, with --depths.
        validation_share: share of the images that is held out, where the data has no validation
            split of its own.
        beside_share: share of each epoch that images beside make, with --beside.
        control: ``shuffled`` learns from each other's labels: every image has those of an image of
            another scene, from the first step to the last.

    Raises:
        ParamsError: a share makes no sense.
    """

    train: TrainParams = field(default_factory=_train_defaults)
    task: Segment2dParams = field(default_factory=Segment2dParams)
    images: ImageParams = field(default_factory=ImageParams)
    augment: ImageAugmentParams = field(default_factory=ImageAugmentParams)
    depth_images: DepthImageParams = field(default_factory=DepthImageParams)
    validation_share: float = 0.2
    beside_share: float = 0.25
    control: Literal["shuffled"] | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            0 <= self.beside_share < 1,
            given=f"a share of {self.beside_share} for images beside",
            needed="a share from 0 to below 1",
            do="correct --beside-share",
            error=ParamsError,
        )


@dataclass(frozen=True)
class ImageSource:
    """Where labelled images come from: a data folder, or two folders of one's own.

    Attributes:
        data: folder that 'crossvox prepare' or 'crossvox flatten' wrote.
        images: any folder of colour images, instead of it.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        scenes: scenes of prepared data: train, val, all, or names separated by commas.
        validation_scenes: likewise; none trains without validation.
        depths: depth images of the same names as IMAGES.
        depth_params: what their numbers mean.
        beside: prepared data whose training scenes join the images.

    Raises:
        ParamsError: neither a data folder nor both others are given, or all of them.
    """

    data: Path | None = None
    images: Path | None = None
    labels: Path | None = None
    scenes: str = "train"
    validation_scenes: str = "val"
    depths: Path | None = None
    depth_params: DepthImageParams = field(default_factory=DepthImageParams)
    beside: Path | None = None

    def __post_init__(self) -> None:
        expect(
            self.depths is None or self.images is not None,
            given=f"depth images {self.depths} without colour images",
            needed="--images beside --depths: prepared data knows its depth",
            do="pass --images DIR --labels DIR too, or leave --depths out",
            error=ParamsError,
        )
        expect(
            (self.data is None) == (self.images is not None) == (self.labels is not None),
            given=f"data {self.data}, images {self.images}, labels {self.labels}",
            needed="either a data folder, or both an image and a label folder",
            do="pass DATA, or --images DIR --labels DIR",
            error=ParamsError,
        )

    @property
    def folders(self) -> dict[str, Path]:
        """Folders by role."""
        roles = {
            "data": self.data,
            "images": self.images,
            "labels": self.labels,
            "depths": self.depths,
            "beside": self.beside,
        }
        return {role: path for role, path in roles.items() if path is not None}


@dataclass(frozen=True)
class TrainImages(Training):
    """A run of 2D segmentation.

    Attributes:
        params: everything that makes it.
        source: what it learns from.
        start: the run whose weights it starts from.
        checkpoint: which of them.
    """

    params: Segment2dRunParams
    source: ImageSource
    start: Path | None = None
    checkpoint: CheckpointName = "auto"

    def go_on(self, work: Work) -> TrainReport:
        """See :func:`crossvox.recipes.train_images.train_images`."""
        from crossvox.recipes.train_images import train_images

        return train_images(self, work)


def train_segment2d(
    data: Path | None,
    run: Path,
    params: Segment2dRunParams | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    scenes: str = "train",
    validation_scenes: str = "val",
    depths: Path | None = None,
    beside: Path | None = None,
    start: Path | None = None,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that labels the pixels of images; run again, it continues.

    Class weights follow from the training labels and are recorded with the run. A finished run gets
    a folder ``pictures``.

    Args:
        data: folder that 'crossvox prepare' or 'crossvox flatten' wrote, or None.
        run: run folder.
        params: everything that makes the run.
        images: any folder of colour images, instead of DATA; a share is held out.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        scenes: training scenes of prepared data: train, val, all, or names separated by commas.
        validation_scenes: likewise; none trains without validation.
        depths: its depth images of the same names, PNG, for a network that reads depth; prepared
            data has depth.
        beside: prepared data, for example of generated rooms, whose training scenes join: a share
            of --beside-share of each epoch.
        start: a run of this task, or the name of a network that comes with the package, whose
            weights it starts from; of the same network, with or without depth like it.
        checkpoint: which weights of ``start``.
        runner: who trains.
    """
    expect_run_of(checkpoint, {"--from": start})
    params = params or Segment2dRunParams()
    source = ImageSource(
        data, images, labels, scenes, validation_scenes, depths, params.depth_images, beside
    )
    stage = TrainImages(params, source, start, checkpoint)
    report: TrainReport = (runner or Runner()).go_on(stage, run)
    return report


@dataclass(frozen=True)
class Segment2dEvaluation:
    """Scores of a 2D network on labelled images.

    Attributes:
        scores: see :func:`crossvox.tasks.segment2d.segmentation_scores`.
        images: how many images were scored.
        left_out: counts of images without labels and of labels without image.
        confusion: ``41 x 41`` pixel counts, row = label, column = prediction.
        classes: names of rows and columns.
        seconds: time by step.
        checkpoint: which weights were taken.
        protocol: how images were shown and what might be answered; empty in older evaluations.
        groups: of what intervals are drawn: ``160 images``, ``12 scenes``; empty: there are none.
        out: where scores and pictures were written.
        seen: scenes that the run, or one that it started from, has learnt from.
    """

    scores: tuple[Score, ...]
    images: int
    left_out: dict[str, int]
    confusion: list[list[int]]
    classes: tuple[str, ...]
    seconds: dict[str, float]
    out: Path
    checkpoint: str = ""
    protocol: str = ""
    groups: str = ""
    seen: tuple[str, ...] = ()

    @property
    def run(self) -> Path | None:
        """The run whose page shows these scores; None where they lie elsewhere."""
        run = self.out.parent
        return run if self.out.name == EVALUATION and (run / PARAMS).is_file() else None


@dataclass(frozen=True)
class EvaluateImages(Stage):
    """Scores of a 2D run on labelled images.

    Attributes:
        network: the run, by its weights.
        images: fingerprint of the images.
        found: where they are.
        seen: of their scenes, those that the run, or one that it started from, has learnt from.
        pictures: how many to draw, evenly chosen.
        flip: whether the mean is taken with what is said of the mirrored image; None: not.
        shown_heights: at which images are shown, the mean taken; None: the run's own.
        depth_images: what the numbers of depth images mean; None where none are read.
        classes: name of the class map that answers are chosen from; None: all 40 classes.
        device: where the network computes.
    """

    NAME = "evaluate-segment2d"
    NUMBERS = 3

    network: RunInput
    images: str
    pictures: int
    found: PairList = how()
    seen: tuple[str, ...] = how(())
    device: str = how("auto")
    flip: bool | None = None
    shown_heights: tuple[int, ...] | None = None
    depth_images: DepthImageParams | None = None
    classes: str | None = None

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.evaluate_images.evaluate_images`."""
        from crossvox.recipes.evaluate_images import evaluate_images

        return evaluate_images(self, work)

    def expect_same_images(self, out: Path) -> None:
        """Refuse a folder that nobody named where it has scores of other images or other depth.

        Raises:
            ArtifactError: it has.
        """
        there = read_manifest(out) if (out / MANIFEST).is_file() else None
        told = there.params if there is not None and there.stage == self.NAME else None
        expect(
            not isinstance(told, Mapping)
            or all(
                told.get(name) == self.settings.get(name) for name in ("images", "depth_images")
            ),
            given=f"{out}, which holds scores of other images, or of depth that was read otherwise",
            needed="another folder: these scores would be lost",
            do=f"pass --out OUT, or delete {out}, if these images take their place",
            error=ArtifactError,
        )


def evaluate_segment2d(
    run: Path,
    data: Path | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    depths: Path | None = None,
    depth_images: DepthImageParams | None = None,
    out: Path | None = None,
    scenes: str = "val",
    checkpoint: CheckpointName = "auto",
    flip: bool = False,
    shown_heights: tuple[int, ...] = (),
    classes: Literal["nyu40", "benchmark20"] = "nyu40",
    pictures: int = 8,
    device: str = "auto",
    runner: Runner | None = None,
) -> Segment2dEvaluation:
    """Score a 2D run on labelled images, each at the full size of its labels.

    Images are shown to the network whole, at the height it was trained at (or at the width, if they
    are narrower), or at the run's --images.shown-height; its logits are resampled to the labels'
    size, bilinear. Of the flat layout, the images in valset are scored; of other folders, all.
    Scores are those of the 20 benchmark classes and of the usual protocol of NYU Depth v2 over 40,
    beside the class that training labels show most; with ten scenes or more (images, where names
    tell no scenes), each with a 95 % interval by bootstrap. Scenes of DATA that the run, or one
    that it started from, has learnt from are told.

    Args:
        run: run folder, or the name of a 2D network that comes with the package.
        data: folder that 'crossvox prepare' or 'crossvox flatten' wrote.
        images: any folder of colour images, instead of DATA.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        depths: its depth images of the same names, for a network that reads depth.
        depth_images: what their numbers mean; by default what the run was trained with.
        out: folder for scores.json and pictures; by default RUN/evaluation, which the run's page
            shows, and beside it for another way of showing or answering, other weights than auto
            takes or other scenes than val: RUN/evaluation_flip, evaluation_240_360,
            evaluation_benchmark20, evaluation_last, evaluation_all. Scores of other images there
            are not replaced. A network of the package needs one.
        scenes: scenes of prepared data: val, train, all, or names separated by commas.
        checkpoint: which weights of the run: best, last, average (of --train.average), or auto: the
            average if it scored no worse in validation, else the best, else the last.
        flip: take the mean with what the network says of the mirrored image.
        shown_heights: show each image at each of these heights, pixels, and take the mean of what
            the network says; by default the height that the run names.
        classes: which classes the network may answer: all 40 of nyu40, or the 20 of benchmark20, as
            ScanNet's benchmark asks, where any other answer is a miss; then only pixels of these
            classes count.
        pictures: how many images to draw (image, truth, prediction, error).
        device: auto, cpu, cuda, ...
        runner: who scores.
    """
    from crossvox.recipes.evaluate_images import read_evaluation, seen_scenes
    from crossvox.recipes.image_run import read_segment2d_run
    from crossvox.recipes.images import evaluation_pairs, pairs_digest
    from crossvox.recipes.shipped import find_run, is_shipped
    from crossvox.recipes.trained import run2d_input

    run = find_run(run)
    expect(
        out is not None or not is_shipped(run),
        given=f"{run.name}, which came with the package, and no folder for its scores",
        needed="a folder of your own: nothing is written into the package",
        do="pass --out OUT",
        error=ParamsError,
    )
    trained = read_segment2d_run(run).params
    source = ImageSource(
        data,
        images,
        labels,
        scenes,
        depths=depths,
        depth_params=depth_images or trained.depth_images,
    )
    reads_depths = depths is not None and trained.task.depth
    found = evaluation_pairs(source)
    pairs = pairs_digest(found.pairs, depth=reads_depths)
    network = run2d_input(run, checkpoint)
    heights = shown_at(shown_heights)
    read_as = source.depth_params if reads_depths else None
    seen = seen_scenes(run, source, found)
    among = None if classes == "nyu40" else classes
    stage = EvaluateImages(
        network, pairs, pictures, found, seen, device, flip or None, heights, read_as, among
    )
    if out is None:
        other = "" if network.checkpoint == chosen(run) else network.checkpoint
        which = {"val": "", "train": "train", "all": "all"}.get(scenes, "scenes")
        way = (*["flip"] * flip, *map(str, heights or ()), among, other, which)
        out = run / "_".join(filter(None, (EVALUATION, *way)))
        stage.expect_same_images(out)
    (runner or Runner()).make(stage, out)
    # Older evaluations do not tell what the run has seen, and are kept.
    return replace(read_evaluation(out), seen=seen)
