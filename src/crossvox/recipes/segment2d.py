"""Labelled images to a trained 2D network, its scores on any folder pair, and the flat layout."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import (
    Manifest,
    Stopwatch,
    building,
    digest,
    expect_own,
    file_digest,
    plain,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.params import from_plain
from crossvox.core.volume import Score
from crossvox.doors.images import encode_png, resize_color, write_bytes
from crossvox.flow.progress import Progress, Silent
from crossvox.metrics import confusion, segmentation_scores
from crossvox.recipes.data import read_scenes
from crossvox.samples.images import (
    FLAT_SPLITS,
    ImageDataset,
    ImagePair,
    PairList,
    check_shapes,
    collate_images,
    folder_pairs,
    normalised,
    read_image,
    read_labels,
    scene_pairs,
    split_pairs,
)
from crossvox.samples.params import ImageAugmentParams, ImageParams
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import CLASSES, Segment2d, pixel_shares
from crossvox.train.folder import best_or_last, read_record
from crossvox.train.loop import train
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainProgress, TrainReport

EVALUATE, FLATTEN = "evaluate-segment2d", "flatten"
SCORES = "scores.json"
PICTURES = "pictures"
FLAT_IMAGES, FLAT_LABELS = "images", "labels"

AHEAD = 4
"""Images that are decoded ahead of the one in work."""


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
        validation_share: share of the images that is held out, where the data has no validation
            split of its own.
    """

    train: TrainParams = field(default_factory=_train_defaults)
    task: Segment2dParams = field(default_factory=Segment2dParams)
    images: ImageParams = field(default_factory=ImageParams)
    augment: ImageAugmentParams = field(default_factory=ImageAugmentParams)
    validation_share: float = 0.2


@dataclass(frozen=True)
class ImageData:
    """Labelled images, as found on disk.

    Attributes:
        training: pairs to learn from.
        validation: pairs held out; may be empty.
        split: one sentence on how the two were told apart.
        left_out: counts of images without labels and of labels without image.
        scenes: names of the training scenes; None where images are not told by scenes.
        validation_scenes: likewise of the scenes held out.
    """

    training: tuple[ImagePair, ...]
    validation: tuple[ImagePair, ...]
    split: str
    left_out: dict[str, int]
    scenes: tuple[str, ...] | None = None
    validation_scenes: tuple[str, ...] | None = None


def find_images(
    data: Path | None = None,
    images: Path | None = None,
    labels: Path | None = None,
    *,
    scenes: str = "train",
    validation_scenes: str = "val",
    validation_share: float = 0.2,
) -> ImageData:
    """Find labelled images: prepared scenes, the flat layout, or any pair of folders.

    Args:
        data: a folder that ``crossvox prepare`` or ``crossvox flatten`` wrote, or None.
        images, labels: two folders of files with the same names, or with ``trainset/`` and
            ``valset/`` in each; instead of ``data``.
        scenes: training scenes of prepared data: "train", "val", "all", or names by commas.
        validation_scenes: likewise; "none" for no validation.
        validation_share: see :func:`crossvox.samples.images.split_pairs`.

    Raises:
        ParamsError: neither ``data`` nor both folders are given, or all of them.
        ArtifactError, CaptureError: nothing that can be used is there.
    """
    _expect_one_source(data, images, labels)
    if data is not None and not (data / FLAT_IMAGES).is_dir():
        learnt = read_scenes(data, scenes)
        kept = [] if validation_scenes == "none" else read_scenes(data, validation_scenes)
        images_of_scenes = _image_data(
            scene_pairs(learnt),
            scene_pairs(kept) if kept else PairList(()),
            f"scenes: {scenes} / {validation_scenes}",
        )
        return replace(images_of_scenes, scenes=_names(learnt), validation_scenes=_names(kept))
    if data is not None:
        images, labels = data / FLAT_IMAGES, data / FLAT_LABELS
    assert images is not None
    assert labels is not None
    if (images / FLAT_SPLITS["train"]).is_dir():
        pairs = {
            split: folder_pairs(images / name, labels / name)
            for split, name in FLAT_SPLITS.items()
            if split == "train" or (images / name).is_dir()
        }
        if "val" in pairs:
            return _image_data(pairs["train"], pairs["val"], "folders trainset and valset")
        found = pairs["train"]
    else:
        found = folder_pairs(images, labels)
    first, second = split_pairs(found.pairs, validation_share)
    return _image_data(
        PairList(first, found.without_labels, found.without_image),
        PairList(second),
        f"runs of neighbours or whole scenes, {validation_share:g} held out",
    )


