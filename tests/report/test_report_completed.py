"""What was completed: its colours, its share of the area, its pictures on the page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.metrics.completed import completed_share
from crossvox.report.completed import (
    MEASURED,
    STEPS,
    completed_colors,
    completed_key,
    share_sentence,
)
from crossvox.report.layers import room_layers
from crossvox.report.page.completed import completed_pictures
from crossvox.report.page.write import PageReport
from crossvox.report.rooms import Room, with_colors, with_labels
from crossvox.report.view.decimate import merge
from crossvox.report.view.file import viewer_html
from crossvox.report.view.model import RoomView
from crossvox.report.view.shading import shaded
from crossvox.report.view.stage import Stage

SIGHTS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Linear light as it is seen (Machado, Oliveira and Fernandes, IEEE TVCG 15, 2009; severity 1)."""


def strip(completed: list[bool], confidence: list[float] | None = None) -> Mesh:
    """Triangles of 0.5 square metres beside each other, each with the same at its three corners."""
    count = len(completed)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    vertices = np.concatenate([corners + np.float32([2 * i, 0, 0]) for i in range(count)])
    sure = None if confidence is None else np.repeat(np.float32(confidence), 3)
    faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    return Mesh(vertices, faces, None, None, np.repeat(completed, 3), sure)


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_differ_however_one_sees_colour(sight: str) -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    share = np.array([MEASURED, *(color for _, color in STEPS)]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))
    assert deltaE_ciede2000(lab[:1], lab[1:]).min() > 20
    assert deltaE_ciede2000(lab[1:-1], lab[2:]).min() > 8
    assert (np.diff(lab[1:, 0]) < -8).all()  # the surer the darker, so that print without ink tells


def test_the_surer_the_deeper() -> None:
    mesh = strip([False, True, True, True, True], [1, 0.1, 0.4, 0.79, 1])
    found = completed_colors(mesh)[::3].tolist()
    assert found == [list(color) for color in (MEASURED, *(color for _, color in STEPS))]
    untold = completed_colors(strip([False, True]))[::3].tolist()
    assert untold == [list(MEASURED), list(STEPS[-1][1])]
    nobody = replace(mesh, completed=None)
    assert (completed_colors(nobody) == MEASURED).all()
    assert [name for name, _ in completed_key()] == [
        "measured",
        "completed, confidence 0.8 or more",
        "completed, confidence 0.6 to 0.8",
        "completed, confidence 0.4 to 0.6",
        "completed, confidence below 0.4",
    ]


def test_the_share_is_told_and_never_rounded_to_none_or_all() -> None:
    assert completed_share(strip([True, False, False, False])) == pytest.approx(0.25)
    assert share_sentence(strip([True, False])).startswith("50% of its area is completed")
    assert share_sentence(strip([True, *[False] * 1999])).startswith("under 0.1% of its area")
    assert share_sentence(strip([False, *[True] * 1999])).startswith("99.9% of its area")
    assert share_sentence(strip([False])) == "no part of it is completed: all was measured"
    still = "nothing is added where the camera hardly moves"
    assert share_sentence(strip([False]), still) == f"no part of it is completed: {still}"
    assert still not in share_sentence(strip([True]), still)
    assert completed_share(replace(strip([True]), completed=None)) == 0
    assert completed_share(replace(strip([True]), faces=np.zeros((0, 3), np.int32))) == 0


def completed_room(mesh: Mesh) -> Mesh:
    """The far half of a room completed."""
    completed = mesh.vertices_m[:, 0] > 2
    confidence = np.where(completed, 0.7, 1).astype(np.float32)
    return replace(mesh, completed=completed, confidence=confidence)


def test_nothing_on_the_way_to_a_picture_forgets_what_was_completed(box_room: Mesh) -> None:
    mesh = completed_room(box_room)
    labels = np.ones(len(mesh.vertices_m), np.uint8)
    for other in (with_colors(mesh, None), with_labels(mesh, labels), shaded(mesh)):
        np.testing.assert_array_equal(other.completed, mesh.completed)
        np.testing.assert_array_equal(other.confidence, mesh.confidence)
    merged = merge(mesh, 3000).mesh
    assert merged.completed is not None
    assert merged.confidence is not None
    assert len(merged.completed) == len(merged.vertices_m) < len(mesh.vertices_m)
    assert completed_share(merged) == pytest.approx(completed_share(mesh), abs=0.05)
    np.testing.assert_array_equal(merged.confidence < 1, merged.completed)


def by_title(room: Room) -> dict[str, Any]:
    return {layer.title: layer for layer in room_layers(room, 0.2)}


def test_a_completed_surface_has_a_layer_more(box_room: Mesh) -> None:
    mesh = completed_room(box_room)
    layers = by_title(Room("r", None, {"learnt": mesh, "tsdf": box_room}))
    assert list(layers) == [
        "Learnt: colours",
        "Learnt: measured / completed",
        "TSDF fusion: colours",
    ]
    assert "fused where frames measured it" in layers["Learnt: colours"].text
    layer = layers["Learnt: measured / completed"]
    assert layer.key == "completed"
    assert "of its area is completed" in layer.text
    stage = Stage.of(RoomView("r", list(layers.values())), 4000)
    skin = next(skin for skin in stage.skins if skin.layer is layer)
    assert skin.kind == "code"  # never blended
    assert skin.palette is not None
    keys = {color for _, color in completed_key()}
    assert {tuple(color) for color in skin.palette.tolist()} <= keys
    assert len(np.unique(skin.values)) == 2
    page = viewer_html(stage)
    assert "measured / completed</label>" in page
    assert "completed, confidence 0.6 to 0.8" in page
    whole = replace(mesh, completed=np.zeros(len(mesh.vertices_m), bool))
    assert list(by_title(Room("r", None, {"learnt": whole}))) == ["Learnt: colours"]


def test_the_page_shows_fusion_beside_the_completed_surface(completed_page: PageReport) -> None:
    page = completed_page.page.read_text(encoding="utf-8")
    begin = page.index("<h5>Measured and completed")
    shown = page[begin : page.index("<h5>Distances")]
    assert shown.count("<img") == 2
    assert shown.index("<b>TSDF fusion</b>: what the frames measured") < shown.index(
        "<b>Learnt</b>"
    )
    assert "of its area is completed, the rest was measured</figcaption>" in shown
    for name, _ in completed_key():
        assert name in shown
    assert "fused where frames measured it, the network&#39;s surface where they did not" in page


def test_a_surface_that_tells_nothing_has_no_such_pictures(box_room: Mesh) -> None:
    painted: list[Mesh] = []

    def paint(mesh: Mesh, colors: NDArray[np.uint8]) -> str:
        assert colors.shape == mesh.vertices_m.shape
        painted.append(mesh)
        return ""

    assert completed_pictures(Room("r", None, {"tsdf": box_room}), paint) is None
    assert completed_pictures(Room("r", None, {"learnt": box_room}), paint) is None
    assert painted == []
    mesh = replace(box_room, completed=np.zeros(len(box_room.vertices_m), bool))
    shown = completed_pictures(Room("r", None, {"learnt": mesh}), paint)
    assert shown is not None
    assert [picture["text"] for picture in shown["pictures"]] == [
        "no part of it is completed: all was measured"
    ]
