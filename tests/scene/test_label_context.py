"""What lies around a voxel of a surface, by class."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import VoxelGrid
from crossvox.flow.worker import POOLS
from crossvox.scene.label_context import ALIKE, ALL, LabelContext, context_size, floor_height

GRID = VoxelGrid((40, 40, 30), 0.05, (0.0, 0.0, 0.0))
CLASSES = 3
FIRST_ALIKE = 5 * CLASSES + 6
FIRST_ALL = FIRST_ALIKE + len(ALIKE) * (CLASSES + 1)


def floor_and_wall() -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """A floor of class 0 at k = 2, a wall of class 1 at i = 5 above it."""
    floor = np.stack(np.meshgrid(np.arange(40), np.arange(40), [2], indexing="ij"), -1)
    wall = np.stack(np.meshgrid([5], np.arange(40), np.arange(4, 28), indexing="ij"), -1)
    at = np.concatenate([floor.reshape(-1, 3), wall.reshape(-1, 3)])
    normals = np.zeros((len(at), 3), np.float32)
    normals[:1600, 2], normals[1600:, 0] = 1, 1
    probability = np.zeros((len(at), CLASSES), np.float32)
    probability[:1600, 0], probability[1600:, 1] = 1, 1
    return GRID.linear(at), normals, probability


def context(weight: NDArray[np.float32] | None = None) -> LabelContext:
    voxels, normals, probability = floor_and_wall()
    weight = np.ones(len(voxels), np.float32) if weight is None else weight
    return LabelContext(GRID, voxels, normals, probability * (weight > 0)[:, None], weight)


def test_own_numbers_come_first() -> None:
    row = context().rows(np.array([0, 2000]))
    assert row.shape == (2, context_size(CLASSES))
    assert row[:, :CLASSES].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert row[0, CLASSES] == 0
    assert np.isclose(row[0, CLASSES + 1] * 5, np.log(1e-3))
    assert row[0, 2 * CLASSES : 2 * CLASSES + 3].tolist() == [1, 0, 0]
    assert row[1, 2 * CLASSES + 1] == 1
    assert np.isfinite(row).all()


def test_what_faces_alike_is_kept_apart_from_all() -> None:
    foot = 5 * 40 + 20  # a floor voxel under the wall
    row = context().rows(np.array([foot]))[0]
    for scale in range(len(ALIKE)):
        start = FIRST_ALIKE + scale * (CLASSES + 1)
        assert np.allclose(row[start : start + CLASSES], [1, 0, 0], atol=1e-6)
    last = FIRST_ALL + (len(ALL) - 1) * (CLASSES + 4)
    assert row[last] > 0.2
    assert row[last + 1] > 0.2
    shares = row[last + CLASSES + 1 : last + CLASSES + 4]
    assert np.isclose(shares.sum(), 1, atol=1e-5)
    assert shares[1] == 0


def test_a_voxel_that_no_frame_labels_reads_its_neighbours() -> None:
    weight = np.ones(1600 + 960, np.float32)
    weight[20 * 40 + 20] = 0
    row = context(weight).rows(np.array([20 * 40 + 20]))[0]
    assert row[: 2 * CLASSES].tolist() == [0] * 6
    assert np.allclose(row[FIRST_ALIKE : FIRST_ALIKE + CLASSES], [1, 0, 0], atol=1e-6)


def test_above_and_below() -> None:
    voxel = 1600 + 20 * 24 + 12  # in the middle of the wall
    room = 2 * CLASSES + 6
    row = context().rows(np.array([voxel]))[0]
    assert np.allclose(row[room : room + CLASSES].sum(), 1)
    assert np.allclose(row[room + CLASSES : room + 2 * CLASSES], [0, 1, 0])
    below = row[room + 2 * CLASSES : room + 3 * CLASSES]
    assert below[0] > 0.05
    assert np.isclose(below.sum(), 1, atol=1e-5)


def test_nothing_said_is_nothing_told() -> None:
    row = context(np.zeros(1600 + 960, np.float32)).rows(np.arange(50))
    assert np.isfinite(row).all()
    assert (row[:, FIRST_ALIKE : FIRST_ALIKE + CLASSES] == 0).all()
    assert floor_height(GRID, floor_and_wall()[0]) == 2
    assert floor_height(GRID, np.zeros(0, np.int64)) == 0


def test_what_is_told_does_not_depend_on_the_threads_of_a_worker() -> None:
    """Workers get fewer threads than a process alone, and must make the same room, to the bit."""
    script = (
        "import hashlib, numpy as np\n"
        "from crossvox.core.grid import VoxelGrid\n"
        "from crossvox.scene.label_context import LabelContext\n"
        "rng, grid = np.random.default_rng(0), VoxelGrid((30, 30, 30), 0.05, (0.0, 0.0, 0.0))\n"
        "said = rng.dirichlet(np.full(40, 0.2), grid.count).astype(np.float32)\n"
        "normals = np.tile(np.array([0, 0, 1], np.float32), (grid.count, 1))\n"
        "weight = rng.random(grid.count, np.float32)\n"
        "context = LabelContext(grid, np.arange(grid.count), normals, said, weight)\n"
        "print(hashlib.sha256(context.rows(np.arange(8)).tobytes()).hexdigest())\n"
    )
    found = set()
    for count in ("1", "2"):
        limits = dict.fromkeys(POOLS, count)
        told = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **limits},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(told.stdout)
    assert len(found) == 1
