"""Which way is up in a capture's world, and the turn that makes the room level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from crossvox.core.camera import Pose, oriented
from crossvox.core.checks import CaptureError, PoseError, expect
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.flow.progress import Progress
from crossvox.recipes.scan import ScanParams
from crossvox.scene.level import estimate_up, levelling, near_gravity
from crossvox.scene.tsdf.volume import fuse

LEVEL_FRAMES = 40
"""Frames that the level is found from."""


def find_level(
    capture: Capture, posed: Sequence[int], params: ScanParams, progress: Progress
) -> tuple[tuple[float, ...], Pose]:
    """Up in the capture's world, and the turn that makes the room level and its walls straight.

    Up is what the user says, or what the device knows of gravity, or what planes and path say. A
    coarse surface of frames spread over the capture is enough for both. Frames that cannot be
    read are passed over.

    Args:
        capture: the frames.
        posed: positions of those with a pose.
        params: image size, fusion and, where it is known, up.
        progress: who watches.

    Raises:
        CaptureError: there is no surface.
    """
    step, there = max(1, len(capture) // LEVEL_FRAMES), set(posed)
    picked = [i for i in range(0, len(capture), step) if i in there]
    picked = picked or list(posed[:: max(1, len(posed) // LEVEL_FRAMES)])
    report = progress.step(f"{capture.name}: level")

    def frames() -> Iterator[Frame]:
        for done, index in enumerate(picked, start=1):
            size = oriented((params.width, params.height), like=capture.camera().size)
            with suppress(CaptureError, PoseError):
                yield capture.frame(index, size, Parts(rgb=False, labels=False))
            report(done, len(picked))

    mesh = fuse(frames(), replace(params.tsdf, voxel_m=2 * params.tsdf.voxel_m)).mesh()
    expect(
        len(mesh.faces) > 0,
        given=f"{capture.name}, whose depth images give no surface",
        needed="depth readings within range, and poses in metres",
        do="look at it with: crossvox info",
        error=CaptureError,
    )
    up, gravity = params.up, capture.info().up
    if up is None and gravity is not None:
        up = tuple(near_gravity(mesh, np.array(gravity)).tolist())
    if up is None:
        found = estimate_up(mesh, [capture.pose(i) for i in picked])
        up = tuple(found.up.tolist())
        if found.doubt or "held without" not in found.method:
            doubt = f"; {found.doubt}" if found.doubt else ""
            progress.say(f"up follows from {found.method}{doubt}")
    return up, levelling(np.array(up), mesh)
