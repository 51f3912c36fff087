"""How sure the network must be."""

from __future__ import annotations

import numpy as np

from crossvox.predict.threshold import NEVER, best_confidence, safe_confidence, shown_again


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


def test_a_network_that_foretells_a_scan_of_the_room_must_be_surer() -> None:
    needed = safe_confidence(np.zeros((2, 2, 2), np.int64), 0.05, "room")
    np.testing.assert_allclose(needed, 0.48)


def test_a_camera_that_stands_still_shows_no_more() -> None:
    looks = np.full((4, 4, 4), 3, np.int64)
    walk, still = (safe_confidence(looks, 0.05, again=share) for share in (0.5, 0.75))
    np.testing.assert_array_equal(walk, safe_confidence(looks, 0.05))
    np.testing.assert_array_equal(still, NEVER)
    between = safe_confidence(looks, 0.05, again=0.625)
    np.testing.assert_allclose(between, (walk + still) / 2, rtol=1e-6)


def test_what_another_frame_measures_too() -> None:
    """Three frames of two voxels each: all pairs of frames, by hand."""
    frames = [(0, 1), (1, 2), (1, 3)]
    near = np.zeros((5, 1, 1), np.uint16)
    for frame in frames:
        near[list(frame), 0, 0] += 1
    shared = [len({*one} & {*two}) / 2 for one in frames for two in frames if one is not two]
    assert shown_again(near, 3) == np.mean(shared) == 0.5
    assert shown_again(near > 0, 1) == shown_again(0 * near, 3) == shown_again(0 * near, 0) == 1


def test_noise_does_not_move_a_camera() -> None:
    """Still, however many frames: each measures the wall, and some voxels beside it."""
    rng = np.random.default_rng(0)
    chance = np.r_[np.full(1000, 0.9), np.full(1000, 0.05)].reshape(-1, 1, 1)
    found = [
        shown_again((rng.random((count, *chance.shape)) < chance).sum(axis=0), count)
        for count in (3, 24, 100)
    ]
    assert min(found) > 0.8
    assert max(found) - min(found) < 0.03
