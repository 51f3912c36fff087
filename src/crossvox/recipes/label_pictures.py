"""What a 2D network makes of images: labels, and pictures of them beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.class_map import ClassMap
from crossvox.core.files import PICTURES
from crossvox.core.labels import NYU40
from crossvox.doors.images import encode_png, resize_color, write_bytes
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.images import loaded
from crossvox.recipes.segment2d import Segment2dRunParams
from crossvox.samples.batch import normalised
from crossvox.samples.decode import Shown
from crossvox.samples.pairs import ImagePair
from crossvox.tasks.segment2d import Segment2d

if TYPE_CHECKING:
    from torch import Tensor


def predict_labels(
    task: Segment2d,
    network: Any,
    shown: Shown,
    size: tuple[int, ...],
    *,
    flip: bool = False,
    classes: ClassMap | None = None,
) -> NDArray[np.uint8]:
    """NYU40 ids of one image at ``size = (height, width)``.

    Args:
        task: the network's task.
        network: in evaluation mode.
        shown: the image as it is shown (:func:`crossvox.samples.decode.read_shown`).
        size: of the result.
        flip: take the mean with what is said of the mirrored image.
        classes: those that the answer is chosen from; None: all 40.
    """
    import torch

    batches = [batch_of(image, network) for image in shown]
    ids = task.predict(network, batches, (size[0], size[1]), flip=flip, classes=classes)
    return ids[0].to(torch.uint8).cpu().numpy()


def batch_of(image: NDArray[np.uint8], network: Any) -> Tensor:
    """One image ``(H, W, 3)`` or ``(H, W, 6)`` as a batch, where the network is."""
    import torch

    planes = normalised(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return torch.from_numpy(planes)[None].to(next(network.parameters()).device)


def picture_strip(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], predicted: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Image, truth, prediction and error side by side, ``(H, 4 W + 6, 3)`` at the labels' size.

    Truth and prediction in the colours of the label table. Error: right pixels grey, wrong ones
    red, unannotated ones black; what counts in no benchmark class is dimmed.
    """
    height, width = truth.shape
    rgb = resize_color(np.ascontiguousarray(image[..., :3]), (width, height))
    grey = (rgb.mean(axis=2) * 0.5 + 40).astype(np.uint8)[..., None].repeat(3, axis=2)
    wrong = (truth != predicted)[..., None]
    error = np.where(wrong, np.array([220, 40, 30], dtype=np.uint8), grey)
    counted = np.isin(truth, NYU40.benchmark_ids)[..., None]
    error = np.where(counted, error, error // 2)
    error[truth == NYU40.ignore_id] = 0
    gap = np.full((height, 2, 3), 255, dtype=np.uint8)
    panels = [rgb, NYU40.colors[truth], NYU40.colors[predicted], error]
    parts = [part for panel in panels for part in (panel, gap)][:-1]
    return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.uint8)


def picture_run(
    run: Path, params: Segment2dRunParams, pairs: Sequence[ImagePair], step: int
) -> None:
    """Pictures of a finished run, as files and in TensorBoard."""
    record, network = load_segment2d(run)
    writer = None
    if params.train.tensorboard:
        from torch.utils.tensorboard import SummaryWriter

        from crossvox.train.params import TENSORBOARD

        writer = SummaryWriter(str(run / TENSORBOARD))
    for pair, shown, truth in loaded(pairs, record.params.images, depth=record.params.task.depth):
        predicted = predict_labels(record.task, network, shown, truth.shape)
        strip = picture_strip(shown[0], truth, predicted)
        write_bytes(run / PICTURES / f"{pair.name}.png", encode_png(strip))
        if writer is not None:
            writer.add_image(f"prediction/{pair.name}", strip, step, dataformats="HWC")
    if writer is not None:
        writer.close()
