"""The cameras: depth noise, missing readings, shadows, steps, motion blur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossvox.capture.rooms import depth_kernels, sensor
from crossvox.capture.rooms.depth_sensors import DepthSensor
from crossvox.capture.rooms.params import RoomsParams, SensorKind
from crossvox.capture.rooms.scan import Scan, prepare_scan


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


def test_random_bytes_are_those_of_the_generator() -> None:
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    for count in (1, 4, 10, 4096):
        assert sensor.random_bytes(one, count).tobytes() == two.bytes(count)
        assert one.random() == two.random()


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
            np.ones(3), np.zeros(shape, np.uint16), np.zeros(65536, np.float32), 1.0, 0.0,
            sensor.tone_table(), out,
        )  # fmt: skip
        images.append(out)
    lit = [(image[20, :, 1] > 20).sum() for image in images]
    assert lit[0] == 1
    assert 4 <= lit[1] <= 7


def slowly_developed(
    color: np.ndarray, inverse: np.ndarray, motion: np.ndarray, gain: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """A photograph pixel by pixel, of a camera 50, 52, 15.2, 11.9 with a vignette of 0.25."""
    tone, (height, width) = sensor.tone_table(), inverse.shape
    out = np.empty(color.shape, np.uint8)
    for row in range(height):
        for column in range(width):
            ray = np.array([(column - 15.2) / 50.0, (row - 11.9) / 52.0, 1.0])
            z = min(1 / inverse[row, column], 20.0) if inverse[row, column] > 0 else 20.0
            x, y, ahead = motion[:, :3] @ (z * ray) + motion[:, 3]
            way = np.zeros(2)
            if ahead > 0.05:
                way = np.array([50.0 * x / ahead + 15.2 - column, 52.0 * y / ahead + 11.9 - row])
            taps = min(int(np.hypot(*way)) + 1, 11)
            step_u, step_v = (int(w / taps * 65536) for w in way)
            u = (column << 16) + 32768 - (step_u * (taps - 1) >> 1)
            v = (row << 16) + 32768 - (step_v * (taps - 1) >> 1)
            light = np.zeros(3)
            for k in range(taps):
                i, j = (v + k * step_v) >> 16, (u + k * step_u) >> 16
                light += color[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]
            light *= (1 - 0.25 * (ray[0] ** 2 + ray[1] ** 2)) / taps * gain
            value = tone[np.clip(light * sensor.TONE_STEPS, 0, len(tone) - 1).astype(int)]
            grained = value + noise[row, column] * (1.1 + 0.012 * (255 - value)) + 0.5
            out[row, column] = np.clip(grained, 0, 255).astype(np.uint8)
    return out


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.9])
def test_a_photograph_is_what_its_pixels_are_one_by_one(shift: float) -> None:
    """Also where light is taken from beyond the image, and where nothing is seen."""
    rng = np.random.default_rng(7)
    shape = (24, 32)
    color = rng.random((*shape, 3), dtype=np.float32) * np.float32(1.5)
    inverse = (1 / rng.uniform(0.5, 5, shape)).astype(np.float32)
    inverse[:2] = 0
    motion = np.eye(4)[:3].copy()
    motion[:, 3] = shift, -0.5 * shift, -0.6 * shift
    gain, normal = np.array([0.9, 1.0, 1.1]), rng.standard_normal(65536, dtype=np.float32)
    draws = rng.integers(0, 65536, shape).astype(np.uint16)
    out = np.empty((*shape, 3), np.uint8)
    sensor.develop(
        color, inverse, motion, 50.0, 52.0, 15.2, 11.9, gain, draws, normal, np.float32(1.5), 0.25,
        sensor.tone_table(), out,
    )  # fmt: skip
    wanted = slowly_developed(color, inverse, motion, gain, normal[draws] * 1.5)
    off = np.abs(out.astype(int) - wanted)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.002


# A projected pattern

BASE_LINE_PX = 40.0
"""Base line times focal length, metres times pixels of 640."""


def pattern(depth: np.ndarray, loss: float = 0.0, strength: float = 1e-6) -> np.ndarray:
    """Readings of a sensor whose images are 640 wide, metres."""
    rng = np.random.default_rng(1)
    shape = depth.shape
    flat = np.zeros(shape, np.float32)
    out = np.empty(shape, np.uint16)
    depth_kernels.structured_light(
        (1 / depth).astype(np.float32), flat + np.float32(loss / strength), flat,
        rng.standard_normal(shape, dtype=np.float32), np.zeros((*shape, 2), np.int8), flat,
        BASE_LINE_PX, 1.0, 0.5, 6.0, strength, out,
    )  # fmt: skip
    return out / 1000


def test_shadows_lie_left_of_what_is_near_and_are_as_wide_as_the_base_line_says() -> None:
    depth = np.full((5, 200), 3.0)
    depth[:, 80:120] = 1.5
    seen = pattern(depth)[2]
    missing = np.flatnonzero(seen[:190] == 0)
    width = BASE_LINE_PX * (1 / 1.5 - 1 / 3.0) - depth_kernels.SHADOW_SLACK_PX
    assert missing.max() == 79
    assert len(missing) == pytest.approx(width, abs=1)
    assert (np.diff(missing) == 1).all()
    # Windows are matched: nothing is read at the right border.
    assert (seen[192:] == 0).all()


def test_depth_comes_in_steps_that_grow_with_its_square() -> None:
    steps = []
    for near in (1.0, 2.0, 4.0):
        depth = np.broadcast_to(np.linspace(near, 1.2 * near, 400), (3, 400))
        values = np.unique(pattern(depth)[:, :380])
        values = values[values > 0]
        middle = values.mean()
        steps.append(np.diff(values).mean())
        wanted = middle**2 / (BASE_LINE_PX * depth_kernels.STEPS_PER_PIXEL)
        assert steps[-1] == pytest.approx(wanted, rel=0.05)
    assert steps[0] < steps[1] < steps[2]


def test_light_that_is_lost_gives_no_reading_and_the_range_ends() -> None:
    wall = np.full((4, 50), 2.0)
    assert (pattern(wall)[:, :42] > 0).all()
    assert (pattern(wall, loss=0.9) == 0).all()
    assert (pattern(wall * 0.24) == 0).all()
    assert (pattern(wall * 3.1) == 0).all()


def test_holes_stay_on_their_surfaces(scan: Scan) -> None:
    """Two frames of one place lose the same surfaces; a perfect sensor loses none."""
    view = scan.studio.depth_view(scan.pose(3))
    first, second = (scan.sensor.read(view, 6.0, 1.0, np.random.default_rng(n)) for n in (1, 2))
    perfect = scan.sensor.read(view, 20.0, 0.0, np.random.default_rng(1))
    known = view.depth() > 0.8
    known[:, -3:] = False
    assert (perfect[known & (view.face >= 0)] > 0).all()
    lost = [known & (reading == 0) for reading in (first, second)]
    assert 0.005 < lost[0].mean() < 0.4
    assert (lost[0] & lost[1]).sum() > 0.6 * (lost[0] | lost[1]).sum()
    both = (first > 0) & known
    off = np.abs(first / 1000.0 - view.depth())[both]
    assert 0.002 < np.median(off) < 0.03


# Other ways to measure


def edge_of(kind: SensorKind, scan: Scan) -> tuple[np.ndarray, np.ndarray, DepthSensor]:
    """True depth and readings of one view, metres."""
    view = scan.studio.depth_view(scan.pose(3))
    other = replace(scan.sensor, kind=kind)
    reading = other.read(view, 6.0, 1.0, np.random.default_rng(1))
    again = other.read(view, 6.0, 1.0, np.random.default_rng(1))
    np.testing.assert_array_equal(reading, again)
    return view.depth(), reading / 1000.0, other


def test_time_of_flight_has_readings_between_what_is_near_and_far(scan: Scan) -> None:
    true, read, _ = edge_of("tof", scan)
    middle = true[1:-1, 1:-1]
    around = np.stack([true[:-2, 1:-1], true[2:, 1:-1], true[1:-1, :-2], true[1:-1, 2:]])
    low, high = np.minimum(middle, around.min(axis=0)), np.maximum(middle, around.max(axis=0))
    inner, edge = read[1:-1, 1:-1], high - low > 0.5
    flying = edge & (inner > low + 0.1) & (inner < high - 0.1)
    assert flying.sum() > 0.02 * edge.sum()
    calm = (high - low < 0.02) & (inner > 0)
    off = (inner - middle)[calm]
    assert np.median(off) > 0
    assert np.median(np.abs(off)) < 0.02
    assert (inner[edge] == 0).mean() > 3 * (inner[high - low < 0.02] == 0).mean()


def test_a_phone_blurs_edges_and_reads_nearly_everything_near(scan: Scan) -> None:
    true, read, _ = edge_of("lidar-phone", scan)
    near = true < 4.5
    assert (read[near] > 0).mean() > 0.9
    assert read.max() <= 5.0
    both = near & (read > 0)
    assert np.median(np.abs(read - true)[both]) < 0.03
    # Where depth jumps, readings take more than one pixel to follow.
    jump = np.abs(np.diff(true, axis=1)) > 0.3
    seen = (read[:, 1:] > 0) & (read[:, :-1] > 0) & jump
    assert (np.abs(np.diff(read, axis=1))[seen] < 0.7 * np.abs(np.diff(true, axis=1))[seen]).all()


def test_a_phone_has_images_of_its_own_size() -> None:
    params = RoomsParams(seed=5, frames=2, width=160, height=120, spacing_m=0.2)
    sizes = {
        kind: prepare_scan(replace(params, sensor=kind), 2).cameras.depth.size
        for kind in ("lidar-phone", "tof")
    }
    assert sizes == {"lidar-phone": (256, 192), "tof": (160, 120)}
