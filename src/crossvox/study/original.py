"""The published recipe of 2022 as values by dotted name, and each of our changes taken back.

``docs/study-original.md`` has the table: what was published, what ours is, where it is set, and
what the difference is worth. Names are those of :class:`crossvox.study.arms.Arm`: ``run.``
parameters of a run, ``predict.`` of its prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossvox.core.camera import PUBLISHED_CAMERA

Sets = Mapping[str, Any]

HARD_SURFACE: Sets = {"predict.surface.method": "hard", "predict.surface.level": 0.5}
"""Every voxel is free or occupied, whichever is likelier, before the surface is drawn."""

DROPPED_WINDOWS: Sets = {
    "predict.stride": (32, 32, 64),
    "predict.blend": "flat",
    "predict.least_views": 5,
    "predict.least_occupied": 0.01,
}
"""Tiles that do not overlap; what lacks one of its five views, or holds little of the true surface,
is never predicted."""

ONE_CAMERA: Sets = {
    "run.views.camera": (
        *(PUBLISHED_CAMERA.fx, PUBLISHED_CAMERA.fy, PUBLISHED_CAMERA.cx, PUBLISHED_CAMERA.cy),
        *map(float, PUBLISHED_CAMERA.size),
    )
}
"""ScanNet's nominal camera for every scan. Of rooms that other cameras filmed, a fairer one is set
by the design."""

WHOLE_LOSS: Sets = {"run.task.loss_region": "all"}
"""What lies beyond the scene is learnt to be free."""

NO_VIEW_MASK: Sets = {"run.task.seen_channel": False}
"""A voxel that no view sees holds zeros, as one of average colour does."""

EVEN_TO_13: Sets = {"run.task.class_weights": (1.0, 13.0)}
"""An occupied voxel counts 13 times."""

NO_PRIOR: Sets = {"run.task.class_prior": False}
"""Classes do not start from what the 2D network says."""

_SHARED: Sets = {
    **HARD_SURFACE,
    **DROPPED_WINDOWS,
    **ONE_CAMERA,
    **WHOLE_LOSS,
    **NO_VIEW_MASK,
    "run.task.network": "surfacenet",
    "run.task.fusion": "concat",
    "run.task.views": 5,
    "run.views.max_views": 5,
    "run.views.width": 328,
    "run.views.height": 256,
    "run.views.geometry": "thesis",
    "run.chunks.shape": (32, 32, 64),
    "run.chunks.per_scene": 100,
    "run.chunks.placing": "published",
    "run.chunks.require_views": 5,
    "run.augment.brightness": 0.3,
    "run.augment.contrast": 0.3,
    "run.augment.saturation": 0.3,
    "run.augment.hue": 0.3,
    "run.augment.blur_share": 1.0,
    "run.augment.blur_px": 4.0,
    "run.train.rate": 1e-3,
    "run.train.weight_decay": 0.0,
    "run.train.schedule": "constant",
    "run.train.warmup_steps": 0,
    "run.train.clip_norm": 0.0,
    "run.train.average": 0.0,
}

RECONSTRUCTION: Sets = {**_SHARED, **EVEN_TO_13}
"""The published reconstruction."""

SEGMENTATION: Sets = {
    **_SHARED,
    **NO_PRIOR,
    "run.task.weighting": "published",
    "run.task.extra_loss": "none",
}
"""The published 3D segmentation, from scratch."""

WITHOUT: Mapping[str, tuple[str, Sets]] = {
    "view-masks": ("no channel tells which voxels a view sees", NO_VIEW_MASK),
    "sub-voxel-surface": ("voxels are free or occupied before they are meshed", HARD_SURFACE),
    "coverage": (
        "tiles that do not overlap, and none that lacks a view or holds little surface",
        DROPPED_WINDOWS,
    ),
    "loss-region": ("what lies beyond the scene is learnt to be free", WHOLE_LOSS),
    "own-intrinsics": ("the published camera for all scans", ONE_CAMERA),
}
"""Our changes, by name: what is taken back, and how."""

WITHOUT_RECONSTRUCTION: Mapping[str, tuple[str, Sets]] = {
    **WITHOUT,
    "even-weights": ("an occupied voxel counts 13 times in the loss", EVEN_TO_13),
}
"""Those of the reconstruction."""

WITHOUT_SEGMENTATION: Mapping[str, tuple[str, Sets]] = {
    **WITHOUT,
    "class-prior": ("classes do not start from what the frames' 2D network says", NO_PRIOR),
}
"""Those of the 3D segmentation."""
