"""How images are labelled by a 2D network: which there are, what is kept, what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture import open_capture
from crossvox.capture.find import capture_names
from crossvox.capture.formats import reader_of
from crossvox.capture.label_files import table_text
from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import CaptureError, expect
from crossvox.core.class_map import ClassMap
from crossvox.core.files import VOLUME
from crossvox.core.frame import Capture, Parts
from crossvox.core.labels import NYU40
from crossvox.doors.images import encode_jpeg, encode_png, fit_color, resize_color, write_bytes
from crossvox.flow.folder import begin, relative_links
from crossvox.flow.runner import Work
from crossvox.flow.stage import State
from crossvox.recipes.data import read_scenes
from crossvox.recipes.image_run import Segment2dRun, load_segment2d, read_segment2d_run
from crossvox.recipes.images import ahead
from crossvox.recipes.label_pictures import batch_of
from crossvox.recipes.predict2d import (
    BROKEN,
    CONFIDENCE,
    DONE,
    LABELS,
    OVERLAYS,
    PLANNED,
    ImagesToLabel,
    LabelImages,
    Predict2dReport,
    done_before,
)
from crossvox.samples.decode import Shown, image_size, read_shown
from crossvox.samples.geometry import Depth, with_depth
from crossvox.samples.pairs import ImagePair, folder_images, scene_images
from crossvox.samples.params import ImageParams
from crossvox.tasks.segment2d import Segment2d, classes_of, told_probability
from crossvox.train.folder import lineage_of

NOTED_EVERY = 64
"""So many images are entered in the manifest at once: as many may be made again after a kill."""

Planes = tuple[Shown, tuple[int, int]]
"""What a network reads of an image, and the image's own ``(height, width)``."""


@dataclass(frozen=True)
class Picture:
    """An image that may be labelled.

    Attributes:
        name: of its file below each folder of what is written, without suffix.
        made_of: sizes and times of its files, JSON types: another one, another image.
        read: reads it.
    """

    name: str
    made_of: list[Any]
    read: Callable[[], Planes]


def label_images(stage: LabelImages, work: Work) -> Predict2dReport:
    """Label the images that are chosen and not labelled yet, in ``work.out``.

    Raises:
        ArtifactError: the folder holds labels by another run.
        CaptureError: there are no images.
    """
    record, network = load_segment2d(stage.network.path, stage.network.checkpoint, stage.device)
    found = find_pictures(stage.images, record, stage.shown_heights or ())
    pictures = {picture.name: picture for picture in found}
    wanted = stage.choice.of(pictures)
    begin(work.out, stage.manifest())
    stage.expect_same(work.out)
    if stage.classes is not None:
        stage.classes.write(work.out)
    folder = _Folder(stage, work.out, len(pictures))
    todo = [pictures[name] for name in wanted if not folder.has(pictures[name])]
    report = work.progress.step("images")
    flat = 0
    try:
        for number, (picture, read) in enumerate(ahead(todo, _tried), start=1):
            if isinstance(read, CaptureError):
                folder.fail(picture, str(read))
            else:
                shown, size = read
                with work.watch("predict"):
                    ids, sure = labelled(
                        record.task,
                        network,
                        shown,
                        size,
                        flip=bool(stage.flip),
                        classes=stage.classes,
                        confidences=stage.confidences,
                    )
                with work.watch("write"):
                    folder.write(picture, shown[0], ids, sure)
                flat += shown[0].shape[2] > 3 and not shown[0][..., 3:].any()
            report(number, len(todo))
    finally:
        folder.note()
    return Predict2dReport(
        work.out,
        len(todo) - len(folder.failed),
        len(wanted) - len(todo),
        folder.failed,
        stage.network.checkpoint,
        flat,
        dict(work.watch.seconds),
    )


