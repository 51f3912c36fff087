"""One picture of one predicted scene: what went in, what came out, what it is measured against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.camera import project
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.class_map import read_class_names
from crossvox.core.frame import Parts
from crossvox.core.methods import (
    LEARNT,
    MASK_ONLY,
    METHOD_FILES,
    REFERENCE,
    TSDF,
    method_name,
)
from crossvox.core.room_contents import RoomContents
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg, resize_color, write_bytes
from crossvox.doors.meshes import read_mesh
from crossvox.metrics.areas import class_areas
from crossvox.report.class_colors import class_colors, class_name, without_label
from crossvox.report.completed import completed_colors, is_completed
from crossvox.report.contents import places_of_prediction, read_contents
from crossvox.report.drawings.boxes import box_corners, seen_edges
from crossvox.report.pictures.colors import depth_picture
from crossvox.report.pictures.hatch import hatched
from crossvox.report.pictures.painter import Painter, Sight, over, render_mesh
from crossvox.report.pictures.viewpoint import birdseye_view

TILE = (560, 420)
FRAMES = 3
NEAR_M, FAR_M = 0.4, 4.5
LARGE = (1000, 720)
WHITE = (255, 255, 255)
LEAST_SHARE = 0.003
"""Classes of a smaller share of the area are left out of the picture's legend."""

Tile = tuple[str, NDArray[np.uint8]]
"""A picture and what stands over it."""

ROOMS = (MASK_ONLY, LEARNT, TSDF, REFERENCE)
"""Methods whose surfaces are shown, from left to right."""


def write_poster(prediction: Path, data: Path, scene: str, out: Path) -> None:
    """Write a JPEG of a scene: the labelled room large, and small what it was made of.

    Without labels: frames and depth above, its surfaces seen from above below.

    Args:
        prediction: folder that ``crossvox predict`` wrote.
        data: folder that ``crossvox prepare`` wrote.
        scene: which scene.
        out: the picture.

    Raises:
        ArtifactError: the scene has no mesh to show.
    """
    reference = read_mesh(data / scene / f"{scene}.ply")
    folder = prediction / scene
    meshes = {
        name: read_mesh(folder / file)
        for name, file in METHOD_FILES.items()
        if (folder / file).is_file()
    }
    expect(
        bool(meshes),
        given=f"{folder} without meshes",
        needed="a predicted scene",
        do="run 'crossvox predict'",
        error=ArtifactError,
    )
    learnt = meshes.get(LEARNT)
    if learnt is not None and learnt.labels is not None:
        contents, _ = read_contents(places_of_prediction(prediction, scene), [])
        picture = labelled_poster(
            learnt, _small(meshes, reference, data / scene), contents, read_class_names(folder)
        )
        write_bytes(out, encode_jpeg(picture))
        return
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


def _small(meshes: Mapping[str, Mesh], reference: Mesh, folder: Path) -> list[Tile]:
    """A photo, its depth, their fusion, and what was completed."""
    view = birdseye_view(reference, TILE)
    *_, photo, depth = _frames(folder)
    tiles = [photo, depth]
    if TSDF in meshes:
        fused = render_mesh(
            meshes[TSDF], view.camera, view.pose, interior=view.interior, background=WHITE
        )
        tiles.append(("fused", fused))
    learnt = meshes[LEARNT]
    if is_completed(learnt):
        painter = Painter(learnt)
        rgba = painter.paint(
            view.camera,
            view.pose,
            colors=completed_colors(learnt),
            interior=view.interior,
            relief=0.55,
        )
        tiles.append(("completed (blue)", over(rgba, WHITE)))
    return tiles


def labelled_poster(
    mesh: Mesh,
    tiles: Sequence[Tile],
    contents: RoomContents | None,
    names: Sequence[str],
) -> NDArray[np.uint8]:
    """The labelled room large, its objects in boxes, the classes that occur, and small pictures.

    Args:
        mesh: with labels, z up.
        tiles: small pictures with their captions, at most four.
        contents: objects whose boxes are drawn, or None.
        names: of classes by id.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    assert mesh.labels is not None
    view = birdseye_view(mesh, LARGE)
    sight = Sight.of(view.camera, view.pose, view.interior)
    painter = Painter(mesh)
    seen = painter.see(sight)
    rgba = painter.shade(sight, seen, colors=class_colors(mesh.labels), relief=0.55)
    picture = over(hatched(rgba, seen, without_label(mesh), sight.supersample), WHITE)
    figure = Figure(figsize=(12.4, 6.6), dpi=110, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axis = figure.add_axes((0.0, 0.12, 0.7, 0.88))
    axis.axis("off")
    axis.imshow(picture)
    for one in () if contents is None else contents.objects:
        corners = project(view.pose.inverse().apply(box_corners(one)), view.camera)[:, :2]
        for edge in seen_edges(box_corners(one), view.pose.position_m):
            axis.plot(*corners[list(edge)].T, color="#16191f", linewidth=0.9)
    axis.set_xlim(0, LARGE[0])
    axis.set_ylim(LARGE[1], 0)
    areas = class_areas(mesh)
    shown = [label for label, area in areas.items() if area >= LEAST_SHARE * sum(areas.values())]
    colors = class_colors(np.array(shown, dtype=np.uint8)) / 255
    handles = [
        Patch(facecolor=color, edgecolor="#c8ccd4", label=class_name(label, names),
              hatch=None if label else "////")
        for label, color in zip(shown, colors, strict=True)
    ]  # fmt: skip
    figure.legend(handles=handles, loc="lower left", ncols=9, frameon=False, fontsize=10.5,
                  bbox_to_anchor=(0.005, 0.0), handlelength=1.1, columnspacing=1.3)  # fmt: skip
    for number, (caption, small) in enumerate(tiles[:4]):
        column, row = number % 2, number // 2
        part = figure.add_axes((0.715 + 0.145 * column, 0.56 - 0.3 * row, 0.137, 0.24))
        part.axis("off")
        part.imshow(small)
        part.set_title(caption, fontsize=10.5)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _frames(folder: Path) -> list[Tile]:
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


def _grid(tiles: Sequence[Tile], columns: int) -> NDArray[np.uint8]:
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
