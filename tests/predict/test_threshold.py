"""How sure the network must be."""

from __future__ import annotations

import numpy as np

from crossvox.predict.threshold import NEVER, best_confidence, safe_confidence, shown_by_one


def _scene(found: int, missing: float, offered: list[float]) -> float:
    """A row of measured voxels, of offered ones, and one that stands for all that is missing."""
    count = found + len(offered)
    confidence = np.zeros((count, 1, 1), np.float32)
    confidence[found:, 0, 0] = offered
    measured = np.zeros((count, 1, 1), bool)
    measured[:found] = True
    surface = ~measured
    unseen = np.full((1000, 1, 1), missing / 1000, np.float32)
    none = np.zeros((1000, 1, 1), bool)
    return best_confidence(
        np.concatenate([confidence, unseen]),
        np.concatenate([surface, none]),
        np.concatenate([measured, none]),
    )


def test_the_more_is_missing_the_less_sure_it_need_be() -> None:
    offered = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    nearly_all = _scene(1000, 0.0, offered)
    half = _scene(1000, 2000.0, offered)
    little = _scene(1000, 8000.0, offered)
    assert nearly_all > half > little
    # F is about 1, 2/3 and 1/3: more than half of that pays.
    assert nearly_all == np.float32(0.5)
    assert half == np.float32(0.4)
    assert little == np.float32(0.2)


def test_nothing_is_added_where_nothing_pays() -> None:
    assert _scene(1000, 0.0, [0.2, 0.1]) == NEVER
    assert _scene(1000, 0.0, []) == NEVER
    assert _scene(0, 0.0, [0.0]) == NEVER


def test_the_more_frames_looked_the_surer_it_must_be() -> None:
    looks = np.zeros((60, 1, 1), np.int64)
    looks[30:] = 100
    needed = safe_confidence(looks, 0.05)
    assert needed.dtype == np.float32
    # Half a metre around counts: ten voxels.
    np.testing.assert_allclose(needed[:20, 0, 0], 0.25)
    np.testing.assert_allclose(needed[20:, 0, 0], 1 - 0.75 / np.sqrt(1 + 100 / 3), rtol=1e-6)


def test_a_camera_that_stands_still_shows_no_more() -> None:
    looks = np.full((4, 4, 4), 3, np.int64)
    walk, still = safe_confidence(looks, 0.05, 0.5), safe_confidence(looks, 0.05, 0.8)
    np.testing.assert_array_equal(walk, safe_confidence(looks, 0.05))
    np.testing.assert_array_equal(still, NEVER)
    between = safe_confidence(looks, 0.05, 0.65)
    np.testing.assert_allclose(between, (walk + still) / 2, rtol=1e-6)


def test_what_one_frame_shows_of_all() -> None:
    near = np.zeros((10, 1, 1), np.uint16)
    near[:4, 0, 0] = 3
    assert shown_by_one(near, 3) == 1
    near[4:7, 0, 0] = 1
    assert shown_by_one(near, 3) == 15 / 21
    assert shown_by_one(0 * near, 3) == shown_by_one(0 * near, 0) == 1
