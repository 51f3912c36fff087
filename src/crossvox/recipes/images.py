"""2D segmentation as it is asked for: of a data folder, or of two folders of images and labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.progress import Progress
from crossvox.recipes.segment2d import Segment2dRunParams

if TYPE_CHECKING:
    from crossvox.recipes.segment2d import Segment2dEvaluation
    from crossvox.train.loop import TrainReport


def train_segment2d(
    folders: tuple[Path, ...],
    params: Segment2dRunParams | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    scenes: str = "train",
    validation_scenes: str = "val",
    progress: Progress | None = None,
    watch: Callable[[Any], None] | None = None,
) -> TrainReport:
    """Train a network that labels pixels: DATA RUN, or RUN --images DIR --labels DIR.

    Args:
        folders: folder that ``crossvox prepare`` or ``crossvox flatten`` wrote, and run folder.
        params: everything that makes the run.
        images: any folder of colour images, instead of DATA; a share is held out.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        scenes: training scenes of prepared data: train, val, all, or names separated by commas.
        validation_scenes: likewise; none trains without validation.
        progress: who watches the steps before training.
        watch: who watches the training.

    Raises:
        ParamsError: neither one folder nor two.
    """
    from crossvox.recipes import segment2d

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
        progress=progress,
        watch=watch,
    )


def evaluate_segment2d(
    run: Path,
    data: Path | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    out: Path | None = None,
    scenes: str = "val",
    pictures: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> Segment2dEvaluation:
    """Score a 2D run at the labels' full size: RUN DATA, or RUN --images DIR --labels DIR.

    Args:
        run: run folder.
        data: folder that ``crossvox prepare`` or ``crossvox flatten`` wrote.
        images: any folder of colour images, instead of DATA.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        out: folder for scores.json and pictures; by default RUN/evaluation.
        scenes: scenes of prepared data: val, train, all, or names separated by commas.
        pictures: how many images to draw (image, truth, prediction, error).
        device: auto, cpu, cuda, ...
        progress: who watches.
    """
    from crossvox.recipes import segment2d

    return segment2d.evaluate_segment2d(
        run,
        data,
        images=images,
        labels=labels,
        out=out,
        scenes=scenes,
        pictures=pictures,
        device=device,
        progress=progress,
    )
