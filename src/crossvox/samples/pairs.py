"""Images with labels on disk: which files belong together, and which are held out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.doors.image_kinds import COLOR_KINDS, COLOR_SUFFIXES
from crossvox.samples.geometry import DepthFile, DepthSource, FrameDepth
from crossvox.samples.params import DepthImageParams

IMAGE_SUFFIXES = COLOR_SUFFIXES[::-1]
LABEL_SUFFIXES = (".png",)
FLAT_IMAGES, FLAT_LABELS = "images", "labels"
"""Folders of the flat layout."""

FLAT_SPLITS = {"train": "trainset", "val": "valset"}
"""Folder of each split in the flat layout."""

SCENES, IMAGES = "scenes", "images"
"""What images are grouped by."""

MOST_BLOCK = 16
"""Longest run of neighbouring images that is held out at once (see :func:`split_pairs`)."""


NO_LABELS = Path()
"""Stands for the labels of an image that has none."""


@dataclass(frozen=True)
class ImagePair:
    """An image and its labels on disk.

    Attributes:
        name: of the image, without suffix.
        image: colours, JPEG as a rule.
        labels: 8-bit PNG of NYU40 ids; :data:`NO_LABELS`.
        as_shown: whether labels were drawn on the image as programs show it: turned as its header
            says (EXIF). Frames of captures are taken as they are stored.
        depth: where the depth of the image lies; None: nowhere.
    """

    name: str
    image: Path
    labels: Path
    as_shown: bool = False
    depth: DepthSource | None = None


@dataclass(frozen=True)
class PairList:
    """Pairs of one split, and what was left out.

    Attributes:
        pairs: in natural order of their names (``scene_9`` before ``scene_10``).
        without_labels: names of images without labels.
        without_image: names of label images without an image.
    """

    pairs: tuple[ImagePair, ...]
    without_labels: tuple[str, ...] = ()
    without_image: tuple[str, ...] = ()


def folder_pairs(
    images: Path,
    labels: Path,
    depths: Path | None = None,
    depth_params: DepthImageParams | None = None,
) -> PairList:
    """Pair the files of two folders by their names without suffix.

    Args:
        images: colour images.
        labels: label images.
        depths: depth images of the same names, where there are any.
        depth_params: what their numbers mean.

    Raises:
        CaptureError: a folder is missing, or nothing pairs.
    """
    colors = _files(images, IMAGE_SUFFIXES)
    ids = _files(labels, LABEL_SUFFIXES)
    measured = {} if depths is None else _files(depths, LABEL_SUFFIXES)
    params = depth_params or DepthImageParams()
    names = sorted(colors.keys() & ids.keys(), key=natural)
    expect(
        bool(names),
        given=f"{len(colors)} images in {images} and {len(ids)} label images in {labels}, none "
        f"with the same name",
        needed=f"NAME.jpg (or another of {COLOR_KINDS}) and NAME.png with NYU40 ids",
        do="check both folders",
        error=CaptureError,
    )
    expect(
        depths is None or any(name in measured for name in names),
        given=f"{len(measured)} depth images in {depths}, none with the name of an image",
        needed="NAME.png beside NAME.jpg",
        do="check the folder of depth images, or leave it out",
        error=CaptureError,
    )
    return PairList(
        tuple(
            ImagePair(
                name,
                colors[name],
                ids[name],
                as_shown=True,
                depth=DepthFile(measured[name], params) if name in measured else None,
            )
            for name in names
        ),
        tuple(sorted(colors.keys() - ids.keys(), key=natural)),
        tuple(sorted(ids.keys() - colors.keys(), key=natural)),
    )


def folder_images(
    images: Path, depths: Path | None = None, depth_params: DepthImageParams | None = None
) -> tuple[ImagePair, ...]:
    """The colour images of a folder, labelled or not, in natural order of their names.

    Args:
        images: colour images.
        depths: depth images of the same names, where there are any.
        depth_params: what their numbers mean.

    Raises:
        CaptureError: a folder is missing, or holds no image.
    """
    colors = _files(images, IMAGE_SUFFIXES)
    measured = {} if depths is None else _files(depths, LABEL_SUFFIXES)
    params = depth_params or DepthImageParams()
    expect(
        bool(colors),
        given=f"{images} without an image",
        needed=f"colour images ({COLOR_KINDS}), prepared scenes, or a capture",
        do="check the path",
        error=CaptureError,
    )
    return tuple(
        ImagePair(
            name,
            colors[name],
            NO_LABELS,
            as_shown=True,
            depth=DepthFile(measured[name], params) if name in measured else None,
        )
        for name in sorted(colors, key=natural)
    )


def scene_images(folder: Path) -> tuple[ImagePair, ...]:
    """The frames of a prepared scene by number, labelled or not.

    Raises:
        CaptureError: it has no frames.
    """
    colors = _files(folder / "color", IMAGE_SUFFIXES)
    depths = _files(folder / "depth", LABEL_SUFFIXES) if (folder / "depth").is_dir() else {}
    return tuple(
        ImagePair(
            number,
            colors[number],
            NO_LABELS,
            depth=FrameDepth(folder, int(number)) if number in depths else None,
        )
        for number in sorted(colors, key=natural)
    )


def scene_pairs(folders: Sequence[Path]) -> PairList:
    """Labelled frames of prepared scenes, called ``SCENE_N``.

    Raises:
        CaptureError: no frame has labels.
    """
    pairs: list[ImagePair] = []
    unlabelled: list[str] = []
    lone: list[str] = []
    for folder in folders:
        scene = folder.resolve().name
        colors = _files(folder / "color", IMAGE_SUFFIXES)
        there = (folder / "label").is_dir()
        ids = _files(folder / "label", LABEL_SUFFIXES) if there else {}
        measured = (folder / "depth").is_dir()
        depths = _files(folder / "depth", LABEL_SUFFIXES) if measured else {}
        for number in sorted(colors, key=natural):
            name = f"{scene}_{number}"
            if number in ids:
                depth = FrameDepth(folder, int(number)) if number in depths else None
                pairs.append(ImagePair(name, colors[number], ids[number], depth=depth))
            else:
                unlabelled.append(name)
        lone += [f"{scene}_{number}" for number in sorted(ids.keys() - colors.keys(), key=natural)]
    expect(
        bool(pairs),
        given=f"{len(folders)} scenes with {len(unlabelled)} frames, none of them labelled",
        needed="label/N.png beside color/N.jpg",
        do="prepare scans that come with 2D labels",
        error=CaptureError,
    )
    return PairList(tuple(pairs), tuple(unlabelled), tuple(lone))


def split_pairs(
    pairs: Sequence[ImagePair], validation_share: float
) -> tuple[tuple[ImagePair, ...], tuple[ImagePair, ...]]:
    """Split pairs for training and validation, so that near-equal images stay on one side.

    Frames of one scene look alike: split one by one, validation would measure memory. Where names
    tell scenes (``SCENE_N``), whole scenes are held out, evenly over the list; else runs of up to
    :data:`MOST_BLOCK` neighbours, for in most data sets neighbours come from one scene. The split
    follows from the names alone.

    Args:
        pairs: in order.
        validation_share: share to hold out, above 0 and below 1.

    Returns:
        Pairs for training and for validation, none of them empty.

    Raises:
        ParamsError: the share, or the pairs, leave one side empty.
    """
    expect(
        0 < validation_share < 1 and len(pairs) > 1,
        given=f"{len(pairs)} images, of which a share of {validation_share} is to be held out",
        needed="at least two images and a share between 0 and 1",
        do="correct --validation-share",
        error=ParamsError,
    )
    names, told = groups_of([pair.name for pair in pairs])
    if told == SCENES:
        scenes: dict[str, list[ImagePair]] = {}
        for pair, name in zip(pairs, names, strict=True):
            scenes.setdefault(name, []).append(pair)
        groups = list(scenes.values())
    else:
        size = max(1, min(MOST_BLOCK, int(len(pairs) * min(validation_share, 0.5) / 4)))
        groups = [list(pairs[i : i + size]) for i in range(0, len(pairs), size)]
    training: list[ImagePair] = []
    held_out: list[ImagePair] = []
    for number, group in enumerate(groups):
        # As a line of slope validation_share is drawn on a raster: as even as can be.
        before, after = (int(n * validation_share + 0.5) for n in (number, number + 1))
        (held_out if after > before else training).extend(group)
    for empty, other in ((held_out, training), (training, held_out)):
        if not empty:
            count = len(groups[-1])
            empty += other[-count:]
            del other[-count:]
    return tuple(training), tuple(held_out)


def scene_of(name: str) -> str:
    """The scene of an image that is called ``SCENE_N``; of other names, the name."""
    return re.sub(r"_\d+$", "", name)


def groups_of(names: Sequence[str]) -> tuple[list[str], str]:
    """Which images look alike, by their names: the group of each, and what groups are.

    Returns:
        The scenes of names such as ``SCENE_N`` and :data:`SCENES`; the names themselves and
        :data:`IMAGES` where they tell none, or one alone.
    """
    scenes = [scene_of(name) for name in names]
    if 1 < len(set(scenes)) < len(names):
        return scenes, SCENES
    return list(names), IMAGES


def shuffled(pairs: Sequence[ImagePair], seed: int) -> tuple[ImagePair, ...]:
    """The same images with each other's labels: a control that knows no more than what labels are.

    Every label image goes to one image of another scene (of another group, see :func:`groups_of`)
    and stays there, so that how often each class shows and where in an image it lies is the same,
    as is the work; what an image shows tells nothing of its labels. Random labels of this kind are
    those of Zhang et al. (2017), for whole label images. A renaming of classes, on the other hand,
    would be no control: a network that learns renamed classes learns the same features.

    Args:
        pairs: two or more.
        seed: decides which goes where.

    Raises:
        ParamsError: there is one pair alone.
    """
    expect(
        len(pairs) > 1,
        given=f"{len(pairs)} image, whose labels are to be another's",
        needed="two or more",
        do="learn from more images",
        error=ParamsError,
    )
    rng = np.random.default_rng([seed, len(pairs)])
    groups: dict[str, list[int]] = {}
    for number, group in enumerate(groups_of([pair.name for pair in pairs])[0]):
        groups.setdefault(group, []).append(number)
    names = [sorted(groups)[i] for i in rng.permutation(len(groups))]
    order = [int(i) for name in names for i in rng.permutation(groups[name])]
    # One step of the largest group leads out of every group, unless one of them is half of all.
    step = min(max(map(len, groups.values())), len(pairs) // 2)
    taken = {order[i]: order[(i + step) % len(order)] for i in range(len(order))}
    return tuple(replace(pair, labels=pairs[taken[i]].labels) for i, pair in enumerate(pairs))


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key by which numbers in names count as numbers."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files by name without suffix; an earlier suffix wins over a later one."""
    expect(
        folder.is_dir(),
        given=f"{folder}, which is no folder",
        needed="a folder of images",
        do="check the path",
        error=CaptureError,
    )
    found: dict[str, Path] = {}
    names = os.listdir(folder)
    for suffix in reversed(suffixes):
        for name in names:
            stem, end = os.path.splitext(name)
            if end.lower() == suffix and not stem.startswith("."):
                found[stem] = folder / name
    return found
