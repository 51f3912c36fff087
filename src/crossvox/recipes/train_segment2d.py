"""A 2D network as it is asked for: of a data folder, or of two folders of images and labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.runner import Runner
from crossvox.recipes import segment2d
from crossvox.recipes.commands import Flag, recipe
from crossvox.recipes.segment2d import Segment2dRunParams
from crossvox.samples.params import ImageAugmentParams, ImageParams
from crossvox.tasks.params import Segment2dParams
from crossvox.train.params import CheckpointName, TrainParams

if TYPE_CHECKING:
    from crossvox.train.report import TrainReport


_LONG = TrainParams(
    steps=3600,
    batch_size=8,
    rate=1e-3,
    weight_decay=0.02,
    schedule="poly",
    final_share=0.0,
    warmup_steps=100,
    clip_norm=5.0,
    average=0.998,
    validate_every=600,
    save_every=200,
)
_VARIED = ImageAugmentParams(smallest=0.8, largest=1.8, stretch=0.15)
_SHOWN = ImageParams(shown_height=300)

DEFAULT2D = Segment2dRunParams(
    train=_LONG,
    task=Segment2dParams(depth=True, encoder_rate_share=0.4),
    images=_SHOWN,
    augment=_VARIED,
)
"""How ``default2d`` began: colours and depth, from ImageNet, an average of the weights."""

DEFAULT2D_480 = replace(
    DEFAULT2D,
    train=replace(
        _LONG,
        steps=650,
        rate=8e-4,
        warmup_steps=40,
        average=0.993,
        validate_every=650,
    ),
    images=ImageParams(480, 360, shown_height=360),
    augment=ImageAugmentParams(smallest=0.6, largest=1.7, stretch=0.15),
)
"""How it went on, ``--from`` what the first training made: larger images, of wider variation."""

FREE2D = Segment2dRunParams(
    train=replace(_LONG, steps=1700, validate_every=1700, save_every=100),
    task=Segment2dParams(depth=True, weights="none", encoder_rate_share=1.0),
    images=_SHOWN,
    augment=_VARIED,
)
"""From nothing, so that no terms of anybody's data apply, and shorter: ``free2d``."""


def train_segment2d(
    folders: tuple[Path, ...],
    params: Segment2dRunParams | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    scenes: str = "train",
    validation_scenes: str = "val",
    depths: Path | None = None,
    beside: Path | None = None,
    start: Annotated[Path | None, Flag("from")] = None,
    checkpoint: CheckpointName = "auto",
    runner: Runner | None = None,
) -> TrainReport:
    """Train a network that labels pixels: DATA RUN, or RUN --images DIR --labels DIR.

    Args:
        folders: folder that ``crossvox prepare`` or ``crossvox flatten`` wrote, and run folder.
        params: everything that makes the run.
        images: any folder of colour images, instead of DATA; a share is held out.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        scenes: training scenes of prepared data: train, val, all, or names separated by commas.
        validation_scenes: likewise; none trains without validation.
        depths: its depth images of the same names, PNG, for a network that reads depth
            (--task.depth); prepared data has depth.
        beside: prepared data, for example of generated rooms, whose training scenes join: a share
            of --beside-share of each epoch.
        start: run of this command, or the name of a network that comes with the package, whose
            weights it starts from instead of ImageNet's: to teach it frames of your own. The
            network is the same, and reads depth or not as that one does.
        checkpoint: which weights of --from: best, last, average (of --train.average), or auto: the
            average if it scored no worse in validation, else the best, else the last.
        runner: who trains.

    Raises:
        ParamsError: neither one folder nor two.
    """
    expect(
        len(folders) in (1, 2),
        given=f"{len(folders)} folders",
        needed="DATA RUN, or RUN with --images and --labels",
        do="crossvox train segment2d DATA RUN",
        error=ParamsError,
    )
    return segment2d.train_segment2d(
        folders[0] if len(folders) == 2 else None,
        folders[-1],
        params,
        images=images,
        labels=labels,
        scenes=scenes,
        validation_scenes=validation_scenes,
        depths=depths,
        beside=beside,
        start=start,
        checkpoint=checkpoint,
        runner=runner,
    )


default2d = recipe(
    train_segment2d,
    "default2d",
    "As the network of images that comes with the package began: colours and depth, long.",
    params=DEFAULT2D,
)

default2d_480 = recipe(
    train_segment2d,
    "default2d-480",
    "As that network went on: larger images, for which --from names the run of default2d.",
    params=DEFAULT2D_480,
)

free2d = recipe(
    train_segment2d,
    "free2d",
    "The same from nothing, of prepared data such as generated rooms: no terms of others apply.",
    leave_out=("images", "labels", "depths", "beside", "start", "checkpoint"),
    params=FREE2D,
)
