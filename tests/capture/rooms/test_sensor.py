"""The cameras: depth noise, missing readings, motion blur."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.rooms import sensor


def wall(z: float, noise: float = 1.0, far_m: float = 8.0) -> np.ndarray:
    """Readings of a plain wall at a distance, millimetres."""
    rng = np.random.default_rng(1)
    shape = (120, 160)
    full = np.full(shape, 1.0, np.float32)
    out = np.empty(shape, np.uint16)
    sensor.sense_depth(
        np.full(shape, z, np.float32), full, np.zeros(shape, np.float32), full * np.float32(0.5),
        rng.standard_normal(shape, dtype=np.float32), rng.random(shape, dtype=np.float32),
        far_m, noise, out,
    )  # fmt: skip
    return out


def axial_noise_m(depth_m: float) -> float:
    """Standard deviation of a reading, metres: grows with the square of the distance.

    Source: Nguyen et al. 2012, "Modeling Kinect sensor noise", axial noise.
    """
    return 0.0012 + 0.0019 * (depth_m - 0.4) ** 2


def test_noise_grows_with_the_square_of_the_distance() -> None:
    measured = []
    for z in (0.8, 2.0, 4.0):
        reading = wall(z)
        valid = reading[reading > 0] / 1000
        assert np.mean(valid) == pytest.approx(z, abs=2e-3)
        measured.append(float(np.std(valid)))
        assert measured[-1] == pytest.approx(axial_noise_m(z), rel=0.05)
    assert measured[2] / measured[1] > 2.5


def test_a_perfect_sensor_only_rounds_and_ranges() -> None:
    assert (wall(2.0004, noise=0.0) == 2000).all()
    assert (wall(5.0, noise=0.0, far_m=4.0) == 0).all()
    assert (wall(0.2, noise=0.0) == 0).all()


def test_readings_are_missing_at_edges_and_on_glass() -> None:
    rng = np.random.default_rng(1)
    depth = np.full((60, 80), 3.0, np.float32)
    depth[:, :40] = 1.5
    dark = np.zeros_like(depth)
    dark[:20] = 1.2
    out = np.empty(depth.shape, np.uint16)
    sensor.sense_depth(
        depth, np.ones_like(depth), dark, np.full_like(depth, 0.5),
        rng.standard_normal(depth.shape, dtype=np.float32),
        rng.random(depth.shape, dtype=np.float32), 6.0, 1.0, out,
    )  # fmt: skip
    assert (out[:20] == 0).all()
    assert (out[25:, 40] == 0).all()
    assert (out[25:, :38] == 0).mean() < 0.01
    assert (out[25:, 42:] == 0).mean() < 0.01


def test_motion_blurs_along_the_motion() -> None:
    shape = (40, 60)
    color = np.zeros((*shape, 3), np.float32)
    color[:, 30] = 1.0
    images = []
    for shift in (0.0, 0.05):
        motion = np.eye(4)
        motion[0, 3] = shift
        out = np.empty((*shape, 3), np.uint8)
        sensor.develop(
            color, np.ones(shape, np.float32), motion[:3].copy(), 100.0, 100.0, 29.5, 19.5,
            np.ones(3), np.zeros(shape, np.float32), 0.0, sensor.tone_table(), out,
        )  # fmt: skip
        images.append(out)
    lit = [(image[20, :, 1] > 20).sum() for image in images]
    assert lit[0] == 1
    assert 4 <= lit[1] <= 7
