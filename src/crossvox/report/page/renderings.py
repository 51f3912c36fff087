"""Rendered pictures of a scene: surfaces, classes, errors, distances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.methods import REFERENCE, class_text
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Hits
from crossvox.report.class_colors import class_colors, class_error_colors, class_shares
from crossvox.report.embed import css_color, webp_uri
from crossvox.report.layers import Layer
from crossvox.report.page.legends import legend
from crossvox.report.pictures.colors import color_map
from crossvox.report.pictures.painter import Painter, Rays
from crossvox.report.pictures.viewpoint import View
from crossvox.report.rooms import Room


class Seen:
    """Surfaces ready to be painted, and what rays hit on them: worked out once for all pictures.

    A surface is known by its arrays: the same one in other colours is the same.
    """

    def __init__(self) -> None:
        self._painters: dict[tuple[int, int], tuple[Mesh, Painter]] = {}
        self._hits: dict[tuple[int, int], dict[int, Hits]] = {}

    def of(self, mesh: Mesh, rays: Rays) -> tuple[Painter, Hits]:
        """Its painter, and its hits along the rays of a view."""
        key = (id(mesh.vertices_m), id(mesh.faces))
        if key not in self._painters:
            # The mesh is kept with it, so that no other one gets its numbers.
            self._painters[key] = mesh, Painter(mesh)
        painter = self._painters[key][1]
        hits = self._hits.setdefault(key, {})
        if id(rays) not in hits:
            hits[id(rays)] = painter.see(rays)
        return painter, hits[id(rays)]

    def coded(self, rays: Rays, mesh: Mesh, colors: NDArray[np.uint8]) -> str:
        """A picture of a surface in the colours of a code, as an address."""
        painter, hits = self.of(mesh, rays)
        return webp_uri(painter.shade(rays, hits, colors=colors, relief=0.55))


def rays_of(views: Sequence[View]) -> list[Rays]:
    """The rays of all views: every surface is seen along the same ones."""
    return [Rays.through(view.camera, view.pose, view.interior) for view in views]


def surface_pictures(
    room: Room, layers: Sequence[Layer], views: Sequence[View], rays: Sequence[Rays], seen: Seen
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Rendered pictures: by view, then by method; and the pictures of distances.

    Args:
        room: its surfaces.
        layers: for the colours of distances.
        views: points of view.
        rays: of each view.
        seen: what was seen of these surfaces before.
    """
    if not room.meshes:
        return [], []
    distances = {layer.group: layer.mesh.colors for layer in layers if layer.key == "distance"}

    def paint(method: str) -> _Painted:
        found = [seen.of(room.meshes[method], each) for each in rays]
        painter, hits = found[0][0], [each for _, each in found]
        error = None
        colors = distances.get(room.method_name(method))
        if colors is not None:
            error = webp_uri(painter.shade(rays[0], hits[0], colors=colors, relief=0.45))
        shaded = [webp_uri(painter.shade(r, h)) for r, h in zip(rays, hits, strict=True)]
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
    """All surfaces from one point of view."""
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
            }
            for method, painted in made.items()
        ],
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


def class_pictures(room: Room, rays: Rays, seen: Seen) -> dict[str, Any] | None:
    """The room in class colours, from above: truth, learnt, 2D votes, errors; and the legend.

    Args:
        room: its surfaces.
        rays: of the view.
        seen: what was seen of these surfaces before.
    """
    labelled = room.labelled
    if not labelled:
        return None
    pictures = []
    errors: list[dict[str, str]] = []
    for method, mesh in labelled.items():
        assert mesh.labels is not None
        painter, hits = seen.of(mesh, rays)

        def shaded(colors: NDArray[np.uint8], painter: Painter = painter, hits: Hits = hits) -> str:
            return webp_uri(painter.shade(rays, hits, colors=colors, relief=0.55))

        name = room.method_name(method)
        pictures.append(
            {
                "method": name,
                "text": class_text(method),
                "data": shaded(class_colors(mesh.labels)),
                "alt": f"{room.name}, classes, {name}",
            }
        )
        if method == REFERENCE:
            errors = _class_errors(room, mesh.labels, shaded)
    shares = {method: class_shares(mesh) for method, mesh in labelled.items()}
    return {
        "pictures": pictures + errors,
        "columns": [room.method_name(method) for method in shares],
        "legend": legend(_by_share(list(shares.values()))),
        "errors": bool(errors),
    }


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
