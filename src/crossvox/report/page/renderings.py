"""Rendered pictures of a scene: surfaces, classes, errors, distances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.methods import LEARNT, REFERENCE, TSDF, class_text
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.doors.zbuffer import View as Shown
from crossvox.report.class_colors import (
    class_colors,
    class_error_colors,
    class_shares,
    without_label,
)
from crossvox.report.embed import NOISY, css_color, webp_uri
from crossvox.report.layers import Layer
from crossvox.report.page.legends import legend
from crossvox.report.pictures.colors import color_map
from crossvox.report.pictures.hatch import hatched
from crossvox.report.pictures.painter import Painter, Sight
from crossvox.report.pictures.surface import Surfaces
from crossvox.report.pictures.viewpoint import View
from crossvox.report.rooms import Room


class Seen:
    """Surfaces ready to be painted, and what shows of them: worked out once for all pictures.

    A surface is known by its arrays: the same one in other colours is the same.
    """

    def __init__(self) -> None:
        self.surfaces = Surfaces()
        self._painters: dict[int, Painter] = {}
        self._shown: dict[tuple[int, int], Shown] = {}

    def of(self, mesh: Mesh, sight: Sight) -> tuple[Painter, Shown]:
        """Its painter, and what a point of view shows of it."""
        surface = self.surfaces.of(mesh)
        if id(surface) not in self._painters:
            self._painters[id(surface)] = Painter(mesh, surface=surface)
        painter = self._painters[id(surface)]
        key = (id(surface), id(sight))
        if key not in self._shown:
            self._shown[key] = painter.see(sight)
        return painter, self._shown[key]

    def code(
        self,
        sight: Sight,
        mesh: Mesh,
        colors: NDArray[np.uint8],
        hatch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """A surface in the colours of a code, ``(H, W, 4)``; faces in ``hatch`` are hatched."""
        painter, shown = self.of(mesh, sight)
        picture = painter.shade(sight, shown, colors=colors, relief=0.55)
        return picture if hatch is None else hatched(picture, shown, hatch, sight.supersample)

    def coded(
        self,
        sight: Sight,
        mesh: Mesh,
        colors: NDArray[np.uint8],
        hatch: NDArray[np.bool_] | None = None,
    ) -> str:
        """Likewise, as an address."""
        return webp_uri(self.code(sight, mesh, colors, hatch))


def sights_of(views: Sequence[View]) -> list[Sight]:
    """All points of view: every surface is seen from the same ones."""
    return [Sight.of(view.camera, view.pose, view.interior) for view in views]


def surface_pictures(
    room: Room, layers: Sequence[Layer], views: Sequence[View], sights: Sequence[Sight], seen: Seen
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Rendered pictures: by view, then by method; and the pictures of distances.

    Args:
        room: its surfaces.
        layers: for the colours of distances.
        views: points of view.
        sights: of each view.
        seen: what was seen of these surfaces before.
    """
    if not room.meshes:
        return [], []
    distances = {layer.group: layer.mesh.colors for layer in layers if layer.key == "distance"}

    def paint(method: str) -> _Painted:
        found = [seen.of(room.meshes[method], each) for each in sights]
        painter, shown = found[0][0], [each for _, each in found]
        error, colors = None, distances.get(room.method_name(method))
        if colors is not None:
            coded = painter.shade(sights[0], shown[0], colors=colors, relief=0.45)
            error = webp_uri(coded, NOISY)
        shaded = [webp_uri(painter.shade(*pair)) for pair in zip(sights, shown, strict=True)]
        return _Painted(shaded, error)

    with ThreadPoolExecutor(max_workers=min(4, threads())) as pool:
        made = dict(zip(room.meshes, pool.map(paint, room.meshes), strict=True))
    rows = [_view_row(room, view, number, made) for number, view in enumerate(views)]
    errors = [_error_picture(room, m, p.error) for m, p in made.items() if p.error is not None]
    return rows, errors


@dataclass(frozen=True)
class _Painted:
    """Pictures of one surface: by view, and by its distances."""

    views: list[str]
    error: str | None


