"""How a 2D network is trained on labelled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ParamsError, expect
from crossvox.core.colors import COLORS, RECORD
from crossvox.core.labels import NYU40
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Work
from crossvox.recipes.data import read_scenes
from crossvox.recipes.image_run import read_segment2d_run
from crossvox.recipes.images import (
    ImageData,
    evenly,
    find_images,
    pairs_digest,
    split_of_scenes,
)
from crossvox.recipes.label_pictures import picture_run
from crossvox.recipes.segment2d import Segment2dRunParams, TrainImages
from crossvox.recipes.shipped import is_gone
from crossvox.recipes.start import START, Start, complete_record, expect_was, start_of
from crossvox.recipes.training import kept_without, only_look
from crossvox.samples.batch import collate_images
from crossvox.samples.images import ImageDataset
from crossvox.samples.pairs import scene_pairs, shuffled
from crossvox.tasks.segment2d import Segment2d, pixel_shares
from crossvox.train.folder import answer, asked_for, note_asked
from crossvox.train.loop import train
from crossvox.train.report import TrainReport

TRAINING, VALIDATION, BESIDE = "training images", "validation images", "images beside"
"""Their roles among what a run is made from."""


def train_images(stage: TrainImages, work: Work) -> TrainReport:
    """Train a network that labels pixels, in the run folder ``work.out``.

    Raises:
        ArtifactError, CaptureError: there are no labelled images, or the folder holds another run.
        CheckpointError: a checkpoint of the run that it starts from is damaged.
        ParamsError: that run is of another network.
    """
    params, progress = stage.params, work.progress
    fits = partial(_expect_same_network, stage)
    start = start_of(stage.start, stage.checkpoint, work, fits)
    if (kept := _without_images(stage, start, work)) is not None:
        return kept
    found = _found(stage)
    _say_left_out(found, progress)
    start.tell_seen(found.validation_scenes or (), progress)
    parents = {**_digests(found, params.task.depth), **start.parents}
    if params.task.depth:
        _say_without_depth(found, progress)
    asked = _asked(params, found.split, parents, found.scenes, found.validation_scenes)
    done = answer(work.out, asked, params.train, dry=work.dry)
    if done is not None:
        return done
    if work.dry:
        unread = Segment2d(params.task)
        return only_look(
            work.out,
            unread,
            train=params.train,
            recipe={"params": params, RECORD: COLORS, "split": found.split},
            parents={START: None, BESIDE: None, **parents},
            build=partial(unread.build, weights=False),
        )
    dataset, validation = _datasets(found, params)
    pixels = dataset.label_pixels(progress.step("training labels"))
    task = Segment2d(params.task, pixel_shares(pixels), start.initialise)
    report = train(
        task,
        dataset,
        collate_images,
        work.out,
        params.train,
        validation=validation,
        parameter_groups=lambda network: task.parameter_groups(network, params.train.rate),  # type: ignore[arg-type]
        recipe={
            "params": params,
            RECORD: COLORS,
            "split": found.split,
            "label_pixels": pixels,
            "class_shares": task.shares,
            "class_weights": task.class_weights,
            "majority_class": NYU40.names[task.majority],
        },
        parents=parents,
        links={**stage.source.folders, **start.links},
        scenes=_scenes(found),
        validation_scenes=found.validation_scenes,
        ancestors=start.ancestors,
        progress=progress.training(),
    )
    if not report.interrupted and not report.already_finished:
        shown = evenly(found.validation or found.training, 8)
        picture_run(work.out, params, shown, report.step)
    note_asked(work.out, asked)
    return report


def _asked(
    params: Segment2dRunParams,
    split: str,
    parents: Mapping[str, str],
    scenes: tuple[str, ...] | None = None,
    validation_scenes: tuple[str, ...] | None = None,
) -> str:
    """Fingerprint of what a run is asked to be."""
    return asked_for(
        {"params": params, "split": split, "colours": COLORS, "numbers": Segment2d.numbers},
        {"parents": parents, "scenes": [scenes, validation_scenes]},
    )


def _without_images(stage: TrainImages, start: Start, work: Work) -> TrainReport | None:
    """The report of a complete run on images that are gone; None of any other."""
    source, params = stage.source, stage.params
    gone = [role for role, path in source.folders.items() if is_gone(path)]
    told = complete_record(work.out) if gone else None
    if told is None:
        return None
    if told.task == Segment2d.name and {*gone} <= read_manifest(work.out).links.keys():
        _expect_same_roles(stage, work.out)
    recipe: dict[str, object] = {"params": params, RECORD: COLORS}
    parents, untold = dict(start.parents), []
    own = _own_folders(stage)
    if not own.keys() & set(gone):
        depths = None if is_gone(source.depths) else source.depths
        found = _found(replace(stage, source=replace(source, depths=depths, beside=None)))
        recipe["split"] = found.split
        parents |= _digests(found, params.task.depth)
    else:
        untold += [TRAINING, VALIDATION]
        for role, path in own.items():
            expect_was(work.out, role, path)
        if is_gone(source.data) and _learnt_from_scenes(work.out):
            recipe["split"] = split_of_scenes(source)
    if is_gone(source.beside):
        untold.append(BESIDE)
    elif source.beside is not None:
        pairs = scene_pairs(read_scenes(source.beside, "train")).pairs
        parents[BESIDE] = pairs_digest(pairs, depth=params.task.depth)
    return kept_without(
        source.folders,
        Segment2d(params.task),
        work,
        train=params.train,
        recipe=recipe,
        parents=parents,
        untold=untold,
    )


def _own_folders(stage: TrainImages) -> dict[str, Path]:
    """Folders of what is learnt from, by role, without what joins it or is not read."""
    left_out = {"beside"} if stage.params.task.depth else {"beside", "depths"}
    folders = stage.source.folders
    return {role: path for role, path in folders.items() if role not in left_out}


def _expect_same_roles(stage: TrainImages, run: Path) -> None:
    """Refuse fewer or other folders than a complete run was made from: what is gone tells nothing.

    Raises:
        ParamsError: a folder is not named, or one too many.
    """
    links = read_manifest(run).links
    ignored = {START} if stage.params.task.depth else {START, "depths"}
    reads, told = stage.source.folders.keys() - ignored, links.keys() - ignored
    expect(
        reads == told,
        given=f"a run of {' and '.join(sorted(reads))}, where not all of it is there any more",
        needed=f"what {run.name} was made from, as seen from there: "
        + ", ".join(f"{role} {links[role]}" for role in sorted(told)),
        do="name the same folders, or another run folder",
        error=ParamsError,
    )


def _learnt_from_scenes(run: Path) -> bool:
    """Whether the images of a run were those of scenes: of the flat layout none are chosen."""
    told = complete_record(run)
    return told is not None and told.validated_on is not None


def _found(stage: TrainImages) -> ImageData:
    """The labelled images; of a control, those of training with each other's labels."""
    params = stage.params
    found = find_images(stage.source, params.validation_share)
    if params.control != "shuffled":
        return found
    return replace(found, training=shuffled(found.training, params.train.seed))