def train_segment2d(
    data: Path | None,
    run: Path,
    params: Segment2dRunParams | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    scenes: str = "train",
    validation_scenes: str = "val",
    progress: Progress | None = None,
    watch: Callable[[TrainProgress], None] | None = None,
) -> TrainReport:
    """Train a network that labels the pixels of images.

    Run again with the same parameters, it continues where it was stopped. Class weights follow from
    the training labels and are recorded with the run. A finished run gets a folder ``pictures``.

    Args:
        data, images, labels, scenes, validation_scenes: see :func:`find_images`.
        run: run folder.
        params: see :class:`Segment2dRunParams`.
        progress: who watches the steps before training.
        watch: who watches the training.
    """
    params, progress = params or Segment2dRunParams(), progress or Silent()
    found = find_images(
        data,
        images,
        labels,
        scenes=scenes,
        validation_scenes=validation_scenes,
        validation_share=params.validation_share,
    )
    for what, count in found.left_out.items():
        if count:
            progress.say(f"left out: {count} {what}")
    dataset = ImageDataset(found.training, params.images, params.augment, params.train.seed)
    pixels = dataset.label_pixels(progress.step("training labels"))
    task = Segment2d(params.task, pixel_shares(pixels))
    validation = ImageDataset(found.validation, params.images) if found.validation else None
    roles = {"data": data, "images": images, "labels": labels}
    report = train(
        task,
        dataset,
        collate_images,
        run,
        params.train,
        validation=validation,
        parameter_groups=lambda network: task.parameter_groups(network, params.train.rate),  # type: ignore[arg-type]
        recipe={
            "params": params,
            "split": found.split,
            "label_pixels": pixels,
            "class_shares": task.shares,
            "class_weights": task.class_weights,
            "majority_class": NYU40.names[task.majority],
        },
        parents={
            "training images": _pairs_digest(found.training),
            "validation images": _pairs_digest(found.validation),
        },
        links={role: path for role, path in roles.items() if path is not None},
        scenes=found.scenes,
        validation_scenes=found.validation_scenes,
        progress=watch,
    )
    if not report.interrupted and not report.already_finished:
        shown = _spread(found.validation or found.training, 8)
        _picture_run(run, params, shown, report.step)
    return report


@dataclass(frozen=True)
class Segment2dRun:
    """What a 2D run's folder tells.

    Attributes:
        params: how it was trained.
        task: its task, with the class shares of its training labels.
    """

    params: Segment2dRunParams
    task: Segment2d


def read_segment2d_run(run: Path) -> Segment2dRun:
    """Params and task of a 2D run, read back from its folder.

    Raises:
        ArtifactError: ``run`` is not a run folder, or one of another task.
    """
    record = read_record(run, "segment2d")
    params = from_plain(Segment2dRunParams, record.recipe["params"])
    return Segment2dRun(params, Segment2d(params.task, tuple(record.recipe["class_shares"])))


def load_segment2d(
    run: Path, which: Literal["auto", "best", "last"] = "auto", device: str = "cpu"
) -> tuple[Segment2dRun, Any]:
    """A trained 2D network in evaluation mode, and what it was trained with.

    Args:
        run: a run of ``crossvox train segment2d``.
        which: checkpoint; ``auto`` takes ``best``, or ``last`` where no validation was done.
        device: where the network goes; ``auto`` takes an accelerator if there is one.

    Raises:
        ArtifactError: no such run.
        CheckpointError: no such checkpoint, or it does not fit.
    """
    import torch

    from crossvox.train.checkpoint import load_run_network

    record = read_segment2d_run(run)
    network = record.task.build(weights=False)
    if which == "auto":
        which = best_or_last(run)
    load_run_network(run, network, which)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return record, network.to(device).eval()


