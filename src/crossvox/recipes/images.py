"""Labelled images on disk: prepared scenes, the flat layout, or any pair of folders."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import digest
from crossvox.recipes.data import read_scenes
from crossvox.recipes.predict2d import expect_nyu40_labels
from crossvox.recipes.segment2d import ImageSource
from crossvox.samples.decode import Shown, check_shapes, read_labels, read_shown
from crossvox.samples.pairs import (
    FLAT_IMAGES,
    FLAT_LABELS,
    FLAT_SPLITS,
    ImagePair,
    PairList,
    folder_pairs,
    scene_pairs,
    split_pairs,
)
from crossvox.samples.params import ImageParams

T = TypeVar("T")
V = TypeVar("V")

AHEAD = 4
"""Images that are decoded ahead of the one in work."""


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
        beside: further pairs that join the training pairs.
        beside_scenes: names of their scenes.
    """

    training: tuple[ImagePair, ...]
    validation: tuple[ImagePair, ...]
    split: str
    left_out: dict[str, int]
    scenes: tuple[str, ...] | None = None
    validation_scenes: tuple[str, ...] | None = None
    beside: tuple[ImagePair, ...] = ()
    beside_scenes: tuple[str, ...] = ()


def find_images(source: ImageSource, validation_share: float = 0.2) -> ImageData:
    """Find labelled images to learn from, and those that join them.

    Args:
        source: where they are.
        validation_share: see :func:`crossvox.samples.pairs.split_pairs`.

    Raises:
        ArtifactError, CaptureError: nothing that can be used is there.
    """
    found = _find_own(source, validation_share)
    if source.beside is None:
        return found
    folders = read_scenes(source.beside, "train")
    return replace(found, beside=scene_pairs(folders).pairs, beside_scenes=_names(folders))


def _find_own(source: ImageSource, validation_share: float) -> ImageData:
    """Labelled images to learn from.

    Args:
        source: prepared scenes, the flat layout, or any two folders of files with the same names,
            or with ``trainset/`` and ``valset/`` in each, of depth images likewise.
        validation_share: see :func:`crossvox.samples.pairs.split_pairs`.

    Raises:
        ArtifactError, CaptureError: nothing that can be used is there.
    """
    data, images, labels = source.data, source.images, source.labels
    scenes, validation_scenes = source.scenes, source.validation_scenes
    if data is not None and not (data / FLAT_IMAGES).is_dir():
        learnt = read_scenes(data, scenes)
        kept = [] if validation_scenes == "none" else read_scenes(data, validation_scenes)
        images_of_scenes = _image_data(
            scene_pairs(learnt),
            scene_pairs(kept) if kept else PairList(()),
            split_of_scenes(source),
        )
        return replace(images_of_scenes, scenes=_names(learnt), validation_scenes=_names(kept))
    if data is not None:
        images, labels = data / FLAT_IMAGES, data / FLAT_LABELS
    assert images is not None
    assert labels is not None
    if (images / FLAT_SPLITS["train"]).is_dir():
        pairs = {
            split: _own_pairs(source, images, labels, name)
            for split, name in FLAT_SPLITS.items()
            if split == "train" or (images / name).is_dir()
        }
        if "val" in pairs:
            return _image_data(pairs["train"], pairs["val"], "folders trainset and valset")
        found = pairs["train"]
    else:
        found = _own_pairs(source, images, labels)
    first, second = split_pairs(found.pairs, validation_share)
    return _image_data(
        PairList(first, found.without_labels, found.without_image),
        PairList(second),
        f"runs of neighbours or whole scenes, {validation_share:g} held out",
    )


def split_of_scenes(source: ImageSource) -> str:
    """How training and held-out images of prepared scenes are told apart."""
    return f"scenes: {source.scenes} / {source.validation_scenes}"


def evaluation_pairs(source: ImageSource) -> PairList:
    """Labelled images to be scored on: of the flat layout those held out, of other folders all."""
    data, images, labels, scenes = source.data, source.images, source.labels, source.scenes
    if data is not None and not (data / FLAT_IMAGES).is_dir():
        return scene_pairs(read_scenes(data, scenes))
    if data is not None:
        images, labels = data / FLAT_IMAGES, data / FLAT_LABELS
    assert images is not None
    assert labels is not None
    held_out = FLAT_SPLITS["val"]
    if (images / held_out).is_dir():
        return _own_pairs(source, images, labels, held_out)
    return _own_pairs(source, images, labels)


def _own_pairs(source: ImageSource, images: Path, labels: Path, split: str = "") -> PairList:
    """Pairs of two folders, with depth where it is named; of a folder of that name in each.

    Raises:
        CaptureError: a folder is missing, nothing pairs, or the labels are no NYU40 ids.
    """
    expect_nyu40_labels(labels / split)
    depths = None if source.depths is None else source.depths / split
    return folder_pairs(images / split, labels / split, depths, source.depth_params)


def loaded(
    pairs: Sequence[ImagePair],
    params: ImageParams,
    heights: Sequence[int] = (),
    *,
    depth: bool = False,
) -> Iterator[tuple[ImagePair, Shown, NDArray[np.uint8]]]:
    """Pairs with whole images as they are shown and labels at their own size, a few ahead.

    Args:
        pairs: what to read.
        params: of the run.
        heights: at which images are shown, pixels; none: the run's own.
        depth: whether planes of depth follow the colours.
    """

    def load(pair: ImagePair) -> tuple[ImagePair, Shown, NDArray[np.uint8]]:
        shown = read_shown(pair, params, heights, depth=depth)
        truth = read_labels(pair.labels)
        check_shapes(pair, (shown[0].shape[1], shown[0].shape[0]), truth)
        return pair, shown, truth

    yield from ahead(pairs, load)


def ahead(items: Iterable[T], load: Callable[[T], V]) -> Iterator[V]:
    """What is loaded of each item, in order, by threads that are a few items ahead."""
    waiting: deque[Future[V]] = deque()
    with ThreadPoolExecutor(2) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(load, item))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def evenly(pairs: Sequence[ImagePair], count: int) -> list[ImagePair]:
    """``count`` pairs, evenly over the list."""
    count = min(count, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def _image_data(training: PairList, held_out: PairList, split: str) -> ImageData:
    counts = [left_out(pairs) for pairs in (training, held_out)]
    both = {name: counts[0][name] + counts[1][name] for name in counts[0]}
    return ImageData(training.pairs, held_out.pairs, split, both)


def left_out(pairs: PairList) -> dict[str, int]:
    return {
        "images without labels": len(pairs.without_labels),
        "label images without an image": len(pairs.without_image),
    }


def pairs_digest(pairs: Sequence[ImagePair], *, depth: bool = False) -> str:
    """Fingerprint of names and file sizes, of depth too if asked: data may move, not change."""
    return digest(
        [
            [p.name, p.image.stat().st_size, p.labels.stat().st_size]
            + ([] if p.depth is None or not depth else [p.depth.bytes])
            for p in pairs
        ],
    )


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    return tuple(folder.resolve().name for folder in folders)
