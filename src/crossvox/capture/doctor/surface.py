"""Whether the mesh that comes with a capture lies where its frames see surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.findings import Finding
from crossvox.capture.doctor.sample import pose_or_none, take_sample
from crossvox.core.camera import project
from crossvox.core.checks import CrossvoxError
from crossvox.core.frame import Capture
from crossvox.doors.meshes import read_mesh

Array = NDArray[Any]

FRAMES, VERTICES = 24, 40_000
NEAR_M = 0.1
FAR_OFF = 0.3
"""Where less than this share of the vertices that frames look at lies within 10 cm of their depth,
mesh and poses are of different worlds."""


def check_mesh(capture: Capture, poses: Array) -> list[Finding]:
    """Project the vertices of the capture's own mesh into frames and compare depth."""
    info = capture.info()
    posed = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    if info.mesh is None or len(posed) == 0:
        return []
    try:
        vertices = read_mesh(info.mesh).vertices_m
    except CrossvoxError as error:
        return [Finding("mesh", "doubt", f"the capture's mesh cannot be read: {error}")]
    if not len(vertices):
        return []
    some = np.random.default_rng(5).permutation(len(vertices))[:VERTICES]
    vertices = vertices[np.sort(some)].astype(np.float64)
    chosen = np.unique(posed[np.linspace(0, len(posed) - 1, FRAMES).round().astype(int)])
    sample = take_sample(capture, np.stack([chosen, chosen], axis=1))
    seen = near = 0
    off: list[NDArray[np.float64]] = []
    for place, position in enumerate(sample.positions):
        pose = pose_or_none(poses[position])
        if pose is None:
            continue
        distances = _distances(pose.inverse().apply(vertices), sample, place)
        # A vertex behind what the frame sees is hidden; one in front of it should not be there.
        shown = distances[distances > -NEAR_M]
        seen, near = seen + len(shown), near + int((np.abs(shown) < NEAR_M).sum())
        off.append(np.abs(shown))
    if seen < 500:
        return [
            Finding(
                "mesh",
                "doubt",
                "no frame sees the capture's mesh: mesh and poses are of different worlds",
                "check which world the mesh is in, or fuse one: --surface tsdf",
                number=0.0,
            )
        ]
    share = near / seen
    if share >= FAR_OFF:
        return []
    text = (
        f"only {share:.0%} of the mesh's vertices that frames should see lie within 10 cm of "
        f"their depth ({np.median(np.concatenate(off)):.2f} m off in the middle)"
    )
    advice = "check which world the mesh is in, or fuse one: --surface tsdf"
    return [Finding("mesh", "doubt", text, advice, number=share)]


def _distances(points: Array, sample: Any, place: int) -> NDArray[np.float64]:
    """Depth read minus depth of the points that fall on readings."""
    at = project(points, sample.camera)
    depth = sample.depths[place]
    height, width = depth.shape
    with np.errstate(invalid="ignore"):
        u, v = np.rint(at[:, 0]), np.rint(at[:, 1])
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height) & (at[:, 2] > 0.1)
    u, v, z = u[inside].astype(int), v[inside].astype(int), at[inside, 2]
    read = depth[v, u]
    return np.asarray((read - z)[read > 0], np.float64)