# --- evaluation ----------------------------------------------------------------------------------


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
        out: where scores and pictures were written.
    """

    scores: tuple[Score, ...]
    images: int
    left_out: dict[str, int]
    confusion: list[list[int]]
    classes: tuple[str, ...]
    seconds: dict[str, float]
    out: Path


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
    """Score a run on labelled images, each at the full size of its labels.

    Images are shown to the network whole, at the height it was trained at (or at the width, if they
    are narrower); its logits are resampled to the labels' size, bilinear. Of the flat layout, the
    images in ``valset`` are scored; of other folders, all.

    Args:
        run: a run of ``crossvox train segment2d``.
        data, images, labels: see :func:`find_images`.
        out: folder for ``scores.json`` and pictures; None: ``RUN/evaluation``.
        scenes: scenes of prepared data.
        pictures: how many images to draw, evenly chosen.
        device: "auto", "cpu", "cuda", ...
        progress: who watches.
    """
    progress, watch = progress or Silent(), Stopwatch()
    out = out or run / "evaluation"
    expect_own(out, EVALUATE)
    found = _evaluation_pairs(data, images, labels, scenes)
    record, network = load_segment2d(run, device=device)
    shown = {pair.name for pair in _spread(found.pairs, pictures)}
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    report = progress.step("images")
    with building(out) as folder:
        loaded = _loaded(found.pairs, record.params.images)
        for done, (pair, image, truth) in enumerate(loaded, start=1):
            with watch("predict"):
                predicted = predict_labels(record.task, network, image, truth.shape)
            with watch("count"):
                counts += confusion(truth, predicted, CLASSES)
            if pair.name in shown:
                with watch("pictures"):
                    strip = picture_strip(image, truth, predicted)
                    write_bytes(folder / PICTURES / f"{pair.name}.png", encode_png(strip))
            report(done, len(found.pairs))
        protocol = "whole images, at the full size of their labels"
        evaluation = Segment2dEvaluation(
            scores=tuple(segmentation_scores(counts, record.task.majority, protocol)),
            images=len(found.pairs),
            left_out=_left_out(found),
            confusion=counts.tolist(),
            classes=NYU40.names,
            seconds=watch.seconds,
            out=out,
        )
        write_json(folder / SCORES, {k: v for k, v in plain(evaluation).items() if k != "out"})
        _write_evaluation_manifest(folder, run, found, evaluation, watch)
    return evaluation


def predict_labels(
    task: Segment2d, network: Any, image: NDArray[np.uint8], size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """NYU40 ids of one image at ``size = (height, width)``.

    Args:
        task: the network's task.
        network: in evaluation mode.
        image: ``(H, W, 3)`` uint8 at the size of learning.
        size: of the result.
    """
    import torch

    planes = normalised(np.ascontiguousarray(image.transpose(2, 0, 1)))
    device = next(network.parameters()).device
    batch = torch.from_numpy(planes)[None].to(device)
    ids = task.predict(network, batch, (size[0], size[1]))
    return ids[0].to(torch.uint8).cpu().numpy()


def picture_strip(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], predicted: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Image, truth, prediction and error side by side, ``(H, 4 W + 6, 3)`` at the labels' size.

    Truth and prediction in the colours of the label table. Error: right pixels grey, wrong ones
    red, unannotated ones black; what counts in no benchmark class is dimmed.
    """
    height, width = truth.shape
    rgb = resize_color(image, (width, height))
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


def _evaluation_pairs(
    data: Path | None, images: Path | None, labels: Path | None, scenes: str
) -> PairList:
    _expect_one_source(data, images, labels)
    if data is not None and not (data / FLAT_IMAGES).is_dir():
        return scene_pairs(read_scenes(data, scenes))
    if data is not None:
        images, labels = data / FLAT_IMAGES, data / FLAT_LABELS
    assert images is not None
    assert labels is not None
    held_out = FLAT_SPLITS["val"]
    if (images / held_out).is_dir():
        return folder_pairs(images / held_out, labels / held_out)
    return folder_pairs(images, labels)


