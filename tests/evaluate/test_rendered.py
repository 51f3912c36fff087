"""Labels rendered back into frames: a case whose every pixel is known."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ShapeError
from crossvox.core.volume import Mesh
from crossvox.evaluate.rendered import (
    OWN_NAME,
    additive,
    count_pixels,
    painted,
    pixel_scores,
    rendered_labels,
    scores_of,
)
from crossvox.metrics.pooled import added_up

CAMERA = Intrinsics(4, 4, 3.5, 2.5, 8, 6)
WALL, FLOOR, CHAIR = 1, 2, 5


def board(x: tuple[float, float], y: tuple[float, float], z: float, label: int) -> Mesh:
    """A rectangle that faces the camera, all of one class."""
    corners = [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(np.array(corners, np.float32), faces, labels=np.full(4, label, np.uint8))


def together(*meshes: Mesh) -> Mesh:
    first = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate([mesh.faces + np.int32(n) for mesh, n in zip(meshes, first, strict=False)]),
        labels=np.concatenate([np.asarray(mesh.labels) for mesh in meshes]),
    )


def room() -> Mesh:
    """A wall on the left, a floor on the right but for the last column, a chair before both.

    At 2 m a pixel is 0.5 m wide, at 1 m 0.25 m; the middle of the image is between columns 3 and 4.
    """
    wall = board((-2.1, 0), (-2, 2), 2, WALL)
    floor = board((0, 1.5), (-2, 2), 2, FLOOR)
    chair = board((-0.25, 0.25), (0, 0.5), 1, CHAIR)
    return together(wall, floor, chair)


TRUE = np.array([[WALL] * 4 + [FLOOR] * 3 + [0]] * 6, np.uint8)
TRUE[3:5, 3:5] = CHAIR


def test_every_pixel_shows_the_nearest_labelled_surface() -> None:
    assert np.array_equal(rendered_labels(room(), CAMERA, Pose(np.eye(4))), TRUE)
    # Half a metre to the right: at 2 m by one pixel, at 1 m by two.
    moved = np.eye(4)
    moved[0, 3] = 0.5
    seen = rendered_labels(room(), CAMERA, Pose(moved))
    assert seen[0].tolist() == [*[WALL] * 3, *[FLOOR] * 3, 0, 0]
    assert seen[3].tolist() == [WALL, CHAIR, CHAIR, *[FLOOR] * 3, 0, 0]
    nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32),
                   labels=np.zeros(0, np.uint8))  # fmt: skip
    assert not rendered_labels(nothing, CAMERA, Pose(np.eye(4))).any()
    bare = Mesh(room().vertices_m, room().faces)
    with pytest.raises(ShapeError, match="a class a vertex"):
        rendered_labels(bare, CAMERA, Pose(np.eye(4)))


def test_a_surface_takes_the_classes_near_it() -> None:
    surface = room()
    near = Mesh(surface.vertices_m[:4] + np.float32(0.1), surface.faces[:2],
                labels=np.full(4, CHAIR, np.uint8))  # fmt: skip
    found = painted(surface, near)
    assert found.labels is not None
    # Both corners of the floor that touch the wall are 0.1 m beside it; the others have no class.
    assert found.labels.tolist() == [CHAIR] * 5 + [0, 0, CHAIR] + [0] * 4
    same = painted(surface, surface)
    assert np.array_equal(same.labels, surface.labels)


def test_every_pixel_is_answered_and_what_was_not_rendered_counted() -> None:
    truth = TRUE.copy()
    truth[:, 7], truth[0, 0] = CHAIR, 0
    own = np.full_like(truth, FLOOR)
    counts = count_pixels(truth, own, TRUE)
    assert counts.own == 6
    assert counts.pixels.sum() == 48
    assert counts.pixels[CHAIR].tolist()[:6] == [0, 0, 6, 0, 0, 4]
    assert counts.pixels[0, WALL] == 1
    alone = count_pixels(truth, own)
    assert alone.own == 47
    assert alone.pixels[:, FLOOR].sum() == 48
    with pytest.raises(ShapeError, match="one shape"):
        count_pixels(truth, own, TRUE[:3])
    scores = {score.name: score for score in pixel_scores(counts, "scene")}
    # Wall: all of 21; floor: 16 and 6 too many; chair: 4 of 10.
    assert scores["mIoU strict"].value == pytest.approx((1 + 16 / 22 + 4 / 10) / 3)
    assert scores["pixel accuracy"].value == pytest.approx(41 / 47)
    assert scores[OWN_NAME].value == pytest.approx(6 / 47)
    assert scores["mIoU strict"].of == "pixels"


def test_counts_of_rooms_add_up() -> None:
    one, other = count_pixels(TRUE, TRUE, TRUE), count_pixels(TRUE, TRUE)
    found = {score.name: score.value for score in scores_of(added_up(map(additive, (one, other))))}
    assert found["mIoU strict"] == 1
    assert found[OWN_NAME] == 0.5