def _view_row(room: Room, view: View, number: int, made: Mapping[str, _Painted]) -> dict[str, Any]:
    """All surfaces from one point of view; those that are laid over each other first say so."""
    other = REFERENCE if REFERENCE in made else TSDF
    sides = {LEARNT: {"side": "left"}, other: {"side": "right"}}
    return {
        "name": view.name,
        "text": "Ceiling and near walls cut away."
        if view.interior is not None
        else "The pose of the capture that shows most of the room.",
        "pictures": [
            {
                "method": room.method_name(method),
                "text": room.surface_text(method),
                "data": painted.views[number],
                "alt": f"{room.name}, {room.method_name(method)}, {view.name.lower()}",
                **sides.get(method, {}),
            }
            for method, painted in made.items()
        ],
        "classes": [],
    }


def _error_picture(room: Room, method: str, data: str) -> dict[str, str]:
    """One surface by its distance to the one it is compared with."""
    truth = method == REFERENCE
    name = room.method_name(method)
    return {
        "method": "Missing from the learnt surface" if truth else name,
        "text": f"{room.origin}, by distance to the learnt surface"
        if truth
        else f"by distance to: {room.origin}",
        "data": data,
        "alt": f"{room.name}, {name}, coloured by distance",
    }


def class_pictures(room: Room, sight: Sight, seen: Seen) -> dict[str, Any] | None:
    """The room in class colours, from above: truth, learnt, 2D votes, errors; and the legend.

    Args:
        room: its surfaces.
        sight: of the view.
        seen: what was seen of these surfaces before.
    """
    labelled = room.labelled
    if not labelled:
        return None
    pictures = []
    errors: list[dict[str, str]] = []
    for method, mesh in labelled.items():
        assert mesh.labels is not None
        shaded = partial(seen.coded, sight, mesh)
        name = room.method_name(method)
        pictures.append(
            {
                "method": name,
                "text": class_text(method),
                "data": shaded(class_colors(mesh.labels), without_label(mesh)),
                "alt": f"{room.name}, classes, {name}",
            }
        )
        if method == REFERENCE:
            errors = _class_errors(room, mesh.labels, shaded)
    shares = {method: class_shares(mesh) for method, mesh in labelled.items()}
    return {
        "pictures": pictures + errors,
        "columns": [room.method_name(method) for method in shares],
        "legend": legend(_by_share(list(shares.values())), room.names),
        "errors": bool(errors),
    }


def labels_beside_photo(room: Room, sight: Sight, seen: Seen) -> list[dict[str, str]]:
    """The room's classes from the place of a photo; nothing where it has none."""
    if room.shown_classes is None:
        return []
    method, mesh = room.shown_classes
    assert mesh.labels is not None
    name = room.method_name(method)
    return [
        {
            "method": f"Classes, {name}",
            "text": class_text(method),
            "data": seen.coded(sight, mesh, class_colors(mesh.labels), without_label(mesh)),
            "alt": f"{room.name}, classes, {name}, from the camera",
        }
    ]


def _class_errors(
    room: Room, truth: NDArray[np.uint8], shaded: Callable[[NDArray[np.uint8]], str]
) -> list[dict[str, str]]:
    """Where each method's classes are wrong, on the true surface."""
    found = []
    for method, labels in room.transferred.items():
        wrong = truth[truth > 0] != labels[truth > 0]
        name = room.method_name(method)
        found.append(
            {
                "method": f"Errors, {name}",
                "text": f"{wrong.mean() if len(wrong) else 0:.1%} of the annotated vertices are "
                "wrong",
                "data": shaded(class_error_colors(truth, labels)),
                "alt": f"{room.name}, errors of classes, {name}",
            }
        )
    return found


def _by_share(shares: Sequence[Mapping[int, float]]) -> dict[int, list[float | None]]:
    """Shares of each class that shows anywhere, the largest first."""
    labels = dict.fromkeys(label for found in shares for label in found)
    most = {label: max(found.get(label, 0.0) for found in shares) for label in labels}
    order = sorted((label for label in labels if most[label] >= 0.0005), key=lambda x: -most[x])
    return {label: [found.get(label) for found in shares] for label in order}


def scale(name: str) -> str:
    """A colour map as CSS gradient stops."""
    colors = color_map(name, np.linspace(0, 1, 9))
    return ", ".join(css_color(color) for color in colors)
