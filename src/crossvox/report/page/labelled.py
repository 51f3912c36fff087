"""The labelled room: its picture with boxes, legend with areas, doubt, and size."""

from __future__ import annotations

from typing import Any

import numpy as np

from crossvox.core.methods import REFERENCE
from crossvox.core.room_contents import RoomContents
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import class_areas
from crossvox.report.class_colors import class_colors, without_label
from crossvox.report.confidence import (
    CONFIDENCE_MAP,
    CONFIDENCE_TEXTS,
    Doubt,
    confidence_colors,
    tells_confidence,
)
from crossvox.report.drawings.boxes import box_drawing
from crossvox.report.embed import FINE, webp_uri
from crossvox.report.page.legends import legend
from crossvox.report.page.renderings import Seen, scale
from crossvox.report.pictures.painter import Sight
from crossvox.report.rooms import Room


def labelled_picture(
    room: Room, sight: Sight, seen: Seen, smaller: Sight | None = None
) -> dict[str, Any] | None:
    """The room in class colours with the boxes of its objects; None where nothing is labelled.

    Args:
        room: its surfaces.
        sight: of the picture.
        seen: what was seen of these surfaces before.
        smaller: the same view for the picture of the confidence; by default ``sight``.
    """
    found = room.shown_classes
    if found is None:
        return None
    method, mesh = found
    assert mesh.labels is not None
    colors = class_colors(mesh.labels)
    areas = class_areas(mesh)
    whole = sum(areas.values()) or 1.0
    return {
        "method": room.method_name(method),
        "is_truth": method == REFERENCE,
        "data": webp_uri(seen.code(sight, mesh, colors, without_label(mesh)), FINE),
        "alt": f"{room.name}, labelled, {room.method_name(method)}, from above",
        "boxes": _boxes(room.contents, sight),
        "legend": legend(
            {label: [area / whole, area] for label, area in areas.items()}, room.names
        ),
        "doubt": Doubt.of(mesh).sentence if method != REFERENCE else "",
        "confidence": _confidence(room, mesh, smaller or sight, seen),
    }


def plain_picture(room: Room, sight: Sight, seen: Seen) -> dict[str, Any] | None:
    """The room in its own colours, where nothing is labelled."""
    if room.best is None:
        return None
    method, mesh = next((m, mesh) for m, mesh in room.meshes.items())
    painter, shown = seen.of(mesh, sight)
    return {
        "method": room.method_name(method),
        "text": room.surface_text(method),
        "data": webp_uri(painter.shade(sight, shown), FINE),
        "alt": f"{room.name}, {room.method_name(method)}, from above",
    }


def _boxes(contents: RoomContents | None, sight: Sight) -> Any:
    if contents is None or not contents.objects:
        return None
    return box_drawing(contents.objects, sight.camera, sight.pose)


def _confidence(room: Room, mesh: Mesh, sight: Sight, seen: Seen) -> dict[str, Any] | None:
    """The same view by how sure the labels are."""
    if not tells_confidence(mesh):
        return None
    unsaid = without_label(mesh) & (np.asarray(mesh.label_confidence)[mesh.faces].max(axis=1) <= 0)
    return {
        "text": CONFIDENCE_TEXTS[room.calibrated],
        "data": webp_uri(seen.code(sight, mesh, confidence_colors(mesh), unsaid)),
        "alt": f"{room.name}, by confidence of the labels",
        "scale": scale(CONFIDENCE_MAP),
    }
