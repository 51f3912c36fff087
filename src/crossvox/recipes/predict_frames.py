"""One scene, made of several numbers of its frames, and what each is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.artifact import Stopwatch
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import COMPLETE_MESH
from crossvox.core.methods import LEARNT, MASK_ONLY, TSDF
from crossvox.core.volume import Mesh, Score
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.protocols import score_surfaces
from crossvox.evaluate.references import fusion_is_reference, reference_mesh
from crossvox.predict.params import SurfaceParams
from crossvox.predict.surface import volume_mesh
from crossvox.recipes.frames import FramesParams
from crossvox.recipes.predict_complete import chosen_frames, complete_prepared, frames_of
from crossvox.recipes.trained import Completer


def score_frames(
    folder: Path,
    completer: Completer,
    params: FramesParams,
    methods: Sequence[str],
    watch: Stopwatch,
) -> dict[int, dict[str, list[Score]]]:
    """Scores of a prepared scene by number of frames and method.

    Where the reference is the fusion of the scene's own frames, fusion of all of them has none.

    Raises:
        CaptureError: the scene does not have the reference that is asked for.
    """
    reference = _reference(folder, params)
    capture = FolderCapture(folder)
    own = params.reference == "scan" and fusion_is_reference(folder)
    every = len(chosen_frames(capture, 0))
    found = {}
    for count in sorted(set(params.counts)):
        chosen = chosen_frames(capture, count)
        if len(chosen) < count:
            continue
        frames = frames_of(capture, chosen)
        made = complete_prepared(frames, completer, params.complete, params.tsdf, watch)
        seen = volume_mesh(made.grid, made.seen.astype(np.float32), None, SurfaceParams())
        meshes = {LEARNT: made.mesh, TSDF: made.fused, MASK_ONLY: seen}
        found[count] = score_surfaces(
            {
                method: meshes[method]
                for method in methods
                if not (method == TSDF and own and count == every)
            },
            reference,
            "surface",
            fused=made.fused,
            frames=frames(),
        )
    return found


def _reference(folder: Path, params: FramesParams) -> Mesh:
    if params.reference == "scan":
        return reference_mesh(folder, folder.resolve().name, "surface")
    path = folder / COMPLETE_MESH
    expect(
        path.is_file(),
        given=f"{folder} without {COMPLETE_MESH}",
        needed="a scene whose complete surface is known, as that of generated rooms is",
        do="pass --reference scan",
        error=CaptureError,
    )
    return replace(read_mesh(path), colors=None)
