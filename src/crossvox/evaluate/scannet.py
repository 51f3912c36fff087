"""The files of ScanNet's 3D semantic label benchmark, written, read back and scored.

One text file a scan, ``SCENE.txt``; one NYU40 id a line; one line a vertex of the scan's own mesh,
in the order of its file. Ground truth is stored the same way. The benchmark's rule: a vertex whose
true class is none of the 20 counts nowhere; elsewhere a prediction outside them is a miss. That is
the strict count of ``crossvox.metrics``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import MANIFEST, plain, read_manifest, replacing, write_json
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError, ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.methods import MAJORITY, method_name
from crossvox.core.volume import Score
from crossvox.evaluate.classes import ClassEvaluation
from crossvox.evaluate.counts import CLASSES
from crossvox.evaluate.gather import Report, gather
from crossvox.evaluate.predicted import Scored, majority_class
from crossvox.evaluate.references import reference_labels, scene_folder
from crossvox.flow.folder import expect_writable
from crossvox.metrics import STRICT, confusion, segmentation_scores

PROTOCOL = "scannet"

FILES_METHOD = "files"
"""Name of what is scored: whoever predicted it, it is known by its files only."""

SEEN = "scenes learnt from"
"""Note of exported files: scenes that the run behind them learnt from."""

OFFICIAL_RESULT = "semantic_label_evaluation.txt"
"""What the benchmark's own script writes beside the predictions."""


def write_vertex_labels(path: Path, labels: NDArray[Any]) -> None:
    """Write one id a line; the file is complete or not there.

    Args:
        path: ``SCENE.txt``.
        labels: ``(V,)`` NYU40 ids in vertex order.

    Raises:
        ShapeError: not one row of whole numbers.
        ParamsError: a number is no NYU40 id.
    """
    labels = np.asarray(labels)
    expect(
        labels.ndim == 1 and labels.dtype.kind in "iu",
        given=f"labels of shape {labels.shape}, type {labels.dtype}",
        needed="(V,) whole numbers",
        do="pass one id a vertex",
        error=ShapeError,
    )
    expect(
        labels.size == 0 or (int(labels.min()) >= 0 and int(labels.max()) < CLASSES),
        given=f"{path.name} with ids outside 0 .. {CLASSES - 1}",
        needed="NYU40 ids",
        do="map raw labels to NYU40 first",
        error=ParamsError,
    )
    with replacing(path) as temporary:
        temporary.write_bytes("".join(f"{label}\n" for label in labels.tolist()).encode())


def read_vertex_labels(path: Path, vertices: int | None = None) -> NDArray[np.uint8]:
    """Read ids, one a line.

    Args:
        path: ``SCENE.txt``, from us or from anybody else.
        vertices: how many lines there must be; None: any number.

    Returns:
        ``(V,)`` uint8 NYU40 ids, 0 = none.

    Raises:
        CaptureError: missing, no text, another number of lines, or a line that is no NYU40 id;
            names the file and the line.
    """
    try:
        words = path.read_text(encoding="ascii").split("\n")
    except OSError as error:
        raise CaptureError(
            f"given: {path} ({error.strerror}); needed: a text file with one NYU40 id a line; "
            f"do: check the path"
        ) from None
    except UnicodeDecodeError as error:
        raise CaptureError(
            f"given: {path}, which is no plain text (byte {error.start}); needed: one NYU40 id a "
            f"line; do: export the file again"
        ) from None
    if not words[-1]:
        words.pop()
    allowed = {str(label): label for label in range(CLASSES)}
    labels = [allowed.get(word.strip(), -1) for word in words]
    if -1 in labels:
        line = labels.index(-1)
        raise CaptureError(
            f"given: {path}, line {line + 1}: {words[line][:40]!r}; needed: a whole number from 0 "
            f"to {CLASSES - 1}, a NYU40 id, on every line; do: correct the file"
        )
    expect(
        vertices is None or len(labels) == vertices,
        given=f"{path} with {len(labels)} lines",
        needed=f"{vertices}, one a vertex of the scan's mesh",
        do="label the vertices of the scan's own mesh, in the order of its file",
        error=CaptureError,
    )
    return np.array(labels, dtype=np.uint8)


