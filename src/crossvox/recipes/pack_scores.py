"""Scores of a run on data, few and by name: what packing costs is their difference."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crossvox.core.checks import ParamsError
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Runner
from crossvox.recipes.frames import FramesParams, evaluate_frames
from crossvox.recipes.segment2d import evaluate_segment2d
from crossvox.tasks.complete import Complete
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.folder import read_record

FRAMES = (10, 20)
"""From how many frames rooms are completed."""

_OF_IMAGES = ("mIoU strict", "mIoU present", "mIoU 40 classes", "pixel accuracy")
_OF_ROOMS = ("F-score", "F-score 2 cm")


def network_scores(
    run: Path, folders: Mapping[str, Path], scenes: str, device: str, progress: Progress
) -> dict[str, float]:
    """Scores by name, over the split.

    Args:
        run: a run folder.
        folders: ``data``, or ``images``, ``labels`` and perhaps ``depths``.
        scenes: which scenes of data.
        device: where the network computes.
        progress: who watches.

    Raises:
        ParamsError: the run is of a task that is not scored here.
    """
    task = read_record(run).task
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores"
        if task == Segment2d.name:
            report = evaluate_segment2d(
                run,
                folders.get("data"),
                images=folders.get("images"),
                labels=folders.get("labels"),
                depths=folders.get("depths"),
                out=out,
                scenes=scenes,
                pictures=0,
                device=device,
                runner=Runner(progress),
            )
            return {s.name: s.value for s in report.scores if s.name in _OF_IMAGES}
        if task == Complete.name and "data" in folders:
            params = FramesParams(FRAMES)
            curve = evaluate_frames(
                run, folders["data"], out, params, scenes=scenes, device=device, progress=progress
            ).curve
            return {
                f"{name} from {count} frames": float(np.nanmean(curve.scores[name]["learnt"][row]))
                for row, count in enumerate(curve.frames)
                for name in _OF_ROOMS
            }
    raise ParamsError(
        f"given: {', '.join(f'--{role}' for role in folders)} for a run of task {task!r}; needed: "
        f"images or data for a 2D network, data for surface completion; do: leave them out, and "
        f"evaluate the run and what was packed"
    )
