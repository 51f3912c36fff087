"""Export to ScanNet's benchmark: predictions, and ground truth in the same layout."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import (
    MANIFEST,
    read_manifest,
)
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.methods import ON_SCAN
from crossvox.core.npz import reading_npz
from crossvox.evaluate.predicted import majority_class
from crossvox.evaluate.references import reference_labels
from crossvox.evaluate.scannet import SEEN, write_vertex_labels
from crossvox.flow.collection import item_names, unlisted_items
from crossvox.flow.lineage import LEARNT_FROM
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage, how
from crossvox.recipes.data import read_scenes

STAGE = "export-scannet"

Labels = Literal["benchmark", "all"]


@dataclass(frozen=True)
class ScannetExport:
    """What :func:`export_scannet` wrote.

    Attributes:
        kind: ``prediction``, or ``ground truth``.
        vertices: lines by scene.
        unlabelled: of them, vertices without a class (0), by scene.
        left_out: scenes without classes on the scan's mesh, or without ground truth.
        out: where.
        data: prepared data that the prediction was made from, where it lies still; of the ground
            truth, None: there is nothing to score.
    """

    kind: str
    vertices: dict[str, int]
    unlabelled: dict[str, int]
    left_out: tuple[str, ...]
    out: Path
    data: Path | None = None


@dataclass(frozen=True)
class ExportScannet(Stage):
    """Per-vertex files of a prediction or of prepared data.

    Attributes:
        source: where the classes are from.
        labels: of a prediction: the best of the benchmark's classes, or of all.
        scenes: which scenes.
        folders: they themselves.
        predicted: whether ``source`` is a prediction.
    """

    NAME = STAGE

    source: Input
    labels: Labels
    scenes: str
    folders: tuple[Path, ...] = how(())
    predicted: bool = how(False)

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write a file a scene."""
        report, total = work.progress.step("scenes"), len(self.folders)
        vertices: dict[str, int] = {}
        without: dict[str, int] = {}
        left_out: list[str] = []
        found = _labels(list(self.folders), self.labels, self.predicted)
        for done, (scene, ids) in enumerate(found, start=1):
            if ids is None:
                left_out.append(scene)
            else:
                write_vertex_labels(work.out / f"{scene}.txt", ids)
                vertices[scene], without[scene] = len(ids), int((ids == NYU40.ignore_id).sum())
            report(done, total)
        expect(
            len(vertices) > 0,
            given=f"{self.source.path} with {total} scenes, none with "
            + (ON_SCAN if self.predicted else "vertex labels"),
            needed="a prediction of a segment3d run, or prepared scans with labels",
            do="pass such a folder",
            error=ArtifactError,
        )
        notes: dict[str, Any] = {
            "kind": "prediction" if self.predicted else "ground truth",
            "labels": self.labels if self.predicted else "all",
            "vertices": vertices,
            "vertices without class": without,
            "scenes left out": left_out,
        }
        exported = [folder for folder in self.folders if folder.resolve().name in vertices]
        if self.predicted:
            notes[SEEN] = [folder.resolve().name for folder in exported if _is_learnt_from(folder)]
        majority = majority_class(exported) if self.predicted else None
        if majority is not None:
            notes["majority_class"] = majority
        return notes


