"""How a prepared scene is completed by a run of surface completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.artifact import Stopwatch, plain
from crossvox.core.files import VOLUME
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.core.methods import METHOD_FILES, UNCOMPLETED
from crossvox.doors.meshes import write_ply
from crossvox.metrics.completed import completed_share
from crossvox.predict.complete import Completion, KeptFrames, complete_scene
from crossvox.predict.params import CompletionParams, PredictParams
from crossvox.predict.prediction import ScenePrediction
from crossvox.predict.store import write_prediction
from crossvox.predict.surface import mask_mesh
from crossvox.recipes.predict import COMPLETED_SHARE
from crossvox.recipes.trained import Completer
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import TsdfVolume


def frames_to_complete(folder: Path, params: PredictParams) -> tuple[list[int], KeptFrames]:
    """The frames of a prepared scene that it is completed from: their numbers, and they."""
    capture = FolderCapture(folder)
    chosen = chosen_frames(capture, params.complete.frames)
    numbers = [capture.frame_ids[index] for index in chosen]
    return numbers, KeptFrames(frames_of(capture, chosen), len(chosen))


def complete_prepared(
    frames: Callable[[], Iterable[Frame]],
    completer: Completer,
    params: CompletionParams,
    tsdf: TsdfParams,
    watch: Stopwatch,
    fused_before: TsdfVolume | None = None,
) -> Completion:
    """Complete the surface that frames of a prepared scene show.

    Args:
        frames: see :func:`frames_to_complete`, or :func:`frames_of`.
        completer: the network.
        params: how much is completed.
        tsdf: how frames are fused.
        watch: takes the times.
        fused_before: the frames, fused already.
    """
    task = completer.record.task.params
    return complete_scene(
        completer,
        frames,
        task.voxel_m,
        task.evidence,
        params,
        tsdf,
        watch,
        scan=completer.record.params.scan,
        fused_before=fused_before,
    )


def chosen_frames(capture: Capture, most: int) -> list[int]:
    """Places of the frames with a pose: all, or ``most`` of them, evenly chosen; 0 means all."""
    posed = [index for index in range(len(capture)) if capture.pose(index) is not None]
    if most == 0 or len(posed) <= most:
        return posed
    return [posed[at] for at in np.rint(np.linspace(0, len(posed) - 1, most)).astype(int)]


def frames_of(capture: Capture, chosen: list[int]) -> Callable[[], Iterator[Frame]]:
    """What gives these frames of a capture, with colour and depth, as often as it is called."""

    def read() -> Iterator[Frame]:
        for index in chosen:
            yield capture.frame(index, parts=Parts(labels=False))

    return read


def write_completed_volume(
    folder: Path, params: PredictParams, baselines: bool, made: Completion
) -> Mapping[str, Any]:
    """Write what a completed surface has without its classes: the volume, and what frames saw.

    Returns:
        Notes on it.
    """
    prediction = ScenePrediction(
        grid=made.grid,
        probability=made.confidence,
        predicted=np.ones(made.grid.shape, bool),
        seen=made.seen,
        colors=None,
        windows=1,
        windows_seen=1,
        windows_predicted=1,
        voxels_seen=int(made.seen.sum()),
        frames_used=made.frames,
        frames=made.frames,
    )
    write_prediction(folder / VOLUME, prediction)
    if baselines:
        write_ply(folder / METHOD_FILES["mask_only"], mask_mesh(prediction, params.surface))
    return plain(prediction.notes)


def write_completed(
    folder: Path, completer: Completer, baselines: bool, made: Completion
) -> Mapping[str, Any]:
    """Write the completed surface, and the fused one as a baseline.

    Returns:
        Notes on them.
    """
    write_ply(folder / METHOD_FILES["learnt"], made.mesh)
    if baselines:
        write_ply(folder / METHOD_FILES["tsdf"], made.fused)
    return {
        "task": completer.record.task.name,
        "vertices": len(made.mesh.vertices_m),
        COMPLETED_SHARE: completed_share(made.mesh),
        "completed vertices in free space, left out": made.culled,
        "least confidence": made.least_confidence,
        "measured by another frame, too": made.again,
        **({UNCOMPLETED: made.uncompleted} if made.uncompleted else {}),
    }