def foresee_labels(stage: LabelImages, out: Path) -> State:
    """What a call would do: whether all chosen images are labelled, some, or the folder is new.

    Raises:
        ArtifactError: the folder holds labels by another run.
        CaptureError: there are no images.
    """
    begun = stage.state(out)
    if begun == "continue":
        stage.expect_same(out)
    record = read_segment2d_run(stage.network.path)
    found = find_pictures(stage.images, record, stage.shown_heights or ())
    pictures = {picture.name: picture for picture in found}
    folder = _Folder(stage, out, len(pictures))
    done = all(folder.has(pictures[name]) for name in stage.choice.of(pictures))
    return "keep" if done and begun == "continue" else begun


def labelled(
    task: Segment2d,
    network: Any,
    shown: Shown,
    size: tuple[int, int],
    *,
    flip: bool = False,
    classes: ClassMap | None = None,
    confidences: bool = True,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """NYU40 ids of one image at ``size = (height, width)``, and how sure they are (0 to 255).

    Args:
        task: the network's task.
        network: in evaluation mode.
        shown: the image as it is shown (:func:`crossvox.samples.decode.read_shown`).
        size: of the result.
        flip: take the mean with what is said of the mirrored image.
        classes: those that the answer is chosen from; None: all 40.
        confidences: whether it is told how sure they are.
    """
    import torch

    logits = task.logits(network, [batch_of(one, network) for one in shown], size, flip=flip)
    ids: NDArray[np.uint8] = classes_of(logits, classes)[0].to(torch.uint8).cpu().numpy()
    if not confidences:
        return ids, None
    sure = told_probability(logits, classes)[0].amax(dim=0)
    return ids, (sure * 255).round().to(torch.uint8).cpu().numpy()


def find_pictures(
    source: ImagesToLabel, record: Segment2dRun, heights: tuple[int, ...] = ()
) -> list[Picture]:
    """The images of a source, to be shown at ``heights``; none: at the run's own.

    Raises:
        CaptureError, ArtifactError: there are none.
    """
    path, params = source.path, record.params
    reads = _Reads(params.images, heights, params.task.depth)
    if source.depths is None and ((path / VOLUME).is_file() or any(path.glob(f"*/{VOLUME}"))):
        return [
            _from_files(f"{folder.resolve().name}/{pair.name}", pair, reads)
            for folder in read_scenes(path, source.scenes)
            for pair in scene_images(folder)
        ]
    if source.depths is None and reader_of(path) is not None:
        return _of_capture(path, source, reads)
    told = source.depth_images or params.depth_images
    pairs = folder_images(path, source.depths, told)
    return [_from_files(pair.name, pair, reads) for pair in pairs]


@dataclass(frozen=True)
class _Reads:
    """What a run reads of whole images: ``heights`` that they are shown at, none: its own."""

    params: ImageParams
    heights: tuple[int, ...]
    depth: bool


def _from_files(name: str, pair: ImagePair, reads: _Reads) -> Picture:
    def read() -> Planes:
        width, height = image_size(pair)
        shown = read_shown(pair, reads.params, reads.heights, depth=reads.depth)
        return shown, (height, width)

    stat = pair.image.stat()
    measured = pair.depth.bytes if reads.depth and pair.depth is not None else 0
    return Picture(name, [stat.st_size, stat.st_mtime_ns, measured], read)


def _of_capture(path: Path, source: ImagesToLabel, reads: _Reads) -> list[Picture]:
    """Frames of a capture, each as it is delivered: upright, on one camera."""
    capture, name = open_capture(path, params=source.capture), capture_names([path])[path]
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    newest = max(file.stat().st_mtime_ns for file in files)
    made_of = [len(files), sum(file.stat().st_size for file in files), newest]
    return [
        Picture(f"{name}/{number}", made_of, partial(_frame, capture, at, reads))
        for at, number in enumerate(capture.frame_ids)
    ]


def _frame(capture: Capture, at: int, reads: _Reads) -> Planes:
    frame = capture.frame(at, parts=Parts(depth=reads.depth, labels=False))
    expect(
        frame.rgb is not None,
        given=f"{capture.name}, whose frame {capture.frame_ids[at]} has no colour",
        needed="a colour image",
        do="leave it out with --skip",
        error=CaptureError,
    )
    assert frame.rgb is not None
    height, width = frame.rgb.shape[:2]
    fits = [reads.params.fit_whole((width, height), at) for at in reads.heights or (None,)]
    images = [np.ascontiguousarray(fit_color(frame.rgb, fit)) for fit in fits]
    if reads.depth:
        # What is up in the world of a capture, nobody has told yet: surfaces in sight do.
        metres = frame.depth_m
        depth = None if metres is None else Depth(metres, frame.camera, None)
        images = [with_depth(image, depth, fit) for image, fit in zip(images, fits, strict=True)]
    return tuple(images), (height, width)


def _tried(picture: Picture) -> tuple[Picture, Planes | CaptureError]:
    """A picture as it was read, or why it cannot be."""
    try:
        return picture, picture.read()
    except CaptureError as error:
        return picture, error


class _Folder:
    """What is written of images, and what the folder's manifest tells of them."""

    def __init__(self, stage: LabelImages, out: Path, planned: int) -> None:
        self.stage, self.out, self.planned = stage, out, planned
        self.done = done_before(out)
        self.failed: dict[str, str] = {}
        self._since = 0
        self._lineage = lineage_of(stage.network.path).told

    def paths(self, name: str) -> dict[str, Path]:
        """Files of an image, by folder."""
        asked = {LABELS: True, OVERLAYS: self.stage.overlays, CONFIDENCE: self.stage.confidences}
        return {
            kind: self.out / kind / f"{name}{'.jpg' if kind == OVERLAYS else '.png'}"
            for kind, wanted in asked.items()
            if wanted
        }

    def has(self, picture: Picture) -> bool:
        """Whether all that is asked for of an image is there, made of the same files."""
        made = self.done.get(picture.name) == picture.made_of
        return made and all(path.is_file() for path in self.paths(picture.name).values())

    def write(
        self,
        picture: Picture,
        planes: NDArray[np.uint8],
        ids: NDArray[np.uint8],
        sure: NDArray[np.uint8] | None,
    ) -> None:
        """Write what is asked for of an image."""
        # Until all of it is there, nothing of it counts: another image may have had the name.
        self.done.pop(picture.name, None)
        for kind, path in self.paths(picture.name).items():
            if kind == OVERLAYS:
                write_bytes(path, encode_jpeg(overlay(planes[..., :3], ids)))
            elif kind == LABELS:
                write_bytes(path, encode_png(ids, table_text(self.stage.classes)))
            elif sure is not None:
                write_bytes(path, encode_png(sure))
        self.done[picture.name] = picture.made_of
        self._count()

    def fail(self, picture: Picture, reason: str) -> None:
        """An image that cannot be read."""
        self.done.pop(picture.name, None)
        self.failed[picture.name] = reason
        self._count()

    def _count(self) -> None:
        self._since += 1
        if self._since >= NOTED_EVERY:
            self.note()

    def note(self) -> None:
        """Enter what was done."""
        there = read_manifest(self.out)
        notes: Mapping[str, Any] = {
            PLANNED: self.planned,
            DONE: dict(sorted(self.done.items())),
            BROKEN: self.failed,
            "checkpoint": self.stage.network.checkpoint,
        }
        links = relative_links({"images": self.stage.images.path}, self.out)
        write_manifest(
            self.out,
            replace(there, notes=dict(notes), links=links, learnt_from=self._lineage),
        )
        self._since = 0


def overlay(image: NDArray[np.uint8], ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image half in the colours of its classes, ``(H, W, 3)`` uint8 at the size of the ids."""
    height, width = ids.shape
    shown = resize_color(np.ascontiguousarray(image), (width, height)).astype(np.uint16)
    mixed: NDArray[np.uint8] = ((shown + NYU40.colors[ids]) // 2).astype(np.uint8)
    return mixed