def _loaded(
    pairs: Sequence[ImagePair], params: ImageParams
) -> Iterator[tuple[ImagePair, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Pairs with whole images at the size of learning and labels at theirs, a few ahead."""

    def load(pair: ImagePair) -> tuple[ImagePair, NDArray[np.uint8], NDArray[np.uint8]]:
        image, truth = read_image(pair, params, whole=True), read_labels(pair.labels)
        check_shapes(pair, (image.shape[1], image.shape[0]), truth)
        return pair, image, truth

    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(2) as pool:
        for pair in pairs:
            waiting.append(pool.submit(load, pair))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _write_evaluation_manifest(
    folder: Path, run: Path, found: PairList, evaluation: Segment2dEvaluation, watch: Stopwatch
) -> None:
    checkpoint = best_or_last(run)
    write_manifest(
        folder,
        Manifest(
            EVALUATE,
            {"images": evaluation.images},
            parents={
                "network": file_digest(run / checkpoint / "network.safetensors"),
                "images": _pairs_digest(found.pairs),
            },
            seconds=watch.seconds,
            notes={"checkpoint": checkpoint, **_headline(evaluation.scores)},
            links={"run": Path(os.path.relpath(run, evaluation.out)).as_posix()},
        ),
    )


def _headline(scores: Sequence[Score]) -> dict[str, float]:
    return {score.name: score.value for score in scores if not score.name.startswith("IoU ")}


def _picture_run(
    run: Path, params: Segment2dRunParams, pairs: Sequence[ImagePair], step: int
) -> None:
    """Pictures of a finished run, as files and in TensorBoard."""
    record, network = load_segment2d(run)
    writer = None
    if params.train.tensorboard:
        from torch.utils.tensorboard import SummaryWriter

        from crossvox.train.params import TENSORBOARD

        writer = SummaryWriter(str(run / TENSORBOARD))
    for pair, image, truth in _loaded(pairs, record.params.images):
        strip = picture_strip(
            image, truth, predict_labels(record.task, network, image, truth.shape)
        )
        write_bytes(run / PICTURES / f"{pair.name}.png", encode_png(strip))
        if writer is not None:
            writer.add_image(f"prediction/{pair.name}", strip, step, dataformats="HWC")
    if writer is not None:
        writer.close()


def _spread(pairs: Sequence[ImagePair], count: int) -> list[ImagePair]:
    """``count`` pairs, evenly over the list."""
    count = min(count, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def _expect_one_source(data: Path | None, images: Path | None, labels: Path | None) -> None:
    expect(
        (data is None) == (images is not None) == (labels is not None),
        given=f"data {data}, images {images}, labels {labels}",
        needed="either a data folder, or both an image and a label folder",
        do="pass DATA, or --images DIR --labels DIR",
        error=ParamsError,
    )


def _image_data(training: PairList, held_out: PairList, split: str) -> ImageData:
    counts = [_left_out(pairs) for pairs in (training, held_out)]
    both = {name: counts[0][name] + counts[1][name] for name in counts[0]}
    return ImageData(training.pairs, held_out.pairs, split, both)


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    return tuple(folder.resolve().name for folder in folders)


def _left_out(pairs: PairList) -> dict[str, int]:
    return {
        "images without labels": len(pairs.without_labels),
        "label images without an image": len(pairs.without_image),
    }


def _pairs_digest(pairs: Sequence[ImagePair]) -> str:
    """Fingerprint of names and file sizes: data may move, but not change."""
    return digest(
        [[p.name, p.image.stat().st_size, p.labels.stat().st_size] for p in pairs],
    )


# --- the flat layout -----------------------------------------------------------------------------


@dataclass(frozen=True)
class FlattenReport:
    """What :func:`flatten` wrote.

    Attributes:
        images: number of images by split.
        without_labels: frames left out because nobody labelled them, by split.
        out: where.
    """

    images: dict[str, int]
    without_labels: dict[str, int]
    out: Path


def flatten(data: Path, out: Path, *, progress: Progress | None = None) -> FlattenReport:
    """Copy the labelled frames of prepared scenes into flat folders, for other training code.

    Writes ``OUT/images/{trainset,valset}/SCENE_N.jpg`` and ``OUT/labels/...png``, byte by byte the
    prepared files. ``crossvox train segment2d OUT RUN`` reads them back.

    Args:
        data: a folder that ``crossvox prepare`` wrote.
        out: where to; replaced as a whole.
        progress: who watches.

    Raises:
        ArtifactError: ``data`` is no prepared folder, or ``out`` holds something else.
        CaptureError: a split has scenes but no labels.
    """
    progress = progress or Silent()
    expect_own(out, FLATTEN)
    found: dict[str, PairList] = {}
    for split in FLAT_SPLITS:
        named = (data / f"{split}.txt").is_file() and (data / f"{split}.txt").read_text().split()
        if named:
            found[split] = scene_pairs(read_scenes(data, split))
    expect(
        bool(found),
        given=f"{data}, without scenes in train.txt or val.txt",
        needed="a folder that 'crossvox prepare' wrote",
        do="run 'crossvox prepare'",
        error=ArtifactError,
    )
    report, total = progress.step("images"), sum(len(pairs.pairs) for pairs in found.values())
    done = 0
    with building(out) as folder:
        for split, pairs in found.items():
            images = folder / FLAT_IMAGES / FLAT_SPLITS[split]
            labels = folder / FLAT_LABELS / FLAT_SPLITS[split]
            images.mkdir(parents=True)
            labels.mkdir(parents=True)
            for pair in pairs.pairs:
                shutil.copyfile(pair.image, images / f"{pair.name}{pair.image.suffix}")
                shutil.copyfile(pair.labels, labels / f"{pair.name}.png")
                done += 1
                report(done, total)
        counts = {split: len(pairs.pairs) for split, pairs in found.items()}
        left_out = {split: len(pairs.without_labels) for split, pairs in found.items()}
        write_manifest(
            folder,
            Manifest(
                FLATTEN,
                parents={"data": read_manifest(data).digest},
                notes={"images": counts, "frames without labels": left_out},
                links={"data": Path(os.path.relpath(data, out)).as_posix()},
            ),
        )
    return FlattenReport(counts, left_out, out)
