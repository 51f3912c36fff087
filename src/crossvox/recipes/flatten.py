"""Labelled frames of prepared scenes to flat folders of images and labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import ArtifactError, expect
from crossvox.flow.lineage import SPLITS, scene_list
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.data import read_scenes
from crossvox.samples.pairs import FLAT_IMAGES, FLAT_LABELS, FLAT_SPLITS, PairList, scene_pairs


@dataclass(frozen=True)
class Flatten(Stage):
    """Copies of the labelled frames of a data folder."""

    NAME = "flatten"

    data: Input

    def make(self, work: Work) -> Mapping[str, Any]:
        """Copy every pair."""
        found = _pairs(self.data.path)
        report, total = work.progress.step("images"), sum(len(p.pairs) for p in found.values())
        done = 0
        for split, pairs in found.items():
            images = work.out / FLAT_IMAGES / FLAT_SPLITS[split]
            labels = work.out / FLAT_LABELS / FLAT_SPLITS[split]
            images.mkdir(parents=True)
            labels.mkdir(parents=True)
            for pair in pairs.pairs:
                shutil.copyfile(pair.image, images / f"{pair.name}{pair.image.suffix}")
                shutil.copyfile(pair.labels, labels / f"{pair.name}.png")
                done += 1
                report(done, total)
        return {
            "images": {split: len(pairs.pairs) for split, pairs in found.items()},
            "frames without labels": {s: len(pairs.without_labels) for s, pairs in found.items()},
        }


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


def flatten(data: Path, out: Path, *, runner: Runner | None = None) -> FlattenReport:
    """Copy the labelled frames of prepared scenes into flat folders, one a split.

    Writes OUT/images/{trainset,valset}/SCENE_N.jpg and OUT/labels/...png, byte by byte the prepared
    files. 'crossvox train segment2d OUT RUN' reads them back.

    Args:
        data: folder that 'crossvox prepare' wrote.
        out: folder that receives images/ and labels/; replaced as a whole.
        runner: who copies.

    Raises:
        ArtifactError: DATA is no prepared folder, or OUT holds something else.
        CaptureError: a split has scenes but no labels.
    """
    _pairs(data)
    outcome = (runner or Runner()).make(Flatten(Input.folder(data)), out)
    notes = outcome.notes
    return FlattenReport(notes["images"], notes["frames without labels"], out)


def _pairs(data: Path) -> dict[str, PairList]:
    """Labelled frames by split."""
    found = {
        split: scene_pairs(read_scenes(data, split)) for split in SPLITS if scene_list(data, split)
    }
    expect(
        bool(found),
        given=f"{data}, without scenes in train.txt or val.txt",
        needed="a folder that 'crossvox prepare' wrote",
        do="run 'crossvox prepare'",
        error=ArtifactError,
    )
    return found