def _digests(found: ImageData, depth: bool) -> dict[str, str]:
    """Digests of the images by role."""
    pairs = {TRAINING: found.training, VALIDATION: found.validation}
    if found.beside:
        pairs[BESIDE] = found.beside
    return {role: pairs_digest(its, depth=depth) for role, its in pairs.items()}


def _datasets(
    found: ImageData, params: Segment2dRunParams
) -> tuple[ImageDataset, ImageDataset | None]:
    """Images to learn from and, where there are any for it, to validate on."""
    depth = params.task.depth
    dataset = ImageDataset(
        found.training,
        params.images,
        params.augment,
        params.train.seed,
        depth=depth,
        beside=found.beside,
        beside_share=params.beside_share,
    )
    if not found.validation:
        return dataset, None
    return dataset, ImageDataset(found.validation, params.images, depth=depth)


def _say_left_out(found: ImageData, progress: Progress) -> None:
    for what, count in found.left_out.items():
        if count:
            progress.say(f"left out: {count} {what}")


def _say_without_depth(found: ImageData, progress: Progress) -> None:
    bare = sum(pair.depth is None for pair in (*found.training, *found.beside))
    if bare:
        progress.say(f"{bare} training images have no depth")


def _expect_same_network(stage: TrainImages, start: Path) -> None:
    """Refuse a start whose weights belong to another network.

    Raises:
        ArtifactError: it is no such run.
        ParamsError: its network is another one.
    """
    theirs, mine = read_segment2d_run(start).params.task, stage.params.task
    needed = f"--task.network {theirs.network}" + " --task.depth" * theirs.depth
    expect(
        (theirs.network, theirs.depth) == (mine.network, mine.depth),
        given=f"--from {start}, whose network is {theirs.network}, "
        f"{'with' if theirs.depth else 'without'} depth; this one is {mine.network}, "
        f"{'with' if mine.depth else 'without'}",
        needed="the same network for both",
        do=f"pass {needed}" + ("" if theirs.depth else ", without --task.depth"),
        error=ParamsError,
    )


def _scenes(found: ImageData) -> tuple[str, ...] | None:
    """Scenes that are learnt from; None where images that are not told by scenes are alone."""
    if found.beside_scenes:
        return (*(found.scenes or ()), *found.beside_scenes)
    return found.scenes