def evaluate_scannet(
    files: Path, data: Path, progress: Report | None = None, *, seen_scenes: bool = False
) -> ClassEvaluation:
    """Score per-vertex files by the benchmark's rule and write ``FILES/scores.scannet.json``.

    Args:
        files: folder of ``SCENE.txt`` files; a manifest that ``crossvox export scannet`` wrote
            there may name the majority class, which is then scored beside, and the scenes that the
            run learnt from.
        data: folder that ``crossvox prepare`` wrote, with the scans' labelled meshes.
        progress: called with (scenes done, scenes).
        seen_scenes: scenes that the run learnt from count for the whole as well.

    Raises:
        ArtifactError: no file; a scene that ``data`` lacks; no scene has ground-truth labels, or
            the run learnt from all that have.
        CaptureError: a file is not as it should be; names file and line.
    """
    paths = sorted(path for path in files.glob("[!.]*.txt") if path.name != OFFICIAL_RESULT)
    expect(
        len(paths) > 0,
        given=f"{files}, without any SCENE.txt",
        needed="per-vertex files, one a scan",
        do="run 'crossvox export scannet PRED OUT' first",
        error=ArtifactError,
    )
    result = files / f"scores.{PROTOCOL}.json"
    expect_writable(result)
    seen = _seen(files)
    scenes = [
        Scored(path.stem, path, scene_folder(data, path.stem), path.stem in seen) for path in paths
    ]
    majority = majority_class([files])
    methods = (FILES_METHOD, *([MAJORITY] if majority is not None else []))

    def count(scene: Scored) -> dict[str, NDArray[np.int64]] | None:
        truth = reference_labels(scene.prepared, scene.name)
        if truth is None or truth.labels is None:
            return None
        labels = read_vertex_labels(scene.predicted, len(truth.labels))
        counts = {FILES_METHOD: confusion(truth.labels, labels, CLASSES)}
        if majority is not None:
            everywhere = np.full_like(truth.labels, majority)
            counts[MAJORITY] = confusion(truth.labels, everywhere, CLASSES)
        return counts

    found = gather(
        scenes, methods, count, data=data, what="scenes", seen_scenes=seen_scenes, progress=progress
    )
    whole = {method: np.sum(counts, axis=0) for method, counts in found.whole.items()}
    notes = found.remarks("lacks {count}")
    benchmark = list(NYU40.benchmark_ids)
    outside = (
        whole[FILES_METHOD][benchmark].sum()
        - whole[FILES_METHOD][np.ix_(benchmark, benchmark)].sum()
    )
    if outside:
        notes.append(
            f"{FILES_METHOD}: {outside} vertices of a benchmark class are given none of the "
            f"{len(benchmark)} classes and are misses"
        )
    if majority is None:
        notes.append(
            f"{method_name(MAJORITY)}: not scored, for {files / MANIFEST} does not name a class"
        )
    evaluation = ClassEvaluation(
        protocol=PROTOCOL,
        scenes={
            scene: {method: benchmark_scores(one, "scene") for method, one in counts.items()}
            for scene, counts in found.found.items()
        },
        whole={method: benchmark_scores(total, "split") for method, total in whole.items()},
        confusion=whole,
        counted=found.counted,
        missing=found.missing,
        unlabelled=found.unlabelled,
        seen=found.seen,
        notes=tuple(notes),
    )
    write_json(result, plain(evaluation))
    return evaluation


def benchmark_scores(counts: NDArray[np.int64], over: str) -> list[Score]:
    """What the benchmark counts: strict mIoU, and the IoU of each of its classes.

    Scores over all annotated vertices are left out: files may be restricted to the 20 classes.

    Args:
        counts: ``(41, 41)`` vertices, row = reference, column = prediction.
        over: what they cover, ``scene`` or ``split``.
    """
    rule = "per-vertex files in the order of the scan's own mesh"
    scores = segmentation_scores(counts, None, rule, of="vertices", over=over)
    return [score for score in scores if score.name == STRICT or score.class_name]


def _seen(files: Path) -> frozenset[str]:
    """Scenes that the run behind the files learnt from, as their manifest tells."""
    if not (files / MANIFEST).is_file():
        return frozenset()
    return frozenset(read_manifest(files).notes.get(SEEN, ()))
