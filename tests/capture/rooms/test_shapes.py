"""Shapes: volumes and normals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.capture.rooms import shapes as sh


def signed_volume(shape: sh.Shape) -> float:
    corners = shape.points[shape.faces]
    cross = np.cross(corners[:, 1], corners[:, 2])
    return float(np.einsum("ij,ij->i", corners[:, 0], cross).sum() / 6)


def worst_normal(shape: sh.Shape) -> float:
    """Smallest cosine between a face and the mean of its corners' normals."""
    corners = shape.points[shape.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    smooth = shape.normals[shape.faces].mean(axis=1)
    return float(np.einsum("ij,ij->i", flat, smooth).min())


SIZES = st.floats(0.05, 2.0)


@settings(max_examples=20)
@given(SIZES, SIZES, SIZES)
def test_boxes_hold_their_volume_and_look_outwards(w: float, d: float, h: float) -> None:
    plain = sh.box((w, d, h), 0.3)
    assert signed_volume(plain) == pytest.approx(w * d * h, rel=1e-9)
    assert worst_normal(plain) == pytest.approx(1)
    edges = plain.points[plain.faces] - np.roll(plain.points[plain.faces], 1, axis=1)
    assert np.linalg.norm(edges, axis=2).max() <= 0.3 * np.sqrt(2) + 1e-9
    rounded = sh.rounded_box((w, d, h), 0.2 * min(w, d, h), 0.3)
    assert 0.8 * w * d * h < signed_volume(rounded) < w * d * h
    assert worst_normal(rounded) > 0.8


def test_bodies_of_revolution_and_tubes_are_closed_and_look_outwards() -> None:
    cylinder = sh.cylinder(0.5, 2.0, 0.1, segments=64)
    assert signed_volume(cylinder) == pytest.approx(np.pi * 0.25 * 2, rel=0.01)
    assert worst_normal(cylinder) > 0.98
    rod = sh.tube([(0, 0, 0), (0, 0, 1)], 0.1, 0.1, segments=32)
    assert signed_volume(rod) == pytest.approx(np.pi * 0.01, rel=0.02)
    assert worst_normal(rod) > 0.95
    ball = [(np.sin(a), -np.cos(a)) for a in np.linspace(0, np.pi, 30)]
    ball[0], ball[-1] = (0.0, -1.0), (0.0, 1.0)
    assert signed_volume(sh.lathe(ball, 0.2, segments=48)) == pytest.approx(4 / 3 * np.pi, rel=0.02)


def test_curtains_face_the_room() -> None:
    cloth = sh.drape(1.2, 2.0, 0.04, waves=8, amplitude=0.03)
    assert cloth.normals[:, 1].mean() > 0.2
    assert worst_normal(cloth) > 0.7
    assert cloth.points[:, 2].min() == pytest.approx(0)
    assert cloth.points[:, 2].max() == pytest.approx(2)