def export_scannet(
    source: Path,
    out: Path,
    *,
    labels: Labels = "benchmark",
    scenes: str = "all",
    runner: Runner | None = None,
) -> ScannetExport:
    """Write per-vertex files for ScanNet's benchmark: of a prediction, or the ground truth.

    One NYU40 id a line, in vertex order of the scan's own mesh: of a prediction its classes, of
    prepared data the ground truth, as the benchmark's script reads it (all NYU40 ids and 0; it
    leaves out those it does not score).

    Args:
        source: folder that 'crossvox predict' (segment3d run) or 'crossvox prepare' wrote.
        out: folder that receives SCENE.txt files; replaced as a whole.
        labels: of a prediction: the best of the benchmark's 20 classes, or of all 40, some of
            which the benchmark counts as misses.
        scenes: all, or names separated by commas; of prepared data train and val as well.
        runner: who writes.

    Raises:
        ArtifactError: SOURCE holds no such scene, a scene is damaged, or OUT holds something else.
        CaptureError: a mesh cannot be read.
        ParamsError: ``labels`` is neither.
    """
    expect(
        labels in ("benchmark", "all"),
        given=f"labels {labels!r}",
        needed="benchmark or all",
        do="correct --labels",
        error=ParamsError,
    )
    predicted = bool(unlisted_items(source, ON_SCAN)) or (source / ON_SCAN).is_file()
    made_by = read_manifest(source).stage if (source / MANIFEST).is_file() else ""
    expect(
        predicted or not made_by.startswith("predict"),
        given=f"{source}, a prediction without classes",
        needed="the prediction of a segment3d run, or a folder that 'crossvox prepare' wrote",
        do="predict with a run of 'crossvox train segment3d'",
        error=ArtifactError,
    )
    folders = _predicted_scenes(source, scenes) if predicted else read_scenes(source, scenes)
    there = Input.folder(source) if (source / MANIFEST).is_file() else Input.files(source)
    stage = ExportScannet(there, labels, scenes, tuple(folders), predicted)
    notes = (runner or Runner()).make(stage, out).notes
    return ScannetExport(
        notes["kind"],
        notes["vertices"],
        notes["vertices without class"],
        tuple(notes["scenes left out"]),
        out,
        _data_of(source) if predicted else None,
    )


def _data_of(pred: Path) -> Path | None:
    """The data that a prediction was made from, as its manifest links to it; None if it is gone."""
    link = read_manifest(pred).links.get("data") if (pred / MANIFEST).is_file() else None
    data = None if link is None else Path(os.path.normpath(pred / link))
    return data if data is not None and data.is_dir() else None


def _is_learnt_from(folder: Path) -> bool:
    """Whether the network behind a predicted scene has learnt from it."""
    there = (folder / MANIFEST).is_file()
    return there and read_manifest(folder).notes.get(LEARNT_FROM) is True


def _predicted_scenes(pred: Path, which: str) -> list[Path]:
    if (pred / ON_SCAN).is_file():
        return [pred]
    there = item_names(pred, MANIFEST, ON_SCAN)
    names = there if which == "all" else [name for name in which.split(",") if name]
    missing = [name for name in names if name not in there]
    expect(
        bool(names) and not missing,
        given=f"scenes {which!r} of {pred}"
        + (f", where {', '.join(missing[:5])} are not predicted" if missing else ""),
        needed=f"all, or some of {', '.join(there[:5])}{', ...' if len(there) > 5 else ''}",
        do="correct --scenes",
        error=ArtifactError,
    )
    return [pred / name for name in names]


def _labels(
    folders: list[Path], labels: Labels, predicted: bool
) -> Iterator[tuple[str, NDArray[np.uint8] | None]]:
    """Scene name and ids by vertex; None where a scene has none."""
    for folder in folders:
        scene = folder.resolve().name
        if predicted:
            path = folder / ON_SCAN
            yield scene, _read_on_scan(path, labels) if path.is_file() else None
        else:
            mesh = reference_labels(folder, scene)
            yield scene, None if mesh is None else mesh.labels


def _read_on_scan(path: Path, labels: Labels) -> NDArray[np.uint8]:
    """Ids of the scan's vertices, checked."""
    name = "benchmark_label" if labels == "benchmark" else "label"
    needed = "the classes of the scan's vertices"
    with reading_npz(path, needed=needed, do="predict the scene again") as arrays:
        ids, both = arrays[name], (arrays["label"].shape, arrays["benchmark_label"].shape)
        if ids.dtype != np.uint8 or ids.ndim != 1 or both[0] != both[1]:
            raise ValueError(f"{name} of shape {ids.shape}, type {ids.dtype}")
        allowed = (0, *NYU40.benchmark_ids) if labels == "benchmark" else range(len(NYU40.names))
        stray = np.setdiff1d(ids, allowed)
        if len(stray):
            raise ValueError(f"{name} holds {stray.tolist()}, which are no such ids")
    return np.asarray(ids)
