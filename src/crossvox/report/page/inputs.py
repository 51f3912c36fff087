"""What went in: sample frames, and the camera's path in plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from crossvox.core.camera import Pose
from crossvox.core.checks import CrossvoxError
from crossvox.core.frame import Capture, Parts
from crossvox.core.volume import Mesh
from crossvox.report.drawings.plan import plan_drawing
from crossvox.report.embed import webp_uri, within
from crossvox.report.hiding import hidden
from crossvox.report.params import ReportParams
from crossvox.report.pictures.colors import depth_picture
from crossvox.report.pictures.surface import footprint, surface_points
from crossvox.report.pictures.viewpoint import View
from crossvox.report.sources import Sources


@dataclass(frozen=True, eq=False)
class Taken:
    """A capture and its frames with a pose.

    Attributes:
        capture: of the scene.
        frames: number and pose of every frame that has a pose.
    """

    capture: Capture
    frames: Sequence[tuple[int, Pose]]


@dataclass(frozen=True, eq=False)
class _Sample:
    """A frame that is shown."""

    id: int
    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    pose: Pose


def inputs(
    name: str,
    taken: Taken,
    mesh: Mesh | None,
    views: Sequence[View],
    params: ReportParams,
    sources: Sources,
) -> dict[str, Any]:
    """Sample frames and the camera's path in plan."""
    samples = _samples(name, taken, params.sample_frames, sources)
    near, far = _depth_range([sample.depth_m for sample in samples])
    marks = {
        str(label): (sample.pose.position_m, sample.pose.world_from_camera[:3, 2])
        for label, sample in enumerate(samples, start=1)
    }
    numbers = [index for index, _ in taken.frames]
    positions = np.array([pose.position_m for _, pose in taken.frames]).reshape(-1, 3)
    breaks = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1]
    camera = taken.capture.camera()
    return {
        "frames": [
            {
                "label": str(label),
                "id": sample.id,
                "color": webp_uri(within(sample.rgb, 360)),
                "depth": webp_uri(within(depth_picture(sample.depth_m, near, far), 360)),
                "share": float((sample.depth_m > 0).mean()),
            }
            for label, sample in enumerate(samples, start=1)
        ],
        "near_m": near,
        "far_m": far,
        "plan": None if mesh is None else _plan(name, mesh, views, positions, breaks, marks),
        "count": len(taken.capture),
        "lost": len(taken.capture) - len(numbers),
        "size": f"{camera.width} x {camera.height}",
        "length_m": float(np.linalg.norm(np.diff(positions, axis=0), axis=-1).sum()),
        "registration": hidden(taken.capture.info().registration),
    }


def _samples(name: str, taken: Taken, most: int, sources: Sources) -> list[_Sample]:
    """Frames with colour and depth, spread evenly; what cannot be read is told on the page."""
    frames, found = taken.frames, []
    count = min(most, len(frames))
    for i in range(count):
        index, pose = frames[round((i + 0.5) * len(frames) / count - 0.5)]
        try:
            frame = taken.capture.frame(index, parts=Parts(labels=False))
        except CrossvoxError as error:
            sources.missing.append(hidden(f"{name}: a frame cannot be read ({error})"))
            continue
        if frame.rgb is not None and frame.depth_m is not None:
            found.append(_Sample(frame.id, frame.rgb, frame.depth_m, pose))
    return found


def _depth_range(depths: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Between which depths nearly all readings lie, metres."""
    valid = np.concatenate([depth[depth > 0] for depth in depths]) if depths else np.zeros(0)
    if not len(valid):
        return 0.0, 1.0
    return float(np.percentile(valid, 1)), float(np.percentile(valid, 99))


def _plan(
    name: str,
    mesh: Mesh,
    views: Sequence[View],
    positions: np.ndarray,
    breaks: Sequence[int],
    marks: Mapping[str, Any],
) -> Markup:
    """Camera path over what stands in each column between ankle and ceiling."""
    cell = 0.04
    interior = views[0].interior if views else None
    plan, corner = footprint(mesh, cell)
    points = surface_points(mesh, cell / 2)
    if interior is not None:
        height = points[:, 2]
        points = points[(height > interior.floor_m + 0.12) & (height < interior.top_m)]
    cells = np.floor((points[:, :2] - np.array(corner)) / cell + 1e-6).astype(np.int64)
    cells = np.clip(cells, 0, np.array(plan.shape) - 1)
    count = np.zeros(plan.shape)
    np.add.at(count, (cells[:, 0], cells[:, 1]), 1)
    top = float(np.percentile(count[count > 0], 92)) if (count > 0).any() else 1.0
    share = np.where(plan, 0.16, 0.0) + 0.84 * np.clip(count / top, 0, 1) ** 0.6
    return plan_drawing(
        share,
        corner,
        cell,
        positions,
        breaks,
        marks,
        f"{name} from above: surface, camera path and the places of the sample frames",
    )
