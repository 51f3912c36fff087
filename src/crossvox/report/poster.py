"""One picture of one predicted scene: what went in, what came out, what it is measured against."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.frame import Parts
from crossvox.core.methods import (
    LEARNT,
    MASK_ONLY,
    METHOD_FILES,
    REFERENCE,
    TSDF,
    method_name,
)
from crossvox.doors.images import encode_jpeg, resize_color, write_bytes
from crossvox.doors.meshes import read_mesh
from crossvox.report.pictures.colors import depth_picture
from crossvox.report.pictures.painter import render_mesh
from crossvox.report.pictures.viewpoint import birdseye_view

TILE = (560, 420)
FRAMES = 3
NEAR_M, FAR_M = 0.4, 4.5
ROOMS = (MASK_ONLY, LEARNT, TSDF, REFERENCE)
"""Methods whose surfaces are shown, from left to right."""


def write_poster(prediction: Path, data: Path, scene: str, out: Path) -> None:
    """Write a JPEG: frames and depth of a scene above, its surfaces seen from above below.

    Args:
        prediction: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote.
        scene: which scene.
        out: the picture.

    Raises:
        ArtifactError: the scene has no mesh to show.
    """
    reference = read_mesh(data / scene / f"{scene}.ply")
    meshes = {
        name: read_mesh(prediction / scene / file)
        for name, file in METHOD_FILES.items()
        if (prediction / scene / file).is_file()
    }
    expect(
        bool(meshes),
        given=f"{prediction / scene} without meshes",
        needed="a predicted scene",
        do="run 'crossvox predict'",
        error=ArtifactError,
    )
    meshes[REFERENCE] = reference
    view = birdseye_view(reference, TILE)
    rooms = [
        (
            method_name(name),
            render_mesh(meshes[name], view.camera, view.pose, interior=view.interior),
        )
        for name in ROOMS
        if name in meshes
    ]
    write_bytes(out, encode_jpeg(_grid([*_frames(data / scene), *rooms], columns=len(rooms))))


def _frames(folder: Path) -> list[tuple[str, NDArray[np.uint8]]]:
    """Photos spread over the capture, and the depth of the last one."""
    capture = FolderCapture(folder)
    posed = [i for i in range(len(capture)) if capture.pose(i) is not None]
    picked = np.linspace(0, len(posed) - 1, FRAMES + 2).round().astype(int)[1:-1]
    tiles = []
    frame = None
    for i in picked:
        frame = capture.frame(posed[i], parts=Parts(labels=False))
        assert frame.rgb is not None
        tiles.append((f"frame {frame.id}", resize_color(frame.rgb, TILE)))
    assert frame is not None
    assert frame.depth_m is not None
    depth = resize_color(depth_picture(frame.depth_m, NEAR_M, FAR_M), TILE)
    return [*tiles, (f"depth of frame {frame.id}", depth)]


def _grid(tiles: list[tuple[str, NDArray[np.uint8]]], columns: int) -> NDArray[np.uint8]:
    """Captioned tiles, row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(tiles) / columns)
    figure = Figure(figsize=(3.2 * columns, 2.65 * rows), dpi=110, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (caption, picture) in zip(axes.flat, tiles, strict=False):
        axis.imshow(picture)
        axis.set_title(caption, fontsize=11)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.94, 0.03, 0.12)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
