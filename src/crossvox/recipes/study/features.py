"""What is lifted in an arm, by the name that the arm gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.checks import ParamsError, expect
from crossvox.flow import locks
from crossvox.flow.stage import Input
from crossvox.recipes.data import read_scenes
from crossvox.recipes.study.scenes import NETWORKS, SceneStudy
from crossvox.recipes.study.untrained import CALIBRATION_IMAGES, KINDS, UntrainedNetwork
from crossvox.recipes.trained import run2d_input
from crossvox.study.arms import Arm


def features_of(study: SceneStudy[Any], arm: Arm, seed: int) -> Path | None:
    """The 2D run whose features an arm lifts, made where it is not there; None for colours.

    Raises:
        ParamsError: nothing of this name can be lifted.
    """
    if not arm.features or study.run2d is None:
        return None
    if arm.features == "run2d":
        return study.run2d
    expect(
        arm.features in KINDS,
        given=f"arm {arm.name}, which lifts {arm.features!r}",
        needed=f"run2d, or one of {', '.join(KINDS)}",
        do="correct the arm",
        error=ParamsError,
    )
    scenes = read_scenes(study.data, study.params.training_scenes)
    stage = UntrainedNetwork(
        run2d_input(study.run2d, study.checkpoint),
        Input.folder(study.data),
        arm.features,
        seed,
        images=lambda: calibration_images(study),
        scenes=tuple(scene.resolve().name for scene in scenes),
    )
    target = study.out / NETWORKS / arm.features / f"seed-{seed}"
    with locks.shared(study.out):
        study.runner.make(stage, target)
    return target


def calibration_images(study: SceneStudy[Any]) -> Any:
    """Training images ``(N, 3, H, W)`` normalised, evenly over all training scenes."""
    import torch

    from crossvox.samples.batch import normalised

    views = study.params.run.views
    found = [
        (source, frame) for source in study.training_sources() for frame in source.views.frame_ids
    ]
    count = min(CALIBRATION_IMAGES, len(found))
    chosen = [found[i * len(found) // count] for i in range(count)]
    planes = [normalised(source.image(int(frame), views)) for source, frame in chosen]
    return torch.from_numpy(np.stack(planes))
